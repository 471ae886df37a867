#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/many.py - four validators under stock CometBFT, beside the same with CometBFT's kvstore, in turn.

usage: bench/many.py [--rounds N] [--seconds N] [--samples N] [--parts interval,finality,load,steady,delay]
                     [--json FILE] [--window N] [--accounts N] [--size BYTES] [--port P] [--persistent]
                     [--round-trip MS] [--set KEY=VALUE]...

Each round makes both networks anew (chains.py), now ours first, now theirs, and measures
    interval   from block to block, when empty ones follow each other without a rest
    finality   of one transaction after the other, settings as shipped: over broadcast_tx_commit, and for ours over
               POST /transactions?wait=final
    delay      interval and finality once more, with round trips of MS (100) between any two validators, by a relay
               (test/e2e/relay.py), with timeout_commit as written and as one round trip; in the first two rounds
               only, with half the samples: nearly all of it is waiting
    load       transactions a second, by CometBFT's load-test framework with clients of ours (load/txs): of what stands
               in blocks, between the first and the last full one; and the applications' memory before and after
    steady     a fifth of what two processors bear: what the application has of a block's time then
Beside them: the processor time of applications and engines, a block and a transaction.

It needs assay, assayd and cometbft in ASSAY_BIN (build/bin) and Go, and builds load/ into a temporary directory. All of
it is on loopback, ports P to P + 132, and what the relay finds free. Homes lie where TMPDIR says: half of a block's time may be that disk's. What is
known so far is in --json's FILE after each measurement. A round of 20 seconds takes three minutes; to try it out,
`--rounds 1 --seconds 8 --samples 20`; --set says one line of config.toml otherwise, for both, to try that. As part `many` of bench/run its rows stand with the others.
"""
import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine
import processes
from chains import VALIDATORS, Ours, Sampler, Theirs, difference
from network import mib, quantile
from table import Table, progress

LOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load")
PARTS = ("interval", "finality", "load", "steady", "delay")
STEADY = 1000  # transactions a second
PER_SECOND_MOST = 20000  # transactions that are made beforehand, for each second
REST_MS = 20
DELAY_ROUNDS = 2
WARM = 10  # height, from which on intervals count
median = statistics.median


def build(directory):
    """load/'s programs; everything that they are made of stands in its go.sum."""
    run = subprocess.run(["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", directory + "/",
                          "./kvstore", "./txs"], cwd=LOAD, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"bench/load: {run.stderr[-2000:]}")


