# SPDX-License-Identifier: Apache-2.0
"""hosts - the ceremony across hosts, and a network of hosts: each validator in a network namespace with an address of
its own, all on one bridge. What an operator does on one host uses that host's directory alone, and files that were sent.
Partitions are links that go down.

Needs to be root, or a kernel that lets a user be root in namespaces of his own. Where there is neither, the ceremony is
held on one address with ports for four, and nothing is divided."""

import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time

import packets
from world import ASSAY, ASSAYD, check, main, read_json, same, sharded_model, until

COUNT = 4
PORT = 26600


class Host:
    """One host: a namespace, an address, a directory."""

    def __init__(self, net, index):
        self.net, self.index = net, index
        self.divided = net.bridge is not None
        self.space = f"assay{os.getpid()}h{index}"
        self.link = f"a{os.getpid() % 100000}v{index}"
        self.address = f"10.77.{os.getpid() % 250}.{index + 1}" if self.divided else "127.0.0.1"
        self.port = PORT if self.divided else PORT + 10 * index
        self.directory = net.world.path(f"host{index}")
        os.makedirs(self.directory, exist_ok=True)
        self.data = os.path.join(self.directory, "validator")
        self.process = None
        self.log_path = os.path.join(self.directory, "log")
        if not self.divided:
            return
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        run("ip", "link", "set", self.link, "master", net.bridge, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            run(*self.inside("ip", *words))

    def inside(self, *words):
        # Not `ip netns exec`: it mounts what a chroot does not let it mount.
        return [*(["nsenter", f"--net=/run/netns/{self.space}"] if self.divided else []), *map(str, words)]

    def assay(self, *words, timeout=120):
        return self.net.world.run(*self.inside(ASSAY, *words), cwd=self.directory, timeout=timeout)

    def start(self):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = self.net.world.start(
                *self.inside(ASSAYD, "--data", self.data), stdout=subprocess.PIPE, stderr=log
            )
        return self

    def stop(self, number=signal.SIGTERM):
        """nsenter becomes the program: the process is assayd itself."""
        if self.process is None:
            return None
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process = None
        return code

    def up(self, up):
        run("ip", "link", "set", self.link, "up" if up else "down")

    def get(self, path):
        # The bridge is a host among the others, and asks as a client would.
        connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(f"HTTP {answer.status} {body[:200]}")
        return json.loads(body)

    def own(self, path):
        """What the host itself hears from its node, whatever became of its link."""
        done = self.net.world.run(*self.inside("curl", "-fsS", "--max-time", "5", f"http://127.0.0.1:{self.port}{path}"))
        if done.json is None:
            raise OSError(done)
        return done.json

    def height(self):
        return self.own("/status")["height"]

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()


class Hosts:
    """Hosts on a bridge. Goes away with the world."""

    def __init__(self, world, divided, count=COUNT):
        self.world, self.bridge = world, f"assay{os.getpid() % 100000}" if divided else None
        self.url, self.hosts = "hosts", []
        world.networks.append(self)
        if not divided:
            self.hosts = [Host(self, i) for i in range(count)]
            return
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "addr", "add", f"10.77.{os.getpid() % 250}.254/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        for i in range(count):
            self.hosts.append(Host(self, i))

    def __getitem__(self, i):
        return self.hosts[i]

    def __iter__(self):
        return iter(self.hosts)

    def kill(self):
        for h in self.hosts:
            if h.process is not None:
                h.stop(signal.SIGKILL)
            if self.bridge:
                subprocess.run(["ip", "netns", "del", h.space], check=False)
        if self.bridge:
            subprocess.run(["ip", "link", "del", self.bridge], check=False)

    def log(self):
        return "\n".join(h.log()[-1500:] for h in self.hosts if os.path.exists(h.log_path))

    def heights(self):
        return [h.height() for h in self.hosts]

    def goes_on(self, seconds=60, blocks=3):
        target = max(self.heights()) + blocks
        return until(seconds, lambda: min(self.heights()) >= target, 0.3)


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def send(source, target):
    """A file that one operator sends to another."""
    with open(source, "rb") as f, open(target, "wb") as g:
        g.write(f.read())
    return target


def ceremony(net):
    """Each operator joins, one collects, all sign, all accept."""
    for h in net:
        done = h.assay("net", "join", "--network", "acme", "--data", h.data, "--host", h.address, "--base-port", h.port,
                       "--moniker", f"host{h.index}")  # fmt: skip
        check(f"host {h.index} joins", done.code == 0, done)
        modes = {oct(os.stat(os.path.join(h.data, f)).st_mode & 0o777) for f in ("owner.key", "attestation.key")}
        same("its keys are its owner's alone", modes, {"0o600"})
        public = open(os.path.join(h.data, "join.json"), encoding="utf-8").read()
        secrets = [open(os.path.join(h.data, f), encoding="utf-8").read().strip() for f in ("owner.key", "attestation.key")]
        check("and are not in the public file", not any(s in public for s in secrets))
    collector = net[0]
    sent = [send(os.path.join(h.data, "join.json"), os.path.join(collector.directory, f"join{h.index}.json")) for h in net]
    account = read_json(os.path.join(net[1].data, "join.json"))
    key = net.world.path("account.key")
    made = net.world.assay("key", "new", key, "--json")
    check("an account for a publisher", made.code == 0 and account["owner"], made)
    words = ["net", "collect", *sent, "--out", "network.json", "--rehearsal", "--allowance", "1_000_000_000_000",
             "--account", f"{made.json['address']}=1_000_000_000_000_000"]  # fmt: skip
    done = collector.assay(*words)
    check("one of them collects", done.code == 0, done)
    check("in whatever order", collector.assay(*words[:2], *reversed(sent), *words[6:]).code == 0)
    # Somebody changes a line on the way: nobody takes it.
    bad = json.loads(open(sent[2], encoding="utf-8").read())
    bad["p2p"] = "10.0.0.66:26602"
    with open(os.path.join(collector.directory, "bad.json"), "w", encoding="utf-8") as f:
        json.dump(bad, f)
    done = collector.assay("net", "collect", sent[0], "bad.json", "--out", "no.json")
    check("a file that was changed is refused", done.code not in (0, 6) and not os.path.exists(os.path.join(collector.directory, "no.json")), done)
    spoken = []
    for h in net:
        network = send(os.path.join(collector.directory, "network.json"), os.path.join(h.directory, "agreed.json"))
        done = h.assay("net", "sign", network, "--data", h.data)
        check(f"host {h.index} signs what it has checked", done.code == 0, done)
        spoken.append(os.path.join(h.data, "word.json"))
    for h in net:
        words = [send(w, os.path.join(h.directory, f"word{i}.json")) for i, w in enumerate(spoken)]
        if h.index == 0:
            done = h.assay("net", "accept", "agreed.json", *words[:3], "--data", h.data)
            check("with one word missing nothing is accepted", done.code != 0 and not os.path.exists(os.path.join(h.data, "genesis")), done)
        done = h.assay("net", "accept", "agreed.json", *words, "--data", h.data)
        check(f"host {h.index} accepts", done.code == 0, done)
    return key


def hosts(world):
    net = Hosts(world, may())
    key = ceremony(net)
    for h in net:
        h.start()
    check("four hosts make blocks", until(60, lambda: min(net.heights()) >= 2, 0.3))
    model = sharded_model(world.path("model"), random.Random(9))
    done = world.assay(
        "publish", model, "--name", "acme/far", "--version", "1.0", "--key", key, "--node", net[2].url, "--wait",
        "--out", world.path("far.json"),
    )  # fmt: skip
    check("a model is attested by validators on other hosts", done.code == 0, done)
    trust = os.path.join(net[3].data, "trust.json")
    done = world.assay("verify", model, "--cert", world.path("far.json"), "--trust", trust)
    check("and verifies", done.code == 0, done)
    total = {int(s["supply"]) + int(s["burned"]) for s in (h.get("/status") for h in net)}
    same("every host counts the same units", len(total), 1, total)

    if net.bridge:
        divide(net)
        lose(net, key)
    height = min(net.heights()) - 1
    blocks = {json.dumps(h.own(f"/blocks/{height}")["app_hash"]) for h in net}
    same("all with one state", len(blocks), 1, blocks)
    same("all end when asked", [h.stop() for h in net], [0] * COUNT)


def divide(net):
    """Links go down and come back."""
    # Two links down: 2|2 from the bridge's view: nobody has more than two thirds.
    for h in (net[2], net[3]):
        h.up(False)
    time.sleep(3)
    before = net.heights()
    time.sleep(5)
    same("divided two and two, nobody makes a block", net.heights(), before)
    for h in (net[2], net[3]):
        h.up(True)
    check("healed, it goes on", net.goes_on(90))
    net[1].up(False)
    others = [net[0], net[2], net[3]]
    before = max(h.height() for h in others)
    check("one cut off, the others go on", until(60, lambda: min(h.height() for h in others) >= before + 3, 0.3))
    net[1].up(True)
    check("and it catches up", until(90, lambda: net[1].height() >= net[0].height() - 2, 0.3), net.heights())


def retransmitted(net):
    """TCP segments that hosts sent again."""
    total = 0
    for h in net:
        done = net.world.run(*h.inside("cat", "/proc/net/snmp"))
        names, values = [line.split() for line in done.out.splitlines() if line.startswith("Tcp:")]
        total += int(values[names.index("RetransSegs")])
    return total


def lose(net, key):
    """Packets are lost at every link, both ways: slower, and otherwise as ever."""
    to = net.world.assay("key", "new", net.world.path("receiver.key"), "--json").json["address"]
    for share, count in ((0.02, 10), (0.2, 5)):
        try:
            loss = packets.Loss([h.link for h in net], share)
        except packets.Refused as error:
            print(f"     this kernel loses no packets for us ({error.strerror})")
            return
        with loss:
            again, began, taken = retransmitted(net), max(net.heights()), []
            for i in range(count):
                start = time.monotonic()
                done = net.world.assay("send", to, i + 1, "--key", key, "--node", net[i % COUNT].url, "--json")
                taken.append(time.monotonic() - start)
                check(f"with {share:.0%} of packets lost a transaction is final", done.code == 0, done)
            check("and blocks go on", net.goes_on(90))
            check("packets were lost", retransmitted(net) > again, (again, retransmitted(net)))
            print(
                f"     {share:.0%} lost: final after {statistics.median(taken) * 1e3:.0f} ms in the middle, "
                f"{max(taken) * 1e3:.0f} at most; {max(net.heights()) - began} blocks, "
                f"{retransmitted(net) - again} segments sent again"
            )
    began = time.monotonic()
    check("with none lost it goes on", net.goes_on(60))
    done = net.world.assay("send", to, 99, "--key", key, "--node", net[3].url, "--json")
    check("and is itself again", done.code == 0 and time.monotonic() - began < 60, done)


def may():
    """Can this process make namespaces and links?"""
    name = f"assay{os.getpid()}t"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode == 0
    words = ["nsenter", f"--net=/run/netns/{name}", "ip", "link", "set", "lo", "up"]
    ok = made and subprocess.run(words, check=False, capture_output=True).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=False)
    return ok


def may_inside():
    """Could it, as root of a user namespace of its own?"""
    return subprocess.run(["unshare", "-rnm", "true"], check=False, capture_output=True).returncode == 0


if not may() and may_inside() and not os.environ.get("ASSAY_E2E_INSIDE"):
    os.environ["ASSAY_E2E_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-rnm", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" "$@"', sys.executable, *sys.argv])
if not may():
    print("     this kernel gives no namespaces: one address for all, and nothing is divided")
main(hosts)
