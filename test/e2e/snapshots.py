# SPDX-License-Identifier: Apache-2.0
"""snapshots - state sync as a newcomer's CometBFT asks for it, with peers that lie and kills at bad moments: the scenario
itself is that CometBFT, and speaks ABCI to a real assayd. The snapshot is a real network's."""

import hashlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import time

from rehearsal import Rehearsal
from world import check, main, read_json, request, same, until, write

ACCEPT, RETRY, REJECT_SNAPSHOT = 1, 3, 5
EXCEPTION = 1
VALUE, CHAIN = 1, 4
MIB = 1 << 20


# ---- protobuf ---------------------------------------------------------------------------------------------------------


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def text(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content if content else b""


def take_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        if byte < 128:
            return n, at
        shift += 7


def fields(data):
    """[(number, value)], a value being a number or bytes."""
    at, out = 0, []
    while at < len(data):
        key, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        out.append((key >> 3, value))
    return out


# ---- a snapshot -------------------------------------------------------------------------------------------------------


def rows_of(data):
    at, out = 0, []
    while at < len(data):
        kind, at = take_varint(data, at)
        parts = []
        for _ in range(2):
            length, at = take_varint(data, at)
            parts.append(data[at : at + length])
            at += length
        out.append((kind, *parts))
    return out


def row(kind, key, value):
    return varint(kind) + varint(len(key)) + key + varint(len(value)) + value


class Snapshot:
    """What a peer offers: chunks, and what follows from them."""

    def __init__(self, height, app_hash, chunks):
        self.height, self.app_hash, self.chunks = height, app_hash, chunks
        self.list = b"".join(hashlib.sha256(c).digest() for c in chunks)
        self.hash = hashlib.sha256(self.list).digest()

    def with_chunks(self, *chunks):
        return Snapshot(self.height, self.app_hash, list(chunks))


def taken_from(net):
    """The newest snapshot that the network's first validator wrote, cut in two."""
    directory = os.path.join(net[0].data, "snapshots")
    check("there is a snapshot", until(60, lambda: any(n.isdecimal() for n in os.listdir(directory))))
    height = max(int(n) for n in os.listdir(directory) if n.isdecimal())
    check("its AppHash is known", until(20, lambda: net[0].height() > height))
    with open(os.path.join(directory, str(height), "0"), "rb") as f:
        rows = rows_of(f.read())
    whole = [row(*r) for r in rows]
    middle = len(rows) // 2
    app_hash = bytes.fromhex(net[0].get(f"/blocks/{height + 1}")["app_hash"])
    return Snapshot(height, app_hash, [b"".join(whole[:middle]), b"".join(whole[middle:])]), rows


# ---- CometBFT's part --------------------------------------------------------------------------------------------------


class Line:
    """A connection to assayd's ABCI socket."""

    def __init__(self, v):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(os.path.join(v.data, "abci.sock"))
        self.left = b""

    def read(self):
        while True:
            try:
                length, at = take_varint(self.left, 0)
                if len(self.left) >= at + length:
                    answer, self.left = self.left[at : at + length], self.left[at + length :]
                    return answer
            except IndexError:
                pass
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("assayd closed the connection")
            self.left += data

    def ask(self, field, content):
        """(number of the answer, its fields)."""
        request = varint(field << 3 | 2) + varint(len(content)) + content
        flush = b"\x12\x00"
        self.socket.sendall(b"".join(varint(len(m)) + m for m in (request, flush)))
        kind, answer = fields(self.read())[0]
        if kind != EXCEPTION:
            self.read()  # of the flush
        return kind, fields(answer)

    def offer(self, s):
        snapshot = number(1, s.height) + number(2, 1) + number(3, len(s.chunks)) + text(4, s.hash) + text(5, s.list)
        kind, answer = self.ask(13, text(1, snapshot) + text(2, s.app_hash))
        return dict(answer).get(1) if kind == 14 else ("exception", answer)

    def apply(self, index, chunk, sender=b"peer"):
        kind, answer = self.ask(15, number(1, index) + text(2, chunk) + text(3, sender))
        return (dict(answer).get(1), answer) if kind == 16 else ("exception", answer)

    def check_tx(self, tx):
        kind, answer = self.ask(8, text(1, tx))
        return dict(answer).get(1, 0) if kind == 9 else ("exception", answer)

    def init_chain(self, genesis):
        """The AppHash of the beginning, as of CometBFT's genesis.json."""
        time_ = text(1, number(1, int(time.time())))
        app_state = json.dumps(genesis["app_state"]).encode()
        content = time_ + text(2, genesis["chain_id"].encode()) + text(5, app_state) + number(6, 1)
        kind, answer = self.ask(5, content)
        return dict(answer).get(3) if kind == 6 else ("exception", answer)

    def info(self):
        """(height, AppHash)"""
        _, answer = self.ask(3, b"")
        return dict(answer).get(4, 0), dict(answer).get(5, b"")

    def take(self, s):
        """Everything, as an honest peer gives it: the last answer."""
        got = self.offer(s)
        for i, chunk in enumerate(s.chunks):
            if got != ACCEPT:
                return got
            got, _ = self.apply(i, chunk)
        return got

    def close(self):
        self.socket.close()


GIVES_UP = """#!/bin/sh
printf x >>{runs}
[ -s {runs} ] && [ "$(cat {runs})" = x ] && echo 'E[2026-11-25|13:07:39.346] State sync failed                            module=statesync err="no witnesses connected"'
exec sleep 100000
"""


class Newcomer:
    """An assayd whose CometBFT is this scenario."""

    def __init__(self, net, name, programs=None):
        world = net.world
        if not programs:
            programs = world.path("idle")
            write(os.path.join(programs, "cometbft"), b"#!/bin/sh\nexec sleep 100000\n")
            os.chmod(os.path.join(programs, "cometbft"), 0o755)
        self.programs = programs
        self.v, _ = net.newcomer("--trust", net.trust, "--key-in-home", name=name)
        self.start()

    def start(self):
        self.v.start("--programs", self.programs)
        until(20, lambda: os.path.exists(os.path.join(self.v.data, "processes.json")))
        return self

    def again(self):
        """assayd and its CometBFT are killed, and come back."""
        self.v.stop(signal.SIGKILL)
        os.remove(os.path.join(self.v.data, "processes.json"))
        return self.start()

    def line(self):
        return Line(self.v)

    def end(self):
        """It is there still, and ends in order."""
        if check("assayd has not ended", self.v.running, self.v.log()[-1500:]):
            self.v.await_ready()
            same("and ends when asked", self.v.stop(), 0, self.v.log()[-1500:])
        else:
            self.v.stop()


def source(world):
    net = Rehearsal(world, count=1).configure(snapshot_blocks=5)
    left = os.path.join(net[0].data, "snapshots", "3.part")
    write(os.path.join(left, "0"), b"of a process that was killed")
    net.start()
    check("there is a trust file of a block", net.knows_a_block())
    snapshot, rows = taken_from(net)
    check("what a killed process left of a snapshot is gone", not os.path.exists(left))
    return net, snapshot, rows


# ---- cases ------------------------------------------------------------------------------------------------------------


def wrong_bytes(net, s, _):
    """Of a chunk that does not fit, CometBFT is told to ask again, and another peer: it would give it to us as it is for
    ever."""
    one = Newcomer(net, "wrong")
    line = one.line()
    same("an honest offer is taken", line.offer(s), ACCEPT)
    got, answer = line.apply(0, b"something else", b"liar")
    same("a chunk that does not fit is wanted again", got, RETRY)
    same("from the network", [v for k, v in answer if k == 2], [b"\x00"])
    same("and not from whoever sent it", [v for k, v in answer if k == 3], [b"liar"])
    same("the right one is taken", line.apply(0, s.chunks[0])[0], ACCEPT)
    got, answer = line.apply(1, b"something else", b"liar")
    same("the second one likewise", (got, [v for k, v in answer if k == 2]), (RETRY, [b"\x01"]))
    same("and all is here", line.apply(1, s.chunks[1])[0], ACCEPT)
    same("of that height", line.info(), (s.height, s.app_hash))
    one.end()


def meanwhile(net, s, _):
    """Who asks about a transaction before there is a state is told so; nothing stops."""
    one = Newcomer(net, "meanwhile")
    line = one.line()
    told = line.check_tx(b"a transaction")
    check("before there is anything", isinstance(told, int) and told > 0, told)
    if not one.v.running or not isinstance(told, int):
        one.v.stop()
        return
    same("an offer is taken", line.offer(s), ACCEPT)
    told = line.check_tx(b"a transaction")
    check("before the first chunk", isinstance(told, int) and told > 0, told)
    same("a chunk is taken", line.apply(0, s.chunks[0])[0], ACCEPT)
    told = line.check_tx(b"a transaction")
    check("between two", isinstance(told, int) and told > 0, told)
    status, _, body = request(one.v.port, "GET", "/validators")
    check("nothing that is not proven is shown", status == 503, (status, body))
    same("and the last one", line.apply(1, s.chunks[1])[0], ACCEPT)
    told = line.check_tx(b"a transaction")
    check("then it is looked at", isinstance(told, int) and told > 0, told)
    one.end()


def at_once(net, s, _):
    """Offers empty the store while the mempool looks at it."""
    one = Newcomer(net, "once")
    line, other, ended = one.line(), one.line(), []

    def ask():
        try:
            while not ended:
                other.check_tx(b"a transaction")
        except OSError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(30):
            got = line.offer(s)
            if got != ACCEPT or line.apply(0, s.chunks[0])[0] != ACCEPT:
                break
        same("thirty offers one after the other", got, ACCEPT)
    except OSError as e:
        check("assayd answers", False, (e, one.v.log()[-1500:]))
    ended.append(True)
    thread.join()
    one.end()


def often(net, s, _):
    """Peers may offer what they like: each offer costs what the last one did."""
    one = Newcomer(net, "often")
    line = one.line()
    try:
        for n in range(4000):
            got = line.offer(s)
            if got != ACCEPT:
                break
        same("four thousand offers", (n, got), (3999, ACCEPT))
    except OSError as e:
        check("four thousand offers", False, (n, e, one.v.log()[-1500:]))
    one.end()


def quiet(net, s, _):
    """Nobody has a snapshot yet: the newcomer waits, and is up meanwhile."""
    one = Newcomer(net, "quiet")
    lines = [one.line() for _ in range(4)]
    up = threading.Thread(target=one.v.await_ready, daemon=True)
    up.start()
    up.join(10)
    check("it is up when its CometBFT has connected", not up.is_alive(), one.v.log()[-1500:])
    same("and takes a snapshot whenever one comes", lines[0].take(s), ACCEPT)
    if check("it has not ended", one.v.running):
        one.v.stop()


def no_files(net, s, _):
    """For a while assayd may open no file: a CometBFT that comes later is heard again."""
    one = Newcomer(net, "files")
    pid = one.v.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    have = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (have, before[1]))
    lines = [one.line() for _ in range(3)]
    time.sleep(0.3)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for line in lines:
        line.close()
    line = one.line()
    line.socket.settimeout(5)
    same("it is answered", line.take(s), ACCEPT)
    one.end()


