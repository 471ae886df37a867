# SPDX-License-Identifier: Apache-2.0
"""faults - validators that die, sign twice, or vouch without looking; and a network that lost half of its power.

Nothing about a fault is told to the other validators: what happens to the offender follows from what they see.
"""

import os
import random
import threading
import time

from world import check, main, same, sharded_model, until, write

KEYS = ("validator", "kind", "height", "fault_height", "rate", "base_stake", "taken", "burned", "evidence")


class Load:
    """Accounts that send to each other without a pause, until it ends. sent: (id, height) of what was acknowledged."""

    def __init__(self, net, senders=2):
        self.net, self.sent, self.failed, self.stop = net, [], [], False
        self.accounts = net.accounts()[:4]
        self.threads = [threading.Thread(target=self.send, args=(n,), daemon=True) for n in range(senders)]

    def send(self, n):
        while not self.stop:
            done = self.net.assay(
                "send",
                self.accounts[(n + 1) % 4]["address"],
                "1",
                "--json",
                env={"ASSAY_KEY": self.accounts[n]["key_file"]},
            )
            if done.code == 0:
                self.sent.append((done.json["id"], done.json["height"]))
            elif not self.stop:
                self.failed.append(str(done))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for t in self.threads:
            t.join(60)


def caught_up(net, n, least):
    """Validator n is at most a block behind validator 0, above `least`, and has the same block there."""

    def is_there():
        mine, other = net.height(n), net.height(0)
        if mine < other - 1 or mine <= least:
            return False
        return (
            net.get(f"/blocks/{mine - 1}?validator={n}")["hash"] == net.get(f"/blocks/{mine - 1}?validator=0")["hash"]
        )

    return until(30, is_there)


def votes_count(net, n):
    """Without validator 0 nothing becomes final unless validator n votes."""
    net.fault("kill", 0)
    height = net.height()
    check(f"validator {n}'s votes count", until(30, lambda: net.height() > height + 2), height)
    net.fault("revive", 0)
    check("validator 0 catches up", until(30, lambda: net.height(0) >= net.height(n) - 1 and net.height(0) > height))


def stake(net, n):
    return int(net.get("/validators")[n]["stake"])


def penalty(net, kind):
    rows = [p for p in net.get("/penalties")["penalties"] if p["kind"] == kind]
    if check(f"one penalty of kind {kind}", len(rows) == 1 and all(k in rows[0] for k in KEYS), rows):
        return rows[0]
    raise RuntimeError("no penalty to look at")


def kill_and_revive(world):
    """Blocks go on while one of four is dead, under load; it comes back and has the same chain."""
    net = world.network("-n", "4", data=world.path("net"))
    total = net.total()
    with Load(net) as load:
        check("transactions come through", until(20, lambda: len(load.sent) > 20))
        for round_ in range(3):
            net.fault("kill", 3)
            same("it does not run", [v["running"] for v in net.get("/validators")], [True, True, True, False])
            dead_at, sent = net.height(), len(load.sent)
            check("blocks go on without it", until(30, lambda: net.height() > dead_at + 5))
            check("and transactions", until(30, lambda: len(load.sent) > sent + 10))
            net.fault("revive", 3)
            check(
                f"round {round_}: it catches up under load",
                caught_up(net, 3, dead_at + 5),
                (net.height(3), net.height(0)),
            )
    same("no transaction failed", load.failed[:1], [])
    check("it catches up when it is quiet", caught_up(net, 3, dead_at + 5))
    lost = [t for t, height in load.sent if net.get(f"/transactions/{t}?validator=3")["height"] != height]
    same(f"validator 3 has all {len(load.sent)} transactions", lost, [])
    height = min(net.height(v) for v in range(4))
    differ = [h for h in range(1, height) if len({net.get(f"/blocks/{h}?validator={v}")["hash"] for v in (0, 3)}) != 1]
    same(f"all {height} blocks are the same", differ, [])
    votes_count(net, 3)
    same("units add up", net.total(), total)
    same("nobody was slashed for being dead", net.get("/penalties")["penalties"], [])


