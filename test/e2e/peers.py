# SPDX-License-Identifier: Apache-2.0
"""peers - other people's verifiers against a live devnet: CometBFT's light client, the stock ICS 23, RFC 6962.

Several hundred blocks, over which the validator set changes by delegations, a slash, a jail and deaths. The Go programs
are built from test/peers (tools/setup --check installs Go); without Go this fails. RFC 6962 is written down here once
more, from the RFC.
"""

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess

from world import ROOT, Refused, check, main, same, sharded_model, until, write

BLOCKS = 300


def go_programs(world):
    """Paths of lightcheck and ics23check, built here."""
    go = shutil.which("go") or os.path.join(ROOT, "build", "go", "bin", "go")
    paths = []
    for name in ("lightcheck", "ics23check"):
        try:
            built = subprocess.run(
                [go, "build", "-o", world.path(name), f"./{name}"],
                cwd=os.path.join(ROOT, "test", "peers"),
                capture_output=True,
                text=True,
                timeout=500,
                check=False,
            )
            check(f"{name} is built", built.returncode == 0, built.stderr)
        except OSError as error:
            check(f"Go is there: {go}", False, f"{error}; tools/setup --check installs it")
            raise
        paths.append(world.path(name))
    return paths


def busy_chain(world, net):
    """Models, transactions, and every way in which a validator set changes; at least BLOCKS blocks."""
    accounts = net.accounts()

    def sends(count):
        for n in range(count):
            net.assay("send", accounts[n % 4]["address"], "1", env={"ASSAY_KEY": accounts[(n + 1) % 4]["key_file"]})

    for n in range(5):
        done = net.publish(
            sharded_model(world.path(f"model{n}"), random.Random(n), floats=300), "acme/peers", str(n), "--wait"
        )
        check(f"model {n} is attested", done.code == 0, done)
    for n, amount in enumerate((5000000, 70000000, 123456789)):
        done = net.assay("delegate", str(n), str(amount), env={"ASSAY_KEY": accounts[n]["key_file"]})
        check(f"delegated to validator {n}", done.code == 0, done)
        sends(15)
    net.fault("kill", 2)
    sends(20)
    net.fault("revive", 2)
    check("undelegated", net.assay("undelegate", "1", "20000000", env={"ASSAY_KEY": accounts[1]["key_file"]}).code == 0)
    net.fault("lazy-check", 1)
    done = net.publish(sharded_model(world.path("lazy"), random.Random(99), floats=300), "acme/peers", "lazy", "--wait")
    check("a validator lies", until(30, lambda: net.get("/validators")[1]["jailed"]), done)
    sends(20)
    check("and comes back", until(40, lambda: net.assay("unjail", "--key", accounts[4 + 1]["key_file"]).code == 0, 0.5))
    for _ in range(5):
        net.fault("double-sign", 3)
        if until(5, lambda: net.get("/validators")[3]["tombstoned"]):
            break
    check("another signs twice", net.get("/validators")[3]["tombstoned"])
    while net.height() < BLOCKS:
        sends(10)
    sets = {net.get(f"/blocks/{h}")["validators_hash"] for h in range(1, net.height() + 1)}
    check("the validator set changed several times", len(sets) >= 5, len(sets))


