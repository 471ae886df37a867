#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relay - TCP connections that take their time: what stands between validators that are far from each other.

usage: relay.py MS NAME:PORT=HOST:PORT...

Listens on 127.0.0.1 at each PORT and carries what comes there to HOST:PORT and back, each byte MS milliseconds later than
it came, whatever else is under way: time is added, throughput is not taken, until CARRIED_MAX bytes of one direction are
on the way. A line's NAME is `i-j`: i dials j. Words on standard input, one a line, each answered with a line:

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
import threading

CARRIED_MAX = 64 << 20
READ_MAX = 1 << 18


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
    """A port, and who is behind it."""

    def __init__(self, relay, name, port, host, target):
        self.relay, self.name, self.port, self.host, self.target = relay, name, port, host, target
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
            await self.relay.loop.create_connection(lambda: far, self.host, self.target)
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
        for line in self.lines:
            await self.loop.create_server(lambda line=line: End(line), "127.0.0.1", line.port)
        print("ready", flush=True)
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
    """The program above, in a process of its own, for a scenario or a bench. lines: (name, port, host, target)."""

    def __init__(self, milliseconds, lines):
        words = [f"{name}:{port}={host}:{target}" for name, port, host, target in lines]
        self.lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(milliseconds), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the relay does not start: exit {self.process.wait()}")

    def say(self, words):
        with self.lock:
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


def between(homes, port, milliseconds):
    """A Far between the CometBFT homes of a network that does not run yet: each dials the others through it, at ports from
    `port` on, and none learns of another way."""
    lines, count = [], len(homes)
    for i, home in enumerate(homes):
        path = os.path.join(home, "config", "config.toml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        found = re.search(r'^persistent_peers = "([^"]*)"$', text, re.M)
        far = []
        for peer in found[1].split(","):
            node, host, target = re.fullmatch(r"([0-9a-f]{40})@([0-9.]+):(\d+)", peer).groups()
            j = len(far) + (len(far) >= i)
            lines.append((f"{i}-{j}", port + count * i + j, host, int(target)))
            far.append(f"{node}@127.0.0.1:{port + count * i + j}")
        text = text.replace(found[0], f'persistent_peers = "{",".join(far)}"\npex = false')
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    return Far(milliseconds, lines)


def main():
    lines = []
    for word in sys.argv[2:]:
        name, port, host, target = re.fullmatch(r"(\d+-\d+):(\d+)=([^:]+):(\d+)", word).groups()
        lines.append((name, int(port), host, int(target)))
    asyncio.run(Relay(float(sys.argv[1]) / 1e3, lines).run())


if __name__ == "__main__":
    main()
