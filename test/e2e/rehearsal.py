# SPDX-License-Identifier: Apache-2.0
"""rehearsal - a network of validators under CometBFT for scenarios: `assay net init`, and each validator a process that
a scenario may start, kill and pause by itself."""

import json
import os
import signal
import socket
import subprocess
import time

from world import ASSAYD, BIN, Network, Refused, check, read_json, request, until

COMETBFT = os.path.join(BIN, "cometbft")


def free_base(count):
    """A port from which on all of `count` validators' are free."""
    for base in range(21000 + os.getpid() % 400 * 20, 32000, 200):
        try:
            for i in range(count + 1):
                for k in range(3):
                    with socket.socket() as s:
                        s.bind(("127.0.0.1", base + 10 * i + k))
            return base
        except OSError:
            continue
    raise RuntimeError("no free ports")


class Validator(Network):
    """One assayd of a rehearsal."""

    def __init__(self, world, directory, port):  # pylint: disable=super-init-not-called
        self.world, self.data, self.port = world, directory, port
        self.url = f"http://127.0.0.1:{port}"
        self.log_path = world.path(f"log-{port}.txt")
        self.process, self.lines = None, []

    def start(self, *words, env=None):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = self.world.start(
                ASSAYD, "--data", self.data, "--engine", "cometbft", *words, stdout=subprocess.PIPE, stderr=log,
                env=env,
            )
        return self

    def stop(self, number=signal.SIGTERM, timeout=60):
        if self.process is None:
            return None
        code = super().stop(number, timeout)
        self.process = None
        return code

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def processes(self):
        return read_json(self.data, "processes.json")

    def rpc(self, path):
        status, _, body = request(self.port + 1, "GET", path)
        if status != 200:
            raise Refused(status, body)
        return json.loads(body)["result"]


class Rehearsal:
    """Validators 0..n-1 in world.path(name)."""

    def __init__(self, world, *words, count=4, name="net"):
        self.world, self.directory, self.count = world, world.path(name), count
        self.base = free_base(count)
        done = world.assay(
            "net", "init", "--validators", count, "--out", self.directory, "--base-port", self.base, *words
        )
        if done.code != 0:
            raise RuntimeError(f"net init: {done}")
        self.validators = [
            Validator(world, os.path.join(self.directory, f"validator{i}"), self.base + 10 * i) for i in range(count)
        ]
        world.networks.extend(self.validators)

    def __getitem__(self, i):
        return self.validators[i]

    def start(self, *words):
        for v in self.validators:
            v.start(*words)
        for v in self.validators:
            v.await_ready()
        if not until(60, lambda: min(v.height() for v in self.validators) >= 2):
            raise RuntimeError("no blocks: " + self.validators[0].log()[-2000:])
        return self

    def configure(self, **settings):
        """Changes node.json of every validator that does not run."""
        for v in self.validators:
            path = os.path.join(v.data, "node.json")
            node = {**read_json(path), **settings}
            with open(path, "w", encoding="utf-8") as f:
                json.dump(node, f)
        return self

    def newcomer(self, *words, name="newcomer"):
        """A node that comes to this network, not started yet, and what `assay net follow` said."""
        base = self.base + 10 * self.count
        directory = self.world.path(name)
        done = self.world.assay(
            "net", "follow", os.path.join(self.directory, "network.json"), "--data", directory, "--host", "127.0.0.1",
            "--address", "127.0.0.1", "--base-port", base, "--moniker", name, *words, "--json",
        )  # fmt: skip
        if done.code != 0:
            raise RuntimeError(f"net follow: {done}")
        v = Validator(self.world, directory, base)
        self.world.networks.append(v)
        return v, done.json

    def stop(self):
        for v in self.validators:
            if v.running:
                v.process.send_signal(signal.SIGTERM)
        return [v.stop() for v in self.validators]

    def alive(self):
        return [v for v in self.validators if v.running]

    def heights(self):
        return [v.height() for v in self.alive()]

    def goes_on(self, seconds=30, blocks=3):
        """Every validator that runs makes as many blocks more."""
        target = max(self.heights()) + blocks
        return until(seconds, lambda: min(self.heights()) >= target)

    def stands(self, seconds=4):
        """No block comes, though the nodes answer."""
        until(3, lambda: False)  # what was under way when somebody fell
        before = self.heights()
        time.sleep(seconds)
        return self.heights() == before

    def agree(self):
        """All that run have the same block, and the same state after the one before it."""
        height = min(self.heights()) - 1
        blocks = [v.get(f"/blocks/{height}") for v in self.alive()]
        hashes = {(b["hash"], b["app_hash"]) for b in blocks}
        return check(f"all have the same block {height}", len(hashes) == 1, hashes)

    def key(self, i=0):
        return os.path.join(self.directory, "keys", f"account{i}.key")

    def accounts(self):
        return read_json(self.directory, "accounts.json")

    def knows_a_block(self):
        """Waits until a node has written a trust file with more in it than the genesis."""
        return until(20, lambda: read_json(self.trust)["checkpoints"][-1]["height"] > 0)

    @property
    def trust(self):
        """The newest trust file of those that run."""
        return max((os.path.join(v.data, "trust.json") for v in self.alive()), key=os.path.getmtime)
