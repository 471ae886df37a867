# SPDX-License-Identifier: Apache-2.0
"""verdicts - publish, attest, verify offline; then every exit code of `assay verify`, each from a real cause.

`assay-verify` must say the same as `assay verify`, every time. Exit code 70 is that of F132 and E90, bugs that no input
reaches: only the table can be asked.
"""

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import time

from world import ASSAY, ROOT, VERIFY, Result, check, flip, main, read_json, same, sharded_model, until, write

VECTORS = os.path.join(ROOT, "spec", "vectors", "cert", "1")
NO_NET = (
    ["unshare", "--net"] if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0 else []
)
SHARD = "model-00001-of-00002.safetensors"


def verify(world, path, *words, user=None, env=None):
    """Both verifiers, without a network where the kernel allows, in a home without any configuration."""
    results = []
    for argv in ([ASSAY, "verify"], [VERIFY]):
        prefix = [] if user else NO_NET
        if user:
            argv = [world.for_others(argv[0]), *argv[1:]]
        run = subprocess.run(
            [*prefix, *argv, path, *words, "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**world.env, **(env or {})},
            cwd=world.work,
            timeout=120,
            **({"user": user, "group": user, "extra_groups": []} if user else {}),
        )
        results.append(Result(run))
    first, second = results
    said = [(r.code, {k: v for k, v in (r.json or {}).items() if k not in ("anchor", "because")}) for r in results]
    if said[0] != said[1]:
        check(f"both verifiers say the same of {path} {words}", False, f"{first}\n{second}")
    return first


def expect(what, result, code, error, verdict):
    """One outcome: exit code, stable code, word; the JSON says the same as the process."""
    data = result.json or {}
    return check(
        f"{what}: exit {code}, {error}, {verdict}",
        (result.code, data.get("exit"), data.get("code"), data.get("verdict")) == (code, code, error, verdict),
        result,
    )


class Published:
    """A model, its certificate and its trust file, copied into a clean directory: nothing of the devnet is in it."""

    def __init__(self, world, net):
        self.world, self.net = world, net
        self.source = sharded_model(world.path("source", "ocr"), random.Random(1))
        done = net.publish(self.source, "acme/ocr", "1.0", "--wait", "--out", world.path("acme+ocr+1.0.assay.json"))
        check("published and attested", done.code == 0 and done.last == world.path("acme+ocr+1.0.assay.json"), done)
        self.cert = done.last
        self.trust = write(world.path("trust.json"), open(net.trust, "rb").read())
        self.copies = 0

    def copy(self):
        self.copies += 1
        return shutil.copytree(self.source, self.world.path(f"copy{self.copies}", "ocr"))

    def verify(self, path=None, cert=None, trust=None, *words, **more):
        return verify(
            self.world, path or self.source, "--cert", cert or self.cert, "--trust", trust or self.trust, *words, **more
        )

    def edited(self, change):
        """The certificate with a change to its parsed form, in the compact form it came in."""
        data = read_json(self.cert)
        change(data)
        return write(self.world.path("edited.assay.json"), json.dumps(data, separators=(",", ":")) + "\n")

    def trusting(self, change):
        data = read_json(self.trust)
        change(data)
        return write(self.world.path("edited-trust.json"), json.dumps(data))


def good(world, p):
    result = p.verify()
    expect("the model as it was published", result, 0, "E0", "verified")
    check(
        "level, name, version, root",
        (result.json["assurance"], result.json["name"], result.json["version"]) == ("L1", "acme/ocr", "1.0")
        and result.json["root"] == world.assay("digest", p.source, "-q").last,
        result,
    )
    text = world.run(VERIFY, p.source, "--cert", p.cert, "--trust", p.trust)
    check(
        "for people: what it says and what it does not",
        text.code == 0 and text.out.startswith("verified") and "not said" in text.out,
        text,
    )
    shutil.copy(p.cert, os.path.dirname(p.copy()))
    beside = world.assay("verify", world.path(f"copy{p.copies}", "ocr"), env={"ASSAY_TRUST": p.trust})
    check("the certificate beside the model is found", beside.code == 0, beside)
    check("no network was there to be asked" if NO_NET else "this kernel gives no namespace without a network", True)


def wrong_bytes(world, p):
    def file_of(result):
        return [(f["code"], f["file"]) for f in result.json["findings"]] if result.json else result

    path = p.copy()
    size = os.path.getsize(os.path.join(path, SHARD))
    flip(os.path.join(path, SHARD), size - 5000)
    result = p.verify(path)
    expect("a flipped byte", result, 1, "E23", "wrong")
    found = result.json["findings"][0]
    check(
        "its file, tensor and range are named",
        found["file"] == SHARD
        and found["tensor"].startswith("layer.")
        and found["offset"] <= size - 5000 < found["offset"] + found["length"],
        result,
    )
    for what, change in (
        ("truncated", lambda f: f.truncate(size - 1)),
        ("cut to nothing", lambda f: f.truncate(0)),
        ("extended", lambda f: (f.seek(0, 2), f.write(b"x"))),
    ):
        path = p.copy()
        with open(os.path.join(path, SHARD), "r+b") as f:
            change(f)
        result = p.verify(path)
        expect(f"a {what} file", result, 1, "E23", "wrong")
        same(f"the {what} file is named", file_of(result), [("E23", SHARD)])
    path = p.copy()
    os.unlink(os.path.join(path, "tokenizer", "vocab.txt"))
    result = p.verify(path)
    expect("a missing file", result, 1, "E24", "wrong")
    same("the missing file is named", file_of(result), [("E24", "tokenizer/vocab.txt")])
    path = p.copy()
    write(os.path.join(path, "tokenizer", "setup.py"), "import os\n")
    result = p.verify(path)
    expect("an extra file", result, 1, "E25", "wrong")
    same("the extra file is named", file_of(result), [("E25", "tokenizer/setup.py")])
    path = p.copy()
    os.rename(os.path.join(path, "config.json"), world.path("config.json"))
    os.symlink(world.path("config.json"), os.path.join(path, "config.json"))
    result = p.verify(path)
    expect("a symbolic link to the right bytes", result, 1, "E20", "wrong")
    check("the link is named", ("E20", "config.json") in file_of(result), result)
    path = p.copy()
    os.unlink(os.path.join(path, "config.json"))
    os.mkfifo(os.path.join(path, "config.json"))
    expect("a pipe in the place of a file", p.verify(path), 1, "E20", "wrong")


def wrong_certificate(world, p):
    other_key = json.loads(world.assay("key", "show", "--json", "--key", p.net.accounts()[1]["key_file"]).out)[
        "public_key"
    ]

    def payload(change):
        def edit(data):
            statement = json.loads(base64.b64decode(data["statement"]["payload"]))
            change(statement)
            text = json.dumps(statement, separators=(",", ":"), sort_keys=True)
            data["statement"]["payload"] = base64.b64encode(text.encode()).decode()

        return edit

    def spoil(*keys):
        """One bit in the middle of a base64 or hex member."""

        def edit(data):
            for key in keys[:-1]:
                data = data[key]
            text = data[keys[-1]]
            middle = len(text) // 2
            data[keys[-1]] = text[:middle] + ("0" if text[middle] != "0" else "1") + text[middle + 1 :]

        return edit

    def set_to(value, *keys):
        def edit(data):
            for key in keys[:-1]:
                data = data[key]
            data[keys[-1]] = value

        return edit

    cases = {
        "a forged SHA-256 in the statement": payload(
            lambda s: s["predicate"]["resources"][0]["digest"].update(sha256="00" * 32)
        ),
        "a forged root in the statement": payload(lambda s: s["predicate"].update(root="00" * 32)),
        "another name in the statement": payload(lambda s: s["subject"][0].update(name="acme/ocs@1.0")),
        "another publisher's key": set_to(other_key, "statement", "signatures", 0, "keyid"),
        "a spoilt publisher's signature": spoil("statement", "signatures", 0, "sig"),
        "another name": set_to("acme/ocs", "name"),
        "another version": set_to("1.1", "version"),
        "another chain": set_to("devnet-000000000000", "chain_id"),
        "a spoilt attestation": spoil("attestation"),
        "another place in the log": set_to(1, "log", "index"),
        "a path that is not there": set_to(["00" * 32], "log", "path"),
        "another state root": spoil("roots", "state"),
        "another log root": spoil("roots", "log"),
        "another log size": set_to(2, "roots", "log_size"),
        "a spoilt status proof": spoil("status", "proof"),
        "a spoilt checkpoint": spoil("checkpoint"),
        "a spoilt manifest": spoil("manifest"),
        "spoilt groups": spoil("groups"),
        "no attestation at all": lambda data: data.pop("attestation"),
    }
    for what, change in cases.items():
        result = p.verify(cert=p.edited(change))
        data = result.json or {}
        check(
            f"certificate with {what}: exit 1, wrong",
            (result.code, data.get("exit"), data.get("verdict")) == (1, 1, "wrong"),
            result,
        )
    result = p.verify(cert=p.edited(cases["a forged SHA-256 in the statement"]))
    check("the forged statement is a matter of the publisher's signature", result.json["code"] in ("E3", "E70"), result)
    expect(
        "another publisher's key",
        p.verify(cert=p.edited(cases["another publisher's key"])),
        1,
        result.json["code"],
        "wrong",
    )
    broken = write(world.path("broken.assay.json"), open(p.cert).read()[:-30])
    expect("a certificate that was cut", p.verify(cert=broken), 1, "E1", "wrong")
    expect("the certificate as it came", p.verify(cert=p.edited(lambda data: None)), 0, "E0", "verified")


def usage(world, p):
    for words in (["--skip"], ["--threads", "0"], ["--cert"], ["--trust", "a", "--trust"]):
        for program in ([ASSAY, "verify"], [VERIFY]):
            run = world.run(program[0], *program[1:], p.source, *words)
            same(f"usage {os.path.basename(program[0])} {words}: exit 2", run.code, 2, run)
    same("no path: exit 2", world.run(VERIFY).code, 2)


def undecided(world, p):
    lonely = shutil.copytree(p.source, world.path("lonely", "ocr"))
    expect("no certificate anywhere", verify(world, lonely, "--trust", p.trust), 3, "E72", "undecided")
    expect("a certificate that is not there", p.verify(cert=world.path("none.json")), 3, "E72", "undecided")
    expect("no trust file anywhere", verify(world, p.source, "--cert", p.cert), 3, "E73", "undecided")
    expect("a trust file that is not there", p.verify(trust=world.path("none.json")), 3, "E73", "undecided")
    expect("no model there", p.verify(path=world.path("none")), 6, "F136", "fault")
    net = world.network("-n", "1", data=world.path("other-net"))
    expect("another chain's trust file", p.verify(trust=net.trust), 3, "E80", "undecided")
    net.stop()
    newer = p.edited(lambda data: data.update(schema="assay/certificate/2"))
    expect("a newer certificate", p.verify(cert=newer), 3, "E4", "undecided")
    newer = p.trusting(lambda data: data.update(schema="assay/trust/2"))
    expect("a newer trust file", p.verify(trust=newer), 3, "E4", "undecided")
    expect("a trust file that is none", p.verify(trust=p.cert), 3, "E79", "undecided")
    expect(
        "a trust file without checkpoints",
        p.verify(trust=p.trusting(lambda data: data.update(checkpoints=[]))),
        3,
        "E79",
        "undecided",
    )

    # (A program under the address sanitizer would refuse to be preloaded into.)
    shim = {"LD_PRELOAD": clock_shim(world), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    expect("a clock that is a day behind", p.verify(env={**shim, "CLOCK_BEHIND": "86400"}), 3, "E77", "undecided")
    expect("a clock that is right", p.verify(env={**shim, "CLOCK_BEHIND": "0"}), 0, "E0", "verified")
    expect(
        "strangers with most of the trusted power",
        p.verify(trust=p.trusting(strangers(world, p, 12000000))),
        3,
        "E74",
        "undecided",
    )

    height = p.verify().json["height"]
    check(
        "checkpoints above the certificate's block",
        until(20, lambda: read_json(p.net.trust)["checkpoints"][-1]["height"] > height),
    )
    data = read_json(p.net.trust)
    data["checkpoints"] = data["checkpoints"][-1:]
    later = write(world.path("later.json"), json.dumps(data))
    expect("no checkpoint at or below it", p.verify(trust=later), 3, "E74", "undecided")
    cert = write(world.path("refreshed.assay.json"), open(p.cert, "rb").read())
    same("refreshed: exit 0", p.net.assay("refresh", cert).code, 0)
    expect("proved again above that checkpoint", p.verify(cert=cert, trust=later), 0, "E0", "verified")


# A clock that is behind, for one process: the wall clock alone is moved.
CLOCK_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *out) {
    long result = syscall(SYS_clock_gettime, id, out);
    const char *behind = getenv("CLOCK_BEHIND");
    if (result == 0 && id == CLOCK_REALTIME && behind) out->tv_sec -= atol(behind);
    return (int)result;
}
"""


def clock_shim(world):
    source = write(world.path("clock.c"), CLOCK_SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", world.path("clock.so"), source], check=True)
    return world.path("clock.so")


def strangers(world, p, power):
    """A trust file in whose first and only block somebody else has `power` beside the four validators."""
    key = json.loads(world.assay("key", "show", "--json", "--key", p.net.accounts()[2]["key_file"]).out)["public_key"]

    def edit(data):
        data["checkpoints"] = data["checkpoints"][:1]
        data["checkpoints"][0]["validators"].append({"pub_key": key, "power": power})

    return edit


def policy(world, p):
    trust = p.trusting(strangers(world, p, 3000000))
    result = p.verify(trust=trust)
    expect("validators who have less than 2/3 of the trusted power", result, 4, "E75", "policy")
    check(
        "the share is named",
        1 / 3 < result.json["anchor"]["overlap"] <= 2 / 3 and result.json["anchor"]["overlap_short"],
        result,
    )
    expect("the same, allowed", p.verify(None, None, trust, "--allow-overlap"), 0, "E0", "verified")

    def old(data):
        data["checkpoints"] = data["checkpoints"][:1]
        data["checkpoints"][0]["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        data["trust_seconds"] = 1800

    trust = p.trusting(old)
    result = p.verify(trust=trust)
    expect("an anchor that is too old", result, 4, "E76", "policy")
    check("its age is named", 3500 < result.json["anchor"]["age_seconds"] < 3800, result)
    expect("the same, allowed", p.verify(None, None, trust, "--allow-age"), 0, "E0", "verified")
    recorded = os.path.join(VECTORS, "acme+ocr+1.0-recorded.assay.json")
    expect(
        "recorded, but not attested",
        verify(
            world,
            os.path.join(VECTORS, "model"),
            "--cert",
            recorded,
            "--trust",
            os.path.join(VECTORS, "trust.json"),
            "--allow-age",
        ),
        4,
        "E81",
        "policy",
    )


def revoked(world, p):
    cert = write(world.path("status.assay.json"), open(p.cert, "rb").read())
    check("deprecated", p.net.assay("deprecate", "acme/ocr@1.0", "--reason", "use 1.1").code == 0)
    check("refreshed", p.net.assay("refresh", cert).code == 0)
    trust = p.net.trust
    result = p.verify(cert=cert, trust=trust)
    expect("a deprecated version", result, 0, "E0", "verified")
    check("with a warning", result.json["warnings"] != [], result)
    check("revoked", p.net.assay("revoke", "acme/ocr@1.0", "--reason", "leaked").code == 0)
    expect("the old certificate says what was true then", p.verify(cert=cert, trust=trust), 0, "E0", "verified")
    check("refreshed", p.net.assay("refresh", cert).code == 0)
    expect("a revoked version", p.verify(cert=cert, trust=trust), 5, "E78", "revoked")
    path = p.copy()
    flip(os.path.join(path, SHARD), 3000)
    expect("a revoked version with other bytes: wrong comes first", p.verify(path, cert, trust), 1, "E23", "wrong")


def faults(world, p):
    expect("a certificate that is a folder", p.verify(cert=world.work), 6, "F129", "fault")
    expect("a trust file that is a folder", p.verify(trust=world.work), 6, "F129", "fault")
    with open("/dev/full", "w") as full:
        for argv in ([ASSAY, "verify"], [VERIFY]):
            run = world.run(argv[0], *argv[1:], p.source, "--cert", p.cert, "--trust", p.trust, stdout=full)
            same(f"{os.path.basename(argv[0])} into a full disk: exit 6", run.code, 6, run)
    path = p.copy()
    os.chmod(os.path.join(path, "config.json"), 0)
    os.chmod(world.work, 0o755)
    nobody = 65534 if os.geteuid() == 0 else None
    expect("a file that may not be read", p.verify(path, user=nobody), 6, "F129", "fault")
    os.chmod(os.path.join(path, "config.json"), 0o644)
    os.chmod(os.path.join(path, "tokenizer"), 0)
    expect("a folder that may not be read", p.verify(path, user=nobody), 6, "F129", "fault")
    os.chmod(os.path.join(path, "tokenizer"), 0o755)
    explained = world.assay("explain", "F132", "--json").json
    same(
        "70 is the code of a bug, and of E90",
        (explained["exit"], world.assay("explain", "E90", "--json").json["exit"]),
        (70, 70),
    )


def interrupted(world, p):
    path = world.path("big")
    os.makedirs(path)
    with open(os.path.join(path, "weights.bin"), "wb") as f:
        f.truncate(256 << 20)
    done = p.net.publish(path, "acme/big", "1", "--wait", "--out", world.path("big.assay.json"), timeout=200)
    check("256 MiB published", done.code == 0, done)
    words = [path, "--cert", done.last, "--trust", p.net.trust, "--threads", "1"]
    for argv in ([ASSAY, "verify"], [VERIFY]):

        def interrupt(after):
            process = world.start(argv[0], *argv[1:], *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(after)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            return process.returncode

        codes = [interrupt(after) for after in (0.03, 0.06, 0.09)]
        check(f"{os.path.basename(argv[0])} interrupted while it hashes: exit 130", 130 in codes, codes)
    expect("not interrupted", verify(world, *words), 0, "E0", "verified")


def all_exit_codes(world):
    net = world.network("-n", "4", data=world.path("net"))
    p = Published(world, net)
    trusted = read_json(net.trust)
    until(5, lambda: len(read_json(net.trust)["checkpoints"]) >= len(trusted["checkpoints"]))
    for step in (good, wrong_bytes, wrong_certificate, usage, undecided, policy, faults, interrupted, revoked):
        step(world, p)
    same("the devnet ends with exit 0", net.stop(), 0)


main(all_exit_codes)