def gives_up(net, s, _):
    """CometBFT tries state sync once, and then stands there: it is started again."""
    programs, runs = net.world.path("programs"), net.world.path("runs")
    write(os.path.join(programs, "cometbft"), GIVES_UP.format(runs=runs).encode())
    os.chmod(os.path.join(programs, "cometbft"), 0o755)
    one = Newcomer(net, "gives-up", programs)
    started = lambda: os.path.getsize(runs) if os.path.exists(runs) else 0  # noqa: E731
    check("it is started twice", until(10, lambda: started() == 2), one.v.log()[-1500:])
    same("and takes a snapshot", one.line().take(s), ACCEPT)
    time.sleep(1)
    same("and that run goes on", started(), 2)
    one.end()


def from_the_start(net, s, _):
    """An operator who does without the snapshot that was half taken in: the chain begins as if it had never come."""
    one = Newcomer(net, "start")
    line = one.line()
    same("an offer is taken", line.offer(s), ACCEPT)
    same("and its first chunk", line.apply(0, s.chunks[0])[0], ACCEPT)
    line.close()
    line = one.line()
    same("it has nothing", line.info()[0], 0)
    header = net[0].rpc("/commit?height=1")["signed_header"]["header"]
    genesis = read_json(one.v.data, "cometbft", "config", "genesis.json")
    same("and begins as all began", line.init_chain(genesis), bytes.fromhex(header["app_hash"]))
    one.end()


