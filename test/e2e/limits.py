# SPDX-License-Identifier: Apache-2.0
"""limits - what a network under CometBFT promises, and where that ends, on nodes that run: with more than a third of the
power away it stops and loses nothing; with more than two thirds colluding it can be forged, and whoever looks at both
histories holds the proof that slashes them."""

import base64
import json
import os
import shutil
import signal
import subprocess

from rehearsal import COMETBFT, Rehearsal
from world import BIN, check, main, read_json, same, until, write

FORGE = os.path.join(BIN, "forge")  # made by `make cometbft`


def send(net, node, amount, account=0):
    to = net.accounts()[-1]["address"]
    return node.assay("send", to, amount, "--key", net.key(account), "--json", "--timeout", 20)


def stops(world):
    """Two of four are killed while transactions are sent: no block comes, nothing is acknowledged, nothing is lost."""
    net = Rehearsal(world).start()
    total = net[0].total()
    told = [send(net, net[i % 4], 100 + i, i % 4) for i in range(4)]
    check("with all four transactions are final", all(t.code == 0 for t in told), told[0])
    for i in (2, 3):
        net[i].stop(signal.SIGKILL)
    check("with more than a third of the power away no block comes", net.stands(5))
    late = net[0].assay("send", net.accounts()[-1]["address"], 7, "--key", net.key(), "--json", "--timeout", 3)
    check("and nothing is acknowledged", late.code == 6 and not (late.json or {}).get("height"), late)
    for node in net.alive():
        height = node.height()
        commit = node.rpc("/status")["sync_info"]["latest_block_height"]
        check("both layers stand at one height", abs(int(commit) - height) <= 1, (commit, height))
    lost = [t.json["id"] for t in told if net[0].get(f"/transactions/{t.json['id']}")["height"] != t.json["height"]]
    same("what was acknowledged stays readable meanwhile", lost, [])
    for i in (2, 3):
        net[i].start().await_ready()
    check("with them back it goes on", net.goes_on(60))
    for v in net.alive():
        lost = [t.json["id"] for t in told if v.get(f"/transactions/{t.json['id']}")["height"] != t.json["height"]]
        same("everything acknowledged is there, at every node", lost, [])
    same("no unit was made or lost", {v.total() for v in net.alive()}, {total})
    same("and nobody was punished for it", net[0].get("/penalties")["penalties"], [])
    net.agree()


