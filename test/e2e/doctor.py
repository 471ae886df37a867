# SPDX-License-Identifier: Apache-2.0
"""doctor - `assay doctor` finds each usual mistake of a validator's directory when it is planted, and nothing in a
directory that is right; it changes nothing."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone

from rehearsal import Rehearsal
from world import ASSAY, BIN, check, main, read_json, same, until, write

SIGNER = os.path.join(BIN, "assay-signer")


def look(world, directory, *words, program=ASSAY, **more):
    done = world.run(program, "doctor", directory, "--json", *words, **more)
    if done.json is None:
        raise RuntimeError(f"doctor: {done}")
    return done, done.json["checks"]


def rows(checks, name, state):
    return [r for r in checks if r["check"] == name and r["state"] == state]


def finds(world, what, directory, name, state, words="", **more):
    """That one look finds it, says what to do, and ends with 1 if it is wrong."""
    done, checks = look(world, directory, **more)
    found = [r for r in rows(checks, name, state) if words in r["text"]]
    check(f"{what}: {state}", found and all(r["do"] for r in found), done)
    same(f"{what}: exit", done.code, 1 if any(r["state"] == "wrong" for r in checks) else 0)
    if state == "wrong":
        others = [r for r in checks if r["state"] == "wrong" and r["check"] != name]
        check(f"{what}: and nothing else is wrong", not others, others)
    return found


def content(directory):
    """Every file's hash and mode."""
    out = {}
    for folder, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    out[path] = (hashlib.sha256(f.read()).hexdigest(), os.stat(path).st_mode)
    return out


class Planted:
    """A file that is another one for a while."""

    def __init__(self, path, change):
        self.path, self.change = path, change

    def __enter__(self):
        with open(self.path, "rb") as f:
            self.before = f.read()
        write(self.path, self.change(self.before.decode()))

    def __exit__(self, *_):
        with open(self.path, "wb") as f:
            f.write(self.before)


def config_of(v):
    return os.path.join(v.data, "cometbft", "config", "config.toml")


def setting(key, value):
    """A change of one line of config.toml; None takes it out."""

    def change(text):
        lines = [s for s in text.split("\n") if not s.startswith(key + " =")] if value is None else [
            f'{key} = "{value}"' if s.startswith(key + " =") else s for s in text.split("\n")
        ]  # fmt: skip
        assert "\n".join(lines) != text, key
        return "\n".join(lines)

    return change


def healthy(world, v):
    before = content(v.data)
    done, checks = look(world, v.data)
    check("a directory that is right: nothing is wrong", done.code == 0 and done.json["wrong"] == 0, done)
    check("it does not run", done.json["running"] is False, done)
    check("every peer is silent", len(rows(checks, "peers", "warn")) == 3, checks)
    for name in ("genesis", "settings", "speed", "key", "key twice", "secrets", "programs", "ports", "open files"):
        check(f"ok: {name}", len(rows(checks, name, "ok")) == 1, checks)
    same("nothing was changed", content(v.data), before)
    text = world.assay("doctor", v.data)
    lines = text.out.rstrip("\n").split("\n")
    check("a line a check", text.code == 0 and len(lines) == len(checks), text)
    check("aligned", len({s.index(r["text"]) for s, r in zip(lines, checks) if r["text"] in s}) == 1, text)
    short = world.assay("doctor", v.data, "--quiet").out
    check("--quiet leaves out what is right", short and not any(s.startswith("ok ") for s in short.split("\n")), short)
    same("here is the default", world.run(ASSAY, "doctor", "--json", cwd=v.data).code, 0)
    same("a path with a slash", world.assay("doctor", os.path.basename(v.data) + "/", cwd=os.path.dirname(v.data)).code, 0)


def files(world, v):
    for name in ("owner.key", "attestation.key", "signer/consensus.key", "cometbft/config/node_key.json"):
        path = os.path.join(v.data, name)
        os.chmod(path, 0o640)
        finds(world, f"{name} for others", v.data, "secrets", "wrong", name)
        os.chmod(path, 0o600)
    os.chmod(v.data, 0o777)
    finds(world, "a directory for others", v.data, "secrets", "wrong", "write")
    os.chmod(v.data, 0o700)


