# SPDX-License-Identifier: Apache-2.0
"""What an operator may get wrong before a network runs: `assay net join` to accept, node.json, `assay doctor`. No process
is started here."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from world import ASSAY, ASSAYD, check, error_is, write


def join(world, data, *words, host="127.0.0.1"):
    return world.assay("net", "join", "--network", "acme", "--data", data, "--host", host, *words)


def change(path, **members):
    with open(path, encoding="utf-8") as f:
        before = json.load(f)
    write(path, json.dumps({k: v for k, v in {**before, **members}.items() if v is not None}))
    return before


def test_join(world):
    data = world.path("v1")
    for words, host, said in (
        ((), "v1.example.org:26600", "v1.example.org:26600"),
        ((), "http://v1", "http://v1"),
        (("--moniker", "zoë"), "v1", "zoë"),
        ((), "[::1]", "--moniker"),
        (("--address", "foo"), "v1", "foo"),
        (("--address", "1.2.3"), "v1", "1.2.3"),
        (("--bond", "0"), "v1", "0 is no amount"),
    ):
        done = join(world, data, *words, host=host)
        check(f"join {host} {words}: exit 2, and says which", done.code == 2 and said in done.err and not os.path.exists(data), done)
    check("a number of IPv6", join(world, world.path("v6"), "--moniker", "six", "--address", "::1", host="[::1]").code == 0)
    done = join(world, data, "--base-port", "18000")
    check("join", done.code == 0, done)
    check("again changes nothing", join(world, data).out == done.out)
    for words, host, said in (
        ((), "v1.example.org", "v1.example.org"), (("--base-port", "18100"), "127.0.0.1", "18102"), (("--moniker", "me"), "127.0.0.1", "me"),
        (("--bond", "5"), "127.0.0.1", "5"), (("--address", "127.0.0.1"), "127.0.0.1", "0.0.0.0"), (("--key-in-home",), "127.0.0.1", "key"),
    ):
        other = join(world, data, *words, host=host)
        error_is(f"join again with {words} {host} is not taken for done", other, 1, "E44", said)
        check("and says how", "join.json" in other.err, other)
    owner = json.load(open(os.path.join(data, "join.json")))["owner"]
    os.unlink(os.path.join(data, "join.json"))
    done = join(world, data, "--base-port", "18100")
    new = json.load(open(os.path.join(data, "join.json")))
    check("which works, with the same keys", done.code == 0 and new["p2p"] == "127.0.0.1:18102" and new["owner"] == owner, done)
    other = world.assay("net", "join", "--network", "other", "--data", data, "--host", "127.0.0.1")
    error_is("a directory of another network", other, 1, "E44", "acme")
    check("what to try is about directories", "--data" in other.err, other)


def test_collect(world):
    for i in (1, 2):
        join(world, world.path(f"v{i}"), "--base-port", str(18000 + 10 * i), "--moniker", f"v{i}", "--address", "0.0.0.0" if i == 1 else "::")
    files = [world.path(f"v{i}", "join.json") for i in (1, 2)]
    network, units = world.path("network.json"), ("--allowance", "1_000_000")

    def collect(*words):
        return world.assay("net", "collect", *words)
    error_is("a chain in which nobody could ever pay a fee", collect(*files, "--out", network), 2, "E8", "--allowance")
    check("nothing was written", not os.path.exists(network))
    check("without fees it may be", collect(*files, "--out", world.path("free.json"), "--param", "fee_base=0", "--param", "fee_per_byte=0").code == 0)
    error_is("nowhere to write", collect(*files, *units, "--out", world.path("none", "n.json")), 6, "F136", "none/n.json")
    error_is("the same file twice", collect(files[0], files[0], *units), 1, "E48", files[0])
    wrong = world.path("v1", "node.json")
    for what, path in (("another file of ours", wrong), ("a key", world.path("v1", "owner.key"))):
        error_is(f"{what} is no join.json", collect(path, *units), 1, "E1", "assay net join")
    newer = write(world.path("newer.json"), json.dumps({**json.load(open(files[0])), "schema": "assay/join/2"}))
    error_is("a newer format", collect(newer, *units), 3, "E4", "newer.json")
    other = collect(*files, *units, "--network", "other")
    error_is("files of another network", other, 1, "E10", files[0])
    check("which one they are of", "acme" in other.err and "other" in other.err, other)
    check("collect", collect(*files, *units, "--out", network).code == 0)
    error_is("join.json in place of network.json", world.assay("net", "sign", files[0], "--data", world.path("v1")), 1, "E1", "assay net collect")
    error_is("a word that cannot be written", world.assay("net", "sign", network, "--data", world.path("v1"), "--out", world.path("none", "w")), 6, "F136")
    for i in (1, 2):
        check(f"v{i} signs", world.assay("net", "sign", network, "--data", world.path(f"v{i}")).code == 0)
    words = [world.path(f"v{i}", "word.json") for i in (1, 2)]
    error_is("join.json in place of a word", world.assay("net", "accept", network, *words, files[0], "--data", world.path("v1")), 1, "E1", "assay net sign")
    done = world.assay("net", "accept", network, *words, "--data", world.path("v2"))
    config = open(world.path("v2", "cometbft", "config", "config.toml"), encoding="utf-8").read()
    check("listening on IPv6", done.code == 0 and 'laddr = "tcp://[::]:18022"' in config, done)
    node = world.path("v2", "node.json")
    os.rename(node, node + ".away")
    error_is("node.json is gone", world.assay("net", "accept", network, *words, "--data", world.path("v2")), 6, "F136", "node.json")
    os.rename(node + ".away", node)
    looked = world.assay("doctor", world.path("v2"), "--json")
    check("doctor takes it", looked.json and not [r for r in looked.json["checks"] if r["check"] == "ports" and r["state"] == "wrong"], looked)
    spaced = world.path("a b")
    os.rename(world.path("v1"), spaced)
    done = world.assay("net", "accept", network, *(w.replace(world.path("v1"), spaced) for w in words), "--data", spaced)
    check("a path with a space can be pasted", done.code == 0 and f"assayd --data '{spaced}'" in done.out, done)
    return spaced


def test_ports(world):
    """Ports that this machine gives to outgoing connections: any of those keeps a validator from starting, and is nobody's
    that one could find."""
    try:
        least, most = map(int, open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii").read().split())
        kept = open("/proc/sys/net/ipv4/ip_local_reserved_ports", encoding="ascii").read().strip()
    except OSError:
        return  # no such kernel

    def warned(port):
        data = world.path(str(port))
        world.assay("net", "init", "--validators", "1", "--out", data, "--base-port", str(port))
        rows = world.assay("doctor", os.path.join(data, "validator0"), "--json").json["checks"]
        return [r for r in rows if r["check"] == "ports" and r["state"] == "warn" and "outgoing" in r["text"] and r["do"]]
    if least > 2000 and most < 65000 and not kept:
        check("below it nothing is said", not warned(least - 3))
        check("a P2P port in it", len(warned(least - 2)) == 1)
        check("the last one", len(warned(most)) == 1)
        check("above it nothing is said", not warned(most + 1))


def test_settings(world):
    """What is wrong in a node.json is named by every program that reads it."""
    data = test_collect(world)
    node = os.path.join(data, "node.json")
    for name, value in (("port", 70000), ("port", "x"), ("rpc", None), ("rpc", "ftp://x"), ("signer", ""), ("abci", "abci.sock"), ("address", "foo"),
                        ("consensus_key", "00"), ("peers", ["foo"]), ("peers", 3), ("schema", "assay/node/2"), ("snapshot_blocks", -1)):
        before = change(node, **{name: value})
        started = world.run(ASSAYD, "--data", data, timeout=20)
        check(f"assayd with {name} {value}: exit 6", started.code == 6 and "F131" in started.err and f"\\\"{name}\\\"" in started.err, started)
        looked = world.assay("doctor", data, "--json")
        rows = [r for r in looked.json["checks"] if r["state"] == "wrong"] if looked.json and "checks" in looked.json else []
        check("doctor says so, in a line", looked.code == 1 and [r["check"] for r in rows] == ["node.json"] and f'"{name}"' in rows[0]["text"], looked)
        write(node, json.dumps(before))
    mark = os.path.join(data, "signer", "consensus.watermark")
    os.rename(mark, mark + ".away")
    for what, size in (("gone", 0), ("cut", 100)):
        if size:
            write(mark, "x" * size)
        looked = world.assay("doctor", data, "--json")
        # CometBFT need not be beside these programs.
        rows = [r for r in looked.json["checks"] if r["state"] == "wrong" and r["check"] != "programs"]
        check(f"a watermark that is {what}: doctor", looked.code == 1 and len(rows) == 1 and "watermark" in rows[0]["text"] and "never" in rows[0]["do"], looked)
        os.rename(os.path.join(data, "join.json"), world.path("join.away"))
        os.rename(os.path.join(data, "genesis"), world.path("genesis.away"))
        again = join(world, data)
        error_is(f"a watermark that is {what}: join", again, 6, "F131", "watermark")
        check("it is not to be restored", "restore" not in again.err and "never" in again.err, again)
        os.rename(world.path("join.away"), os.path.join(data, "join.json"))
        os.rename(world.path("genesis.away"), os.path.join(data, "genesis"))
    os.rename(mark + ".away", mark)
    os.rename(os.path.join(data, "genesis"), world.path("genesis.away"))
    write(os.path.join(data, "genesis"), "x")
    started = world.run(ASSAYD, "--data", data, timeout=20)
    check("a damaged genesis is named", started.code == 6 and "F131" in started.err and f"{data}/genesis" in started.err, started)
    os.rename(world.path("genesis.away"), os.path.join(data, "genesis"))
    write(node, "{\n  \"schema\": \"assay/node/1\",\n  oops\n}\n")
    started = world.run(ASSAYD, "--data", data, timeout=20)
    check("no JSON: the line", started.code == 6 and "line 3" in started.err, started)
    looked = world.assay("doctor", data)
    check("doctor: the line", looked.code == 1 and looked.out.startswith("wrong  node.json") and "line 3" in looked.out, looked)


def test_children(world):
    """What keeps CometBFT and the signer from running is an error in the log, for those who read nothing else, too."""
    data, programs = test_collect(world), world.path("programs")
    for name, text in (("cometbft", "ERROR: failed to start node: because"), ("assay-signer", "error: so it is")):
        program = write(os.path.join(programs, name), f"#!/bin/sh\necho 'E[2026-11-25|15:00:00.000] Stopping peer for error'\necho '{text}'\nexit 1\n")
        os.chmod(program, 0o755)
    process = world.start(ASSAYD, "--data", data, "--programs", programs, "--port", "0", "-q", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    for said in ("failed to start node: because", "error: so it is", "CometBFT ended with 1", "assay-signer ended with 1"):
        check(f"assayd -q says: {said}", any("level=error" in line and said in line for line in err.split("\n")), err)
    check("but not what CometBFT says of its peers", "cometbft: E[" not in err, err)


def test_rehearsal(world):
    """Of a network on this machine, what needs none of its processes."""
    data = world.path("my net")
    for param in ("foo", "foo=1", "epoch_blocks=x"):
        error_is(f"net init --param {param}", world.assay("net", "init", "--out", "my net", "--param", param), 2, "E8", param)
        check("makes nothing", not os.path.exists(data))
    done = world.assay("net", "init", "--validators", "2", "--out", "my net", "--base-port", "18200")
    check("net init: a path with a space can be pasted", done.code == 0 and f"assay net start '{data}'" in done.out, done)
    check("it says where keys that hold units are, and the trust file", all(os.path.join(data, f) in done.out for f in ("keys/account0.key", "trust.json")), done)
    os.rename(os.path.join(data, "validator0"), os.path.join(data, "away"))
    hidden = world.assay("net", "status", data)
    error_is("a network whose validators cannot be looked at", hidden, 6, "F129", "validator0")
    check("is not to be made anew", "net init" not in hidden.err, hidden)
    os.rename(os.path.join(data, "away"), os.path.join(data, "validator0"))
    again = world.assay("net", "init", "--out", data)
    error_is("net init over it", again, 1, "E44", "a network already")
    check("and what to do can be pasted", f"assay net start '{data}'" in again.err, again)

    def content():
        return {os.path.join(at, f): open(os.path.join(at, f), "rb").read() for at, _, names in os.walk(data) for f in names}
    before = content()
    for what, words in (("assayd", (ASSAYD, "--port", "0")), ("devnet", (ASSAY, "devnet", "--port", "0"))):
        for where, said in ((data, "assay net start"), (os.path.join(data, "validator0"), "assayd --data")):
            if (what, where) == ("assayd", os.path.join(data, "validator0")):
                words += ("--engine", "embedded")
            done = world.run(*words, "--data", where, timeout=20)
            check(f"{what} begins no chain of its own in {where}", done.code == 2 and "E8" in done.err and said in done.err, done)
    check("and changes nothing there", content() == before, content().keys() ^ before.keys())
    stopped = world.assay("net", "stop", data)
    error_is("net stop of what does not run", stopped, 1, "E46", "not running")
    check("what to try is about networks", "assay net s" in stopped.err and "NAME@VERSION" not in stopped.err, stopped)
    looked = world.assay("doctor", data)
    error_is("doctor of a whole network", looked, 6, "F136", "validator0")
    # After a power failure: what processes.json names are others by now.
    write(os.path.join(data, "validator0", "processes.json"), json.dumps({"assayd": os.getpid(), "cometbft": os.getpid(), "signer": 0}))
    write(os.path.join(data, "validator0", "lock"), "")
    rows = world.assay("net", "status", data, "--json").json
    check("net status names no process of somebody else", [(r["pid"], r["cometbft_pid"]) for r in rows] == [(None, None)] * 2, rows)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        late = world.assay("net", "witness", url, url + "/cometbft", "--trust", os.path.join(data, "trust.json"), "--timeout", "2")
        error_is("net witness of who never answers", late, 6, "F135", url)
        check("--timeout is the most that it waits", time.monotonic() - began < 5, time.monotonic() - began)
    node = os.path.join(data, "validator1", "node.json")
    change(node, port="x")
    error_is("net status of a node.json that is none", world.assay("net", "status", data), 6, "F131", '"port"')
    shutil.rmtree(data)
    # It was interrupted, with other words than now: what is there is not passed over.
    part = world.path("part")
    world.assay("net", "init", "--validators", "2", "--out", part, "--base-port", "18200")
    os.unlink(os.path.join(part, "network.json"))
    for i in range(2):
        os.unlink(os.path.join(part, f"validator{i}", "genesis"))
    error_is("net init over half of another", world.assay("net", "init", "--validators", "2", "--out", part, "--base-port", "18300"), 1, "E44", "18202")
    half = world.assay("net", "init", "--validators", "2", "--out", part, "--base-port", "18200", "--signer")
    error_is("or with keys elsewhere", half, 1, "E44", "key")
    check("and says what to do", "remove" in half.err and "--out" in half.err, half)
    check("with the same words it goes on", world.assay("net", "init", "--validators", "2", "--out", part, "--base-port", "18200").code == 0)
