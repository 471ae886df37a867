# SPDX-License-Identifier: Apache-2.0
"""killpoints - a validator under CometBFT is killed at every point of a block's life, and of the handshake after it; a
signer between its watermark and the signature.

CometBFT itself knows where a block's life has points (its FAIL_TEST_INDEX counts them); what our programs write is cut by
killpoint.so (test/crash/killpoint.c) between two system calls. A wrapper around the real program carries out one order
and no more, so whoever starts next lives.
"""

import hashlib
import os
import random
import signal
import struct
import sys
import time

from load import Load, lost
from rehearsal import COMETBFT, Rehearsal
from world import BIN, check, main, same, until, write

KILLPOINT = os.path.join(BIN, "killpoint.so")
WRAPPER = """#!/bin/sh
# One order is carried out by one run: FAIL_TEST_INDEX and who dies, CometBFT alone ("engine") or assayd with it ("both").
unset LD_PRELOAD
if read -r at whom 2>/dev/null <{orders}; then
    sed -i 1d {orders}
    [ -s {orders} ] || rm -f {orders}
    export FAIL_TEST_INDEX="$at"
    [ "$whom" = both ] || exec {cometbft} "$@"
    setpriv --pdeathsig KILL {cometbft} "$@"
    kill -KILL $PPID
    exit
fi
exec {cometbft} "$@"
"""
# Of a block: two votes of one's own in the log, the block decided, saved, its height in the log; executed, results saved,
# committed, the state saved; applied, the next height begun: 0 to 10. Counted in CometBFT v0.38's consensus/state.go and
# state/execution.go.
POINTS = 11
EXECUTED, STATE_SAVED = 5, 8
# What a commit of ours is on the disk: pages, a sync, the root page (written through).
OURS = ("writev before", "fdatasync before", "fdatasync after", "pwrite before 120", "pwrite after 120")


class Alone:
    """A network of one validator, which can be killed as often as one likes without waiting for others, under load."""

    def __init__(self, world):
        self.world, self.programs = world, world.path("programs")
        self.orders, self.cut = os.path.join(self.programs, "orders"), os.path.join(self.programs, "cut")
        write(os.path.join(self.programs, "cometbft"), WRAPPER.format(orders=self.orders, cometbft=COMETBFT).encode())
        os.chmod(os.path.join(self.programs, "cometbft"), 0o755)
        self.net = Rehearsal(world, count=1)
        self.v, self.blocks, self.kills = self.net[0], {}, 0
        self.start()
        until(30, lambda: self.v.height() >= 2)
        self.total = self.v.total()
        self.load = Load(self.net, 5, accounts=2, patience=5).start()

    def start(self, wait=True):
        env = {"LD_PRELOAD": KILLPOINT, "KILLPOINT_FILE": self.cut, "KILLPOINT_IN": "assayd"}
        self.v.start("--programs", self.programs, env=env)
        if wait:
            self.v.await_ready()

    def dies(self, seconds=30):
        """assayd is gone by a kill; then so is its CometBFT."""
        gone = until(seconds, lambda: not self.v.running, 0.02)
        code = self.v.stop() if gone else None
        self.kills += 1
        return code == -signal.SIGKILL

    def note(self):
        """Every block that was seen is what it was."""
        changed = []
        for row in self.v.get("/blocks?limit=50")["blocks"]:
            told = (row["hash"], self.v.get(f"/blocks/{row['height']}")["app_hash"])
            if self.blocks.setdefault(row["height"], told) != told:
                changed.append((row["height"], told))
        return changed

    def recovers(self, what):
        """It goes on from where it was, with the same blocks."""
        tops = []
        until(30, lambda: tops.append(self.v.height()) or True, 0.02)
        ok = check(f"{what}: it goes on", until(30, lambda: self.v.height() >= tops[0] + 2, 0.02), self.v.log()[-1500:])
        return ok and same(f"{what}: with the same blocks and states", self.note(), [])

    def order(self, *orders):
        """It is started again, and the next runs of CometBFT carry these out, one each.

        It ended in order before, as every one of these kills comes to a CometBFT that has noted its last block: killed
        between saving a block and noting it (point 3), and once more before the next is noted, CometBFT cannot read its
        votes of that height again, and rightly gets no others signed. Among others it then comes back with the next
        block. Alone it stands for good."""
        check("it ends when asked", self.v.stop() == 0)
        write(self.orders, "".join(o + "\n" for o in orders).encode())
        self.start(wait=False)


