# SPDX-License-Identifier: Apache-2.0
"""hostile - clients that are slow, greedy, or make no sense; meanwhile everybody else is answered, and blocks go on.

The attackers have addresses of their own (127.0.0.2 and on), since the server counts by address. While each attack is
under way a bystander asks for /status over and over, on new connections, and its waiting is measured.
"""

import random
import socket
import statistics
import subprocess
import threading
import time

from world import ASSAY, Refused, check, main, request, same, sharded_model, until

MEDIAN, WORST = 0.25, 5.0  # seconds; two cores that also run the attackers


class Bystander:
    """Asks for /status until it is told to stop; seconds of each answer."""

    def __init__(self, net):
        self.net, self.seconds, self.bad, self.stop = net, [], [], False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop:
            began = time.monotonic()
            try:
                self.net.get("/status", timeout=20)
            except (OSError, Refused) as error:
                self.bad.append(repr(error))
            self.seconds.append(time.monotonic() - began)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join(30)

    def was_answered(self, attack):
        same(f"{attack}: the bystander was always answered", self.bad[:2], [])
        check(
            f"{attack}: and quickly",
            len(self.seconds) > 10 and statistics.median(self.seconds) < MEDIAN and max(self.seconds) < WORST,
            self.summary(),
        )
        print(f"     {attack}: {self.summary()}")

    def summary(self):
        median, most = 1000 * statistics.median(self.seconds), 1000 * max(self.seconds)
        return f"{len(self.seconds)} answers, median {median:.0f} ms, most {most:.0f} ms"


def connect(net, attacker=2, timeout=10.0):
    return socket.create_connection(("127.0.0.1", net.port), timeout=timeout, source_address=(f"127.0.0.{attacker}", 0))


def send(connection, data):
    """False if the other side has had enough."""
    try:
        connection.sendall(data)
        return True
    except OSError:
        return False