def killed(net, s, _):
    """CometBFT is killed before it noted that the state is here, and offers again; so is assayd with it."""
    one = Newcomer(net, "killed")
    line = one.line()
    same("a state is taken in", line.take(s), ACCEPT)
    line.close()
    line = one.line()
    same("its CometBFT, killed, knows nothing of it and begins again", line.take(s), ACCEPT)
    same("with the same end", line.info(), (s.height, s.app_hash))
    line = one.again().line()
    same("both are killed", line.take(s), ACCEPT)
    same("with the same end", line.info(), (s.height, s.app_hash))
    one.end()


def false_set(net, s, rows):
    """The validators that come along are those of the state that was proven: trust.json is made of them."""
    one = Newcomer(net, "false")
    genesis = read_json(net.directory, "network.json")["members"][0]
    key, false_key = bytes.fromhex(genesis["consensus_key"]), bytes.fromhex(genesis["attestation_key"])
    address, false_address = (hashlib.sha256(k).digest()[:20] for k in (key, false_key))
    line = one.line()
    kind, _, chain = rows[0]
    same("the chain's own state comes first", kind, CHAIN)
    same("and names who validates", chain.count(key) >= 3 and chain.count(address) >= 3, True)
    rest = [row(*r) for r in rows[1:]]
    # All three sets; then each alone: the last one's, this one's, the next one's.
    for what, at in (("all", None), ("the last", 13), ("this", 14), ("the next", 15)):
        parts = fields(chain)
        new = b""
        for k, v in parts:
            if isinstance(v, bytes) and (at is None and k >= 13 or k == at):
                v = v.replace(key, false_key).replace(address, false_address)
            new += number(k, v) if isinstance(v, int) else text(k, v)
        lie = s.with_chunks(row(CHAIN, b"", new), b"".join(rest))
        same(f"{what}: false validators are refused", line.take(lie), REJECT_SNAPSHOT)
    same("and then the truth is taken", line.take(s), ACCEPT)
    one.end()


