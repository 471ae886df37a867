# SPDX-License-Identifier: Apache-2.0
"""comet - validators under CometBFT: the same application, the same certificates, and what becomes of both when
processes are killed, paused, and started again."""

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from rehearsal import COMETBFT, Rehearsal, Validator, free_base
from world import ASSAY, BIN, ROOT, check, flip, main, read_json, request, same, sharded_model, until

RANDOM = random.Random(4)


def publish(net, node, path, name, version):
    return node.assay(
        "publish", path, "--name", name, "--version", version, "--key", net.key(), "--wait", "--out",
        net.world.path(f"{version}.assay.json"),
    )  # fmt: skip


def verified(net, path, version):
    return net.world.assay("verify", path, "--cert", net.world.path(f"{version}.assay.json"), "--trust", net.trust)


def send(net, node, to, amount, account=0):
    return node.assay("send", to, amount, "--key", net.key(account), "--json")


def story(world):
    """Published through one node, fetched by the others, attested, verified; a validator is killed, then another."""
    net = Rehearsal(world)
    genesis = shutil.copy(os.path.join(net.directory, "trust.json"), world.path("genesis-trust.json"))
    same("a trust file of the genesis, before any block", [p["height"] for p in read_json(genesis)["checkpoints"]], [0])
    refused = world.assay("net", "follow", os.path.join(net.directory, "network.json"), "--data", world.path("early"),
                          "--host", "127.0.0.1", "--trust", genesis, "--json")  # fmt: skip
    same("which no state sync can begin at", refused.json["error"]["code"], "E46", refused)
    net.start()
    watched = world.assay("net", "witness", f"{net[0].url}/cometbft", f"{net[1].url}/cometbft", "--trust", genesis)
    check("a witness decides nothing from it: exit 3", watched.code == 3 and "no block yet" in watched.err, watched)
    total = net[0].total()
    model = sharded_model(world.path("model"), RANDOM)
    done = publish(net, net[0], model, "acme/ocr", "1.0")
    check("a version is attested", done.code == 0, done)
    checks = net[1].get("/models/acme/ocr/1.0")["checks"]
    check("by validators that fetched it themselves", len(checks) >= 3, checks)
    check("and verifies offline", verified(net, model, "1.0").code == 0, verified(net, model, "1.0"))
    from_genesis = world.assay("verify", model, "--cert", world.path("1.0.assay.json"), "--trust", genesis, "--json")
    same("with the genesis alone, too", from_genesis.code, 0, from_genesis)
    same("which is the anchor then", from_genesis.json["anchor"]["height"], 0, from_genesis)
    flip(os.path.join(model, "config.json"), 3)
    same("one changed byte is noticed", verified(net, model, "1.0").code, 1)
    net.agree()
    key = b"model/version/acme/ocr@1.0".hex()
    done = world.run(
        os.path.join(BIN, "querycheck"), "-rpc", f"http://127.0.0.1:{net.base + 11}", "-key", key, "-absent", "00ff"
    )
    check("queries lead to the AppHash, by others' code", done.code == 0, done)

    same("a validator is killed", net[3].stop(signal.SIGKILL), -signal.SIGKILL)
    check("its CometBFT goes with it", until(10, lambda: not listening(net[3])))
    check("the others go on", net.goes_on())
    to = net.accounts()[1]["address"]
    done = send(net, net[1], to, 1000)
    check("and take transactions", done.code == 0, done)
    net[3].start().await_ready()
    check("it comes back and catches up", until(60, lambda: net[3].height() >= net[0].height() - 2))
    net.agree()

    for i in (2, 3):
        net[i].stop(signal.SIGKILL)
    check("with two of four gone no block comes", net.stands())
    same("and what was final stays readable", net[0].get("/models/acme/ocr/1.0")["status"], "attested")
    for i in (2, 3):
        net[i].start().await_ready()
    check("with them it goes on", net.goes_on(60))
    net.agree()
    same("no unit was made or lost", {v.total() for v in net.alive()}, {total})
    same("all end when asked", net.stop(), [0, 0, 0, 0])
    net.start()
    check("started again it goes on", net.goes_on())
    same("and knows everything", net[2].get("/models/acme/ocr/1.0")["status"], "attested")


def listening(v):
    try:
        v.rpc("/health")
        return True
    except OSError:
        return False


