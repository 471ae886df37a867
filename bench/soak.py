# SPDX-License-Identifier: Apache-2.0
"""bench/soak.py - what clients see of a network under CometBFT in which one validator after the other fails, for an hour,
and for ten minutes under all the load that it takes. test/soak/run does it, and refuses to pass if anything that was
acknowledged is lost; here its figures become rows.
"""
import json
import os
import subprocess
import tempfile

import machine
from table import progress

RUN = os.path.join(machine.ROOT, "test", "soak", "run")


def measure(seconds, full_seconds):
    """The figures of both runs. Raises if a check of either fails."""
    out = []
    with tempfile.TemporaryDirectory(prefix="assay-soak-") as work:
        for words, long in (((), seconds), (("--full",), full_seconds)):
            progress(f"faults for {long:,} s{', under full load' if words else ''}")
            path = os.path.join(work, "figures.json")
            subprocess.run([RUN, "--seconds", str(long), "--out", path, *words], check=True)
            with open(path, encoding="utf-8") as f:
                out.append(json.load(f))
    return out


def rows(table, runs):
    for run in runs:
        what = "faults at full load" if "storm" in run else "faults"
        table.hold(f"{what}: taken / submitted, a second node where the first fails", f"{run['availability']:.3%}",
                   run["availability"] * 100, None, 99.99, "%", more=True)
        table.add("the same, one try", f"{run['availability_first']:.3%}")
        table.hold("acknowledged and then not found", str(run["acknowledged_lost"]), run["acknowledged_lost"], 0, 0, "")
        table.add("seconds without a block, of 1,000", f"{run['seconds_without_blocks'] / run['seconds'] * 1e3:.1f}")
        table.add("the longest", f"{max(run['outages'], default=0):.1f} s")
        table.add("final after, p50", f"{run['p50_ms']:,.0f} ms")
        table.add("final after, p99", f"{run['p99_ms']:,.0f} ms")
        faults = ", ".join(f"{n:,} {kind.replace('_', ' ')}" for kind, n in sorted(run["faults"].items()))
        table.note(f"{what}: {run['seconds']:,.0f} s, seed {run['seed']}; {faults}; one validator at a time, every one of "
                   f"them back before the next. {run['submitted']:,} transactions, each awaited until it was final, by "
                   f"senders that ask a second node where the first refuses or stays silent; {run['blocks']:,} blocks. "
                   f"No block for more than 2 s: {len(run['outages'])} times.")
        storm = run.get("storm")
        if not storm:
            continue
        table.add("transactions a second at full load, faults and all", f"{storm['per_second']:,.0f}")
        table.note(f"At full load: {storm['acknowledged']:,} more transactions were seen in {storm['blocks']:,} blocks; "
                   "every node was asked for each of these blocks and for every sender's nonce afterwards. "
                   f"{storm['begun_again']:,} times a sender began again because a mempool was lost.")
