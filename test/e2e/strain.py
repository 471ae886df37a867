# SPDX-License-Identifier: Apache-2.0
"""strain - what operators do to a network under CometBFT while clients send, and what disks do to operators: every
validator restarted in its turn; one whose disk takes no more."""

import errno
import os
import shutil
import subprocess
import sys
import time

from load import Load, Watch, lost
from rehearsal import COMETBFT, Rehearsal
from world import check, main, same, until

STOOD_MAX = 10.0  # seconds; what a block waits for a proposer that is away is far less


class Clients:
    """Senders and a watch, over a network that is being disturbed; in the end, what they lost."""

    def __init__(self, net, seed):
        self.net, self.total = net, net[0].total()
        self.load, self.watch = Load(net, seed, accounts=4, patience=6).start(), Watch(net)
        self.watch.start()

    def end(self):
        self.load.stop()
        self.watch.stopping.set()
        self.watch.join(timeout=30)
        check("blocks go on", self.net.goes_on(60))
        missing = lost(self.net, self.load.acknowledged)
        same(f"of {len(self.load.acknowledged)} acknowledged transactions none is lost", missing[:5], [])
        check("clients were served all the while", len(self.load.acknowledged) > 10, self.load.refused)
        same("no unit was made or lost", {v.total() for v in self.net.alive()}, {self.total})
        same("nobody was punished", self.net[0].get("/penalties")["penalties"], [])
        self.net.agree()
        print(
            f"     {self.load.submitted} submitted, {self.load.first} taken by the first node asked, {self.load.second} "
            f"with a second try; longest without a block {self.watch.longest:.1f} s"
        )


def caught_up(net, v):
    others = [n for n in net.alive() if n is not v]
    return until(60, lambda: v.height() >= max(n.height() for n in others) - 2, 0.1)


def rolling(world):
    """As for two upgrades: one after the other is stopped in order and started again, and clients go on."""
    net = Rehearsal(world, "--signer").start()
    clients = Clients(net, 12)
    for i, v in 2 * list(enumerate(net.validators)):
        same(f"validator {i} ends when asked", v.stop(), 0)
        v.start().await_ready()
        check(f"validator {i} is with the others again", caught_up(net, v), v.log()[-1500:])
    clients.end()
    check(f"the chain never stood for {STOOD_MAX} s", clients.watch.longest < STOOD_MAX, clients.watch.longest)


# ---- a disk of its own -----------------------------------------------------------------------------------------------


class Disk:
    """A validator's directory on a small file system of its own."""

    def __init__(self, v, megabytes):
        self.directory, self.filler = v.data, os.path.join(v.data, "filler")
        kept = v.data + ".kept"
        os.rename(v.data, kept)
        os.mkdir(v.data, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "none", v.data], check=True)
        shutil.copytree(kept, v.data, dirs_exist_ok=True)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(1 << 12))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self):
        os.unlink(self.filler)

    def close(self):
        subprocess.run(["umount", "-l", self.directory], check=False)


def says_so(v):
    return "no space left on device" in v.log() or "code F129" in v.log() or "(F129)" in v.log()


def full(world, *words):
    """One validator's disk is full: it says so, the three others go on; with room again it catches up."""
    net = Rehearsal(world, *words)
    disk, v = Disk(net[3], 96), net[3]
    try:
        net.start()
        clients = Clients(net, 13)
        check("all four work", net.goes_on())
        disk.fill()
        check("its disk is full, and its log says so", until(60, lambda: (disk.fill(), says_so(v))[1], 0.2), v.log()[-3000:])
        done = world.assay("doctor", v.data, "--json")
        check("so does assay doctor", done.code == 1 and "space" in done.out, done)
        others = [n for n in net.validators if n is not v]
        top = max(n.height() for n in others)
        check("the others go on", until(30, lambda: min(n.height() for n in others) >= top + 5))
        acknowledged = len(clients.load.acknowledged)
        check("and take transactions", until(30, lambda: len(clients.load.acknowledged) > acknowledged + 5))
        if not until(8, lambda: not v.running):  # whose disk write failed first decides
            print("     assayd runs on")
        else:
            same("assayd ended for its disk", v.stop(), 6, v.log()[-2000:])
        disk.free()
        if not v.running:
            v.start().await_ready()
        check("with room again it catches up by itself", caught_up(net, v), v.log()[-2500:])
        clients.end()
        same("all end when asked", net.stop(), [0] * 4)
    finally:
        for n in net.validators:
            n.kill() if n.process else None
        disk.close()


def may_mount(world):
    directory = world.path("try")
    os.mkdir(directory)
    ok = subprocess.run(["mount", "-t", "tmpfs", "none", directory], check=False, capture_output=True).returncode == 0
    if ok:
        subprocess.run(["umount", directory], check=False)
    return ok


def disk_full(world):
    if may_mount(world):
        full(world, "--signer")
    else:
        print("     nothing can be mounted here: every disk has room")


if not os.path.exists(COMETBFT):
    check("CometBFT is installed: make cometbft", False, COMETBFT)
    print("0 passed, 1 failed")
    raise SystemExit(1)
inside = subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode == 0
if os.geteuid() != 0 and inside and not os.environ.get("ASSAY_E2E_INSIDE"):
    os.environ["ASSAY_E2E_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])
main(*([globals()[name] for name in sys.argv[1:]] or [rolling, disk_full]))