class Forger:
    """Another history of a network, at a URL of its own from a first forged height on."""

    def __init__(self, world, net, members, *words):
        homes = ",".join(os.path.join(net[i].data, "cometbft") for i in members)
        self.process = world.start(
            FORGE, "-rpc", f"http://127.0.0.1:{net.base + 1}", "-homes", homes, *words, stdout=subprocess.PIPE
        )
        said = self.process.stdout.readline().split()
        if not said or said[0] != "ready":
            raise RuntimeError(f"forge did not start: {said} {self.process.wait()}")
        self.url, self.height = said[1], int(said[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def witness(world, trust, one, other, *words):
    return world.assay("net", "witness", one, other, "--trust", trust, "--json", *words)


def verdict(what, done, code, name):
    """A command that ended so, with that error in its JSON."""
    answer = done.json or {}
    found = answer.get("code") or answer.get("error", {}).get("code")
    return check(what, (done.code, found) == (code, name), done)


def pinned_at(world, net, trust, height):
    """The same trust file with the chain's own block of a height as its newest checkpoint."""
    header = net[0].rpc(f"/commit?height={height}")["signed_header"]
    file = read_json(trust)
    last = file["checkpoints"][-1]
    file["checkpoints"] = [c for c in file["checkpoints"] if c["height"] < height]
    file["checkpoints"].append({
        "height": height, "time": header["header"]["time"], "validators": last["validators"],
        "header_hash": header["commit"]["block_id"]["hash"].lower(),
    })  # fmt: skip
    return write(world.path("pinned.json"), json.dumps(file).encode())


def questions(world, net, honest, relayed, trust):
    """What a person may get wrong, or a node: never taken for a fork, nor for agreement."""
    done = witness(world, trust, honest, relayed)
    check("two honest nodes show one chain", done.code == 0 and done.json["agree"] is True, done)
    text = world.assay("net", "witness", honest, relayed, "--trust", trust)
    check("and people read that", text.code == 0 and "both show the same chain" in text.out, text)
    verdict("a node that is down is no verdict", witness(world, trust, honest, "http://127.0.0.1:1"), 6, "F130")
    verdict("nor is one that is none", witness(world, trust, net[0].url, honest), 6, "F130")
    verdict("nor what is no URL", witness(world, trust, "nonsense", honest), 2, "E8")
    verdict("nor one and the same", witness(world, trust, honest, honest), 2, "E8")
    verdict("under another name, too", witness(world, trust, honest, net[0].url + "/cometbft"), 2, "E8")
    verdict("nor without a trust file", world.assay("net", "witness", honest, relayed, "--json"), 3, "E73")
    other = world.network("-n", "1", data=world.path("other"))
    verdict("another chain's trust file decides nothing", witness(world, other.trust, honest, relayed), 3, "E80")
    future = read_json(trust)
    for c in future["checkpoints"]:
        c["height"] += 1_000_000
    ahead = write(world.path("ahead.json"), json.dumps(future).encode())
    verdict("nor one that begins above both", witness(world, ahead, honest, relayed), 3, "E9")
    return other


def too_little(world, net, honest, trust):
    """Histories that nobody has to believe, and one that proves nothing about anybody."""
    with Forger(world, net, (0, 1, 2), "-sign", "2") as few:
        done = witness(world, trust, honest, few.url, "--out", world.path("few.json"))
        verdict("a block that too few signed is no fork, but wrong", done, 1, "E71")
        check("and gives no proof", not os.path.exists(world.path("few.json")))
    with Forger(world, net, (0, 1, 2), "-kind", "equivocation", "-round", "7") as forged:
        done = witness(world, trust, honest, forged.url, "--out", world.path("amnesia.json"))
        verdict("signed in another round it is a fork", done, 1, "E84")
        same("that proves nothing about anybody", (done.json.get("kind"), done.json.get("signed_both")), ("amnesia", []))
        done = net[0].assay("report", world.path("amnesia.json"), "--key", net.key(), "--json")
        verdict("and there is nothing to report", done, 1, "E50")


def spoilt(world, proof, node, key):
    """A proof that somebody changed is refused before anything is sent."""
    file = read_json(proof)
    vote = bytearray(base64.b64decode(file["votes"][1]["vote_b"]))
    vote[-1] ^= 1
    file["votes"][1]["vote_b"] = base64.b64encode(vote).decode()
    path = write(world.path("spoilt.json"), json.dumps(file).encode())
    verdict("a changed proof proves nothing", node.assay("report", path, "--key", key, "--json"), 1, "E50")
    path = write(world.path("newer.json"), json.dumps({**file, "schema": "assay/fork/2"}).encode())
    verdict("one of a later form is not judged", node.assay("report", path, "--key", key, "--json"), 3, "E4")
    path = write(world.path("none.json"), b"[]")
    verdict("what is no proof is told", node.assay("report", path, "--key", key, "--json"), 1, "E1")
    verdict("nor is there one", node.assay("report", world.path("nowhere.json"), "--key", key, "--json"), 2, "E8")


def forged(world):
    """Three of four sign a second history; a light client that sees both proves it, and the chain takes their stake."""
    net = Rehearsal(world).start()
    check("there is a trust file of a block", net.knows_a_block())
    trust = shutil.copy(net.trust, world.path("trust.json"))
    honest, relayed = f"http://127.0.0.1:{net.base + 1}", net[1].url + "/cometbft"
    newest = read_json(trust)["checkpoints"][-1]["height"]
    check("blocks come", until(30, lambda: net[0].height() >= newest + 6))
    other = questions(world, net, honest, relayed, trust)
    too_little(world, net, honest, trust)

    proof = world.path("proof.json")
    with Forger(world, net, (0, 1, 2), "-blocks", "3") as liar:
        done = witness(world, trust, honest, liar.url, "--out", proof)
        verdict("three of four can forge, and who sees both knows", done, 1, "E84")
        told = done.json or {}
        same("from which height on", told.get("height"), liar.height)
        same("of what kind", told.get("kind"), "lunatic")
        addresses = {net[i].rpc("/status")["validator_info"]["address"].lower() for i in (0, 1, 2)}
        same("and who signed both", set(told.get("signed_both", [])), addresses)
        same("with what power", (told["power_both"] * 4, told.get("proof")), (told["power_total"] * 3, proof))
        text = world.assay("net", "witness", liar.url, relayed, "--trust", trust)
        left = world.path(f"fork-{liar.height}.json")
        check("people read it too, whichever is asked first", text.code == 1 and "code E84" in text.err and
              text.last == os.path.basename(left) and os.path.exists(left), text)  # fmt: skip
        done = witness(world, pinned_at(world, net, trust, liar.height + 1), liar.url, honest)
        verdict("one that contradicts the trust file itself is proven as well", done, 1, "E84")
        same("back to where it began", (done.json.get("height"), len(done.json.get("signed_both", []))), (liar.height, 3))
        done = witness(world, trust, honest, liar.url, "--out", world.path("no", "such", "place.json"))
        verdict("a proof that cannot be kept is not passed over", done, 6, "E84")
        same("and that is told", (done.json or {}).get("error", {}).get("code"), "F136")
    spoilt(world, proof, net[0], net.key())
    verdict("another chain does not take it", other.assay("report", proof, "--json"), 1, "E10")
    punished(world, net, proof)
    done = witness(world, trust, honest, relayed)
    check("the chain itself is still one", done.code == 0, done)


def punished(world, net, proof):
    """The proof becomes transactions, and these a matter of rule."""
    total, before = net[0].total(), {r["address"]: r for r in net[0].get("/validators")}
    owners = [net.accounts()[4 + i]["address"] for i in range(4)]
    height = net[3].height()
    done = net[3].assay("report", proof, "--key", net.key(1), "--json")
    check("the proof is reported", done.code == 0 and [r["code"] for r in done.json["reported"]] == ["E0"] * 3, done)
    row = lambda i: next(r for r in net[3].get("/validators") if r["address"] == owners[i])  # noqa: E731
    for i in (0, 1, 2):
        check("whoever signed both is out for ever", row(i)["tombstoned"], row(i))
        # One of four alone owes 75 %; with a second X is half, and all of it is due.
        same("and loses all of its stake", (before[owners[i]]["stake"] != "0", row(i)["stake"]), (True, "0"))
    same("the fourth loses nothing", (row(3)["stake"], row(3)["tombstoned"]), (before[owners[3]]["stake"], False))
    same("supply and burned still add up", net[3].total(), total)
    penalties = [p for p in net[3].get("/penalties")["penalties"] if p["height"] > height]
    same("penalties explain it", {p["kind"] for p in penalties}, {"double-sign"})
    taken = {o: sum(int(p["taken"]) for p in penalties if p["validator"] == o) for o in owners}
    same("unit by unit", taken, {o: int(before[o]["stake"]) if i < 3 else 0 for i, o in enumerate(owners)})
    done = net[3].assay("report", proof, "--key", net.key(2))
    check("reported again it changes nothing", done.code == 0 and done.out.count("was counted before") == 3, done)
    check("the honest one is left alone in the set", until(30, lambda: net[3].rpc("/validators")["total"] == "1"))
    check("and goes on", net.goes_on())
    done = send(net, net[3], 500)
    check("with transactions", done.code == 0, done)
    net.agree()


for program in (COMETBFT, FORGE):
    if not os.path.exists(program):
        check("make cometbft", False, program)
        print("0 passed, 1 failed")
        raise SystemExit(1)
main(stops, forged)
