# SPDX-License-Identifier: Apache-2.0
"""silence - a validator checks a version and dies before it opens what is drawn.

Its check is void when the opening window is over (20 blocks and 30 seconds on a devnet) and counts as a missed duty,
which costs no stake. Back again, it checks anew, and twice as many chunks are drawn.
"""

import random
import time

from world import check, main, same, sharded_model, until

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def address_bytes(text):
    """The 20 bytes of an address (bech32m); its checksum is the node's business."""
    digits = [ALPHABET.index(c) for c in text[text.rindex("1") + 1 : -6]]
    number = 0
    for d in digits:
        number = number << 5 | d
    return (number >> (len(digits) * 5 - 160)).to_bytes(20, "big")


def liveness(net, address):
    """The validator's record as the state proves it: {field: number}, {} if it never failed a duty."""
    key = b"slashing/liveness/" + address_bytes(address)
    value = net.get(f"/proofs/{key.hex()}")["value"]
    out, data, at = {}, bytes.fromhex(value or ""), 0
    while at < len(data):
        tag, number, shift = data[at], 0, 0
        at += 1
        while True:
            number |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                break
        out[tag >> 3] = number
    return out


def silent(world):
    net = world.network("-n", "4", data=world.path("net"))
    total, rows = net.total(), net.get("/validators")
    mine = rows[3]["address"]

    def my_check(version):
        checks = net.get(f"/models/acme/silent/{version}")["checks"]
        return next((c for c in checks if c["validator"] == mine), {"state": None})

    for version in range(1, 9):
        # With validator 1 dead, some heights wait a second for their proposer: time to die between check and opening.
        net.fault("kill", 1)
        done = net.publish(
            sharded_model(world.path(f"model{version}"), random.Random(version)), "acme/silent", str(version)
        )
        check(f"version {version} is handed in", done.code == 0, done)
        check("validator 3 checks it", until(30, lambda: my_check(version)["state"] is not None, 0.01))
        net.fault("kill", 3)
        net.fault("revive", 1)
        died = time.monotonic()
        check("the others go on", until(30, lambda: net.get(f"/models/acme/silent/{version}")["status"] == "attested"))
        if my_check(version)["state"] == "pending":
            break
        net.fault("revive", 3)  # it was faster
        until(30, lambda: net.height(3) >= net.height(0) - 1)
    else:
        raise RuntimeError("validator 3 always opened before it died")
    attested = net.get(f"/models/acme/silent/{version}")
    same("attested by the three others", attested["power_checked"], 3000000)
    check(
        "its check waits for its opening",
        until(75, lambda: my_check(version)["state"] == "void", 0.5),
        my_check(version),
    )
    check("for 30 seconds of the chain's time at least", time.monotonic() - died >= 25, time.monotonic() - died)
    check("a missed duty is on record", until(20, lambda: liveness(net, mine).get(3) == 1), liveness(net, mine))
    row = net.get("/validators")[3]
    same(
        "it cost nothing",
        (row["stake"], row["jailed"], net.get("/penalties")["penalties"]),
        (rows[3]["stake"], False, []),
    )
    same("attested all the same", net.get(f"/models/acme/silent/{version}")["status"], "attested")
    net.fault("revive", 3)
    check(
        "back again, it checks and opens",
        until(40, lambda: my_check(version)["state"] == "opened", 0.2),
        f"{my_check(version)}\n{net.log()[-3000:]}",
    )
    same("twice as many chunks", my_check(version)["draws"], 16)
    same("units add up", net.total(), total)
    same("the devnet ends with exit 0", net.stop(), 0)


main(silent)
