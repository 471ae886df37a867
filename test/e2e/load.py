# SPDX-License-Identifier: Apache-2.0
"""load - what clients see while a network under CometBFT is disturbed: senders that remember what they were told, and a
watch over the chain."""

import collections
import random
import threading
import time

ACCOUNTS = 4
GAP = 2.0  # an idle chain makes a block a second; longer than this without one is an outage
PATIENCE = 15


class Load:
    """Senders, one thread an account; what they were told."""

    def __init__(self, net, seed, accounts=ACCOUNTS, patience=PATIENCE):
        self.net, self.seed, self.patience, self.stopping = net, seed, patience, threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.latencies = [], []
        self.submitted = self.first = self.second = 0
        self.refused = collections.Counter()
        self.threads = [threading.Thread(target=self.send, args=(i,), daemon=True) for i in range(accounts)]
        self.to = net.accounts()[-1]["address"]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def once(self, account, node, amount):
        """(id, height), or None. What a busy or dead node says is counted."""
        try:
            done = node.assay(
                "send", self.to, amount, "--key", self.net.key(account), "--json", "--timeout", self.patience,
                timeout=self.patience + 10,
            )  # fmt: skip
        except Exception as error:  # the node fell while it was asked
            self.refused[type(error).__name__] += 1
            return None
        if done.code == 0 and done.json and done.json.get("height"):
            return done.json["id"], done.json["height"]
        self.refused[(done.json or {}).get("error", {}).get("code", "?")] += 1
        return None

    def send(self, account):
        random_ = random.Random(self.seed * 100 + account)
        amount = 1
        while not self.stopping.is_set():
            amount += 1
            nodes = random_.sample(self.net.validators, min(2, len(self.net.validators)))
            began = time.monotonic()
            told = self.once(account, nodes[0], amount)
            first = told is not None
            if not first:
                told = self.once(account, nodes[-1], amount)
            took = time.monotonic() - began
            with self.lock:
                self.submitted += 1
                self.first += first
                self.second += told is not None
                self.latencies.append(took)
                if told:
                    self.acknowledged.append(told)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(timeout=60)


class Watch(threading.Thread):
    """Looks at the chain ten times a second: seconds without a block, beyond the first GAP of each."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.net, self.stopping = net, threading.Event()
        self.outages, self.longest, self.top = [], 0.0, 0

    def height(self):
        best = 0
        for v in self.net.validators:
            try:
                best = max(best, v.get("/status", timeout=2)["height"])
                if best > self.top:
                    return best
            except Exception:  # one that is down says nothing
                pass
        return best

    def run(self):
        last = time.monotonic()
        while not self.stopping.wait(0.1):
            now_height, now = self.height(), time.monotonic()
            if now_height > self.top:
                self.longest = max(self.longest, now - last)
                if now - last > GAP:
                    self.outages.append(now - last)
                self.top, last = now_height, now
        if time.monotonic() - last > GAP:
            self.outages.append(time.monotonic() - last)


def lost(net, acknowledged):
    """Of what was acknowledged, what a node does not have where it was said to be."""
    missing = []
    for v in net.validators:
        for tx, height in acknowledged:
            try:
                found = v.get(f"/transactions/{tx}")
                if found["height"] != height or found["code"] != "E0":
                    missing.append((v.port, tx, height, found["height"], found["code"]))
            except Exception as error:
                missing.append((v.port, tx, height, str(error)))
    return missing
