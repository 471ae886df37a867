# SPDX-License-Identifier: Apache-2.0
"""sizes - networks of one and of a hundred validators do the same job; the certificate of a hundred is small enough."""

import json
import random
import time

from world import check, main, read_json, same, sharded_model, until, write

CERTIFICATE_MAX = 20 << 10  # beside the manifest and its groups
MEMORY_MAX = 1 << 30


def job(world, net, timeout):
    """Published, attested, verified offline; a changed byte is refused. Returns the certificate."""
    path = sharded_model(world.path("model"), random.Random(17))
    began = time.monotonic()
    done = net.publish(path, "acme/sizes", "1", "--wait", timeout=timeout)
    check("published and attested", done.code == 0, f"{done}\n{net.log()[-1500:]}")
    print(f"     attested in {time.monotonic() - began:.1f} s")
    verified = world.assay("verify", path, "--cert", done.last, "--trust", net.trust, "--json")
    check("verified", verified.code == 0, verified)
    with open(world.path("model", "config.json"), "r+b") as f:
        f.write(b"[")
    verified = world.assay("verify", path, "--cert", done.last, "--trust", net.trust, "--json")
    check(
        "a changed byte is refused",
        verified.code == 1 and verified.json["findings"][0]["file"] == "config.json",
        verified,
    )
    return done.last


def one(world):
    net = world.network("-n", "1", data=world.path("net"))
    job(world, net, 60)
    version = net.get("/models/acme/sizes/1")
    same("by one of one", (version["power_checked"], version["power_total"]), (1000000, 1000000))
    net.fault("kill", 0)
    done = net.assay("status")
    check("nobody answers: exit 6", done.code == 6, done)
    net.fault("revive", 0)
    height = net.height()
    check("blocks go on", until(30, lambda: net.height() > height))
    same("the devnet ends with exit 0", net.stop(), 0)


def hundred(world):
    net = world.network("-n", "100", data=world.path("net"))
    print(f"     ready in {net.seconds_to_ready:.1f} s")
    total = net.total()
    same("a hundred validators", (net.get("/status")["validators"], len(net.get("/validators"))), (100, 100))
    cert = job(world, net, 200)
    data = read_json(cert)
    beside = json.dumps({k: v for k, v in data.items() if k not in ("manifest", "groups")}, separators=(",", ":"))
    check(
        f"its certificate has {len(beside)} bytes beside the manifest, at most {CERTIFICATE_MAX}",
        len(beside) <= CERTIFICATE_MAX,
    )
    version = net.get("/models/acme/sizes/1")
    check(
        "by more than 2/3",
        version["power_checked"] * 3 > version["power_total"] * 2 and version["power_total"] == 100000000,
        version,
    )
    for n in range(30, 60):
        net.fault("kill", n)
    height = net.height()
    check("with thirty dead it goes on", until(90, lambda: net.height() > height + 1), net.log()[-1500:])
    for n in range(30, 60):
        net.fault("revive", n)
    check("they catch up", until(90, lambda: min(net.height(n) for n in range(30, 60)) > height + 1), net.log()[-1500:])
    memory = net.metric("process_resident_memory_bytes")
    check(f"{memory / (1 << 20):.0f} MiB of memory, at most {MEMORY_MAX >> 20}", memory <= MEMORY_MAX)
    print(f"     {len(beside)} bytes of certificate, {memory / (1 << 20):.0f} MiB of memory")
    same("units add up", net.total(), total)
    same("the devnet ends with exit 0", net.stop(), 0)


main(one, hundred)