def engine(world):
    """CometBFT alone is killed, in the middle of work and again and again: it is started again, and the handshake finds
    the application wherever it stood."""
    net = Rehearsal(world).start()
    to = net.accounts()[1]["address"]
    accepted = 0
    balance = int(net[0].get(f"/accounts/{to}")["balance"])
    for turn in range(6):
        victim = net[turn % 2]
        before = victim.processes()["cometbft"]
        os.kill(before, signal.SIGKILL)
        until(5, lambda v=victim: not listening(v), 0.005)
        status, _, body = request(victim.port, "GET", f"/blocks/{net[3].height() - 1}")
        check("what only CometBFT knows is a moment away, and no failure of the node", status in (200, 503), (status, body))
        done = send(net, net[2 + turn % 2], to, 10)
        accepted += done.code == 0
        check("a transaction goes through another node", done.code == 0, done)
        check(
            "CometBFT is started again",
            until(20, lambda b=before, v=victim: v.processes()["cometbft"] not in (0, b)),
            victim.log()[-500:],
        )
        check("and catches up", until(30, lambda v=victim: v.height() >= net[3].height() - 2), net.heights())
    expected = balance + 10 * accepted
    check(
        "what was acknowledged is there, at every node",
        until(10, lambda: all(int(v.get(f"/accounts/{to}")["balance"]) == expected for v in net.alive())),
        [v.get(f"/accounts/{to}")["balance"] for v in net.alive()],
    )
    os.kill(net[1].processes()["cometbft"], signal.SIGSTOP)
    paused = net[1].processes()["cometbft"]
    time.sleep(3)
    check("a paused CometBFT holds up nobody", net[0].height() > net[1].height() - 1)
    os.kill(paused, signal.SIGCONT)
    check("and goes on when it may", until(30, lambda: net[1].height() >= net[0].height() - 2), net.heights())
    net.agree()


def signer(world):
    """The consensus keys are in signers of their own; one is killed, and signs again when it is back."""
    net = Rehearsal(world, "--signer").start()
    # CometBFT makes itself a key that it never uses.
    mine = base64.b64encode(bytes.fromhex(read_json(net[0].data, "node.json")["consensus_key"])).decode()
    other = read_json(net[0].data, "cometbft", "config", "priv_validator_key.json")["pub_key"]["value"]
    check("the validator's key is not in CometBFT's home", mine != other, other)
    same("and signs for it", net[0].rpc("/status")["validator_info"]["pub_key"]["value"], mine)
    for turn in range(3):
        before = net[turn].processes()["signer"]
        os.kill(before, signal.SIGKILL)
        check("a signer that was killed is started again",
              until(20, lambda b=before, v=net[turn]: v.processes()["signer"] not in (0, b)))  # fmt: skip
        check("and its validator signs again", until(30, lambda v=net[turn]: signs(net, v)))
    # CometBFT listens for its signer, and a socket outlives whoever is killed.
    before = net[0].processes()["cometbft"]
    os.kill(before, signal.SIGKILL)
    check("a CometBFT that was killed finds its signer again",
          until(30, lambda: net[0].processes()["cometbft"] not in (0, before) and signs(net, net[0])), net[0].log()[-1500:])  # fmt: skip
    net[1].stop(signal.SIGKILL)
    net[1].start().await_ready()
    check("and after all of it was killed", until(30, lambda: signs(net, net[1])), net[1].log()[-1500:])
    net.agree()


def signs(net, v):
    """Is v's signature in a commit of these moments?"""
    address = v.rpc("/status")["validator_info"]["address"]
    height = net[3].height() - 1
    commit = net[3].rpc(f"/commit?height={height}")["signed_header"]["commit"]
    return any(s["validator_address"] == address and s["block_id_flag"] == 2 for s in commit["signatures"])


def double(world):
    """A validator signs two blocks at one height: CometBFT proves it, the ledger slashes."""
    net = Rehearsal(world).start()
    total, rows = net[0].total(), net[0].get("/validators")
    key = net[3].get("/status")  # reachable: it is a validator like the others until now
    check("all four are active", key["validators"] == 4, key)
    tool = os.path.join(BIN, "doublesign")  # made by `make cometbft`
    home = os.path.join(net[3].data, "cometbft")
    done = world.run(tool, "-home", home, "-rpc", f"http://127.0.0.1:{net[0].port + 1}", timeout=60)
    check("evidence is handed to CometBFT", done.code == 0, done)
    mine = net.accounts()[4 + 3]["address"]

    def row(node):
        return next(r for r in node.get("/validators") if r["address"] == mine)

    check("and the ledger acts on it", until(30, lambda: row(net[0])["tombstoned"]), row(net[0]))
    before = next(r for r in rows if r["address"] == mine)
    check("stake is gone", int(row(net[0])["stake"]) < int(before["stake"]), row(net[0]))
    penalties = net[0].get("/penalties")
    check("a penalty explains it", "double" in str(penalties), penalties)
    same("supply and burned still add up", net[0].total(), total)
    check("the three others go on", until(30, lambda: net[0].rpc("/validators")["total"] == "3") and net.goes_on())
    net.agree()


