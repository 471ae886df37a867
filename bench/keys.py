#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/keys.py - what a large state takes under CometBFT: an application's memory, and how long a new node needs to
join by state sync.

usage: bench/keys.py [--keys N,N,...] [--joins N] [--port P] [--json FILE]

Four validators, each a process of its own, on loopback. Signed transfers, each to an account that was not there, fill
the state until it has as many keys as the first N, then the next. At each: resident memory of assayd, without CometBFT,
some blocks after the last full one, and the most that it had until then.
At the last, a snapshot is awaited, and new nodes come one after the other, each with an empty directory and the
network's trust file: measured is the time from the start of its process to the height that the network has. Stock
CometBFT looks for snapshots for five seconds first, at least; nobody is faster than that.

It needs assay, assayd and cometbft in ASSAY_BIN (build/bin) and Go. 10^6 keys take five minutes to make.
As part `keys` of bench/run its rows stand with the others.
"""
import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine
import processes
from chains import Ours, fetch
from many import build, transactions
from network import mib
from table import Table, progress

SNAPSHOT_BLOCKS = 40
REST_BLOCKS = 70  # after a full one, a second each: more than the store waits before it lets go of its map
PATIENCE = 300
median = statistics.median


class Full(Ours):
    """A network whose snapshots come often, and whose state is filled."""

    def __init__(self, work, port):
        super().__init__(work, port, busy=False)
        for i in range(4):
            path = f"{self.home}/validator{i}/node.json"
            with open(path, encoding="utf-8") as f:
                node = json.load(f)
            with open(path, "w", encoding="utf-8") as f:
                json.dump({**node, "snapshot_blocks": SNAPSHOT_BLOCKS}, f)

    def fill(self, programs, key, count):
        """So many new accounts, for which the account number `key` pays: it never signed before."""
        got = transactions(programs, "load", *self.words(key, self.rpcs()), "-seconds", 2 * PATIENCE, "-window", 10000,
                           "-accounts", 2000, "-size", 176, "-count", -(-count // 4), "-strangers")
        if got["refused"] or got["lost"]:
            raise RuntimeError(f"{got['refused']} refused, {got['lost']} lost")

    def rest(self):
        """Until so many empty blocks have passed."""
        until, deadline = self.height() + REST_BLOCKS, time.monotonic() + PATIENCE
        while self.height() < until:
            if time.monotonic() > deadline:
                raise RuntimeError("no blocks come")
            time.sleep(0.1)

    def said(self, what):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return re.findall(what, f.read())

    def snapshot(self, height):
        """(height, chunks, ms) of one that holds all, once every validator has it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            rows = [tuple(map(int, r)) for r in self.said(r"snapshot of height (\d+): (\d+) chunks, (\d+) ms")]
            new = [r for r in rows if r[0] >= height]
            if new and sum(r[0] == new[0][0] for r in new) == 4:
                return new[0]
            time.sleep(0.2)
        raise RuntimeError("no snapshot came")


def join(chain, work, number):
    """Seconds from a new node's start to the height that the network has, and what its log says of the way."""
    home, port = os.path.join(work, f"new{number}"), chain.port + 10 * (4 + number)
    trust = max((f"{chain.home}/validator{i}/trust.json" for i in range(4)), key=os.path.getmtime)
    machine.output(machine.program("assay"), "net", "follow", f"{chain.home}/network.json", "--data", home, "--host",
                   "127.0.0.1", "--address", "127.0.0.1", "--base-port", str(port), "--moniker", f"new{number}",
                   "--trust", trust)
    log_path = os.path.join(work, f"new{number}.log")
    with open(log_path, "wb") as log:
        began = time.monotonic()
        node = processes.start([machine.program("assayd"), "--data", home, "--engine", "cometbft"], log)
        try:
            offered = there = None
            while True:
                with open(log_path, encoding="utf-8", errors="replace") as f:
                    text = f.read()
                offered = offered or ("takes in the state" in text and time.monotonic() - began)
                there = there or ("has the state of height" in text and time.monotonic() - began)
                if there and reached(f"http://127.0.0.1:{port}", chain.height()):
                    return {"seconds": time.monotonic() - began, "offered": offered, "there": there,
                            "memory": machine.resident(node.pid)[:2]}
                if node.poll() is not None or time.monotonic() - began > PATIENCE:
                    raise RuntimeError(f"it did not join: {text[-2000:]}")
                time.sleep(0.05)
        finally:
            processes.end([node], 60)


def reached(url, height):
    try:
        return json.loads(fetch(f"{url}/status"))["height"] >= height - 1
    except (OSError, ValueError):
        return False


def measure(counts, joins, port, keep=lambda found: None):
    found = {"keys": [], "joins": [], "snapshot": None}
    with tempfile.TemporaryDirectory(prefix="assay-keys-") as work:
        programs = os.path.join(work, "bin")
        os.mkdir(programs)
        build(programs)
        with Full(work, port) as chain:
            there = 0
            for key, count in enumerate(counts):
                progress(f"{count:,} keys")
                chain.fill(programs, key, count - there)
                there = count
                most = [machine.resident_most(p) for p in chain.applications()]
                chain.rest()
                found["keys"].append({"keys": count, "memory": chain.memory(), "most": most})
                keep(found)
            found["snapshot"] = chain.snapshot(chain.height())
            for number in range(joins):
                progress(f"a node joins, {number + 1} of {joins}")
                found["joins"].append(join(chain, work, number))
                keep(found)
    return found


def rows(table, found):
    for row in found["keys"]:
        resident, own = (max(m[k] for m in row["memory"]) for k in (0, 1))
        small = row["keys"] <= 100000
        table.hold(f"resident memory of assayd at {row['keys']:,} keys", mib(resident), resident / (1 << 20),
                   128 if small else None, 64 if small else None, " MiB")
        table.add("of that, its own, without pages of files", mib(own))
        table.add("the most that was resident while they were made", mib(max(row["most"])))
    took = median(j["seconds"] for j in found["joins"])
    table.hold(f"join by state sync at {found['keys'][-1]['keys']:,} keys", f"{took:.1f} s", took, 30, 3, " s")
    table.add("of that, the snapshot taken in", f"{median(j['there'] - j['offered'] for j in found['joins']):.1f} s")
    height, chunks, ms = found["snapshot"]
    table.note("Keys are accounts, made by signed transfers under load. Memory: the largest of four, "
               f"{REST_BLOCKS} empty blocks after the last full one; a full block maps pages of the store's file, which "
               f"is the file's cache, and lets go of them. A node that just joined has {mib(max(j['memory'][1] for j in found['joins']))} of its own. "
               "The snapshot of "
               f"height {height:,} has {chunks} chunks and took {ms:,} ms to write. Joins: "
               + ", ".join(f"{j['seconds']:.1f} s ({j['offered']:.1f} until a snapshot was chosen)"
                           for j in found["joins"])
               + "; CometBFT looks for snapshots for 5 s first, its least. kvstore has no snapshots to be a peer.")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=lambda text: tuple(map(int, text.split(","))), default=(100000, 1000000))
    parser.add_argument("--joins", type=int, default=3)
    parser.add_argument("--port", type=int, default=29900)
    parser.add_argument("--json")
    return parser.parse_args()


def main():
    options = arguments()

    def keep(found):
        if options.json:
            with open(options.json, "w", encoding="utf-8") as f:
                json.dump({"machine": machine.describe(), **found}, f, indent=1)
    table = Table()
    rows(table, measure(options.keys, options.joins, options.port, keep))
    print("\n".join([*table.lines(), "", *(f"- {note}" for note in table.notes)]))


if __name__ == "__main__":
    main()
