# SPDX-License-Identifier: Apache-2.0
"""alone - the commands that need no network, and what all commands do without one."""
import base64
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from world import (
    ASSAY, ASSAYD, ROOT, SIGNER, check, error_is, file_name, free_port, json_error_is, model, on_terminal, sparse,
    table_commands, write)


def test_help(world):
    commands = table_commands(world)
    names = [c["name"] for c in commands]
    check("the commands of the issue are there", {
        "digest", "devnet", "publish", "verify", "log", "show", "diff", "revoke", "deprecate", "maintainers", "delegate",
        "undelegate", "send", "validators", "status", "key new", "explain", "devnet fault"} <= set(names), names)
    whole = world.assay("help")
    check("help: exit 0, on stdout", whole.code == 0 and whole.err == "", whole)
    check("--help is help", world.assay("--help").out == whole.out)
    for c in commands:
        words = c["name"].split()
        one = world.assay("help", *words)
        check(f"help {c['name']}", one.code == 0 and one.out.startswith(f"assay {c['name']} - {c['summary']}\n"), one)
        check(f"{c['name']} --help says the same", world.assay(*words, "--help").out == one.out)
        check(f"help {c['name']} names every option", all(o["name"] in one.out for o in c["options"]))
        check(f"{c['name']} takes --json, -q, --help", {"--json", "--quiet", "--help"} <= {o["name"] for o in c["options"]})
        check(f"{c['name']} in the list", f"  {c['name']:<16} {c['summary']}" in whole.out)
        check(f"help {c['name']} --json", world.assay("help", *words, "--json").json == c)
        error_is(f"{c['name']} with an unknown option", world.assay(*words, "--frobnicate"), 2, "E8", "--frobnicate")
    check("version", re.fullmatch(r"assay \d+\.\d+\.\d+ \(.*\)\n", world.assay("version").out) is not None)
    check("--version", world.assay("--version").out == world.assay("version").out)
    check("version --json", "certificate" in world.assay("version", "--json").json)
    check("version -q", re.fullmatch(r"\d+\.\d+\.\d+\n", world.assay("version", "-q").out) is not None)
    error_is("help of nothing", world.assay("help", "nothing"), 2, "E8", "nothing")


def test_usage(world):
    error_is("no command", world.assay(), 2, "E8", "which command?")
    error_is("an unknown command", world.assay("publsh", "x"), 2, "E8", "is it publish?")
    json_error_is("an unknown command", world.assay("publsh", "x", "--json"), 2, "E8", "is it publish?")
    error_is("half a command", world.assay("key"), 2, "E8", "key new, key show")
    error_is("an option that is like one", world.assay("digest", "x", "--thread", "2"), 2, "E8", "is it --threads?")
    error_is("a word too few", world.assay("digest"), 2, "E8", "assay digest PATH")
    error_is("a word too many", world.assay("status", "now"), 2, "E8", "now is too much")
    for bad in ("0", "65", "-1", "x", "1.5", "99999999999999999999"):
        error_is(f"--threads {bad}", world.assay("digest", ".", f"--threads={bad}"), 2, "E8", "from 1 to 64")
    for bad in ("0", "201", "x"):
        error_is(f"devnet -n {bad}", world.assay("devnet", "-n", bad), 2, "E8", "from 1 to 200")
    error_is("devnet --port 65536", world.assay("devnet", "--port", "65536"), 2, "E8", "from 0 to 65535")
    error_is("a URL that is none", world.assay("status", "--node", "127.0.0.1"), 2, "E8", "URL")
    error_is("--timeout 0", world.assay("status", "--timeout", "0"), 2, "E8", "--timeout")
    for bad in ("0", "1,000", "1.5", "-3", "18446744073709551616"):
        error_is(f"an amount {bad}", world.assay("send", "a", bad), 2, "E8")
    error_is("an address that is none", world.assay("send", "assay1qqq", "5"), 2, "E8", "no address")
    control = world.assay("digest", "nothing\x1b[31m")
    check("what a terminal would obey is not printed", "\x1b" not in control.err and "\\x1b" in control.err, control)
    odd = world.assay(b"digest", b"no\xffthing", b"--json")
    json_error_is("a path that is no UTF-8", odd, 6, "F136", "no\\xffthing")