def absent(world):
    """A validator that is down is jailed, keeps its principal, and comes back when it asks."""
    net = Rehearsal(
        world, "--param", "downtime_window_blocks=20", "--param", "downtime_window_seconds=5", "--param",
        "jail_seconds=3",
    ).start()  # fmt: skip
    mine = net.accounts()[4 + 3]["address"]

    def row():
        return next(r for r in net[0].get("/validators") if r["address"] == mine)

    stake = row()["stake"]
    net[3].stop(signal.SIGKILL)
    check("a validator that is down is jailed", until(90, lambda: row()["jailed"], 0.3), row())
    same("and keeps its principal", row()["stake"], stake)
    check("CometBFT counts without it", until(30, lambda: net[0].rpc("/validators")["total"] == "3"))
    net[3].start().await_ready()
    check("it catches up", until(60, lambda: net[3].height() >= net[0].height() - 2))
    key = os.path.join(net[3].data, "owner.key")
    time.sleep(3)
    done = net[0].assay("unjail", "--key", key)
    check("it asks to come back", done.code == 0, done)
    check("and votes again", until(60, lambda: net[0].rpc("/validators")["total"] == "4"), row())
    net.agree()


def memory(world):
    """CometBFT's mempool goes with its process; what somebody waits for at the node does not."""
    net = Rehearsal(world).start()
    same("two of four are gone", [net[i].stop() for i in (2, 3)], [0, 0])
    check("so nothing becomes final", net.stands())
    to = net.accounts()[1]["address"]
    words = ("send", to, 7, "--key", net.key(), "--node", net[0].url, "--json", "--timeout", 120)
    waits = world.start(ASSAY, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    there = lambda v: int(v.rpc("/num_unconfirmed_txs")["n_txs"])  # noqa: E731
    check("a transaction waits at both that are left", until(30, lambda: there(net[0]) == 1 and there(net[1]) == 1))
    old = [net[i].processes()["cometbft"] for i in (0, 1)]
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    check("both begin anew", until(60, lambda: all(net[i].processes()["cometbft"] not in (0, old[i]) for i in (0, 1))))
    check("somebody still waits", waits.poll() is None)
    for i in (2, 3):
        net[i].start()
    check("it is final all the same", until(90, lambda: waits.poll() == 0), (waits.poll(), net[0].log()[-1500:]))
    out = json.loads(waits.stdout.read())
    same("as it was said", net[3].get(f"/transactions/{out['id']}")["height"], out["height"])
    net.agree()


def newcomer(world):
    """A node comes to a network that runs, by state sync; it bonds, votes, checks a model, and leaves."""
    net = Rehearsal(world).configure(snapshot_blocks=10).start()
    model = sharded_model(world.path("model"), RANDOM)
    done = publish(net, net[0], model, "acme/before", "1.0")
    check("something is attested before", done.code == 0, done)
    check("snapshots are there", until(60, lambda: all("snapshot of height" in v.log() for v in net.alive())))
    check("there is a trust file of a block", net.knows_a_block())
    began = time.monotonic()
    v, said = net.newcomer("--trust", net.trust)
    v.start().await_ready()
    check("it takes in a snapshot", until(60, lambda: v.height() >= net[0].height() - 2), v.log()[-2000:])
    print(f"     joined by state sync in {time.monotonic() - began:.1f} s")
    check("and did not execute what came before", "has the state of height" in v.log(), v.log()[-2000:])
    same("it knows what was attested", v.get("/models/acme/before/1.0")["status"], "attested")
    same("and has the same state", *[n.get(f"/blocks/{v.height() - 1}")["app_hash"] for n in (v, net[0])])
    certificate = world.path("newcomer.assay.json")
    done = v.assay("refresh", world.path("1.0.assay.json"), "--out", certificate)
    check("it serves certificates once it has the bytes, and says so until then", done.code in (0, 3), done)

    owner_key = said["owner_key"]
    done = send(net, net[0], said["owner"], 3_000_000_000_000)
    check("its owner gets units", done.code == 0, done)
    done = v.assay(
        "validator", "create", "1_000_000_000_000", "--key", owner_key, "--consensus-key",
        os.path.join(v.data, "signer", "consensus.key"), "--attestation-key", os.path.join(v.data, "attestation.key"),
        "--moniker", "newcomer",
    )  # fmt: skip
    check("it is registered", done.code == 0, done)
    check("CometBFT counts five", until(60, lambda: net[0].rpc("/validators")["total"] == "5"))
    net.validators.append(v)
    check("it votes", until(30, lambda: signs(net, v)))
    model = sharded_model(world.path("model2"), RANDOM)
    done = publish(net, net[1], model, "acme/after", "2.0")
    check("a further version is attested", done.code == 0, done)
    checks = lambda: [c["validator"] for c in net[0].get("/models/acme/after/2.0")["checks"]]  # noqa: E731
    check("by the newcomer too", until(30, lambda: said["owner"] in checks()), checks())
    net.agree()
    done = v.assay("undelegate", said["owner"], "1_000_000_000_000", "--key", owner_key)
    check("it takes its stake back", done.code == 0, done)
    check("and leaves", until(60, lambda: net[0].rpc("/validators")["total"] == "4"))
    check("the others go on", net.goes_on())
    net.agree()


def damaged(world):
    """A newcomer whose peers have a false chunk, but for one: CometBFT asks the others as long as it is told to."""
    net = Rehearsal(world).configure(snapshot_blocks=25).start()
    chunk = lambda v: os.path.join(v.data, "snapshots", "25", "0")  # noqa: E731
    check("snapshots are there", until(60, lambda: all(os.path.exists(chunk(v)) for v in net.validators)))
    check("there is a trust file of a block", net.knows_a_block())
    for v in net.validators[:3]:
        flip(chunk(v), os.path.getsize(chunk(v)) // 2)
    v, _ = net.newcomer("--trust", net.trust)
    v.start()
    check("it takes the snapshot of the fourth", until(40, lambda: "has the state of height" in v.log()), v.log()[-2000:])
    check("and comes up", until(30, lambda: v.height() >= net[0].height() - 2), v.log()[-2000:])
    net.agree()


def alone(world):
    """One operator, a network for value: its rules are not those of a rehearsal."""
    base, data = free_base(1), world.path("one")
    done = world.assay("net", "join", "--network", "one", "--data", data, "--host", "127.0.0.1", "--base-port", base)
    check("it joins", done.code == 0, done)
    done = world.assay("net", "collect", os.path.join(data, "join.json"), "--out", world.path("network.json"),
                       "--allowance", "1_000_000")  # fmt: skip
    check("it collects itself", done.code == 0, done)
    nobody = world.assay("net", "sign", world.path("network.json"), "--data", world.path("nowhere"))
    check("nobody signs where nobody joined", nobody.code == 3 and "nobody has joined in" in nobody.err, nobody)
    done = world.assay("net", "sign", world.path("network.json"), "--data", data)
    check("it signs", done.code == 0, done)
    done = world.assay("net", "accept", world.path("network.json"), os.path.join(data, "word.json"), "--data", data)
    check("it accepts", done.code == 0, done)
    v = Validator(world, data, base)
    world.networks.append(v)
    v.start().await_ready()
    check("and makes blocks", until(30, lambda: v.height() >= 3), v.log()[-1500:])
    same("of a longer time in jail", v.get("/status")["trust_seconds"], 14 * 86400 * 2 // 3)
    same("and ends", v.stop(), 0)
    # What an operator may get wrong: each says what it is.
    for what, words, expected in (
        ("a directory of nobody", ("--data", world.path("none"), "--engine", "cometbft"), 2),
        ("another engine", ("--data", data, "--engine", "other"), 2),
        ("programs that are not there", ("--data", data, "--programs", "/nonexistent"), 6),
    ):
        done = world.run(os.path.join(BIN, "assayd"), *words, timeout=150)
        same(what, done.code, expected, done)


def foreground(world):
    """`assay net start` runs all of them, `net status` tells, `net stop` ends them."""
    net = Rehearsal(world)
    runs = world.start(os.path.join(BIN, "assay"), "net", "start", net.directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        same("it says where", runs.stdout.readline().strip(), f"ready http://127.0.0.1:{net.base}")
        status = world.assay("net", "status", net.directory, "--json")
        same("four rows", len(status.json or []), 4, status)
        row = status.json[2]
        same("addresses", (row["index"], row["url"], row["rpc"]),
             (2, f"http://127.0.0.1:{net.base + 20}", f"http://127.0.0.1:{net.base + 21}"))  # fmt: skip
        check("processes and heights", all(r["pid"] and r["cometbft_pid"] and r["height"] for r in status.json), status)
        trust = os.path.join(net.directory, "trust.json")
        fresh = until(10, lambda: read_json(trust)["checkpoints"][-1]["height"] > 0)
        check("the network's trust file is kept fresh", fresh, read_json(trust))
        again = world.assay("net", "start", net.directory)
        same("it runs once", again.code, 6, again)
        stopped = world.assay("net", "stop", net.directory)
        same("it ends when asked", (stopped.code, runs.wait(timeout=60)), (0, 0), stopped)
        status = world.assay("net", "status", net.directory, "--json")
        check("and nothing is left", all(r["pid"] is None for r in status.json), status)
        same("stopping it again says so", world.assay("net", "stop", net.directory).code, 1)
    finally:
        runs.kill()
        runs.wait()
    # The first of them does not come up: the others are where to ask.
    node = os.path.join(net[0].data, "node.json")
    settings = read_json(node)
    with open(node, "w", encoding="utf-8") as f:
        json.dump({**settings, "port": "none"}, f)
    runs = world.start(os.path.join(BIN, "assay"), "net", "start", net.directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ready = runs.stdout.readline().strip()
        check("it says where somebody answers", ready in [f"ready {v.url}" for v in net.validators[1:]], ready)
        same("stopped", world.assay("net", "stop", net.directory).code, 0)
    finally:
        runs.kill()
        runs.wait()
    with open(node, "w", encoding="utf-8") as f:
        json.dump(settings, f)
    # For programs.
    runs = world.start(os.path.join(BIN, "assay"), "net", "start", net.directory, "--json", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        line = runs.stdout.readline()
        said = json.loads(line) if line.startswith("{") else {}
        same("where it is, as JSON", (said.get("url"), said.get("trust")), (f"http://127.0.0.1:{net.base}", trust), line)
        stopped = world.assay("net", "stop", net.directory, "--json")
        same("that it has ended, too", stopped.json, {"stopped": net.directory}, stopped)
        same("it has", runs.wait(timeout=60), 0)
    finally:
        runs.kill()
        runs.wait()


def change(world):
    """The other tested engine goes on where the usual one stopped, and back. Asked for by name, with ASSAY_COMETBFT."""
    usual = os.environ.get("ASSAY_BIN", os.path.join(ROOT, "build", "bin"))
    versions = [world.run(os.path.join(b, "cometbft"), "version").out.strip() for b in (usual, BIN)]
    same("two engines", versions, ["0.38.25", "0.39.0+v0.40.0"])
    net = Rehearsal(world).start("--programs", usual)
    total, to = net[0].total(), net.accounts()[1]["address"]
    engine_of = lambda: net[0].rpc("/status")["node_info"]["version"]  # noqa: E731
    for words, version in (((), "0.39.0"), (("--programs", usual), "0.38.25")):
        done = send(net, net[0], to, 1000)
        check("a transaction under one engine", done.code == 0, done)
        same("all end", net.stop(), [0, 0, 0, 0])
        net.start(*words)
        check("and goes on", net.goes_on())
        same("the other engine runs", engine_of(), version)  # now its RPC is up as well
        same("with what was final", net[2].get(f"/transactions/{done.json['id']}")["height"], done.json["height"])
    done = send(net, net[3], to, 1000)
    check("and takes transactions", done.code == 0, done)
    same("no unit was made or lost", {v.total() for v in net.alive()}, {total})
    net.agree()


if not os.path.exists(COMETBFT):
    check("CometBFT is installed: make cometbft", False, COMETBFT)
    print("0 passed, 1 failed")
    raise SystemExit(1)
if len(sys.argv) > 1:
    main(*[globals()[name] for name in sys.argv[1:]])
main(story, engine, memory, signer, double, absent, newcomer, damaged, alone, foreground)
