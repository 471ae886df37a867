# SPDX-License-Identifier: Apache-2.0
"""contested - others hand in wrong bytes first, claim the same bytes, or publish at the same moment.

Wrong bytes are their sender's fault: they delay, and decide nothing.
"""

import json
import os
import random
import subprocess
import threading

from line import SlowLine
from world import ASSAY, check, main, request, same, sharded_model, until, write


def put(net, path, body, validator=None):
    status, _, text = request(
        net.port,
        "PUT",
        path + ("" if validator is None else f"&validator={validator}"),
        body,
        {"Content-Type": "application/octet-stream"},
    )
    return status, json.loads(text)


class Vandal(threading.Thread):
    """Hands in wrong bytes for a root to every validator, from wherever the file stands, over and over."""

    def __init__(self, net, root, manifest, sizes):
        super().__init__(daemon=True)
        self.net, self.root, self.manifest, self.sizes = net, root, manifest, sizes
        self.taken, self.stop = 0, False

    def run(self):
        dice = random.Random(22)
        while not self.stop:
            for validator in range(4):
                put(self.net, f"/bytes/{self.root}/manifest?x=1", self.manifest, validator)
                for index, size in enumerate(self.sizes):
                    have = 0
                    while have < size and not self.stop:
                        body = dice.randbytes(min(1 << 20, size - have))
                        status, answer = put(
                            self.net, f"/bytes/{self.root}/files/{index}?offset={have}", body, validator
                        )
                        self.taken += len(body) if status == 200 else 0
                        if answer.get("have", 0) <= have:
                            break
                        have = answer["have"]


def wrong_bytes_first(world):
    """The version is recorded, its publisher was cut off, and somebody else hands in garbage of the right size."""
    path = world.path("model")
    for n in range(2):
        write(os.path.join(path, f"{n}.bin"), random.Random(23 + n).randbytes(3 << 20))
    root = world.assay("digest", path, "-q").last
    elsewhere = world.network("-n", "1", data=world.path("elsewhere"))  # where the vandal has the manifest from
    check(
        "published elsewhere",
        elsewhere.publish(path, "acme/same", "1", "--wait", "--out", world.path("x.json")).code == 0,
    )
    manifest = elsewhere.get_bytes(f"/bytes/{root}/manifest")
    elsewhere.stop()
    net = world.network("-n", "4", data=world.path("net"))
    same("what no version names is not taken: 404", put(net, f"/bytes/{root}/manifest", manifest)[0], 404)
    line = SlowLine(net.port, 4000)
    argv = ["publish", path, "--name", "acme/contested", "--version", "1", "--key", net.accounts()[0]["key_file"]]
    process = world.start(ASSAY, *argv, "--node", line.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check("recorded", until(30, lambda: net.get("/models/acme/contested/1")["status"] == "recorded", 0.005))
    line.cut()
    same("its publisher is cut off: exit 6", (process.communicate(timeout=60), process.returncode)[1], 6)
    spoilt = bytearray(manifest)
    spoilt[20] ^= 1
    same("a manifest of another root is refused", put(net, f"/bytes/{root}/manifest", bytes(spoilt))[0], 400)
    same("so is one that is none", put(net, f"/bytes/{root}/manifest", b"x")[0], 400)
    same("the right one is taken from anybody", put(net, f"/bytes/{root}/manifest", manifest)[0], 200)
    same("digests that do not lead there are refused", put(net, f"/bytes/{root}/groups", b"\1" * 32 * 6)[0], 400)
    status, answer = put(net, f"/bytes/{root}/files/0?offset=1000", b"x")
    same("a hole is refused, and what is there is said", (status, answer["have"]), (409, 0))
    check(
        "more than was declared is refused",
        put(net, f"/bytes/{root}/files/0?offset=0", b"x" * ((3 << 20) + 1))[0] in (400, 409),
    )
    same("a file that there is not: 404", put(net, f"/bytes/{root}/files/2?offset=0", b"x")[0], 404)
    vandal = Vandal(net, root, manifest, [3 << 20] * 2)
    vandal.start()
    check("garbage is taken at first", until(30, lambda: vandal.taken > 6 << 20))
    check("and found out", until(60, lambda: "is not what was registered; dropped" in net.log()), net.log()[-1500:])
    same("nobody vouches for it", net.get("/models/acme/contested/1")["checks"], [])
    done = world.assay(*argv, "--node", net.url, "--wait", "--timeout", "100", timeout=150)
    vandal.stop = True
    vandal.join(30)
    check("its publisher gets through all the same", done.code == 0, f"{done}\n{net.log()[-1500:]}")
    verified = world.assay("verify", path, "--cert", done.last, "--trust", net.trust)
    check("it verifies", verified.code == 0, verified)
    same("nobody was slashed", net.get("/penalties")["penalties"], [])
    content = b"".join(
        net.get_bytes(f"/bytes/{root}/files/0?offset={n}&length=1048576") for n in range(0, 3 << 20, 1 << 20)
    )
    same("what is served is what was published", content == open(os.path.join(path, "0.bin"), "rb").read(), True)


def all_at_once(world):
    """A dozen versions from four accounts at the same moment, some of them of the same bytes under other names."""
    net = world.network("-n", "4", data=world.path("net"))
    total, accounts = net.total(), net.accounts()
    jobs = []
    for n in range(12):
        path = sharded_model(
            world.path(f"m{n}", "model"), random.Random(n % 8), floats=20000
        )  # 8 to 11 are 0 to 3 again
        out = world.path(f"c{n}.assay.json")
        argv = [
            "publish",
            path,
            "--name",
            f"owner{n % 4}/model{n}",
            "--version",
            "1",
            "--wait",
            "--out",
            out,
            "--key",
            accounts[n % 4]["key_file"],
            "--node",
            net.url,
        ]
        jobs.append((path, out, world.start(ASSAY, *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)))
    for n, (path, out, process) in enumerate(jobs):
        said = process.communicate(timeout=200)
        check(f"version {n} is attested", process.returncode == 0, said)
        verified = world.assay("verify", path, "--cert", out, "--trust", net.trust, "--json")
        check(
            f"version {n} verifies", verified.code == 0 and verified.json["name"] == f"owner{n % 4}/model{n}", verified
        )
    same(
        "the log holds each once",
        sorted(r["name"] for r in net.get("/attestations")["attestations"]),
        sorted(f"owner{n % 4}/model{n}" for n in range(12)),
    )
    crossed = world.assay("verify", jobs[8][0], "--cert", jobs[0][1], "--trust", net.trust)
    check("the same bytes verify with either certificate", crossed.code == 0, crossed)
    crossed = world.assay("verify", jobs[4][0], "--cert", jobs[0][1], "--trust", net.trust)
    check("other bytes do not", crossed.code == 1, crossed)
    late = net.publish(jobs[0][0], "owner1/model0", "1", "--key", accounts[2]["key_file"])
    check("others' prefixes stay theirs: exit 1, E45", late.code == 1 and "code E45" in late.err, late)
    same("units add up", net.total(), total)
    same("nobody was slashed", net.get("/penalties")["penalties"], [])
    same("the devnet ends with exit 0", net.stop(), 0)


main(wrong_bytes_first, all_at_once)
