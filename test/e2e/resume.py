# SPDX-License-Identifier: Apache-2.0
"""resume - what is interrupted goes on where it stopped: an upload, by every means of interruption, and a network.

The upload goes through a slow line, so that there is a middle to be interrupted in, and what crossed it is known.
"""

import json
import os
import random
import shutil
import signal
import subprocess

from line import SlowLine
from world import ASSAY, check, flip, free_port, main, read_json, same, sharded_model, until, write

SIZE = 60 << 20
PIECE = 4 << 20  # what one request carries: at most this much is sent again


class Upload:
    """One publication that is interrupted over and over."""

    def __init__(self, world, net):
        self.world, self.net = world, net
        self.path = world.path("large")
        write(os.path.join(self.path, "a.bin"), random.Random(6).randbytes(SIZE // 3))
        write(os.path.join(self.path, "b.bin"), random.Random(7).randbytes(SIZE - SIZE // 3))
        self.root = world.assay("digest", self.path, "-q").last

    def have(self):
        return sum(f["have"] for f in self.net.get(f"/bytes/{self.root}")["files"])

    def start(self, line):
        argv = [*self.words(line), "--timeout", "10"]
        return self.world.start(ASSAY, *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def words(self, line):
        key = self.net.accounts()[0]["key_file"]
        return ["publish", self.path, "--name", "acme/large", "--version", "1", "--key", key, "--node", line.url]

    def finish(self, line):
        """The same command again, to its end."""
        return self.world.assay(*self.words(line), "--wait")

    def interrupt(self, what, line, stop, code):
        """Starts it, stops it in the middle, and looks at what came through and what is there."""
        before = self.have() if self.started else 0
        sent = line.bytes
        process = self.start(line)
        check(f"{what}: the upload is under way", until(60, lambda: self.have() > before + 2 * PIECE, 0.01))
        self.started = True
        stop(process)
        out, err = process.communicate(timeout=60)
        same(f"{what}: exit {code}", process.returncode, code, err)
        return before, line.bytes - sent

    started = False


def upload(world):
    net = world.network("-n", "4", data=world.path("net"))
    u = Upload(world, net)
    line = SlowLine(net.port)
    received = net.metric("assay_http_received_bytes_total")
    marks = []
    for what, stop, code in (
        ("SIGINT", lambda p: p.send_signal(signal.SIGINT), 130),
        ("kill -9", lambda p: p.kill(), -9),
        ("a broken line", lambda p: line.cut(), 6),
    ):
        before, crossed = u.interrupt(what, line, stop, code)
        have = u.have()
        check(f"{what}: part of it is there", before < have < SIZE, (before, have))
        check(
            f"{what}: what crossed the line is there, but for the last pieces",
            crossed - (have - before) <= 2 * PIECE,
            (crossed, have, before),
        )
        marks.append(have)
        if line.down:
            line.close()
            line = SlowLine(net.port)
    check("each time it went on from where it was", marks == sorted(marks) and marks[0] > 0, marks)
    left, sent = SIZE - marks[-1], line.bytes
    done = u.finish(line)
    check("run again, it ends", done.code == 0 and "registered already" in done.err, done)
    # What the node held when the line broke may have reached its disk after it was asked.
    check(
        "only what was missing crossed the line",
        left - 2 * PIECE <= line.bytes - sent < left + 2 * PIECE,
        (left, line.bytes - sent),
    )
    body = net.metric("assay_http_received_bytes_total") - received
    check(
        "the node received every byte once, and at most a piece more each time", SIZE <= body < SIZE + 5 * PIECE, body
    )
    sent = line.bytes
    again = u.finish(line)
    check(
        "once more: nothing is sent, all is there",
        again.code == 0 and line.bytes - sent < 1 << 20,
        (again, line.bytes - sent),
    )
    verified = world.assay("verify", u.path, "--cert", again.last, "--trust", net.trust)
    check("it verifies", verified.code == 0, verified)
    line.close()


def node_dies_in_an_upload(world):
    """kill -9 of the network in the middle of an upload; it comes back, and so does what it had."""
    net = world.network("-n", "4", data=world.path("net"))
    u = Upload(world, net)
    line = SlowLine(net.port)
    u.interrupt("the network dies", line, lambda _: net.kill(), 6)
    line.close()
    again = world.network("-n", "4", data=world.path("net"), port=net.port)
    u.net = again
    have = u.have()
    check("what it had is there", 2 * PIECE <= have < SIZE, have)
    line = SlowLine(net.port)
    done = u.finish(line)
    check("publish goes on and ends", done.code == 0, done)
    check("only what was missing crossed the line", line.bytes < SIZE - have + 2 * PIECE, (line.bytes, have))
    line.close()


def network_goes_on(world):
    """Stopped and started on the same directory: one chain."""
    data = world.path("net")
    net = world.network("-n", "4", data=data)
    path = sharded_model(world.path("model"), random.Random(8))
    done = net.publish(path, "acme/stays", "1", "--wait")
    check("published", done.code == 0, done)
    old_trust = write(world.path("old-trust.json"), open(net.trust, "rb").read())
    chain, total = net.get("/status")["chain_id"], net.total()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        height = net.height()
        blocks = {h: net.get(f"/blocks/{h}")["hash"] for h in range(1, height + 1)}
        code = net.stop(number)
        same(f"{signal.Signals(number).name}: exit code", code, -9 if number == signal.SIGKILL else 0)
        net = world.network(data=data)  # as many validators as it had
        status = net.get("/status")
        same("the same chain", (status["chain_id"], len(net.get("/validators"))), (chain, 4))
        check("not lower", status["height"] >= height, (status["height"], height))
        same("block for block", {h: net.get(f"/blocks/{h}")["hash"] for h in blocks}, blocks)
        check("blocks go on", until(60, lambda: net.height() > height + 1), net.log()[-1000:])
        same("the version is still attested", net.get("/models/acme/stays/1")["status"], "attested")
        same("units add up", net.total(), total)
    for trust in (old_trust, net.trust):
        verified = world.assay("verify", path, "--cert", done.last, "--trust", trust)
        check(f"the certificate still verifies with {os.path.basename(trust)}", verified.code == 0, verified)
    check("refreshed", net.assay("refresh", done.last).code == 0)
    verified = world.assay("verify", path, "--cert", done.last, "--trust", net.trust)
    check("and the refreshed one", verified.code == 0, verified)
    same("the bytes are still served", net.get(f"/bytes/{world.assay('digest', path, '-q').last}")["complete"], True)
    refused_starts(world, net, data)


def refused(world, what, words, code, error, because):
    done = world.assay("devnet", *words, timeout=60)
    check(
        f"{what}: exit {code}, {error}",
        done.code == code and f"code {error}" in done.err and because in done.err and "ready" not in done.out,
        done,
    )


def refused_starts(world, net, data):
    """What cannot start says why, and harms nothing."""
    refused(world, "a port that is taken", ["--port", net.port], 6, "F130", str(net.port))
    refused(world, "a directory that is in use", ["--port", free_port(), "--data", data], 6, "F134", data)
    same("who has them goes on", net.get("/status")["validators"], 4)
    same("stopped", net.stop(), 0)
    file = write(world.path("file"), "x")
    refused(world, "a directory that is a file", ["--port", free_port(), "--data", file], 6, "F129", file)
    refused(
        world, "a directory that cannot be", ["--port", free_port(), "--data", "/proc/none"], 6, "F129", "/proc/none"
    )
    for what, spoil, error in (
        ("a genesis that is none", lambda d: write(os.path.join(d, "genesis"), b"\xff" * 100), "F131"),
        ("another genesis", lambda d: flip(os.path.join(d, "genesis"), 40), "F131"),
        (
            "a store that is none",
            lambda d: write(os.path.join(d, "validator1", "store", "data.mdb"), b"\0" * 8192),
            None,
        ),
        ("a store that was cut", lambda d: os.truncate(os.path.join(d, "validator1", "store", "data.mdb"), 4096), None),
        (
            "a watermark that is none",
            lambda d: write(os.path.join(d, "validator1", "consensus.watermark"), b"no"),
            "F131",
        ),
        ("a key that is none", lambda d: write(os.path.join(d, "validator1", "consensus.key"), b"no"), None),
    ):
        copy = shutil.copytree(data, world.path("spoilt"))
        spoil(copy)
        done = world.assay("devnet", "--port", free_port(), "--data", copy, timeout=60)
        check(
            f"{what}: exit 6, {error or 'a fault'}",
            done.code == 6 and (f"code {error}" if error else "code F") in done.err and "ready" not in done.out,
            done,
        )
        shutil.rmtree(copy)
    again = world.network(data=data)
    same("the directory itself is none the worse", again.get("/models/acme/stays/1")["status"], "attested")
    same("stopped", again.stop(), 0)


main(upload, node_dies_in_an_upload, network_goes_on)
