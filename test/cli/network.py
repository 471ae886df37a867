# SPDX-License-Identifier: Apache-2.0
"""network - the commands against real devnets, and assayd."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from world import (
    ASSAY, ASSAYD, Network, VERIFY, check, error_is, free_port, json_error_is, model, sparse, until, write)


def left_behind(world):
    """The memory of a network that was killed goes back when the next one starts, if it is surely nobody's."""
    def killed():
        with Network(world, "-n", "1", "--json") as net:
            data = json.loads(net.ready)["data"]
            net.stop(signal.SIGKILL)
        return data

    def age(data):
        then = time.time() - 120
        os.utime(os.path.join(data, "lock"), (then, then))

    old, young = killed(), killed()
    kept = old + "-of-mine"
    shutil.copytree(old, kept)
    age(old)
    age(kept)
    with Network(world, "-n", "1", "--json") as alive:
        data = json.loads(alive.ready)["data"]
        check("what a killed network left is removed", not os.path.exists(old), old)
        check("what may have just begun is not", os.path.exists(young), young)
        check("nor what has another name", os.path.exists(kept), kept)
        age(data)
        with Network(world, "-n", "1"):
            check("nor what is in use", os.path.exists(data) and alive.get("/status")["validators"] == 1)
    for folder in (young, kept):
        shutil.rmtree(folder, ignore_errors=True)