def test_nowhere(world):
    """No node there: exit 6, from every command that asks one."""
    url = f"http://127.0.0.1:{free_port()}"
    key = world.path("nowhere.key")
    world.assay("key", "new", key)
    address = world.assay("key", "show", key, "-q").last
    model(world, "nowhere", {"w": [1.0]})
    lines = {
        "status": [], "validators": [], "log": ["a/b"], "show": ["a/b"], "explain": ["1"], "maintainers": ["a/b"],
        "devnet fault": ["kill", "1"], "send": [address, "1"], "validator create": ["1", "--consensus-key", key, "--attestation-key", key], "delegate": [address, "1"], "undelegate": [address, "1"],
        "unjail": [], "revoke": ["a/b@1", "--reason", "x"], "deprecate": ["a/b@1", "--reason", "x"], "diff": ["a/b@1", "a/b@2"],
        "publish": [world.path("nowhere"), "--name", "a/b", "--version", "1"],
        "report": [os.path.join(ROOT, "spec", "vectors", "fork", "1", "fork.json")],
    }
    for name, words in lines.items():
        signs = name in ("send", "delegate", "undelegate", "unjail", "revoke", "deprecate", "publish", "validator create", "report")
        more = ["--key", key] if signs else []
        error_is(f"{name} without a node", world.assay(*name.split(), *words, *more, "--node", url), 6, "F130", url)
    json_error_is("status without a node", world.assay("status", "--json", "--node", url), 6, "F130", url)
    asks = [c["name"] for c in table_commands(world) if "--node" in {o["name"] for o in c["options"]}]
    check("all of them were asked", set(asks) == set(lines) | {"refresh", "key show"}, asks)
    # Something listens there that is no node.
    server = subprocess.Popen([sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", world.path("nowhere")],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
    error_is("status of no node", world.assay("status", "--node", f"http://127.0.0.1:{port}"), 6, "F130", "not as a node")
    server.terminate()
    server.wait()
    server.stdout.close()


def test_digest(world):
    path = model(world, "digest", {"a": [1.0, 2.0], "b": [3.0] * 300})
    plain = world.assay("digest", path)
    data = world.assay("digest", path, "--json").json
    check("digest: last line is the root", plain.code == 0 and plain.last == data["root"], plain)
    check("digest -q: only the root", world.assay("digest", path, "-q").out == data["root"] + "\n")
    check("digest --json: keys", {"root", "model_signing", "files", "tensors"} <= set(data))
    check("digest --json: files", [set(f) for f in data["files"]] == [{"path", "size", "sha256", "blake3"}] * 3, data["files"])
    check("digest --json: tensors", all(
        set(t) == {"file", "name", "dtype", "shape", "offset", "length", "blake3"} for t in data["tensors"]), data["tensors"])
    check("digest: tensor names", sorted(t["name"] for t in data["tensors"]) == ["a", "b"])
    digests = b""
    for f in data["files"]:
        content = open(os.path.join(path, f["path"]), "rb").read()
        check(f"digest: SHA-256 of {f['path']}", f["sha256"] == hashlib.sha256(content).hexdigest() and f["size"] == len(content))
        digests += bytes.fromhex(f["sha256"])
    check("digest: model_signing is SHA-256 over the files' digests", data["model_signing"] == hashlib.sha256(digests).hexdigest())
    shutil.copytree(path, world.path("elsewhere"))
    check("digest: the same elsewhere", world.assay("digest", world.path("elsewhere"), "-q").last == data["root"])
    check("digest: threads do not matter", world.assay("digest", path, "-q", "--threads", "1").last == data["root"])
    check("digest: a path with a slash at its end", world.assay("digest", path + "/", "-q").last == data["root"])
    one = world.assay("digest", os.path.join(path, "config.json"), "--json").json
    check("digest of one file", [f["path"] for f in one["files"]] == ["config.json"], one)
    error_is("digest of nothing", world.assay("digest", world.path("nothing")), 6, "F136", "nothing")
    os.makedirs(world.path("empty"))
    error_is("digest of an empty folder", world.assay("digest", world.path("empty")), 1, "E26")
    os.makedirs(world.path("link"))
    os.symlink("/etc/passwd", world.path("link", "weights.bin"))
    error_is("digest of a link", world.assay("digest", world.path("link")), 1, "E20", "weights.bin")
    write(world.path("bad", "m.safetensors"), struct.pack("<Q", 1 << 60) + b"{}")
    error_is("digest of a hostile header", world.assay("digest", world.path("bad")), 1, "E21", "m.safetensors")
    json_error_is("digest of a hostile header", world.assay("digest", world.path("bad"), "--json"), 1, "E21", "m.safetensors")


def test_diff(world):
    a = model(world, "before", {"same": [1.0] * 8, "half": [2.0, 0.0, 0.0, 0.0], "gone": [1.0], "zero": [0.0, 0.0]})
    b = model(world, "after", {"same": [1.0] * 8, "half": [2.0, 1.0, 0.0, 0.0], "new": [1.0], "zero": [0.0, 3.0]})
    data = world.assay("diff", a, b, "--json")
    rows = {t["name"]: t for t in data.json["tensors"]}
    check("diff: what changed", {n: t["change"] for n, t in rows.items()} == {
        "half": "changed", "gone": "removed", "new": "added", "zero": "changed"}, data)
    check("diff: totals", (data.json["tensors_total"], data.json["tensors_changed"]) == (4, 4), data)
    half, zero = rows["half"], rows["zero"]
    check("diff: by how much", (half["max_abs"], half["relative_l2"], half["elements"], half["changed"]) == (1.0, 0.5, 4, 1), half)
    check("diff: of zero there is no relative size", zero["relative_l2"] is None and zero["max_abs"] == 3.0, zero)
    check("diff: the file", [f for f in data.json["files"]] == [{"path": "model.safetensors", "change": "changed"}], data)
    text = world.assay("diff", a, b)
    check("diff: for people", text.code == 0 and text.last == "1 files and 4 of 4 tensors changed", text)
    check("diff of the same", world.assay("diff", a, a).last == "0 files and 0 of 4 tensors changed")
    error_is("diff with nothing", world.assay("diff", a, world.path("nothing")), 6, "F136", "nothing")


def test_keys(world):
    path = world.path("a.key")
    made = world.assay("key", "new", path)
    check("key new: the last line is the file", made.code == 0 and made.last == path, made)
    check("key new: for its owner alone", os.stat(path).st_mode & 0o777 == 0o600)
    check("key new: 64 hex digits", re.fullmatch(r"[0-9a-f]{64}\n", open(path).read()) is not None)
    again = world.assay("key", "new", path)
    error_is("key new never overwrites", again, 1, "E44", path)
    shown = world.assay("key", "show", path, "--json").json
    check("key show --json", set(shown) == {"address", "public_key", "key_file"} and shown["address"].startswith("assay1"), shown)
    check("key show by ASSAY_KEY", world.assay("key", "show", "-q", env={"ASSAY_KEY": path}).last == shown["address"])
    check("key show by --key", world.assay("key", "show", "-q", "--key", path).last == shown["address"])
    check("the secret is never printed", open(path).read().strip() not in made.out + made.err + world.assay("key", "show", path).out)
    os.chmod(path, 0o644)
    check("a key that others can read is warned of", "chmod 600" in world.assay("key", "show", path).err)
    error_is("key show of nothing", world.assay("key", "show", world.path("none")), 2, "E8", "none")
    error_is("key show of no key", world.assay("key", "show", write(world.path("no.key"), "zz")), 2, "E8", "no key file")
    error_is("key new where nothing can be", world.assay("key", "new", "/proc/none/x"), 6, "F129", "/proc/none/x")


def test_explain(world):
    base = open(os.path.join(ROOT, "src", "base", "base.h")).read()
    rows = re.findall(r"X\((ASSAY_\w+), (\d+), (\d+),\s*\"([^\"]*)\",\s*\\?\s*\"([^\"]*)\"\)", base.replace("\\\n", "\n"))
    check("the table was read", len(rows) > 40, len(rows))
    for name, number, code, text, _ in rows:
        letter = "F" if name.startswith("ASSAY_F_") else "E"
        one = world.assay("explain", f"{letter}{number}")
        check(f"explain {letter}{number}", one.code == 0 and text in one.out and f"{code}:" in one.out, one)
    seventy = [f"{'F' if n.startswith('ASSAY_F_') else 'E'}{x}" for n, x, code, _, _ in rows if code == "70"]
    check("70 is for bugs, and for those alone", seventy == ["E90", "F132"], seventy)
    check("explain --json", world.assay("explain", "f132", "--json").json["exit"] == 70)
    check("explain L1", "does not" not in world.assay("explain", "L1").out or world.assay("explain", "l1").code == 0)
    check("explain L1 --json", set(world.assay("explain", "L1", "--json").json) == {"level", "says", "says_not"})
    error_is("explain of nothing", world.assay("explain", "E999"), 2, "E8", "E999")
    error_is("explain of a word", world.assay("explain", "frobnication"), 2, "E8")


def manual_pages(world):
    pages = {"assay.1": world.assay("manual").out}
    for c in table_commands(world):
        pages[file_name(c["name"]) + ".1"] = world.assay("manual", *c["name"].split()).out
    return pages


def test_manual(world):
    folder = os.path.join(ROOT, "docs", "man")
    pages = manual_pages(world)
    for name, text in pages.items():
        have = open(os.path.join(folder, name)).read() if os.path.exists(os.path.join(folder, name)) else ""
        check(f"docs/man/{name} is what the table says (test/cli/run --write-manual)", have == text)
    there = {os.path.basename(p) for p in glob.glob(os.path.join(folder, "*"))}
    others = {"assayd.1", "assay-signer.1", "assay-certificate.5", "assay-trust.5"}
    check("docs/man holds these pages and no others", there == set(pages) | others, there ^ (set(pages) | others))
    for program in (ASSAYD, SIGNER):
        page = os.path.basename(program) + ".1"
        text = open(os.path.join(folder, page)).read()
        for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", world.run(program, "--help").out, re.M):
            check(f"{page} has {option}", option.replace("-", "\\-") in text)
    error_is("manual of nothing", world.assay("manual", "nothing"), 2, "E8")
    if shutil.which("groff"):
        for name in sorted(there):
            run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", os.path.join(folder, name)], capture_output=True, text=True)
            check(f"{name} is good troff", run.returncode == 0 and run.stderr == "", run.stderr)


def test_completions(world):
    for shell in ("bash", "zsh", "fish"):
        text = world.assay("completions", shell)
        check(f"completions {shell}", text.code == 0 and all(c["name"].split()[-1] in text.out for c in table_commands(world)), text)
        path = write(world.path(f"completions.{shell}"), text.out)
        if shutil.which(shell):
            run = subprocess.run([shell, "-n", path], capture_output=True, text=True)
            check(f"completions {shell} parse", run.returncode == 0, run.stderr)
    check("completions --json", world.assay("completions", "bash", "--json").json == {
        "shell": "bash", "text": world.assay("completions", "bash").out})
    check("manual --json", world.assay("manual", "send", "--json").json == {
        "command": "send", "text": world.assay("manual", "send").out})
    script = 'source completions.bash; COMP_WORDS=({words}); COMP_CWORD={n}; _assay; printf "%s\\n" "${{COMPREPLY[@]}}"'
    for words, expected in (("assay pub", "publish"), ("assay devnet fa", "fault"), ("assay key n", "new"),
                            ("assay digest --thr", "--threads"), ("assay devnet fault --no", "--node")):
        line = script.format(words=words, n=len(words.split()) - 1)
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=world.work)
        check(f"bash completes `{words}`", expected in run.stdout.split("\n"), run.stdout + run.stderr)
    error_is("completions of no shell", world.assay("completions", "csh"), 2, "E8", "csh")


def test_signer(world):
    """assay-signer's words and files; test/peers/signercheck has it sign."""
    data = os.path.join(world.work, "signer", "data")
    for what, words, because in (
        ("no words", [], "--data"),
        ("an unknown option", ["--data", data, "--frob"], "--frob: there is no such"),
        ("half an option", ["--data"], "--data: a value is missing"),
        ("no chain", ["--data", data, "--connect", "unix:///s"], "--chain-id"),
        ("no socket", ["--data", data, "--chain-id", "c"], "--connect"),
        ("another transport", ["--data", data, "--chain-id", "c", "--connect", "udp://127.0.0.1:1"], "unix://SOCKET or tcp://"),
        ("a chain id that is too long", ["--data", data, "--chain-id", "c" * 65, "--connect", "unix:///s"], "--chain-id"),
        ("two tasks", ["--data", data, "--new", "--show"], "not both"),
        ("a task and a socket", ["--data", data, "--show", "--connect", "unix:///s"], "sign nothing"),
    ):
        error_is(f"assay-signer with {what}", world.run(SIGNER, *words), 2, "E8", because)
    check("assay-signer --version", re.fullmatch(r"assay-signer \d+\.\d+\.\d+\n", world.run(SIGNER, "--version").out) is not None)
    check("assay-signer --help", world.run(SIGNER, "--help").code == 0)
    sign = ["--data", data, "--chain-id", "c", "--connect", "unix://" + os.path.join(world.work, "none")]
    error_is("assay-signer without a key", world.run(SIGNER, *sign), 3, "E9", data)
    error_is("assay-signer shows no key", world.run(SIGNER, "--data", data, "--show"), 3, "E9", data)
    made = world.run(SIGNER, "--data", data, "--new", "--json")
    said = json.loads(made.out)
    check("a new key", made.code == 0 and said["pub_key"]["type"] == "tendermint/PubKeyEd25519", made)
    key = base64.b64decode(said["pub_key"]["value"])
    check("its address", said["address"] == hashlib.sha256(key).hexdigest()[:40], said)
    check("is shown again", json.loads(world.run(SIGNER, "--data", data, "--show", "--json").out) == said)
    text = world.run(SIGNER, "--data", data, "--show").out
    check("in words", said["address"] in text and said["pub_key"]["value"] in text, text)
    file = os.path.join(data, "consensus.key")
    check("nobody else may read it", os.stat(file).st_mode & 0o777 == 0o600 and os.stat(data).st_mode & 0o777 == 0o700)
    error_is("a second key in its place", world.run(SIGNER, "--data", data, "--new"), 1, "E44", data)
    os.chmod(file, 0o644)
    error_is("a key that others may read", world.run(SIGNER, *sign), 6, "F129", data)
    os.chmod(file, 0o600)
    long = world.run(SIGNER, *sign[:-1], "unix:///" + "s" * 200)
    error_is("a socket's path that is too long", long, 2, "E8", "longer than")
    process = world.start(SIGNER, *sign, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.3)
    error_is("the directory is in use", world.run(SIGNER, "--data", data, "--show"), 6, "F134", data)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    check("nobody listens: it waits, and stops when asked", process.returncode == 0 and "nobody listens" in err, err)
    os.truncate(os.path.join(data, "consensus.watermark"), 100)
    cut = world.run(SIGNER, *sign)
    error_is("a watermark that was cut", cut, 6, "F131", data)
    os.unlink(os.path.join(data, "consensus.watermark"))
    gone = world.run(SIGNER, *sign)
    error_is("a watermark that is gone", gone, 6, "F131", "consensus.watermark")
    # Whoever put an older one back would sign twice.
    check("neither is to be restored", all("restore" not in run.err and "never" in run.err for run in (cut, gone)), (cut, gone))


def test_streams(world):
    """stdout that cannot be written, a reader that goes away, a person's terminal."""
    path = model(world, "streams", {"a": [1.0]})
    with open("/dev/full", "w") as full:
        run = world.run(ASSAY, "digest", path, stdout=full)
        check("a full disk behind stdout: exit 6", run.code == 6 and "code F129" in run.err, run.err)
        check("a full disk behind help: exit 6", world.run(ASSAY, "help", stdout=full).code == 6)
    reader, writer = os.pipe()
    os.close(reader)
    run = world.run(ASSAY, "digest", path, stdout=writer)
    os.close(writer)
    check("a reader that went away: exit 6", run.code == 6 and "code F129" in run.err, run.err)
    for env, colours in (({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "", "TERM": "dumb"}, False)):
        text, code = on_terminal(world, [ASSAY, "explain", "E23"], env)
        check(f"on a terminal with {env}: colours {colours}", code == 0 and ("\x1b[" in text) == colours, repr(text))
    check("no colours in a pipe", "\x1b" not in world.assay("explain", "E23", env={"NO_COLOR": ""}).out)
    text, _ = on_terminal(world, [ASSAY, "explain", "E23", "--json"], {"NO_COLOR": ""})
    check("no colours in JSON", "\x1b" not in text and json.loads(text)["code"] == "E23", repr(text))
    big = sparse(world, "big", 2 << 30)
    text, code = on_terminal(world, [ASSAY, "digest", big, "-q"], {})
    check("-q shows no progress", code == 0 and "%" not in text, repr(text))
    text, code = on_terminal(world, [ASSAY, "digest", big], {})
    check("progress on a terminal: share, bytes, rate", re.search(r"hashing +\d+ %  [\d.]+ .B of 2\.1 GB  [\d.]+ .?B/s", text), repr(text[-400:]))
    check("the progress line is cleared", "\r\x1b[K" in text, repr(text[-200:]))
    start = time.monotonic()
    err = world.assay("digest", big).err
    most = int((time.monotonic() - start) / 10)
    check("in a pipe one line each 10 s at most", "\r" not in err and "\x1b" not in err and err.count("\n") <= most, err)


def test_interrupts(world):
    big = sparse(world, "interrupt", 60 << 30)
    for program, words in ((ASSAY, ["digest", big]), (ASSAY, ["digest", big, "--json"])):
        process = world.start(program, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        check(f"{' '.join(words[:1] + words[2:])} interrupted: exit 130", process.returncode == 130 and "F133" in out + err, out + err)