def settings(world, v):
    config = config_of(v)
    for key, value, state, name in (
        ("persistent_peers", "", "wrong", "settings"),
        ("priv_validator_laddr", "", "wrong", "settings"),
        ("proxy_app", "tcp://127.0.0.1:26658", "wrong", "settings"),
        ("peer_gossip_sleep_duration", "100ms", "warn", "speed"),
        ("peer_gossip_sleep_duration", None, "warn", "speed"),
        ("flush_throttle_timeout", "10ms", "warn", "speed"),
        ("flush_throttle_timeout", None, "warn", "speed"),
        ("timeout_commit", "1s", "warn", "speed"),
        ("timeout_commit", "301ms", "warn", "speed"),
        ("timeout_commit", "soon", "warn", "speed"),
    ):
        with Planted(config, setting(key, value)):
            finds(world, f"{key} = {value}", v.data, name, state, key)
    with Planted(config, lambda text: text.replace(str(v.port + 1), "1")):
        finds(world, "another RPC", v.data, "settings", "wrong", "laddr")
    one_less = setting("persistent_peers", ",".join(["a@127.0.0.1:1"] * 2))
    with Planted(config, one_less):
        finds(world, "a peer too few", v.data, "settings", "warn", "2 validators")
    os.rename(config, config + ".away")
    finds(world, "no config.toml", v.data, "settings", "wrong", "config.toml")
    os.rename(config + ".away", config)


def genesis(world, net):
    v = net[1]
    home = os.path.join(v.data, "cometbft", "config", "genesis.json")
    with Planted(home, lambda text: text.replace('"chain_id":"', '"chain_id":"x')):
        finds(world, "another chain in the home", v.data, "genesis", "wrong")
    with Planted(home, lambda text: text.replace('"app_state":"', '"app_state":"AAAA')):
        finds(world, "another state in the home", v.data, "genesis", "wrong")
    path = os.path.join(v.data, "genesis")
    os.rename(path, path + ".away")
    finds(world, "no genesis", v.data, "genesis", "wrong", "accepted no network")
    write(path, b"\x00")
    finds(world, "a damaged genesis", v.data, "genesis", "wrong", "damaged")
    os.rename(path + ".away", path)


