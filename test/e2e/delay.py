# SPDX-License-Identifier: Apache-2.0
"""delay - validators that are far from each other: 100 ms there and back between any two, by a relay (relay.py). Blocks
come, transactions become final, and what the network loses for some seconds heals.

How fast it is, bench/many.py measures; here it must not be faster than messages travel, and not far from that."""

import os
import statistics
import subprocess
import time

from rehearsal import COMETBFT, Rehearsal
from relay import between
from world import ASSAY, check, main, same, until

WAY_MS = 50


class Distant:
    """The relay, ending with the world as a network does."""

    def __init__(self, net, milliseconds):
        self.url = "relay"
        self.far = between([os.path.join(v.data, "cometbft") for v in net.validators], milliseconds)
        net.world.networks.append(self)

    def say(self, words):
        same(f"the relay is told: {words}", self.far.say(words), "ok")

    def kill(self):
        self.far.stop()

    def log(self):
        return f"bytes, reads, connections: {self.far.count()}"


def words(net, node, amount, account):
    to = net.accounts()[1]["address"]
    return "send", to, amount, "--key", net.key(account), "--node", node.url, "--json"


def balance(net, node):
    return int(node.get(f"/accounts/{net.accounts()[1]['address']}")["balance"])


def far(world):
    net = Rehearsal(world)
    relay = Distant(net, WAY_MS)
    net.start()
    total, before = net[0].total(), balance(net, net[0])
    taken, sent = [], 0
    for i in range(8):
        time.sleep(0.4)  # the block that proves the last one's state comes first
        began = time.monotonic()
        done = world.assay(*words(net, net[i % 4], 10, 0))
        taken.append((time.monotonic() - began) * 1e3)
        sent += 10
        check("a transaction is final", done.code == 0, done)
    check("not before proposal and two rounds of votes have come all the way", min(taken) >= 3 * WAY_MS, taken)
    check("and not long after", statistics.median(taken) < 2000, taken)
    print(f"     final after {statistics.median(taken):.0f} ms in the middle, {min(taken):.0f} to {max(taken):.0f}")

    # Nothing arrives for some seconds; nothing is lost.
    relay.say("stall")
    late = world.start(ASSAY, *words(net, net[0], 1000, 0), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check("while nothing arrives no block comes", net.stands())
    check("and nothing is final", late.poll() is None and balance(net, net[0]) == before + sent)
    relay.say("pass")
    check("when it arrives the chain goes on", net.goes_on())
    same("and what was handed in meanwhile is final", late.wait(timeout=30), 0)
    sent += 1000

    # Connections of one validator end, and it gets no new ones.
    relay.say("cut 3")
    stood, others = net[3].height(), net.validators[:3]
    target = max(v.height() for v in others) + 3
    check("without one the others go on", until(30, lambda: min(v.height() for v in others) >= target))
    check("which stands still", net[3].height() <= stood + 1, net.heights())
    relay.say("pass")
    check("and catches up", until(30, lambda: net[3].height() >= net[0].height() - 2), net.heights())

    # All connections end.
    relay.say("cut")
    check("without any no block comes", net.stands(2))
    relay.say("pass")
    check("they find each other again", net.goes_on(40))
    done = world.assay(*words(net, net[2], 1, 0))
    check("and take transactions", done.code == 0, done)
    check("all of them have what was final", until(10, lambda: {balance(net, v) for v in net.alive()} == {before + sent + 1}))
    same("no unit was made or lost", {v.total() for v in net.alive()}, {total})
    net.agree()
    same("all end when asked", net.stop(), [0, 0, 0, 0])


if not os.path.exists(COMETBFT):
    check("CometBFT is installed: make cometbft", False, COMETBFT)
    print("0 passed, 1 failed")
    raise SystemExit(1)
main(far)