def test_devnet(world):
    data = world.path("net")
    with Network(world, "-n", "4", "--data", data) as net:
        check("devnet: ready in this form", net.ready == f"ready {net.url}", net.ready)
        text = "\n".join(net.lines)
        accounts = json.load(open(os.path.join(data, "accounts.json")))
        check("devnet: accounts.json", all(set(a) == {"address", "key_file", "balance"} for a in accounts), accounts[:1])
        check("devnet: the banner has accounts, keys, data, trust file", all(
            w in text for w in (accounts[0]["address"], accounts[0]["key_file"], data, data + "/trust.json")), text)
        check("devnet: key files are there, for their owner alone", all(
            os.stat(a["key_file"]).st_mode & 0o777 == 0o600 for a in accounts), accounts)
        trust = json.load(open(os.path.join(data, "trust.json")))
        check("devnet: trust.json", {"schema", "chain_id", "genesis_hash", "trust_seconds", "checkpoints"} <= set(trust), trust)
        pointer = world.path("home", ".local", "state", "assay", f"devnet-{net.port}.json")
        check("devnet: its pointer is for this user alone", os.stat(pointer).st_mode & 0o777 == 0o600)
        chain = net.get("/status")["chain_id"]
        busy = world.assay("devnet", "--port", str(net.port))
        error_is("a port that is taken", busy, 6, "F130", str(net.port))
        check("a port that is taken: what to try", "--port" in busy.err, busy)
        locked = world.assay("devnet", "--port", "0", "--data", data)
        error_is("a directory that is in use", locked, 6, "F134", data)
        check("devnet --data was created", net.assay("status", "--json").json["chain_id"] == chain)
        height = net.get("/status")["height"]
        code = net.stop(signal.SIGINT)
        check("devnet: SIGINT stops it, exit 0", code == 0, code)
        check("devnet: its pointer is gone", not os.path.exists(pointer))
    # A relative directory, from another place in the tree; SIGTERM.
    with Network(world, "--data", "net", port=net.port) as again:
        status = again.get("/status")
        check("devnet goes on", status["chain_id"] == chain and status["height"] >= height, status)
        check("devnet goes on with its validators", len(again.get("/validators")) == 4)
        check("devnet: SIGTERM stops it, exit 0", again.stop(signal.SIGTERM) == 0)
    with Network(world, "-n", "1", "--json") as net:
        ready = json.loads(net.ready)
        check("devnet --json", {"chain_id", "url", "data", "trust", "validators", "accounts"} <= set(ready), ready)
        check("devnet in memory", os.path.isdir(ready["data"]))
        inside = ready["data"]
        key = net.assay("key", "show", "-q")
        check("a client needs no setting", key.last == ready["accounts"][0]["address"], key)
        # The default port has no pointer: another port's key is not used there.
        pointer = world.path("home", ".local", "state", "assay", f"devnet-{net.port}.json")
        text = open(pointer).read()
        write(pointer, text.replace(ready["chain_id"], "devnet-000000000000"))
        error_is("what a devnet of another chain left is not used", net.assay("key", "show"), 2, "E8", "no key to sign with")
        code = net.stop()
        check("devnet in memory leaves nothing", code == 0 and not os.path.exists(inside), inside)
    left_behind(world)
    with Network(world, "-n", "1", "-q") as net:
        check("devnet -q: only the ready line", net.lines == [net.ready], net.lines)
    process = world.start(ASSAY, "devnet", "-n", "1", "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    line = next(l for l in process.stdout if l.startswith("ready "))
    check("devnet --port 0 takes a free one", re.fullmatch(r"ready http://127\.0\.0\.1:\d+\n", line) is not None, line)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def publish(net, path, name, version, *words, **more):
    return net.assay("publish", path, "--name", name, "--version", version, *words, **more)


def test_publish(world, net, trust):
    path = model(world, "ocr", {"a": [1.0, 2.0], "b": [3.0] * 300000})
    root = world.assay("digest", path, "-q").last
    dry = publish(net, path, "acme/ocr", "1.0", "--dry-run")
    check("publish --dry-run sends nothing", dry.code == 0 and dry.last == "nothing was sent" and root in dry.out, dry)
    check("publish --dry-run --json", publish(net, path, "acme/ocr", "1.0", "--dry-run", "--json").json["dry_run"] is True)
    error_is("and nothing is there", net.assay("show", "acme/ocr@1.0"), 3, "E9", "acme/ocr@1.0")
    done = publish(net, path, "acme/ocr", "1.0", "--wait", "--source", "made for a test")
    cert = world.path("acme+ocr+1.0.assay.json")
    check("publish --wait: the last line is the certificate", done.code == 0 and done.last == cert and os.path.isfile(cert), done)
    check("publish says what happens", all(w in done.err for w in ("recorded", "checked", "attested", "claimed name")), done)
    check("the certificate is not in the model", sorted(os.listdir(path)) == ["config.json", "model.safetensors", "sub"])
    again = publish(net, path, "acme/ocr", "1.0", "--wait", "--out", world.path("again.assay.json"))
    check("publish again goes on", again.code == 0 and "registered already" in again.err and again.last == world.path("again.assay.json"), again)
    silent = publish(net, path, "acme/ocr", "1.0", "--wait", "-q")
    check("publish -q: only the path", silent.out == cert + "\n" and silent.err == "", silent)
    as_json = publish(net, path, "acme/ocr", "1.0", "--wait", "--json")
    check("publish --json", as_json.json == {"name": "acme/ocr", "version": "1.0", "root": root, "status": "attested", "claimed": True,
                                            "certificate": cert}, as_json)
    other = model(world, "other", {"a": [1.0]})
    error_is("publish other content under a version", publish(net, other, "acme/ocr", "1.0"), 1, "E44", "other content")
    accounts = json.load(open(os.path.join(os.path.dirname(trust), "accounts.json")))
    second = accounts[1]["key_file"]
    error_is("publish the same with another key", publish(net, path, "acme/ocr", "1.0", "--key", second), 1, "E44", "another key")
    error_is("publish into others' names", publish(net, other, "acme/ocr", "2.0", "--key", second), 1, "E45")
    error_is("publish with a parent that is not there",
             publish(net, other, "acme/ocr", "1.1", "--parent", "acme/none@1"), 1, "E47")
    for bad in ("acme", "Acme/ocr", "acme/ocr/x", "acme/" + "x" * 65):
        error_is(f"publish as {bad[:12]}", publish(net, other, bad, "1.0"), 2, "E5")
    error_is("publish a version with a space", publish(net, other, "acme/ocr", "1 0"), 2, "E5")
    error_is("publish without a name", net.assay("publish", other, "--version", "1"), 2, "E8", "--name")
    error_is("publish with a parent that is none", publish(net, other, "acme/ocr", "1.1", "--parent", "x"), 2, "E5")
    error_is("publish nothing", publish(net, world.path("nothing"), "acme/ocr", "1.1"), 6, "F136", "nothing")
    nowhere = publish(net, path, "acme/ocr", "1.0", "--wait", "--out", world.path("no", "folder", "x.json"))
    error_is("publish, certificate to nowhere", nowhere, 6, "F136", "no/folder")
    early = publish(net, other, "acme/early", "1", "--out", world.path("no", "folder", "x.json"))
    error_is("publish, certificate to nowhere, before it is paid for", early, 6, "F136", "no/folder")
    folder = publish(net, other, "acme/early", "1", "--wait", "--out", world.path("ocr"))
    error_is("publish, certificate over a directory", folder, 6, "F129", "is a directory")
    error_is("and nothing is registered", net.assay("show", "acme/early@1"), 3, "E9", "acme/early@1")
    check("and nothing is left there", not [n for n in os.listdir(world.work) if "probe" in n])
    child = publish(net, other, "acme/ocr", "1.1", "--parent", "acme/ocr@1.0", "--wait")
    check("publish a child", child.code == 0, child)
    recorded = publish(net, model(world, "third", {"a": [9.0]}), "acme/third", "1")
    check("publish without --wait: the last line is the version", recorded.code == 0 and recorded.last == "acme/third@1", recorded)
    one = publish(net, os.path.join(path, "config.json"), "acme/file", "1", "--wait")
    check("publish one file: the certificate lies beside it", one.code == 0 and one.last == os.path.join(path, "acme+file+1.assay.json"), one)
    os.unlink(one.last)
    inside = publish(net, ".", "acme/ocr", "1.0", "--wait", cwd=path)
    check("publish . : beside the folder", inside.code == 0 and os.path.realpath(os.path.join(path, inside.last)) == cert, inside)


def test_interrupted_publish(world, net):
    path = sparse(world, "large", 512 << 20)
    with open(os.path.join(path, "weights.bin"), "r+b") as f:
        f.write(b"large")
    process = world.start(ASSAY, "publish", path, "--name", "acme/large", "--version", "1", env={"ASSAY_NODE": net.url},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    root = world.assay("digest", path, "-q").last

    def some():
        try:
            return net.get(f"/bytes/{root}")["files"][0]["have"] > 0
        except urllib.error.HTTPError:
            return False
    check("the upload begins", until(60, some))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check("publish interrupted in the upload: exit 130", process.returncode == 130 and "code F133" in err, err)
    have = net.get(f"/bytes/{root}")["files"][0]["have"]
    check("part of it is there", 0 < have < 512 << 20, have)
    done = publish(net, path, "acme/large", "1", "--wait", timeout=300)
    check("run again, it goes on to the end", done.code == 0 and "registered already" in done.err, done)


def test_reading(world, net, accounts):
    status = net.assay("status", "--json").json
    check("status --json", {"chain_id", "height", "block_time", "state_root", "log_root", "supply", "burned"} <= set(status), status)
    check("status", status["chain_id"] in net.assay("status").out)
    check("status -q", net.assay("status", "-q").last.isdigit())
    check("--node says the same as ASSAY_NODE", world.assay("status", "--json", "--node", net.url).json["chain_id"] == status["chain_id"])
    validators = net.assay("validators", "--json").json
    check("validators --json", all(
        {"index", "address", "power", "stake", "status", "jailed", "tombstoned"} <= set(v) for v in validators) and len(validators) == 4)
    check("validators: one line each, and a head", len(net.assay("validators").out.rstrip("\n").split("\n")) == 5)
    log = net.assay("log", "acme/ocr")
    check("log: in order, with parents", re.search(r"1\.0 .*\n1\.1 .*acme/ocr@1\.0", log.out) is not None, log)
    check("log --json", [v["version"] for v in net.assay("log", "acme/ocr", "--json").json["versions"]] == ["1.0", "1.1"])
    error_is("log of nothing", net.assay("log", "acme/none"), 3, "E9", "acme/none")
    error_is("log of no name", net.assay("log", "acme"), 2, "E5")
    version = net.assay("show", "acme/ocr@1.0")
    check("show a version", version.code == 0 and "claimed" in version.out and "made for a test" in version.out
          and version.out.count("opened") == 4, version)
    check("show a version --json", net.assay("show", "acme/ocr@1.0", "--json").json["status"] == "attested")
    check("show a model", accounts[0]["address"] in net.assay("show", "acme/ocr").out)
    check("show an account", "balance" in net.assay("show", accounts[1]["address"]).out)
    owner = net.assay("show", validators[0]["address"], "--json").json
    check("show a validator's owner", owner["validator"]["index"] == 0, owner)
    block = net.assay("show", "latest", "--json").json
    check("show a block", net.assay("show", str(block["height"]), "--json").json["hash"] == block["hash"])
    check("show a block for people", net.assay("show", "1").out.startswith("block 1 "))
    error_is("show a block that is not there", net.assay("show", "999999"), 3, "E9", "height")
    error_is("show a transaction that is not there", net.assay("show", "0" * 64), 3, "E9")
    error_is("show what is nothing", net.assay("show", "what is this"), 2, "E8")
    error_is("explain a penalty that is not there", net.assay("explain", "77"), 3, "E9", "77")
    diff = net.assay("diff", "acme/ocr@1.0", "acme/ocr@1.1", "--json")
    check("diff at the node", diff.code == 0 and {t["name"]: t["change"] for t in diff.json["tensors"]} == {
        "a": "changed", "b": "removed"}, diff)
    mixed = net.assay("diff", world.path("ocr"), "acme/ocr@1.0")
    check("diff of a path and a version", mixed.code == 0 and mixed.last == "0 files and 0 of 2 tensors changed", mixed)
    error_is("diff of what is not there", net.assay("diff", "acme/ocr@1.0", "acme/ocr@9"), 3, "E9", "acme/ocr@9")


def test_transactions(world, net, accounts):
    first, second = accounts[0], accounts[1]
    before = int(net.get(f"/accounts/{second['address']}")["balance"])
    sent = net.assay("send", second["address"], "1_000", "--memo", "hello")
    check("send: the last line is the transaction's id", sent.code == 0 and re.fullmatch("[0-9a-f]{64}", sent.last), sent)
    check("send: the units are there", int(net.get(f"/accounts/{second['address']}")["balance"]) == before + 1000)
    shown = net.assay("show", sent.last)
    check("show a transaction", shown.code == 0 and "send" in shown.out and second["address"] in shown.out, shown)
    data = net.assay("send", second["address"], "1", "--json").json
    check("send --json", {"id", "height", "index", "code"} <= set(data) and data["code"] == "E0", data)
    check("send -q: only the id", re.fullmatch("[0-9a-f]{64}\n", net.assay("send", second["address"], "1", "-q").out) is not None)
    before = net.get(f"/accounts/{first['address']}")
    dry = net.assay("send", second["address"], "1", "--dry-run")
    check("send --dry-run", dry.code == 0 and dry.last == "nothing was sent" and "fee" in dry.out, dry)
    dry = net.assay("delegate", "0", "7", "--dry-run", "--json").json
    check("delegate --dry-run --json", dry["dry_run"] is True and dry["nonce"] == before["nonce"], dry)
    check("and nothing was", net.get(f"/accounts/{first['address']}") == before)
    error_is("send more than there is", net.assay("send", second["address"], "18_000_000_000_000_000_000"), 1, "E42",
             f"{first['address']} holds ")
    json_error_is("send more than there is", net.assay("send", second["address"], "18000000000000000000", "--json"), 1, "E42")
    error_is("too long a memo", net.assay("send", second["address"], "1", "--memo", "x" * 257), 2, "E8", "--memo")
    validators = net.assay("validators", "--json").json
    for who in ("1", "validator1", validators[1]["address"]):
        done = net.assay("delegate", who, "5_000_000")
        check(f"delegate to {who[:12]}", done.code == 0, done)
    delegated = net.get(f"/accounts/{first['address']}")["delegations"]
    check("delegations are there", [int(d["amount"]) for d in delegated] == [15000000], delegated)
    done = net.assay("undelegate", "1", "5_000_000")
    check("undelegate, by its address", done.code == 0 and f"5_000_000 units with {validators[1]['address']} unbond" in done.err, done)
    check("it unbonds", len(net.get(f"/accounts/{first['address']}")["unbonding"]) == 1)
    error_is("undelegate more than there is", net.assay("undelegate", "1", "500_000_000"), 1, "E42",
             f"has 10_000_000 with {validators[1]['address']}, and 500_000_000 were to unbond")
    error_is("undelegate where nothing is", net.assay("undelegate", "2", "5"), 3, "E9",
             f"because: {first['address']} has 0 with {validators[2]['address']}, and 5 were to unbond")
    error_is("delegate to nobody", net.assay("delegate", "validator99", "5"), 2, "E8", "validator99")
    # Several clients with one key at once: nonces are tried again.
    crowd = [world.start(ASSAY, "send", second["address"], "1", "-q", env={"ASSAY_NODE": net.url}, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE) for _ in range(3)]
    ends = [p.communicate(timeout=60) + (p.returncode,) for p in crowd]
    check("three clients with one key at once", [e[2] for e in ends] == [0, 0, 0], ends)
    poor = world.path("poor.key")
    world.assay("key", "new", poor)
    empty = net.assay("send", second["address"], "1", "--key", poor)
    address = world.assay("key", "show", poor, "--json").json["address"]
    error_is("send from an empty account", empty, 1, "E42", f"because: {address} holds 0; 1 and the fee of ")
    check("and what to try is a whole command", f"try: assay show {address}\n" in empty.err, empty)
    error_is("unjail who is no validator", net.assay("unjail"), 3, "E9")
    owner = accounts[4]["key_file"]
    error_is("unjail who is not in jail", net.assay("unjail", "--key", owner), 1, "E46", "assay validators")


def test_validator_create(world, net, accounts):
    keys = [world.path(f"v{i}.key") for i in range(2)]
    for key in keys:
        world.assay("key", "new", key)
    # As a signer writes it.
    write(keys[0], "assay/1/consensus-secret " + open(keys[0]).read())
    error_is("a consensus key signs no transaction", net.assay("send", accounts[1]["address"], "1", "--key", keys[0]), 2, "E8", "no key file")
    words = ["--consensus-key", keys[0], "--attestation-key", keys[1], "--moniker", "fifth", "--key", accounts[3]["key_file"]]
    error_is("validator create without keys", net.assay("validator", "create", "1"), 2, "E8", "--consensus-key")
    error_is("validator create with too little", net.assay("validator", "create", "5", *words), 1, "E2")
    error_is("validator create with a key twice", net.assay("validator", "create", "1_000_000", "--consensus-key", keys[1],
             "--attestation-key", keys[1], "--key", accounts[3]["key_file"]), 1, "E48")
    done = net.assay("validator", "create", "1_000_000", *words)
    check("validator create", done.code == 0 and re.fullmatch("[0-9a-f]{64}", done.last), done)
    fifth = net.assay("validators", "--json").json[4]
    check("it is there", (fifth["moniker"], fifth["address"], fifth["stake"]) == ("fifth", accounts[3]["address"], "1000000"), fifth)
    error_is("validator create twice", net.assay("validator", "create", "1_000_000", *words), 1, "E44", "assay validators")


def test_maintainers(world, net, accounts):
    first, second = accounts[0]["address"], accounts[1]["address"]
    check("maintainers", net.assay("maintainers", "acme/third").out == first + "\n")
    check("maintainers --json", net.assay("maintainers", "acme/third", "--json").json == [first])
    done = net.assay("maintainers", "acme/third", "--set", f"{first},{second}")
    check("maintainers --set", done.code == 0 and sorted(net.assay("maintainers", "acme/third", "--json").json) == sorted([first, second]), done)
    error_is("maintainers --set of nobody", net.assay("maintainers", "acme/third", "--set", ""), 2, "E8")
    error_is("maintainers --set of a stranger", net.assay("maintainers", "acme/third", "--set", "someone"), 2, "E8", "someone")
    error_is("maintainers of nothing", net.assay("maintainers", "acme/none"), 3, "E9", "acme/none")
    key = accounts[2]["key_file"]
    error_is("maintainers --set by a stranger", net.assay("maintainers", "acme/third", "--set", first, "--key", key), 1, "E45")


def test_verify(world, net, trust):
    cert = world.path("acme+ocr+1.0.assay.json")
    path = world.path("ocr")

    def verify(*words, **more):
        result = world.assay("verify", *words, **more)
        if os.path.exists(VERIFY) and "--node" not in words:
            same = world.run(VERIFY, *words, **more)
            ages = re.compile(r'"age_seconds":-?\d+|-?\d+ \w+ old')
            check(f"assay-verify says the same: {' '.join(words)[-60:]}",
                  (same.code, ages.sub("", same.out)) == (result.code, ages.sub("", result.out)), f"{result}\n{same}")
        return result

    good = verify(path, "--cert", cert, "--trust", trust)
    check("verify: exit 0", good.code == 0 and good.out.startswith("verified  acme/ocr@1.0"), good)
    check("verify: says what it does not say", "good or safe" in good.out and "claimed" in good.out, good)
    data = verify(path, "--cert", cert, "--trust", trust, "--json").json
    check("verify --json", {"verdict", "exit", "code", "assurance", "name", "version", "root", "height", "anchor", "findings"} <= set(data)
          and set(data["anchor"]) >= {"height", "age_seconds", "overlap"}, data)
    check("verify --json: values", (data["verdict"], data["exit"], data["code"], data["assurance"], data["name"], data["version"],
                                    data["findings"]) == ("verified", 0, "E0", "L1", "acme/ocr", "1.0", []), data)
    check("verify: trust from ASSAY_TRUST", world.assay("verify", path, "--cert", cert, env={"ASSAY_TRUST": trust}).code == 0)
    bad = world.path("changed")
    shutil.copytree(path, bad)
    with open(os.path.join(bad, "model.safetensors"), "r+b") as f:
        f.seek(-5, 2)
        f.write(b"\x01")
    wrong = verify(bad, "--cert", cert, "--trust", trust, "--json")
    finding = wrong.json["findings"][0]
    check("a changed byte: exit 1, file and tensor named", wrong.code == 1 and wrong.json["verdict"] == "wrong"
          and (finding["code"], finding["file"], finding["tensor"]) == ("E23", "model.safetensors", "b"), wrong)
    os.unlink(os.path.join(bad, "config.json"))
    write(os.path.join(bad, "extra.py"), "import os\n")
    codes = {f["code"]: f["file"] for f in verify(bad, "--cert", cert, "--trust", trust, "--json").json["findings"]}
    check("missing and extra files are named", codes.get("E24") == "config.json" and codes.get("E25") == "extra.py", codes)
    publisher = data["publisher"]
    named = verify(path, "--cert", cert, "--trust", trust, "--name", "acme/ocr@1.0", "--publisher", publisher)
    check("verify --name --publisher: exit 0, and said", named.code == 0 and "required   name acme/ocr@1.0\n" in named.out
          and f"required   publisher key {publisher}\n" in named.out, named)
    for words, code in ((("--name", "acme/other"), "E82"), (("--name", "acme/ocr@2"), "E82"), (("--publisher", "07" * 32), "E83")):
        other = verify(path, "--cert", cert, "--trust", trust, *words)
        check(f"verify {' '.join(words)[:24]}: exit 4, {code}", other.code == 4 and other.out.startswith("policy") and code in other.out, other)
    error_is("verify --name of no name", world.assay("verify", path, "--name", "acme"), 2, "E8", "--name")
    error_is("verify --publisher of no key", world.assay("verify", path, "--publisher", "12"), 2, "E8", "--publisher")
    none = verify(world.path("nothing"), "--trust", trust)
    check("nothing at the path: exit 6", none.code == 6 and "F136" in none.out and "check the path" in none.out, none)
    error_is("verify of an unknown option", world.assay("verify", path, "--skip"), 2, "E8", "--skip")
    none = verify(world.path("before") if os.path.isdir(world.path("before")) else path, "--cert", world.path("none.json"), "--trust", trust)
    check("no certificate: exit 3", none.code == 3 and none.out.startswith("undecided") and "E72" in none.out, none)
    none = verify(path, "--cert", cert)
    check("no trust file: exit 3", none.code == 3 and "E73" in none.out, none)
    other = json.load(open(trust))
    other["genesis_hash"] = "12" * 32
    other["chain_id"] = "devnet-" + "12" * 6
    strange = write(world.path("strange.json"), json.dumps(other))
    check("another chain's trust file: exit 3", verify(path, "--cert", cert, "--trust", strange).code == 3)
    newer = json.load(open(cert))
    newer["schema"] = "assay/certificate/2"
    newer = write(world.path("newer.assay.json"), json.dumps(newer))
    check("a newer format: exit 3", verify(path, "--cert", newer, "--trust", trust).code == 3)
    broken = write(world.path("broken.assay.json"), open(cert).read()[:-40])
    check("a broken certificate: exit 1", verify(path, "--cert", broken, "--trust", trust).code == 1)
    old = json.load(open(trust))
    old["trust_seconds"] = 1
    old["checkpoints"] = old["checkpoints"][:1]
    old = write(world.path("old.json"), json.dumps(old))
    check("the anchor is older than a second by now", until(10, lambda: world.assay("verify", path, "--cert", cert, "--trust", old).code == 4))
    aged = verify(path, "--cert", cert, "--trust", old)
    check("too old an anchor: exit 4", aged.code == 4 and aged.out.startswith("policy") and "E76" in aged.out, aged)
    check("--allow-age: exit 0, and said", verify(path, "--cert", cert, "--trust", old, "--allow-age", "--json").json["anchor"]["age_exceeded"] is True)
    with open("/dev/full", "w") as full:
        check("verify into a full disk: exit 6", world.run(ASSAY, "verify", path, "--cert", cert, "--trust", trust, stdout=full).code == 6)
    check("a certificate that is a folder: exit 6 or 3", verify(path, "--cert", world.work, "--trust", trust).code in (3, 6))
    quiet_one = verify(path, "--cert", cert, "--trust", trust, "-q")
    check("verify -q: one line", quiet_one.out.count("\n") == 1, quiet_one)
    no_net = subprocess.run(["unshare", "--net", "true"], capture_output=True)
    if no_net.returncode == 0:
        alone = world.run("unshare", "--net", ASSAY, "verify", path, "--cert", cert, "--trust", trust)
        check("verify in a namespace without a network", alone.code == 0, alone)


def test_trust(world, trust):
    config = world.path("home", ".config", "assay", "trust.json")
    error_is("trust show of nothing", world.assay("trust", "show"), 3, "E73")
    added = world.assay("trust", "add", trust)
    check("trust add: the last line is the path", added.code == 0 and added.last == config and os.path.isfile(config), added)
    chain = json.load(open(trust))["chain_id"]
    check("trust show", chain in world.assay("trust", "show").out)
    shown = world.assay("trust", "show", "--json").json
    check("trust show --json", shown["chain_id"] == chain and shown["checkpoints"][-1]["age_seconds"] >= 0, shown)
    check("verify finds the user's trust file", world.assay("verify", world.path("ocr"), "--cert", world.path("acme+ocr+1.0.assay.json")).code == 0)
    error_is("a trust file of another chain is not taken over it", world.assay("trust", "add", world.path("strange.json")), 1, "E44", "another chain")
    error_is("an older one neither", world.assay("trust", "add", world.path("old.json")), 1, "E44", "newer")
    error_is("trust add of nothing", world.assay("trust", "add", world.path("none")), 2, "E8", "none")
    error_is("trust add of what is none", world.assay("trust", "add", write(world.path("no.json"), "{}")), 3, "E79", "no.json")
    error_is("trust show of what is none", world.assay("trust", "show", "--trust", world.path("no.json")), 3, "E79", "no.json")
    os.unlink(config)


def test_refresh_and_status(world, net, trust):
    """deprecate and revoke, and what certificates say then: exit 0 with a warning, exit 5."""
    cert = world.path("acme+ocr+1.0.assay.json")
    path = world.path("ocr")
    before = open(cert).read()
    fresh = net.assay("refresh", cert, "--out", world.path("fresh.assay.json"))
    check("refresh --out", fresh.code == 0 and fresh.last == world.path("fresh.assay.json") and open(cert).read() == before, fresh)
    heights = net.assay("refresh", cert, "--json").json
    check("refresh --json", heights["height"] >= heights["height_before"] and heights["certificate"] == cert, heights)
    error_is("refresh of nothing", net.assay("refresh", world.path("none")), 3, "E72", "none")
    error_is("refresh of what is none", net.assay("refresh", world.path("broken.assay.json")), 1, "E1", "broken")
    down = world.assay("refresh", cert, "--node", f"http://127.0.0.1:{free_port()}")
    error_is("refresh without a node", down, 6, "F130")
    error_is("deprecate without a reason", net.assay("deprecate", "acme/ocr@1.0"), 2, "E8", "--reason")
    error_is("deprecate what is not there", net.assay("deprecate", "acme/ocr@9", "--reason", "x"), 3, "E9")
    done = net.assay("deprecate", "acme/ocr@1.0", "--reason", "use 1.1")
    check("deprecate", done.code == 0 and re.fullmatch("[0-9a-f]{64}", done.last), done)
    net.assay("refresh", cert)
    warned = world.assay("verify", path, "--cert", cert, "--trust", trust)
    check("a deprecated version verifies with a warning", warned.code == 0 and "warning" in warned.out, warned)
    check("deprecated, with its reason", "use 1.1" in net.assay("show", "acme/ocr@1.0").out)
    check("revoke", net.assay("revoke", "acme/ocr@1.0", "--reason", "leaked").code == 0)
    error_is("revoke twice", net.assay("revoke", "acme/ocr@1.0", "--reason", "leaked"), 1, "E46")
    net.assay("refresh", cert)
    revoked = world.assay("verify", path, "--cert", cert, "--trust", trust, "--json")
    check("a revoked version: exit 5", revoked.code == 5 and revoked.json["verdict"] == "revoked" and revoked.json["code"] == "E78", revoked)
    error_is("publish what is revoked", publish(net, path, "acme/ocr", "1.0", "--wait"), 1, "E46", "revoked")


def test_faults(world, net, accounts):
    error_is("a fault that is none", net.assay("devnet", "fault", "double-sgn", "3"), 2, "E8", "double-sign")
    error_is("a validator that is none", net.assay("devnet", "fault", "kill", "x"), 2, "E8", "x")
    error_is("a validator that is not here", net.assay("devnet", "fault", "kill", "99"), 1, "E2", "0 to 3")
    killed = net.assay("devnet", "fault", "kill", "3")
    check("fault kill", killed.code == 0 and killed.last == "validator 3 is killed", killed)
    again = net.assay("devnet", "fault", "kill", "3")
    error_is("kill twice", again, 1, "E46", "not running")
    check("what to try is about validators", "try: assay validators" in again.err, again)
    height = net.get("/status")["height"]
    check("blocks go on", until(20, lambda: net.get("/status")["height"] > height))
    check("validators says that it stopped", "stopped" in net.assay("validators").out)
    check("fault revive --json", net.assay("devnet", "fault", "revive", "3", "--json").json == {"kind": "revive", "validator": 3})
    check("it catches up", until(20, lambda: net.get("/status?validator=3")["height"] >= net.get("/status?validator=0")["height"] - 1))
    check("fault lazy-check", net.assay("devnet", "fault", "lazy-check", "2").code == 0)
    publish(net, model(world, "lazy", {"a": [5.0] * 500000}), "acme/lazy", "1", "--wait")
    check("a check that nobody made: jail", until(30, lambda: net.get("/validators")[2]["jailed"]))
    penalties = net.get("/penalties")["penalties"]
    if check("there is a penalty", len(penalties) == 1, penalties):
        text = net.assay("explain", str(penalties[0]["id"]))
        check("explain a false opening", text.code == 0 and "false-opening" in text.out and "5.0000 %" in text.out, text)
    owner = accounts[4 + 2]["key_file"]

    def unjailed():
        return net.assay("unjail", "--key", owner).code == 0
    check("unjail, when its time is over", until(60, unjailed))
    check("it is out of jail", not net.get("/validators")[2]["jailed"])
    # A second vote that arrives when the others are two heights on is evidence for nobody: it is then cast again.
    def slashed():
        return net.get("/validators")[3]["tombstoned"]
    for _ in range(3):
        check("fault double-sign", net.assay("devnet", "fault", "double-sign", "3").code == 0)
        if until(10, slashed):
            break
    net.log.seek(0)
    check("two votes: tombstoned", slashed(), net.log.read()[-1500:])
    last = net.get("/penalties")["penalties"][-1]
    text = net.assay("explain", str(last["id"]))
    check("explain a double signature", text.code == 0 and "double-sign" in text.out and "max(5 %, min(100 %, 3 X))" in text.out, text)
    check("explain --json is the record", net.assay("explain", str(last["id"]), "--json").json == last)
    error_is("unjail who is tombstoned", net.assay("unjail", "--key", accounts[4 + 3]["key_file"]), 1, "E51")


def test_upload_to_another(world, net):
    """Whoever answers is killed in the middle of an upload: the next one is handed the rest."""
    path = sparse(world, "big", 300 << 20)
    root = net.assay("digest", path).last
    start = world.start(ASSAY, "publish", path, "--name", "acme/big", "--version", "1", "--wait", env={"ASSAY_NODE": net.url},
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def begun():
        try:
            return any(0 < f["have"] for f in net.get(f"/bytes/{root}")["files"])
        except OSError:
            return False
    check("the upload has begun", until(30, begun))
    check("who answers is killed", net.assay("devnet", "fault", "kill", "0").code == 0)
    out, err = start.communicate(timeout=120)
    check("publish goes on at the next one", start.returncode == 0, f"exit {start.returncode}\n{out}\n{err}")
    check("revived", net.assay("devnet", "fault", "revive", "0").code == 0)
    check("and caught up", until(20, lambda: net.get("/status?validator=0")["height"] >= net.get("/status?validator=1")["height"] - 1))


def test_network(world):
    data = world.path("main")
    with Network(world, "-n", "4", "--data", data) as net:
        trust = os.path.join(data, "trust.json")
        accounts = json.load(open(os.path.join(data, "accounts.json")))
        test_publish(world, net, trust)
        test_interrupted_publish(world, net)
        test_reading(world, net, accounts)
        test_transactions(world, net, accounts)
        test_maintainers(world, net, accounts)
        test_verify(world, net, trust)
        test_trust(world, trust)
        test_refresh_and_status(world, net, trust)
        test_upload_to_another(world, net)
        test_faults(world, net, accounts)
        test_validator_create(world, net, accounts)
        check("devnet ends with exit 0 after all that", net.stop() == 0)


def test_assayd(world):
    data = world.path("daemon")
    error_is("assayd without --data", world.run(ASSAYD), 2, "E8", "--data")
    error_is("assayd with an unknown option", world.run(ASSAYD, "--data", data, "--frob"), 2, "E8", "--frob")
    error_is("assayd with half an option", world.run(ASSAYD, "--data"), 2, "E8", "--data: a value is missing")
    error_is("assayd with a port that is none", world.run(ASSAYD, "--data", data, "--port", "70000"), 2, "E8", "65535")
    error_is("assayd with a name that is none", world.run(ASSAYD, "--data", data, "--name", "A"), 2, "E8", "--name")
    error_is("assayd with a log that is none", world.run(ASSAYD, "--data", data, "--log-format", "xml"), 2, "E8", "text or json")
    check("assayd --version", re.fullmatch(r"assayd \d+\.\d+\.\d+\n", world.run(ASSAYD, "--version").out) is not None)
    check("assayd --help", world.run(ASSAYD, "--help").code == 0)
    check("nothing was made by all that", not os.path.exists(data))
    with Network(world, "--data", data, "--name", "testnet", program=ASSAYD, first=()) as node:
        check("assayd: ready", node.ready == f"ready {node.url}", node.ready)
        status = node.get("/status")
        check("assayd: one validator of its chain", status["validators"] == 1 and status["chain_id"].startswith("testnet-"), status)
        with urllib.request.urlopen(node.url + "/metrics") as reply:
            check("assayd: /metrics", b"# TYPE " in reply.read())
        refused = node.assay("devnet", "fault", "kill", "0")
        error_is("assayd makes nobody misbehave", refused, 1, "E45", "devnet")
        key = json.load(open(os.path.join(data, "accounts.json")))[0]["key_file"]
        done = node.assay("publish", model(world, "daemon-model", {"a": [1.0]}), "--name", "a/b", "--version", "1", "--wait", "--key",
                          world.path(key))
        check("assayd: publish and attest", done.code == 0, done)
        busy = world.run(ASSAYD, "--data", world.path("second"), "--port", str(node.port))
        check("assayd: a port that is taken: exit 6", busy.code == 6 and "F130" in busy.err, busy)
        locked = world.run(ASSAYD, "--data", data, "--port", "0")
        check("assayd: a directory in use: exit 6", locked.code == 6 and "F134" in locked.err, locked)
        check("assayd: SIGTERM, exit 0", node.stop(signal.SIGTERM) == 0)
        node.log.seek(0)
        lines = node.log.read().strip().split("\n")
        check("assayd: key=value lines", all(re.match(r'time=\S+ level=\w+ msg="', line) for line in lines), lines)
    with Network(world, "--data", data, "--log-format", "json", program=ASSAYD, first=()) as node:
        check("assayd goes on", node.get("/models/a/b/1")["status"] == "attested")
        node.stop(signal.SIGTERM)
        node.log.seek(0)
        lines = [json.loads(line) for line in node.log.read().strip().split("\n")]
        check("assayd: JSON lines", all(set(line) == {"time", "level", "message"} for line in lines), lines)
    several = world.path("several")
    with Network(world, "-n", "2", "--data", several):
        pass
    error_is("assayd runs no network of several", world.run(ASSAYD, "--data", several), 2, "E8", "several")