def light_client(world, net, lightcheck):
    top = net.height()
    pinned = net.get("/blocks/1")["hash"]
    done = world.run(lightcheck, "-url", net.url, "-from", 1, "-to", top, "-trust-hash", pinned, timeout=200)
    check(
        f"CometBFT's light client verifies blocks 1 to {top}",
        done.code == 0 and all(f"{mode}: " in done.out for mode in ("sequential", "skipping", "skipping at 2/3")),
        done,
    )
    print("     " + done.out.strip().replace("\n", "\n     "))
    done = world.run(lightcheck, "-url", net.url, "-from", top // 2, "-tamper", timeout=200)
    check(
        "and refuses whatever is spoilt on the way", done.code == 0 and "tamper" in (done.out + done.err).lower(), done
    )
    print("     " + done.out.strip().split("\n")[-1])
    done = world.run(lightcheck, "-url", net.url, "-from", 1, "-trust-hash", "ab" * 32)
    check("another first block: exit 1", done.code == 1, done)
    done = world.run(lightcheck, "-url", net.url, "-from", top + 100000)
    check("a block that is not there: exit 3", done.code == 3, done)


def address_bytes(text):
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    digits = [alphabet.index(c) for c in text[text.rindex("1") + 1 : -6]]
    number = 0
    for d in digits:
        number = number << 5 | d
    return (number >> (len(digits) * 5 - 160)).to_bytes(20, "big")


def state_proofs(world, net, ics23check):
    owners = [address_bytes(v["address"]) for v in net.get("/validators")]
    accounts = [address_bytes(a["address"]) for a in net.accounts()]
    present = [b"account/" + a for a in accounts] + [b"staking/validator/" + o for o in owners] + [b"staking/totals"]
    present += [b"model/version/acme/peers@" + v for v in (b"0", b"1", b"2", b"3", b"4", b"lazy")] + [
        b"model/name/acme/peers"
    ]
    dice = random.Random(3)
    absent = [b"account/" + dice.randbytes(20) for _ in range(40)] + [
        b"model/version/acme/peers@5",
        b"model/name/acme/none",
        b"\0",
        b"x" * 1024,
    ]
    absent += [k + b"\0" for k in present] + [k[:-1] for k in present]
    lines, expected, wanted = [], [], []
    for key in present + absent:
        p = net.get(f"/proofs/{key.hex()}")
        same(f"/proofs of {key[:40]!r}: there or not", (p["value"] is not None, p["key"]), (key in present, key.hex()))
        good = {k: p[k] for k in ("root", "key", "value", "proof") if k in p}
        good["root"] = p["state_root"]
        if p["value"] is None:
            good.pop("value")
        wanted.append(good)
        lines.append(good)
        expected.append("ok")
        spoilt = [
            dict(good, root=("00" + good["root"][2:]) if good["root"][:2] != "00" else "01" + good["root"][2:]),
            dict(good, key=(key + b"!").hex()) if p["value"] is not None else None,
            (
                dict(good, value=(bytes.fromhex(good["value"]) + b"\1").hex())
                if p["value"] is not None
                else dict(good, value="00")
            ),
        ]
        if p["value"] is not None:
            spoilt.append({k: v for k, v in good.items() if k != "value"})
        lines += [s for s in spoilt if s]
        expected += ["bad"] * sum(s is not None for s in spoilt)
    text = write(world.path("questions"), "\n".join(map(json.dumps, lines)) + "\n")
    with open(text, "rb") as f:
        run = subprocess.run([ics23check], stdin=f, capture_output=True, text=True, timeout=60, check=False)
    said = [line.split()[0] for line in run.stdout.strip().split("\n")]
    said = [word.rstrip(":") for word in said]
    differ = [(e, s, l) for e, s, l in zip(expected, said, lines) if e != s]
    check(
        f"the stock ICS 23 agrees on {len(lines)} proofs, {said.count('ok')} of them good",
        not differ and len(said) == len(lines),
        (differ[:2], run.stderr[:500]),
    )
    for key in ("", "zz", "00" * 1025, "0"):
        try:
            check(f"/proofs of {key[:8]!r}: refused", False, net.get(f"/proofs/{key}"))
        except Refused as refused:
            check(f"/proofs of {key[:8]!r}: refused", refused.status in (400, 404), refused)
    status = net.get("/status")
    app = hashlib.sha256(
        b"assay/1/app\0"
        + bytes.fromhex(status["state_root"])
        + struct.pack(">Q", status["log_size"])
        + bytes.fromhex(status["log_root"])
    ).hexdigest()
    same("the AppHash follows from state and log", app, status["app_hash"])
    net.assay("send", net.accounts()[0]["address"], "1")
    check(
        "and the next header names it", until(20, lambda: net.get(f"/blocks/{status['height'] + 1}")["app_hash"] == app)
    )


# ---- RFC 6962, from the RFC -----------------------------------------------------------------------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def tree_root(leaves):
    """2.1: MTH, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:])).digest()


def inclusion(index, leaves):
    """2.1.1: PATH(m, D[n])."""
    if len(leaves) <= 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return inclusion(index, leaves[:k]) + [tree_root(leaves[k:])]
    return inclusion(index - k, leaves[k:]) + [tree_root(leaves[:k])]


def consistency(m, leaves, whole=True):
    """2.1.2: SUBPROOF(m, D[n], b)."""
    n = len(leaves)
    if m == n:
        return [] if whole else [tree_root(leaves)]
    k = 1 << (n - 1).bit_length() - 1
    if m <= k:
        return consistency(m, leaves[:k], whole) + [tree_root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [tree_root(leaves[:k])]


def log_proofs(net):
    rows = net.get("/attestations")["attestations"]
    leaves = [leaf_hash(bytes.fromhex(r["leaf"])) for r in rows]
    same("the log holds every attestation, in order", [r["version"] for r in rows], ["0", "1", "2", "3", "4", "lazy"])
    same("its root", net.get("/status")["log_root"], tree_root(leaves).hex())
    for i, row in enumerate(rows):
        same(f"path of leaf {i}", row["path"], [h.hex() for h in inclusion(i, leaves)])
    for new in range(1, len(leaves) + 1):
        for old in range(1, new + 1):
            answer = net.get(f"/log/consistency?old={old}&new={new}")
            same(
                f"consistency of {old} and {new}",
                (answer["path"], answer["old_root"], answer["new_root"]),
                (
                    [h.hex() for h in consistency(old, leaves[:new])],
                    tree_root(leaves[:old]).hex(),
                    tree_root(leaves[:new]).hex(),
                ),
            )


def peers(world):
    lightcheck, ics23check = go_programs(world)
    net = world.network("-n", "4", data=world.path("net"))
    busy_chain(world, net)
    light_client(world, net, lightcheck)
    state_proofs(world, net, ics23check)
    log_proofs(net)
    same("the devnet ends with exit 0", net.stop(), 0)


main(peers)