def answer(connection):
    """All that comes until the end; b"" if the other side just hung up."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except OSError:
        pass
    return data


def close(connections):
    for c in connections:
        c.close()


def slow_headers(net, seconds):
    """Slowloris: complete headers never come, a byte now and then does."""
    connections = [connect(net) for _ in range(200)]
    for c in connections:
        send(c, b"GET /status HTTP/1.1\r\nHost: x\r\n")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for c in connections:
            send(c, b"X-a: b\r\n")
        time.sleep(0.3)
    return connections


def slow_bodies(net, seconds):
    """Bodies that are announced and come a byte at a time."""
    connections = [connect(net, 2 + n % 2) for n in range(80)]
    for c in connections:
        send(
            c,
            b"POST /transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n",
        )
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for c in connections:
            send(c, b"x")
        time.sleep(0.2)
    return connections


def idle(net, seconds):
    connections = [connect(net, 2 + n % 3) for n in range(300)]
    time.sleep(seconds)
    return connections


def too_many(net, seconds):
    """More than the server takes: from four addresses, 800 in all. The rest waits in the kernel or is closed."""
    connections = []
    for n in range(800):
        try:
            connections.append(connect(net, 2 + n % 4, timeout=0.5))
        except OSError:
            pass
    time.sleep(seconds)
    return connections


def slow_readers(net, seconds):
    """Ask for as many bytes as one request gives, and read none."""
    root = net.world.root
    connections = [connect(net, 2 + n % 2) for n in range(60)]
    for c in connections:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        send(c, f"GET /bytes/{root}/files/1?length=4194304 HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 4)
    time.sleep(seconds)
    return connections


def garbage(net, seconds):
    """Noise, other protocols, halves of requests."""
    dice = random.Random(13)
    fixed = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 5000,
        b"\r\n" * 3000,
        b"GET",
        b"GET /status HTTP/9.9\r\n\r\n",
        b"GET /status\r\n\r\n",
        b"GET /status HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
        b"GET /status HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"SSH-2.0-x\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"POST /transactions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n" * 2000,
    ]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for data in [*fixed, *(dice.randbytes(dice.randrange(1, 4000)) for _ in range(20))]:
            c = connect(net, 2 + dice.randrange(3))
            send(c, data)
            if dice.random() < 0.5:
                c.settimeout(0.05)
                answer(c)
            c.close()
    return []


def great_bodies(net, seconds):
    """Much more than a body may have: refused before it comes."""
    heads = [
        b"POST /transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n",
        b"POST /transactions/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
        b"PUT /bytes/" + b"0" * 64 + b"/files/0?offset=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n",
        b"POST /faults HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n",
    ]
    end = time.monotonic() + seconds
    codes = set()
    while time.monotonic() < end:
        for head in heads:
            c = connect(net)
            send(c, head)
            send(c, b"x" * 300000)
            c.settimeout(2)
            try:
                codes.add(c.recv(12))
            except OSError:
                pass
            c.close()
    same("a body that is too large: 413", codes - {b""}, {b"HTTP/1.1 413"})
    c = connect(net)
    send(c, b"POST /transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    while send(c, b"10000\r\n" + b"x" * 65536 + b"\r\n"):
        if time.monotonic() > end + 20:
            check("a chunked body without end is ended", False)
            break
    c.close()
    return []


def strange_requests(net, seconds):
    """Well-formed, and senseless."""
    nested = "[" * 100000
    wrong = [
        ("GET", "/nothing", None, {404}),
        ("DELETE", "/status", None, {405}),
        ("POST", "/status", "x", {405}),
        ("FOO", "/status", None, {501}),
        ("GET", "/blocks/99999999999999999999", None, {400, 404}),
        ("GET", "/blocks/-1", None, {400, 404}),
        ("GET", "/accounts/assay1qqqq", None, {400}),
        ("GET", "/bytes/zz", None, {400}),
        ("GET", "/status?validator=99", None, {404}),
        ("GET", "/status?validator=x", None, {400, 404}),
        ("GET", "/%00", None, {400}),
        ("GET", "/%zz", None, {400}),
        ("POST", "/transactions", "garbage", {400}),
        ("POST", "/transactions", "", {400}),
        ("POST", "/transactions/batch", "\x05abc", {400}),
        ("POST", "/faults", nested, {400, 413}),
        ("POST", "/faults", '{"kind":"kill"}', {400}),
        ("POST", "/faults", '{"kind":"kill","validator":-1}', {400}),
        ("POST", "/faults", '{"kind":"kill","validator":1e99}', {400}),
        ("GET", "/models?limit=99999999999", None, {400, 200}),
        ("GET", "/log/consistency?old=5&new=1", None, {400}),
        ("PUT", f"/bytes/{'0' * 64}/manifest", "x", {404}),
    ]
    for method, path, body, allowed in wrong:
        headers = {"Content-Type": "application/json"} if path == "/faults" else {}
        status, head, text = request(net.port, method, path, body, headers)
        check(f"{method} {path[:40]} {str(body)[:12]}: {sorted(allowed)}", status in allowed, (status, text[:300]))
        if status >= 400 and status != 501:
            check(
                f"{method} {path[:40]}: a problem document",
                head.get("Content-Type") == "application/problem+json" and b'"code":' in text,
                text[:300],
            )
    time.sleep(seconds)
    return []


def hostile(world):
    net = world.network("-n", "4", data=world.path("net"))
    path = sharded_model(world.path("model"), random.Random(14), floats=900000)
    done = net.publish(path, "acme/hostile", "1", "--wait")
    check("a model is there", done.code == 0, done)
    world.root = world.assay("digest", path, "-q").last
    same("its second file is large", net.get(f"/bytes/{world.root}")["files"][1]["size"] > 4 << 20, True)
    # Those that have to wait for the server's patience to end are begun first and looked at last.
    began = time.monotonic()
    slow = [connect(net, 9) for _ in range(20)]
    for c in slow:
        send(c, b"GET /status HTTP/1.1\r\nHost: x\r\n")
    for attack in (slow_headers, slow_bodies, idle, too_many, slow_readers, garbage, great_bodies, strange_requests):
        height = net.height()
        with Bystander(net) as bystander:
            connections = attack(net, 2.5)
        bystander.was_answered(attack.__name__)
        close(connections)
        check(f"{attack.__name__}: blocks go on", until(20, lambda: net.height() > height))
        sent = net.assay("send", net.accounts()[1]["address"], "1")
        check(f"{attack.__name__}: a transaction comes through", sent.code == 0, sent)
    waits(world, net)
    while time.monotonic() < began + 33:
        for c in slow:
            send(c, b"X: y\r\n")
        time.sleep(0.5)
    ended = []
    for c in slow:
        c.settimeout(1)
        ended.append(answer(c)[:12])
    same("who sent a byte now and then for 30 s is told 408", set(ended), {b"HTTP/1.1 408"})
    close(slow)
    check(
        "memory is bounded",
        net.metric("process_resident_memory_bytes") < 400 << 20,
        net.metric("process_resident_memory_bytes"),
    )
    check("refusals are counted", net.metric("assay_http_refused_total") > 0)
    same("the devnet ends with exit 0", net.stop(), 0)


def waits(world, net):
    """Many who wait for a block that does not come hold nobody up, and are told when it took too long."""
    net.fault("kill", 2)
    net.fault("kill", 3)
    accounts = net.accounts()
    crowd = [
        world.start(
            ASSAY,
            "send",
            accounts[0]["address"],
            str(n + 1),
            "--key",
            accounts[n % 8]["key_file"],
            "--timeout",
            "3",
            "--node",
            net.url,
            "-q",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for n in range(24)
    ]
    with Bystander(net) as bystander:
        ends = [(p.communicate(timeout=60)[1], p.returncode) for p in crowd]
    bystander.was_answered("waits")
    same("who waits in vain: exit 6", [end for end in ends if end[1] != 6][:1], [])
    net.fault("revive", 2)
    net.fault("revive", 3)
    height = net.height()
    check("blocks go on", until(60, lambda: net.height() > height))
    crowd = [
        world.start(
            ASSAY,
            "send",
            accounts[0]["address"],
            str(n + 1),
            "--key",
            accounts[5]["key_file"],
            "--node",
            net.url,
            "-q",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for n in range(12)
    ]
    ends = [(p.communicate(timeout=60)[1], p.returncode) for p in crowd]
    same("a dozen of one account at once all come through", [end for end in ends if end[1] != 0][:1], [])


main(hostile)