def points(world):
    one = Alone(world)
    one.recovers("at first")
    began = time.monotonic()
    for at in range(POINTS):
        told = lambda n=at: one.v.log().count(f"*** fail-test {n} ***")  # noqa: E731
        before = told()
        one.order(f"{at} engine")
        check(f"point {at}: CometBFT is killed there", until(20, lambda: told() == before + 1, 0.02), one.v.log()[-1500:])
        one.recovers(f"point {at}, CometBFT alone")
        one.order(f"{at} both")
        check(f"point {at}: both are killed there", one.dies(), one.v.log()[-1500:])
        same(f"point {at}: by the order", told(), before + 2)
        one.start()
        one.recovers(f"point {at}, both")
    print(f"     {POINTS} points of a block's life, twice each: {time.monotonic() - began:.1f} s")
    handshake(one)
    ours(one)
    one.load.stop()
    missing = lost(one.net, one.load.acknowledged)
    same(f"of {len(one.load.acknowledged)} acknowledged transactions none is lost", missing[:5], [])
    check("something was acknowledged", len(one.load.acknowledged) > one.kills, (len(one.load.acknowledged), one.kills))
    same("no unit was made or lost", one.v.total(), one.total)
    same("nobody was punished", one.v.get("/penalties")["penalties"], [])
    again(one)


def handshake(one):
    """A block that was decided and is not applied is executed again by the handshake: killed there as well."""
    began = time.monotonic()
    for first, at in ((EXECUTED, 0), (EXECUTED, 1), (EXECUTED, 2), (EXECUTED, 3), (STATE_SAVED - 1, 0), (STATE_SAVED - 1, 1)):
        one.order(f"{first} engine", f"{at} both")
        what = f"point {at} of the handshake after point {first}"
        check(f"{what}: both are killed there", one.dies(), one.v.log()[-1500:])
        one.start()
        one.recovers(what)
    print(f"     6 points of the handshake: {time.monotonic() - began:.1f} s")


def ours(one):
    """assayd in its own commit: nothing written, something, all of it; then once more in the replay that follows."""
    began = time.monotonic()
    for at in OURS:
        write(one.cut, at.encode())
        check(f"{at}: assayd is killed in its commit", one.dies(), one.v.log()[-1500:])
        write(one.cut, at.encode())
        one.start(wait=False)
        check(f"{at}: and in the replay", one.dies(), one.v.log()[-1500:])
        one.start()
        one.recovers(at)
    print(f"     {len(OURS)} points of our commit, twice each: {time.monotonic() - began:.1f} s")


def again(one):
    """All of it executed once more from the first block leads to the same states."""
    same("it ends when asked", one.v.stop(), 0)
    for name in os.listdir(os.path.join(one.v.data, "store")):
        os.unlink(os.path.join(one.v.data, "store", name))
    one.start()
    check("without its store it executes every block again", until(60, lambda: one.v.height() >= max(one.blocks)), one.v.log()[-1500:])
    # It executes them before its RPC is up, where headers are asked for.
    check("and tells of them", until(20, lambda: one.v.get(f"/blocks/{max(one.blocks)}")), one.v.log()[-1500:])
    different = {h: t for h, t in one.blocks.items() if one.v.get(f"/blocks/{h}")["app_hash"] != t[1]}
    same(f"and finds all {len(one.blocks)} states that were seen", different, {})