def keys(world, net, homely):
    v = net[1]
    twin = os.path.join(net.directory, "old")
    shutil.copytree(v.data, twin, ignore=shutil.ignore_patterns("*.sock"))
    finds(world, "a copy beside it", v.data, "key twice", "wrong", "old")
    finds(world, "and from there", twin, "key twice", "wrong", "validator1")
    shutil.rmtree(twin)
    # The key of CometBFT's home in a signer too, and the other way round.
    h = homely[0]
    key = read_json(h.data, "cometbft", "config", "priv_validator_key.json")
    with_signer = os.path.join(v.data, "cometbft", "config", "priv_validator_key.json")
    out = world.run(SIGNER, "--data", os.path.join(v.data, "signer"), "--show", "--json").json
    write(with_signer, json.dumps({**key, "pub_key": out["pub_key"]}))
    os.chmod(with_signer, 0o600)
    finds(world, "signer and home", v.data, "key", "wrong", "same consensus key")
    write(with_signer, json.dumps(key))
    done, checks = look(world, v.data)
    check("a key in the home that is nobody's", rows(checks, "key", "ok"), done)
    os.unlink(with_signer)
    # Another key than the chain's, and none.
    node = os.path.join(v.data, "node.json")
    with Planted(node, lambda text: text.replace(read_json(node)["consensus_key"], "ab" * 32)):
        finds(world, "another key", v.data, "key", "wrong", "another key")
    consensus = os.path.join(v.data, "signer", "consensus.key")
    os.rename(consensus, consensus + ".away")
    finds(world, "the signer elsewhere", v.data, "key", "warn", "not here")
    os.rename(consensus + ".away", consensus)
    home_key = os.path.join(h.data, "cometbft", "config", "priv_validator_key.json")
    done, checks = look(world, h.data)
    check("a key in the home is right", done.code == 0 and rows(checks, "key", "ok"), done)
    os.rename(home_key, home_key + ".away")
    finds(world, "no key at all", h.data, "key", "wrong", "cannot be read")
    os.rename(home_key + ".away", home_key)
    record = os.path.join(h.data, "cometbft", "data", "priv_validator_state.json")
    os.rename(record, record + ".away")
    finds(world, "no record of what was signed", h.data, "key", "wrong", "no record")
    os.rename(record + ".away", record)
    # A signer that nobody awaits.
    alone = world.start(
        SIGNER, "--data", os.path.join(v.data, "signer"), "--chain-id", "x", "--connect", "unix://none.sock",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        check("a signer by itself", until(10, lambda: rows(look(world, v.data)[1], "signer", "warn")))
    finally:
        alone.kill()
        alone.wait()


def ports(world, v):
    for offset, name in ((0, "HTTP"), (1, "RPC"), (2, "P2P")):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", v.port + offset))
            s.listen(8)
            finds(world, f"{name} taken", v.data, "ports", "wrong", f"{name} 127.0.0.1:{v.port + offset}")
    node = os.path.join(v.data, "node.json")
    with Planted(node, lambda text: text.replace('"address":"127.0.0.1"', '"address":"192.0.2.1"')):
        finds(world, "an address of another machine", v.data, "ports", "wrong", "no address")


def programs(world, v):
    folder = world.path("programs")
    os.makedirs(folder)
    for name in ("assay", "assayd", "assay-signer"):
        shutil.copy(os.path.join(BIN, name), folder)
    program = os.path.join(folder, "assay")
    finds(world, "no cometbft", v.data, "programs", "wrong", "no cometbft", program=program)
    fake = os.path.join(folder, "cometbft")
    for version, state in (
        ("0.37.4", "wrong"), ("1.0.1", "wrong"), ("0.38.1", "warn"), ("0.38.250", "warn"), ("0.38.25", "ok"),
        ("0.38.25+abcdef0", "ok"), ("0.39.0", "warn"), ("0.39.0+v0.40.0", "ok"), ("0.40.1", "warn"), ("", "wrong"),
    ):  # fmt: skip
        write(fake, f"#!/bin/sh\necho {version}\n")
        os.chmod(fake, 0o755)
        if state != "ok":
            finds(world, f"cometbft {version}", v.data, "programs", state, version, program=program)
        else:
            check(f"cometbft {version}", rows(look(world, v.data, program=program)[1], "programs", "ok"))
    shutil.copy(os.path.join(BIN, "cometbft"), fake)
    write(os.path.join(folder, "assayd"), "#!/bin/sh\necho assayd 0.0.9\n")
    finds(world, "an older assayd", v.data, "programs", "warn", "several releases", program=program)
    os.unlink(os.path.join(folder, "assay-signer"))
    finds(world, "no signer", v.data, "programs", "wrong", "assay-signer", program=program)


def machine(world, v):
    low = world.run("/bin/sh", "-c", f"ulimit -n 512 && exec {ASSAY} doctor {v.data} --json")
    check("few files", low.code == 1 and rows(low.json["checks"], "open files", "wrong"), low)
    small = world.path("small")
    os.makedirs(small)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", small], check=False).returncode:
        print("     a full disk needs a mount: not planted here")
        return
    try:
        there = os.path.join(small, "validator")
        shutil.copytree(v.data, there, ignore=shutil.ignore_patterns("*.sock"))
        finds(world, "little space", there, "disk", "wrong", "free")
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        finds(world, "nothing can be written", there, "disk", "wrong", "nothing can be written")
    finally:
        subprocess.run(["umount", small], check=True)


class Peer:
    """A peer that says what it is told to say."""

    def __init__(self):
        self.status, peer = {}, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                body = json.dumps(peer.status).encode()
                self.send_response(200 if self.path == "/status" and peer.status else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def says(self, of, seconds, **changes):
        when = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        genesis_hash = hashlib.sha256(open(os.path.join(of.data, "genesis"), "rb").read()).hexdigest()
        chain = read_json(of.data, "cometbft", "config", "genesis.json")["chain_id"]
        block_time = when.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
        self.status = {"chain_id": chain, "genesis_hash": genesis_hash, "block_time": block_time, **changes}


def peers(world, v):
    peer = Peer()
    node = os.path.join(v.data, "node.json")
    with Planted(node, lambda text: json.dumps({**json.loads(text), "peers": [peer.url]})):
        peer.says(v, 0)
        done, checks = look(world, v.data)
        check("a peer of this chain", rows(checks, "peers", "ok") and rows(checks, "clock", "ok") and done.code == 0, done)
        peer.says(v, 60)
        finds(world, "this clock is behind", v.data, "clock", "wrong", "behind")
        peer.says(v, -300)
        finds(world, "no block for long", v.data, "clock", "warn", "old")
        peer.says(v, 0, chain_id="other-0123456789ab")
        finds(world, "a peer of another chain", v.data, "peers", "wrong", "another chain")
        peer.says(v, 60, genesis_hash="ab" * 32)
        finds(world, "a peer of another genesis", v.data, "peers", "wrong", "another chain")
        peer.status = {}
        finds(world, "no node at all", v.data, "peers", "warn", "404")
    peer.server.shutdown()


def stopped(world):
    net = Rehearsal(world, "--signer")
    homely = Rehearsal(world, count=1, name="homely")
    v = net[1]
    healthy(world, v)
    files(world, v)
    settings(world, v)
    genesis(world, net)
    keys(world, net, homely)
    ports(world, v)
    programs(world, v)
    machine(world, v)
    peers(world, v)
    done, _ = look(world, v.data)
    check("at the end it is as at the beginning", done.code == 0 and done.json["wrong"] == 0, done)
    nothing = world.assay("doctor", world.path("none"))
    check("no directory", nothing.code == 6 and "node.json" in nothing.err and "F136" in nothing.err, nothing)
    joined = world.path("joined")
    world.assay("net", "join", "--network", "acme", "--data", joined, "--host", "127.0.0.1", "--address", "127.0.0.1")
    finds(world, "joined, not accepted", joined, "genesis", "wrong", "accepted no network")


def running(world):
    net = Rehearsal(world, "--signer").start()
    v = net[1]
    done, checks = look(world, v.data)
    check("a validator that runs", done.code == 0 and done.json["running"] is True, done)
    check("its ports are its own", "this validator's" in rows(checks, "ports", "ok")[0]["text"], checks)
    check("its peers answer", "3 of 3" in rows(checks, "peers", "ok")[0]["text"], checks)
    check("its clock is theirs", rows(checks, "clock", "ok"), checks)
    check("its blocks go on", net.goes_on())
    # Another validator's ports: what runs there is not this one.
    node = os.path.join(v.data, "node.json")
    other = net[2]
    with Planted(node, lambda text: text.replace(str(v.port), str(other.port)).replace(str(v.port + 1), str(other.port + 1))):
        done, checks = look(world, v.data)
        check("another validator's port", rows(checks, "ports", "wrong") and done.code == 1, done)
    # CometBFT stands still: nothing answers for it.
    engine = v.processes()["cometbft"]
    os.kill(engine, signal.SIGSTOP)
    try:
        done, checks = look(world, v.data)
        check("a CometBFT that stands", done.code == 1 and rows(checks, "ports", "wrong"), done)
    finally:
        os.kill(engine, signal.SIGCONT)
    # The others are gone.
    for i in (0, 2, 3):
        net[i].stop()
    time.sleep(1)
    finds(world, "alone", v.data, "peers", "wrong", "no peer answers")
    net.stop()


def outside(world):
    """The signer is nobody's child: assayd knows of none, CometBFT awaits it at a socket of its own."""
    sockets = world.path("sockets")
    os.makedirs(sockets)
    v, vault = signed_elsewhere(world, f"unix://{sockets}/signer.sock", "net")
    check("it leaves a socket behind, also when it ends in order", os.path.exists(os.path.join(sockets, "signer.sock")))
    # The key came back into the home: CometBFT awaits the signer, but who knows for how long.
    home_key = os.path.join(v.data, "cometbft", "config", "priv_validator_key.json")
    out = world.run(SIGNER, "--data", vault, "--show", "--json").json
    write(home_key, json.dumps({**out, "priv_key": {}}))
    os.chmod(home_key, 0o600)
    finds(world, "awaited and at home", v.data, "key", "wrong", "awaits a signer")


def far(world):
    """The signer as from another machine: over TCP."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    v, _ = signed_elsewhere(world, f"tcp://127.0.0.1:{port}", "far")
    write(config_of(v), setting("priv_validator_laddr", "tcp://0.0.0.0:26659")(open(config_of(v), encoding="utf-8").read()))
    finds(world, "awaited from everywhere", v.data, "key", "warn", "elsewhere")


def signed_elsewhere(world, address, name):
    net = Rehearsal(world, "--signer", count=1, name=name)
    v = net[0]
    vault = world.path("vault-" + name)
    os.rename(os.path.join(v.data, "signer"), vault)
    node = os.path.join(v.data, "node.json")
    write(node, json.dumps({k: x for k, x in read_json(node).items() if k != "signer"}))
    write(config_of(v), setting("priv_validator_laddr", address)(open(config_of(v), encoding="utf-8").read()))
    done, checks = look(world, v.data)
    check("a signer outside is right", done.code == 0 and "elsewhere" in rows(checks, "key", "ok")[0]["text"], done)
    chain = read_json(v.data, "cometbft", "config", "genesis.json")["chain_id"]
    words = (SIGNER, "--data", vault, "--chain-id", chain, "--connect", address)
    signer = world.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        net.start()
        check("it signs blocks", net.goes_on())
        done, checks = look(world, v.data)
        check("while it runs", done.code == 0 and done.json["running"], done)
        signer.kill()
        signer.wait()
        check("without it no block comes", net.stands())
        # A CometBFT that is killed leaves its socket behind, where the next one would not start.
        os.kill(v.processes()["cometbft"], signal.SIGKILL)
        check("without it CometBFT does not run", until(30, lambda: rows(look(world, v.data)[1], "engine", "wrong")))
        same("which is wrong", look(world, v.data)[0].code, 1)
        signer = world.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check("with it back no dead socket is in the way", net.goes_on(60), v.log()[-1500:])
    finally:
        signer.kill()
        signer.wait()
    net.stop()
    return v, vault


main(stopped, running, outside, far)
