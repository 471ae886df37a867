# SPDX-License-Identifier: Apache-2.0
"""bytes - model bytes between nodes: a validator fetches a version over lines that are slow, that break, and from peers
that lie. The last of four validators asks through lines of the test, and through nothing else."""

import json
import os
import random
import signal

from line import Liar, SlowLine
from rehearsal import Rehearsal
from world import check, flip, main, read_json, same, sharded_model, until, write

MIB = 1 << 20
SIZE = 48 * MIB
WINDOW = 12 * 4 * MIB  # ranges that a fetch holds in memory at most


class Asker:
    """A network whose last validator has only these peers, and a model that the others have."""

    def __init__(self, world, *makers, size=SIZE):
        self.world = world
        self.net = Rehearsal(world)
        self.peers = [maker(self.net[i].port) for i, maker in enumerate(makers)]
        self.node = self.net[3]
        path = os.path.join(self.node.data, "node.json")
        settings = {**read_json(path), "peers": [p.url for p in self.peers]}
        with open(path, "w", encoding="utf-8") as f:
            json.dump(settings, f)
        self.net.start()
        self.model = sharded_model(world.path("model"), random.Random(11))
        write(os.path.join(self.model, "a-large.bin"), random.Random(12).randbytes(size))
        write(os.path.join(self.model, "empty"), b"")
        self.root = world.assay("digest", self.model, "-q").last
        self.files = os.path.join(self.node.data, "models", self.root, "files")

    def publish(self, *words):
        return self.net[0].assay(
            "publish", self.model, "--name", "acme/bytes", "--version", "1", "--key", self.net.key(), "--wait", "--out",
            self.world.path("certificate"), *words,
        )  # fmt: skip

    def have(self):
        try:
            return os.path.getsize(os.path.join(self.files, "a-large.bin"))
        except OSError:
            return 0

    def checked(self):
        return " checked acme/bytes@1" in self.node.log()

    def is_whole(self):
        """Its disk has the model, byte for byte, and says so."""
        check("it checked the version", until(60, self.checked), self.node.log()[-2000:])
        for top, _, names in os.walk(self.model):
            for name in names:
                ours = os.path.join(top, name)
                theirs = os.path.join(self.files, os.path.relpath(ours, self.model))
                with open(ours, "rb") as a, open(theirs, "rb") as b:
                    check(f"{name} is there, byte for byte", a.read() == b.read())
        same("and it is complete", self.node.get(f"/bytes/{self.root}")["complete"], True)
        opened = " opened "
        check("its custody opens", until(30, lambda: opened in self.node.log()), self.node.log()[-2000:])
        same("nobody was punished", self.net[0].get("/penalties")["penalties"], [])

    def end(self):
        for p in self.peers:
            p.close()
        same("all end when asked", self.net.stop(), [0, 0, 0, 0])


def slowly(rate):
    return lambda port: SlowLine(port, rate, answers=True)


def loss(world):
    """kill -9 in the middle of a fetch, then a line that breaks: what was here is not fetched again."""
    a = Asker(world, slowly(4 * MIB), slowly(4 * MIB))
    done = a.publish()
    check("the others attest it", done.code == 0, done)
    check("a fetch is under way", until(60, lambda: a.have() >= 8 * MIB, 0.02), a.node.log()[-2000:])
    a.node.stop(signal.SIGKILL)
    first, sent = a.have(), sum(p.bytes for p in a.peers)
    check("part of it is here", 8 * MIB <= first < SIZE, first)
    check("most of what crossed the lines is", sent - first < WINDOW, (sent, first))
    # A power cut may leave other bytes than were written: they are noticed, and come again.
    flip(os.path.join(a.files, "a-large.bin"), first - 100)
    a.node.start().await_ready()
    check("it goes on", until(60, lambda: a.have() > first, 0.02), a.node.log()[-2000:])
    second, before = a.have(), sum(p.bytes for p in a.peers)
    a.peers[0].cut()
    a.is_whole()
    check(
        "a line breaks: the other one brings what is missing, and no more than was under way twice",
        SIZE - first <= a.peers[1].bytes + a.peers[0].bytes - sent <= SIZE - first + WINDOW,
        (first, second, before, sent, [p.bytes for p in a.peers]),
    )
    a.end()


def lies(world):
    """A peer that sends a wrong byte is dropped at the first one; what it sent before counts, the rest is others'."""
    a = Asker(world, lambda port: Liar(port, 2), slowly(24 * MIB))
    done = a.publish()
    check("the others attest it", done.code == 0, done)
    a.is_whole()
    liar, honest = a.peers
    check("the liar was asked, and lied", 1 <= liar.lies, (liar.asked, liar.lies))
    check("and was not asked again", liar.asked <= 2 + 4, (liar.asked, liar.lies))
    said = f"bytes of {liar.url} do not serve: "
    same("which is told once", a.node.log().count(said), 1)
    check("honest bytes came from the other", honest.bytes >= SIZE - 6 * 4 * MIB, honest.bytes)
    a.end()


def only_lies(world):
    """Nobody but liars: nothing is kept, nothing is checked; when the truth comes, it is taken."""
    a = Asker(world, lambda port: Liar(port, 0), lambda port: Liar(port, 0))
    done = a.publish()
    check("the others attest it", done.code == 0, done)
    check("both were asked", until(60, lambda: all(p.lies for p in a.peers)))
    same("of what they sent nothing was kept", a.have(), 0)
    check("and nothing was checked", not a.checked())
    a.node.stop()
    honest = SlowLine(a.net[0].port, 200 * MIB, answers=True)
    path = os.path.join(a.node.data, "node.json")
    settings = {**read_json(path), "peers": [p.url for p in a.peers] + [honest.url]}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(settings, f)
    a.node.start().await_ready()
    a.peers.append(honest)
    a.is_whole()
    a.end()


def slow(world):
    """Two peers, one of them slow: the other one does its work, too."""
    a = Asker(world, slowly(MIB // 4), slowly(100 * MIB))
    done = a.publish()
    check("the others attest it", done.code == 0, done)
    a.is_whole()
    crawler, runner = a.peers
    check("little came from the slow one", crawler.bytes < 4 * MIB, crawler.bytes)
    check("the rest from the other", runner.bytes >= SIZE - 4 * MIB, runner.bytes)
    check("and it is told", f"bytes of {crawler.url} come slowly" in a.node.log(), a.node.log()[-2000:])
    a.end()


main(loss, lies, only_lies, slow)