# ---- the signer ------------------------------------------------------------------------------------------------------

SIGNER = """#!/bin/sh
export LD_PRELOAD={killpoint} KILLPOINT_FILE={cut} KILLPOINT_IN=assay-signer
exec {signer} "$@"
"""
# A watermark is one write and one sync; the signature is made after both.
BETWEEN = ("fdatasync after", "pwrite after", "fdatasync after", "pwrite before", "fdatasync after", "fdatasync before")


def watermark(v):
    """(height, round, step) of what is on the disk: spec/signer.md 1.3."""
    with open(os.path.join(v.data, "signer", "consensus.watermark"), "rb") as f:
        content = f.read()
    check("the watermark is whole", len(content) == 512 and content[480:] == hashlib.sha256(content[:480]).digest(), content)
    step, height = struct.unpack_from("<IQ", content, 4)
    return height, struct.unpack_from("<I", content, 28)[0], step


def signs(net, v):
    """Is v's signature in the newest commit but one?"""
    address = v.rpc("/status")["validator_info"]["address"]
    commit = net[3].rpc(f"/commit?height={net[3].height() - 1}")["signed_header"]["commit"]
    return any(s["validator_address"] == address and s["block_id_flag"] == 2 for s in commit["signatures"])


def between(world):
    """A signer is killed when its watermark is on the disk and the signature is not made; its CometBFT sometimes with it,
    which then asks again for what it asked before. The others, who would prove a second vote, see none."""
    programs = world.path("programs")
    cut = os.path.join(programs, "cut")
    for name, text in (("assay-signer", SIGNER), ("cometbft", '#!/bin/sh\nexec {cometbft} "$@"\n')):
        path = os.path.join(programs, name)
        write(path, text.format(killpoint=KILLPOINT, cut=cut, signer=os.path.join(BIN, "assay-signer"), cometbft=COMETBFT).encode())
        os.chmod(path, 0o755)
    net = Rehearsal(world, "--signer").start("--programs", programs)
    total, v = net[0].total(), net[0]
    load, random_ = Load(net, 6, accounts=2).start(), random.Random(6)
    for turn, at in enumerate(BETWEEN):
        # All signers have the same order: whoever comes to it first carries it out.
        mark, pids = [watermark(n) for n in net.validators], [n.processes() for n in net.validators]
        write(cut, at.encode())
        check(f"{at}: a signer is killed there", until(20, lambda: not os.path.exists(cut), 0.005))
        hit = lambda p=pids: [i for i in range(4) if net[i].processes()["signer"] not in (0, p[i]["signer"])]  # noqa: E731
        check("and started again", until(20, hit), net[0].log()[-1500:])
        v = net[(hit() or [0])[0]]
        if turn % 2:
            time.sleep(random_.uniform(0, 0.2))
            os.kill(v.processes()["cometbft"], signal.SIGKILL)
        check("and its validator signs again", until(60, lambda v=v: signs(net, v)), v.log()[-1500:])
        check("no watermark went back", all(watermark(n) >= m for n, m in zip(net.validators, mark)))
    load.stop()
    check("blocks go on", net.goes_on())
    top = min(net.heights())
    evidence = [h for h in range(1, top) if net[1].rpc(f"/block?height={h}")["block"]["evidence"]["evidence"]]
    same(f"in {top} blocks there is no evidence of a second vote", evidence, [])
    same("and nobody was punished", net[1].get("/penalties")["penalties"], [])
    missing = lost(net, load.acknowledged)
    same(f"of {len(load.acknowledged)} acknowledged transactions none is lost", missing[:5], [])
    same("no unit was made or lost", {n.total() for n in net.alive()}, {total})
    net.agree()


for program in (COMETBFT, KILLPOINT):
    if not os.path.exists(program):
        check("make, and make cometbft", False, program)
        print("0 passed, 1 failed")
        raise SystemExit(1)
main(*([globals()[name] for name in sys.argv[1:]] or [points, between]))
