#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relay - TCP connections that take their time: what stands between validators that are far from each other.

usage: relay.py MS NAME=HOST:PORT...

Listens on 127.0.0.1 for each NAME, at ports that are free ("ready PORT..." says which, in order), and carries what comes
there to HOST:PORT and back, each byte MS milliseconds later than it came, whatever else is under way: time is added,
throughput is not taken, until CARRIED_MAX bytes of one direction are on the way. A NAME is `i-j`: i dials j. Words on
standard input, one a line, each answered with a line:

    cut [i]     the connections (of validator i) end, and new ones end at once
    stall [i]   nothing arrives, of connections old and new; nothing is lost
    pass        as in the beginning
    count       bytes and reads so far, and connections that are there

It ends with its standard input. The kernels on both ends talk to a near one: a handshake of TCP and the growth of its
window cost nothing here, which they would over such a distance.
"""

import asyncio
import collections
import os
import re
import subprocess
import sys

CARRIED_MAX = 64 << 20
PEERS = re.compile(r'^persistent_peers = "([^"]*)"$', re.M)


class End(asyncio.Protocol):
    """One side of a connection. What it hears, the other side says later."""

    def __init__(self, line, other=None):
        self.line, self.other, self.transport = line, other, None
        self.waiting, self.carried, self.timer, self.stopped = collections.deque(), 0, None, False

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(CARRIED_MAX)
        if self.other is None:
            self.line.accepted(self)

    def data_received(self, data):
        self.line.relay.bytes += len(data)
        self.line.relay.reads += 1
        self.hear(data)

    def eof_received(self):
        self.hear(None)
        return True  # the other direction goes on until it ends too

    def connection_lost(self, error):
        self.line.ends.discard(self)
        self.hear(None)

    def hear(self, data):
        """Keeps it for as long as it is on the way. None: there is no more."""
        self.waiting.append((self.line.relay.loop.time() + self.line.relay.seconds, data))
        self.carried += len(data or b"")
        if self.carried > CARRIED_MAX and not self.stopped:
            self.stopped = True
            self.transport.pause_reading()
        self.plan()

    def plan(self):
        if self.timer is None and self.waiting and self.other is not None and not self.line.stalled:
            self.timer = self.line.relay.loop.call_at(self.waiting[0][0], self.arrive)

    def arrive(self):
        self.timer = None
        if self.line.stalled or self.other is None or self.other.transport is None:
            return
        now, ended = self.line.relay.loop.time(), False
        while self.waiting and self.waiting[0][0] <= now and not ended:
            data = self.waiting.popleft()[1]
            ended = data is None
            if not ended:
                self.carried -= len(data)
                self.other.transport.write(data)
        if ended:
            self.waiting.clear()
            self.other.transport.close()
        if self.stopped and self.carried < CARRIED_MAX // 2 and not self.transport.is_closing():
            self.stopped = False
            self.transport.resume_reading()
        self.plan()


class Line:
    """Who is dialled, and by whom."""

    def __init__(self, relay, name, host, port):
        self.relay, self.name, self.host, self.port = relay, name, host, port
        self.ends, self.stalled, self.is_cut = set(), False, False

    def accepted(self, near):
        if self.is_cut:
            near.transport.abort()
            return
        self.ends.add(near)
        self.relay.tasks.add(task := asyncio.ensure_future(self.dial(near)))
        task.add_done_callback(self.relay.tasks.discard)

    async def dial(self, near):
        far = End(self, near)
        try:
            await self.relay.loop.create_connection(lambda: far, self.host, self.port)
        except OSError:
            near.transport.abort()
            return
        self.ends.add(far)
        near.other = far
        near.plan()

    def set(self, stalled, is_cut):
        self.stalled, self.is_cut = stalled, is_cut
        for end in list(self.ends):
            if is_cut:
                end.transport.abort()
            end.plan()


class Relay:
    def __init__(self, seconds, lines):
        self.seconds, self.bytes, self.reads, self.tasks, self.loop = seconds, 0, 0, set(), None
        self.lines = [Line(self, *line) for line in lines]

    async def run(self):
        self.loop = asyncio.get_running_loop()
        servers = [await self.loop.create_server(lambda line=line: End(line), "127.0.0.1") for line in self.lines]
        print("ready", *(s.sockets[0].getsockname()[1] for s in servers), flush=True)
        words = asyncio.StreamReader()
        await self.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
        while text := await words.readline():
            print(self.obey(text.decode().split()), flush=True)

    def obey(self, words):
        verb, *whose = words or [""]
        if verb == "count":
            return f"{self.bytes} {self.reads} {sum(len(line.ends) for line in self.lines) // 2}"
        if verb not in ("cut", "stall", "pass"):
            return "what?"
        for line in self.lines:
            meant = not whose or whose[0] in line.name.split("-")
            line.set(verb == "stall" and meant, verb == "cut" and meant)
        return "ok"


class Far:
    """The program above, in a process of its own, for a scenario or a bench. lines: (name, host, port) each; ports: where
    it listens for them."""

    def __init__(self, milliseconds, lines):
        words = [f"{name}={host}:{port}" for name, host, port in lines]
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(milliseconds), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        ready, *ports = self.process.stdout.readline().split() or [""]
        if ready != "ready":
            raise RuntimeError(f"the relay does not start: exit {self.process.wait()}")
        self.ports = list(map(int, ports))

    def say(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def count(self):
        """(bytes, reads, connections)"""
        return tuple(map(int, self.say("count").split()))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def between(homes, milliseconds):
    """A Far between the CometBFT homes of a network that does not run yet: each dials the others through it, and none
    learns of another way."""
    texts, lines = [], []
    for i, home in enumerate(homes):
        with open(os.path.join(home, "config", "config.toml"), encoding="utf-8") as f:
            texts.append(f.read())
        others = [j for j in range(len(homes)) if j != i]  # in whose order they stand there
        for j, (host, port) in zip(others, re.findall(r"@([0-9.]+):(\d+)", PEERS.search(texts[i])[1]), strict=True):
            lines.append((f"{i}-{j}", host, port))
    far = Far(milliseconds, lines)
    ports = iter(far.ports)
    for home, text in zip(homes, texts):
        old = PEERS.search(text)[0]
        new = re.sub(r"@[0-9.]+:\d+", lambda _: f"@127.0.0.1:{next(ports)}", old)
        with open(os.path.join(home, "config", "config.toml"), "w", encoding="utf-8") as f:
            f.write(text.replace(old, f"{new}\npex = false"))
    return far


def main():
    lines = [re.fullmatch(r"(\d+-\d+)=([^:]+):(\d+)", word).groups() for word in sys.argv[2:]]
    asyncio.run(Relay(float(sys.argv[1]) / 1e3, lines).run())


if __name__ == "__main__":
    main()