def heavy(net, s, rows):
    """What would need more memory than there is for it is a snapshot that is refused, not a machine that fails."""
    one = Newcomer(net, "heavy")
    line = one.line()
    many = b"".join(row(VALUE, i.to_bytes(3, "big"), b"x") for i in range(850_000))
    same("rows by the hundred thousand in a chunk", line.take(s.with_chunks(many, *s.chunks)), REJECT_SNAPSHOT)
    whole = [row(*r) for r in rows]
    lie = s.with_chunks(row(CHAIN, b"", b"\x08\x01" + text(13, b"x" * (6 * MIB))), b"".join(whole[1:]))
    same("a chain of six MiB", line.take(lie), REJECT_SNAPSHOT)
    one.end()


CASES = [wrong_bytes, meanwhile, at_once, often, quiet, no_files, gives_up, from_the_start, killed, false_set, heavy]


def scenario(world):
    net, s, rows = source(world)
    for case in CASES:
        began = time.monotonic()
        try:
            case(net, s, rows)
        except (OSError, RuntimeError) as e:
            check(f"{case.__name__} comes to its end", False, repr(e))
        for v in world.networks:
            if v not in net.validators and v.running:
                v.stop(signal.SIGKILL)
        print(f"     {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)


if sys.argv[1:]:
    CASES = [case for case in CASES if case.__name__ in sys.argv[1:]]
main(scenario)