def transactions(programs, verb, *words):
    """What bench/load/txs prints."""
    run = subprocess.run([os.path.join(programs, "txs"), verb, *map(str, words)], capture_output=True, text=True,
                         timeout=900, preexec_fn=processes.end_with_parent)
    if run.returncode:
        raise RuntimeError(f"txs {verb}: exit {run.returncode}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)


class Bench:
    """What is measured, into one list of {round, kind, part, ...}."""

    def __init__(self, options, work):
        self.options, self.work, self.found = options, work, []
        self.machine = machine.describe()
        self.programs = os.path.join(work, "bin")
        os.mkdir(self.programs)
        build(self.programs)

    def chain(self, kind, busy, far=0, settings=()):
        directory = tempfile.mkdtemp(prefix="n", dir=self.work)
        settings = (*settings, *self.options.set)
        if kind == "assay":
            return Ours(directory, self.options.port, busy, far, settings)
        return Theirs(directory, self.options.port + 100, busy, far, settings,
                      os.path.join(self.programs, "kvstore"), self.options.persistent)

    def txs(self, verb, *words):
        return transactions(self.programs, verb, *words)

    def keep(self, **found):
        self.found.append(found)
        if self.options.json:
            with open(self.options.json + ".new", "w", encoding="utf-8") as f:
                json.dump({"options": vars(self.options), "machine": self.machine,
                           "load_average": machine.load_average(), "found": self.found}, f, indent=1)
            os.replace(self.options.json + ".new", self.options.json)

    def round(self, number):
        kinds = ("assay", "kvstore") if number % 2 else ("kvstore", "assay")
        if "interval" in self.options.parts:
            for kind in kinds:
                progress(f"round {number}: interval, {kind}")
                self.interval(number, kind)
        if set(self.options.parts) & {"finality", "load", "steady"}:
            for kind in kinds:
                progress(f"round {number}: finality and load, {kind}")
                self.work_on(number, kind)
        if "delay" in self.options.parts and number <= DELAY_ROUNDS:
            for kind, commit in itertools.product(kinds, self.commits()):
                progress(f"round {number}: round trips of {self.options.round_trip} ms, {kind}, {commit or 'as written'}")
                self.delay(number, kind, commit)

    def commits(self):
        """timeout_commit as written, and as docs/operate.md has it for such a distance."""
        return None, f"{self.options.round_trip}ms"

    def interval(self, number, kind):
        with self.chain(kind, True) as chain:
            self.keep(round=number, kind=kind, part="interval", **self.interval_of(chain))

    def interval_of(self, chain):
        chain.wait_for(WARM)
        first, before = chain.height(), chain.look()
        time.sleep(self.options.seconds)
        last, after = chain.height(), chain.look()
        times = chain.times(first, last)
        gaps = [(b - a) / 1e6 for a, b in zip(times, times[1:])]
        return {"blocks": len(gaps), "median_ms": median(gaps), "mean_ms": statistics.fmean(gaps),
                "p99_ms": quantile(gaps, 0.99), "taken": difference(before, after)}

    def delay(self, number, kind, commit):
        """alone: a transaction when nothing else is under way, not even the block that proves the last one's state."""
        trip, what = self.options.round_trip, {"round": number, "kind": kind, "commit": commit}
        settings = [("timeout_commit", f'"{commit}"')] if commit else []
        with self.chain(kind, True, trip / 2, settings) as chain:
            self.keep(part="delay interval", **what, **self.interval_of(chain))
        with self.chain(kind, False, trip / 2, settings) as chain:
            for key, (way, rest) in enumerate((("alone", 3 * trip), ("packed", REST_MS))):
                words = *chain.words(key, chain.rpc(0)), "-samples", self.options.samples // 2, "-rest", rest
                ns = self.txs("finality", *words, "-size", self.options.size)
                self.keep(part="delay finality", way=way, ns=ns, **what)

    def work_on(self, number, kind):
        with self.chain(kind, busy=False) as chain:
            started = chain.memory()
            if "finality" in self.options.parts:
                self.finality(number, chain)
            if "steady" in self.options.parts and kind == "assay":
                self.steady(number, chain)
            if "load" in self.options.parts:
                self.load(number, chain)
            self.keep(round=number, kind=kind, part="memory", started=started, after=chain.memory())

    def finality(self, number, chain):
        many = ("-samples", self.options.samples, "-rest", REST_MS, "-size", self.options.size)
        ways = {"commit": (*chain.words(1, chain.rpc(0)), *many)}
        if chain.kind == "assay":
            ways["http"] = (*chain.words(2, chain.rpc(0)), "-http", chain.url(0), *many)
        for way, words in ways.items():
            self.keep(round=number, kind=chain.kind, part="finality", way=way, ns=self.txs("finality", *words))

    def handed(self, chain, key, *words):
        """What became of many that an account paid for, and the sampler of that time."""
        o = self.options
        with Sampler(chain) as sampler:
            got = self.txs("load", *chain.words(key, chain.rpcs()), "-seconds", o.seconds, "-window", o.window,
                           "-accounts", o.accounts, "-size", o.size, *words)
        if got["refused"]:
            raise RuntimeError(f"{got['refused']} transactions are in blocks and were refused there")
        return got, sampler

    def load(self, number, chain):
        got, sampler = self.handed(chain, 0, "-count", self.options.seconds * PER_SECOND_MOST // VALIDATORS)
        self.keep(round=number, kind=chain.kind, part="load", **got, **flow(got["blocks"], sampler))

    def steady(self, number, chain):
        got, sampler = self.handed(chain, 3, "-rate", STEADY, "-count",
                                   self.options.seconds * STEADY // VALIDATORS)
        full = [b["time_ns"] for b in got["blocks"] if b["txs"]]
        taken = sampler.between(full[0], full[-1])
        self.keep(round=number, kind=chain.kind, part="steady", counted=sum(b["txs"] for b in got["blocks"]),
                  blocks=len(full), lost=got["lost"], taken=taken)


def flow(blocks, sampler):
    """Transactions a second between the first and the last full block: one with half of the median's, among those that
    hold any. A block's time is that of the votes for the one before it: its transactions belong to what follows."""
    usual = median(b["txs"] for b in blocks if b["txs"])
    full = [i for i, b in enumerate(blocks) if 2 * b["txs"] >= usual]
    first, last = full[0], full[-1]
    if last == first:
        raise RuntimeError("one full block tells nothing: more seconds, or a smaller window")
    stretch, began, ended = blocks[first:last], blocks[first]["time_ns"], blocks[last]["time_ns"]
    count = sum(b["txs"] for b in stretch)
    return {"per_second": count / ((ended - began) / 1e9), "counted": count, "full_blocks": last - first,
            "txs_a_block": count / (last - first), "block_ms": (ended - began) / 1e6 / (last - first),
            "more_rounds": sum(b["round"] for b in stretch), "taken": sampler.between(began, ended)}


# ---- as rows ---------------------------------------------------------------------------------------------------------

class Found:
    """What was measured, asked for by part and kind."""

    def __init__(self, found):
        self.found = found

    def of(self, part, kind, **more):
        return [f for f in self.found if f["part"] == part and f["kind"] == kind
                and all(f[k] == v for k, v in more.items())]

    def middle(self, part, kind, what):
        return median(what(f) for f in self.of(part, kind))

    def both(self, part, what):
        return self.middle(part, "assay", what), self.middle(part, "kvstore", what)


def share(found, kind):
    """Of the time of a block, what the first validator's application had for the consensus connection: 0, as the clock
    goes; 1, of a processor."""
    return found["taken"]["app_seconds"][kind] / found["taken"]["seconds"]


def idle(found):
    """Of the processors' time, what nobody used."""
    return found["taken"]["idle"] / found["taken"]["seconds"] / len(os.sched_getaffinity(0))


def cpu(name, each):
    """Microseconds of one validator's processor a block or a transaction."""
    return lambda f: f["taken"]["cpu"].get(name, 0) / VALIDATORS / each(f) * 1e6


def cpu_rows(table, found, part, unit, each):
    """Beside each other: what the applications took of the processors, and what CometBFT did around them."""
    apps = found.middle(part, "assay", cpu("assayd", each)), found.middle(part, "kvstore", cpu("kvstore", each))
    engines = found.both(part, cpu("cometbft", each))
    for what, (ours, peer) in (("application", apps), ("CometBFT", engines)):
        table.add(f"processor of a validator's {what}, {unit}", f"{ours:,.0f} us", f"{peer:,.0f} us",
                  f"{ours / peer:.2f}x" if peer else "")


def share_row(table, found, part, when):
    passed, used = (median(share(f, kind) for f in found.of(part, "assay")) for kind in (0, 1))
    table.hold(f"many: application's share of a block's time, {when}", f"{passed:.1%}", passed * 100, 10, 3, " %")
    table.add(f"the same, of a processor, {when}", f"{used:.1%}")


def interval_rows(table, found):
    ours, peer = found.both("interval", lambda f: f["median_ms"])
    table.hold("many: block interval, empty blocks", f"{ours:.1f} ms", ours / peer, 1.3, 1.05, "x", f"{peer:.1f} ms",
               f"{ours / peer:.2f}x")
    cpu_rows(table, found, "interval", "an empty block", lambda f: f["blocks"])
    share_row(table, found, "interval", "empty")


def finality_rows(table, found):
    ways = (("commit", "broadcast_tx_commit", "kvstore"), ("http", "POST ?wait=final", None))
    for way, name, peer in ways:
        ours, theirs = ([n / 1e6 for f in found.of("finality", kind, way=way) for n in f["ns"]] if kind else []
                        for kind in ("assay", peer))
        for share_of, label in ((0.5, "p50"), (0.99, "p99")):
            value = quantile(ours, share_of)
            other = quantile(theirs, share_of) if theirs else None
            table.hold(f"many: finality {label}, {name}", f"{value:.1f} ms", value, 100, 30, " ms",
                       f"{other:.1f} ms" if theirs else "", f"{value / other:.2f}x" if theirs else "")


def delay_rows(table, found, trip):
    name = f"many, {trip} ms round trips"
    for commit in sorted({f["commit"] for f in found.of("delay interval", "assay")}, key=lambda c: c or ""):
        with_ = f", timeout_commit {commit}" if commit else ""
        one = [f["median_ms"] for f in found.of("delay interval", "assay", commit=commit)]
        other = [f["median_ms"] for f in found.of("delay interval", "kvstore", commit=commit)]
        ours, peer = median(one), median(other)
        table.add(f"{name}{with_}: block interval, empty blocks", f"{ours:.0f} ms", f"{peer:.0f} ms",
                  f"{ours / peer:.2f}x")
        for way, rest in (("alone", f"{3 * trip} to {6 * trip}"), ("packed", f"{REST_MS} to {2 * REST_MS}")):
            ours, theirs = ([n / 1e6 for f in found.of("delay finality", kind, way=way, commit=commit) for n in f["ns"]]
                            for kind in ("assay", "kvstore"))
            for share_of, label in ((0.5, "p50"), (0.99, "p99")):
                a, b = quantile(ours, share_of), quantile(theirs, share_of)
                bars = (600, 300) if label == "p50" and trip == 100 else (None, None)
                table.hold(f"{name}{with_}: finality {label}, {rest} ms between two", f"{a:.0f} ms", a, *bars, " ms",
                           f"{b:.0f} ms", f"{a / b:.2f}x")
    table.note(f"{name}: each byte between two validators takes {trip / 2:g} ms in test/e2e/relay.py; who hands in "
               "stands beside validator 0. A transaction changes the state, and a block that proves the new one follows "
               "at once; who hands in the next before that is there waits for it first, unless timeout_commit lets it in.")


def load_rows(table, found):
    ours, peer = found.both("load", lambda f: f["per_second"])
    table.hold("many: transactions a second", f"{ours:,.0f}", ours / peer, 0.7, 1.0, "x", f"{peer:,.0f}",
               f"{ours / peer:.2f}x", True)
    cpu_rows(table, found, "load", "a transaction", lambda f: f["counted"])
    share_row(table, found, "load", "loaded")
    rows = {kind: found.of("load", kind) for kind in ("assay", "kvstore")}
    first = rows["assay"][0]
    table.note(f"many: {first['bytes_each']} bytes a transaction, handed in by cometbft-load-test over a WebSocket to "
               "each of four nodes; ours signed by "
               f"{first['accounts']:,} accounts, verified by each validator; kvstore's key=value. "
               + "; ".join(f"{kind}: {', '.join(format(f['per_second'], ',.0f') for f in got)} a second, "
                           f"{median(f['txs_a_block'] for f in got):,.0f} in a block of "
                           f"{median(f['block_ms'] for f in got):,.0f} ms, "
                           f"{sum(f['full_blocks'] for f in got)} such blocks, "
                           f"{sum(f['more_rounds'] for f in got)} rounds too many, {sum(f['lost'] for f in got)} lost, "
                           "processors idle for "
                           f"{median(idle(f) for f in got):.0%}"
                           for kind, got in rows.items()) + ".")


def memory_rows(table, found):
    for when, what in (("started", "started"), ("after the load", "after")):
        ours, peer = (found.middle("memory", kind, lambda f: median(m[0] for m in f[what]))
                      for kind in ("assay", "kvstore"))
        table.add(f"many: an application's resident memory, {when}", mib(ours), mib(peer), f"{ours / peer:.2f}x")


def rows(table, found, parts, trip):
    found = Found(found)
    if "interval" in parts:
        interval_rows(table, found)
    if "finality" in parts:
        finality_rows(table, found)
    if "load" in parts:
        load_rows(table, found)
        memory_rows(table, found)
    if "steady" in parts:
        share_row(table, found, "steady", f"{STEADY:,} transactions a second")
        table.note(f"many: of {STEADY:,} transactions a second the processors were idle for "
                   f"{median(idle(f) for f in found.of('steady', 'assay')):.0%}.")
    if "delay" in parts:
        delay_rows(table, found, trip)


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--window", type=int, default=10000)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--size", type=int, default=176)
    parser.add_argument("--port", type=int, default=29600)
    parser.add_argument("--parts", type=lambda text: tuple(text.split(",")), default=PARTS)
    parser.add_argument("--persistent", action="store_true")
    parser.add_argument("--round-trip", type=int, default=100)
    parser.add_argument("--set", type=lambda text: text.split("=", 1), action="append", default=[])
    parser.add_argument("--json")
    options = parser.parse_args(words)
    if not set(options.parts) <= set(PARTS):
        parser.error(f"--parts: some of {','.join(PARTS)}")
    return options


def measure(table, words):
    options = arguments(words)
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="assay-many-") as work:
        bench = Bench(options, work)
        for number in range(1, options.rounds + 1):
            bench.round(number)
        kept = "in its database there" if options.persistent else "in memory, as CometBFT ships it"
        table.note(f"many: all homes lie on one {machine.filesystem(work)}, whose syncs are much of a block's time: by "
                   f"CometBFT of votes, log and blocks, by assayd of each commit; kvstore's state is {kept}.")
    rows(table, bench.found, options.parts, options.round_trip)


def stop(*_):
    raise SystemExit("stopped")


def main():
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    table, before = Table(), machine.load_average()
    measure(table, sys.argv[1:])
    print("\n".join([*table.lines(), "", *(f"- {note}" for note in table.notes),
                     f"- load average before and after: {before:.1f} and {machine.load_average():.1f}"]))


if __name__ == "__main__":
    main()
