# SPDX-License-Identifier: Apache-2.0
"""engines - the same questions to both engines: what a client, an operator and a verifier may rely on is the same under
the embedded engine and under CometBFT.

Each case takes a Ground (a network of four and what differs in handling it) and asserts on what the ledger and the API
say. A case that passes on one engine alone is a bug of the other."""

import json
import os
import random
import signal
import time

from rehearsal import COMETBFT, Rehearsal
from world import Refused, check, main, read_json, request, same, sharded_model, until

RANDOM = random.Random(11)


class Embedded:
    name = "embedded"

    def __init__(self, world):
        self.world = world
        self.net = world.network("-n", "4", data=world.path("net"))
        self.directory = self.net.data

    def at(self, i):
        """(node, query) of validator i."""
        return self.net, f"?validator={i}"

    def kill(self, i):
        self.net.fault("kill", i)

    def revive(self, i):
        self.net.fault("revive", i)

    def trust(self):
        return self.net.trust


class Comet:
    name = "cometbft"

    def __init__(self, world):
        self.world = world
        self.net_ = Rehearsal(world).start()
        self.net, self.directory = self.net_[0], self.net_.directory

    def at(self, i):
        return self.net_[i], ""

    def kill(self, i):
        self.net_[i].stop(signal.SIGKILL)

    def revive(self, i):
        self.net_[i].start().await_ready()

    def trust(self):
        return self.net_.trust


def key(ground, i=0):
    return os.path.join(ground.directory, "keys", f"account{i}.key")


def send(ground, amount, *words, account=0, node=0):
    to = read_json(ground.directory, "accounts.json")[-1]["address"]
    return ground.at(node)[0].assay("send", to, amount, "--key", key(ground, account), "--json", *words)


def transactions(ground):
    """Final when told so; found where it was said to be; refused alike; never twice."""
    done = send(ground, 1000)
    told = done.json or {}
    check("a transaction is final when its sender hears of it", done.code == 0 and told.get("height"), done)
    net = ground.net
    found = net.get(f"/transactions/{told['id']}")
    same("it stands where it was said to", (found["height"], found["code"], found["kind"]), (told["height"], "E0", "send"))
    block = net.get(f"/blocks/{told['height']}")
    check("in that block's list", told["id"] in block["transactions"], block)
    for i in range(4):
        node, query = ground.at(i)
        check(f"validator {i} has it too",
              until(10, lambda n=node, q=query: n.get(f"/transactions/{told['id']}{q}")["height"] == told["height"]))  # fmt: skip
    done = send(ground, 10**18)
    check("more than there is is refused", done.code == 1, done)
    status, _, body = request(net.port, "POST", "/transactions", b"nonsense")
    same("what is no transaction is refused", (status, json.loads(body)["code"]), (400, "E1"))
    # Ten of one sender at once, in order.
    ids = []
    for amount in range(10):
        done = send(ground, 5 + amount, account=1)
        check("one after the other", done.code == 0, done)
        ids.append(done.json["id"])
    same("all of them are there", {net.get(f"/transactions/{i}")["code"] for i in ids}, {"E0"})


def headers(ground):
    """A block's header names the state after the block before it; hashes form a chain; time grows."""
    net = ground.net
    top = net.height()
    check("some blocks", until(30, lambda: net.height() >= top + 3))
    blocks = [net.get(f"/blocks/{h}") for h in range(top, top + 3)]
    for one, two in zip(blocks, blocks[1:]):
        same("the parent is the block before", two["last_block_hash"], one["hash"])
        check("time grows", two["time"] > one["time"], (one["time"], two["time"]))
        same("signed by validators of the set", two["commit"]["validators"], 4)
        check("by more than two thirds", two["commit"]["signed"] >= 3, two)
    for _ in range(50):
        status = net.get("/status")
        try:
            after = net.get(f"/blocks/{status['height'] + 1}")
        except Refused:
            time.sleep(0.1)
            continue
        same("the next header names the state", after["app_hash"], status["app_hash"])
        break
    began, height = time.monotonic(), net.height()
    time.sleep(5)
    rate = (net.height() - height) / (time.monotonic() - began)
    check("an idle chain makes about a block a second", 0.5 <= rate <= 2.5, rate)


def models(ground):
    """Published through one validator, fetched by the others, attested, verified, revoked."""
    model = sharded_model(ground.world.path("model"), RANDOM)
    certificate = ground.world.path("cert.json")
    node, _ = ground.at(1)
    done = node.assay("publish", model, "--name", "acme/both", "--version", "1.0", "--key", key(ground), "--wait",
                      "--out", certificate)  # fmt: skip
    check("attested", done.code == 0, done)
    until(20, lambda: os.path.exists(ground.trust()))
    done = ground.world.assay("verify", model, "--cert", certificate, "--trust", ground.trust(), "--json")
    same("verified", (done.code, done.json["verdict"], done.json["assurance"]), (0, "verified", "L1"))
    done = node.assay("revoke", "acme/both@1.0", "--reason", "test", "--key", key(ground))
    check("revoked", done.code == 0, done)
    done = node.assay("refresh", certificate)
    check("proved again", done.code in (0, 5), done)
    done = ground.world.assay("verify", model, "--cert", certificate, "--trust", ground.trust())
    same("and then no longer good", done.code, 5, done)


def stake(ground):
    """Delegated stake counts from the end of the epoch on, in the set that signs."""
    net = ground.net
    row = net.get("/validators")[2]
    done = net.assay("delegate", row["address"], "500_000_000_000", "--key", key(ground, 2))
    check("delegated", done.code == 0, done)
    check("counts at the end of the epoch", until(60, lambda: net.get("/validators")[2]["power"] > row["power"]))
    total = net.total()
    check("and units add up", until(10, lambda: all(net.total() == total for _ in range(3))))


def falls(ground):
    """One of four may fall; two stop the chain; nothing is lost."""
    ground.kill(3)
    done = send(ground, 77)
    check("three go on", done.code == 0, done)
    ground.kill(2)
    time.sleep(2)
    height = ground.net.height()
    time.sleep(3)
    same("two do not", ground.net.height(), height)
    ground.revive(2)
    check("three do again", until(60, lambda: ground.net.height() > height + 1))
    ground.revive(3)
    node, query = ground.at(3)
    check("the last one catches up", until(60, lambda: node.get(f"/status{query}")["height"] >= ground.net.height() - 2))
    same("and has what was final", node.get(f"/transactions/{done.json['id']}{query}")["height"], done.json["height"])


CASES = (transactions, headers, models, stake, falls)


def embedded(world):
    ground = Embedded(world)
    for case in CASES:
        case(ground)


def comet(world):
    ground = Comet(world)
    for case in CASES:
        case(ground)


if not os.path.exists(COMETBFT):
    check("CometBFT is installed: make cometbft", False, COMETBFT)
main(embedded, comet)