def restless(world):
    """One after the other is killed in the middle of whatever it signs and is back at once: nobody signs twice."""
    net = world.network("-n", "4", data=world.path("net"))
    total, dice = net.total(), random.Random(16)
    with Load(net, 3) as load:
        for _ in range(150):
            n = dice.randrange(4)
            net.fault("kill", n)
            time.sleep(dice.uniform(0, 0.01))
            net.fault("revive", n)
            time.sleep(dice.uniform(0, 0.05))
        height = net.height()
        check("blocks go on", until(60, lambda: net.height() > height + 5), net.log()[-1500:])
    check("all four have one chain", all(caught_up(net, n, height) for n in (1, 2, 3)))
    lost = [t for t, h in load.sent if net.get(f"/transactions/{t}")["height"] != h]
    same(f"none of {len(load.sent)} acknowledged transactions is lost", lost, [])
    check("there were some", len(load.sent) > 20, load.failed[:2])
    same("nobody signed twice", (net.get("/penalties")["penalties"], "double vote" in net.log()), ([], False))
    same("units add up", net.total(), total)


def double_sign(world):
    """One of four equal validators signs twice: 75 %, in the next block, out for good, power gone two heights later."""
    net = world.network("-n", "4", data=world.path("net"))
    total, before, burned = net.total(), [stake(net, n) for n in range(4)], int(net.get("/status")["burned"])
    for _ in range(5):  # a second vote that arrives when the others are two heights on is evidence for nobody
        net.fault("double-sign", 3)
        if until(5, lambda: net.get("/validators")[3]["tombstoned"]):
            break
    rows = net.get("/validators")
    check("tombstoned", rows[3]["tombstoned"] and rows[3]["status"] == "tombstoned", rows[3])
    p = penalty(net, "double-sign")
    same("it is validator 3", p["validator"], rows[3]["address"])
    check("in the block after the proof was seen", 1 <= p["height"] - p["fault_height"] <= 2, p)
    same(
        "75 % of what it had",
        (p["rate"], int(p["base_stake"]), int(p["taken"])),
        ("750000000", before[3], before[3] * 3 // 4),
    )
    same("one in four was at fault", (p["share_num"], p["share_den"]), ("250000000", "1000000000"))
    same("what is left", stake(net, 3), before[3] - before[3] * 3 // 4)
    same("the others lost nothing", [stake(net, n) for n in range(3)], before[:3])
    check("all of it was burned", int(net.get("/status")["burned"]) - burned >= int(p["burned"]) == int(p["taken"]), p)
    same("units add up", net.total(), total)
    check("blocks go on", until(20, lambda: net.height() >= p["height"] + 4))
    blocks = {h: net.get(f"/blocks/{p['height'] + h}") for h in range(4)}
    same(
        "the set that signed: four until two heights later",
        [blocks[h]["commit"]["validators"] for h in range(4)],
        [4, 4, 3, 3],
    )
    votes = [b["evidence"] for b in blocks.values() if b["evidence"]]
    check(
        "the block holds both votes",
        len(votes) == 1
        and blocks[0]["evidence"] == votes[0]
        and votes[0][0]["height"] == p["fault_height"]
        and votes[0][0]["block_a"] != votes[0][0]["block_b"],
        votes,
    )
    same("its power is gone", (net.get("/validators")[3]["power"], net.get("/status")["power"]), (0, 3000000))
    owner = net.accounts()[4 + 3]["key_file"]
    done = net.assay("unjail", "--key", owner)
    check("it never returns: exit 1, E51", done.code == 1 and "code E51" in done.err, done)
    done = net.assay("explain", str(p["id"]))
    check("the ledger explains it", done.code == 0 and "75.0000 %" in done.out, done)
    net.fault("double-sign", 3)
    time.sleep(2)
    same("whoever is out cannot be punished again", len(net.get("/penalties")["penalties"]), 1)
    published = net.publish(sharded_model(world.path("model"), random.Random(4)), "acme/after", "1", "--wait")
    check("three attest what comes after", published.code == 0, published)
    verified = world.assay("verify", world.path("model"), "--cert", published.last, "--trust", net.trust)
    check("and it verifies", verified.code == 0, verified)


def lazy_check(world):
    """A validator vouches for what it never read: the opening that it makes up costs 5 % and jail; later it returns."""
    net = world.network("-n", "4", data=world.path("net"))
    total, before = net.total(), [stake(net, n) for n in range(4)]
    net.fault("lazy-check", 2)
    path = sharded_model(world.path("model"), random.Random(5), floats=30000)
    done = net.publish(path, "acme/lazy", "1", "--wait")
    check("the version is attested all the same", done.code == 0, done)
    check("it is in jail", until(40, lambda: net.get("/validators")[2]["jailed"]))
    p = penalty(net, "false-opening")
    row = net.get("/validators")[2]
    same(
        "it is validator 2, jailed",
        (p["validator"], row["status"], row["tombstoned"]),
        (row["address"], "jailed", False),
    )
    same("5 % of what it had", (p["rate"], int(p["taken"])), ("50000000", before[2] * 5 // 100))
    same(
        "what is left",
        [stake(net, n) for n in range(4)],
        [before[n] - (before[n] * 5 // 100 if n == 2 else 0) for n in range(4)],
    )
    version = net.get("/models/acme/lazy/1")
    states = {c["validator"]: c["state"] for c in version["checks"]}
    check("its check is false", states.get(row["address"]) == "false", states)
    check(
        "the others' power attested it",
        version["status"] == "attested" and version["power_checked"] == 3000000,
        version,
    )
    same("units add up", net.total(), total)
    owner = net.accounts()[4 + 2]["key_file"]
    early = net.assay("unjail", "--key", owner)
    check("it stays in jail for its time: exit 1", early.code == 1, early)
    check("then it comes out", until(40, lambda: net.assay("unjail", "--key", owner).code == 0, 1))
    check(
        "and is in the set again, with less power",
        until(
            40, lambda: (lambda v: v["status"] == "active" and 900000 < v["power"] < 1000000)(net.get("/validators")[2])
        ),
        net.get("/validators")[2],
    )
    votes_count(net, 2)
    again = net.publish(write(world.path("second", "w.bin"), b"x" * 5000), "acme/lazy", "2", "--wait")
    check(
        "it is honest now",
        again.code == 0
        and until(20, lambda: sum(c["state"] == "opened" for c in net.get("/models/acme/lazy/2")["checks"]) == 4),
        again,
    )
    same("nothing more was taken", len(net.get("/penalties")["penalties"]), 1)


def halt_and_resume(world):
    """Two of four are dead: nothing becomes final, nothing is promised; they come back, and nothing is lost."""
    net = world.network("-n", "4", data=world.path("net"))
    total = net.total()
    accounts = net.accounts()
    for _ in range(10):
        net.assay("send", accounts[1]["address"], "1")
    net.fault("kill", 2)
    net.fault("kill", 3)
    time.sleep(1)
    height = net.height()
    before = int(net.get(f"/accounts/{accounts[1]['address']}")["balance"])
    done = net.assay("send", accounts[1]["address"], "5", "--timeout", "2")
    check("a transaction is not acknowledged: exit 6", done.code == 6 and "height" not in done.out, done)
    same("the chain stands still", net.height(), height)
    same("its state too", int(net.get(f"/accounts/{accounts[1]['address']}")["balance"]), before)
    check("those who run say so", net.get("/healthz") is not None)
    net.fault("revive", 2)
    check("with three of four it goes on", until(60, lambda: net.height() > height), net.log()[-1500:])
    check(
        "what waited becomes final",
        until(60, lambda: int(net.get(f"/accounts/{accounts[1]['address']}")["balance"]) == before + 5),
    )
    net.fault("revive", 3)
    check("all four have one chain", caught_up(net, 3, height) and caught_up(net, 2, height))
    same("units add up", net.total(), total)
    same("nobody was slashed", net.get("/penalties")["penalties"], [])
    # All of them, one after the other: nobody is left to answer.
    for n in range(4):
        net.fault("kill", n)
    done = net.assay("status")
    check("nobody runs: exit 6, and said", done.code == 6 and "F134" in done.err, done)
    for n in range(4):
        net.fault("revive", n)
    top = net.height()
    check("all came back and go on", until(60, lambda: net.height() > top), net.log()[-1500:])
    same("the devnet ends with exit 0", net.stop(), 0)


main(kill_and_revive, restless, double_sign, lazy_check, halt_and_resume)
