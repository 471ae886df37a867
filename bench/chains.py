# SPDX-License-Identifier: Apache-2.0
"""chains - two networks of four validators under stock CometBFT with the same settings: assayd's, and kvstore's.

Both run on this machine's processors, with stock CometBFT for engine, one process a validator, and the application in a
process of its own behind a unix socket. kvstore's homes are a second network of ours: config.toml stays but for the
socket's name, and genesis.json names the validators, whom our application would name itself.
"""
import calendar
import glob
import json
import os
import re
import sys
import threading
import time
import urllib.request

import machine
import processes

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "e2e"))
import relay

VALIDATORS = 4
PATIENCE = 60  # seconds, for anything that should be there at once
EMPTY = 'create_empty_blocks_interval = "1s"'
HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url):
    with HERE.open(url, timeout=10) as reply:
        return reply.read().decode()


def replace_in(path, old, new):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if old not in text:
        raise RuntimeError(f"{path}: {old}: not there")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))


def setting(path, key, value):
    """Another value for what config.toml says already."""
    with open(path, encoding="utf-8") as f:
        found = re.findall(rf"^{re.escape(key)} = .*$", f.read(), re.M)
    if len(found) != 1:
        raise RuntimeError(f"{path}: {key}: {len(found)} of it")
    replace_in(path, found[0], f"{key} = {value}")


class Chain:
    """A network that is ready. busy: a block follows the other even if nothing is to be in it; else as shipped. far:
    milliseconds from each validator to each other one. settings: (key, value) of config.toml, otherwise than shipped."""
    kind = app = None

    def __init__(self, work, port, busy, far=0, settings=()):
        self.port, self.home = port, os.path.join(work, self.kind)
        self.log_path = os.path.join(work, f"{self.kind}.log")
        self.log = open(self.log_path, "wb")
        self.processes = []
        machine.output(machine.program("assay"), "net", "init", "--validators", str(VALIDATORS), "--out", self.home,
                       "--base-port", str(port))
        for home in self.homes():
            replace_in(f"{home}/config/config.toml", EMPTY, EMPTY.replace("1s", "0s") if busy else EMPTY)
            for key, value in settings:
                setting(f"{home}/config/config.toml", key, value)
        self.far = relay.between(self.homes(), far) if far else None

    def __enter__(self):
        try:
            self.start()
            self.wait_for(3)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error):
        processes.end(self.processes, PATIENCE)
        if self.far:
            self.far.stop()
        self.log.close()

    def homes(self):
        return sorted(glob.glob(f"{self.home}/validator*/cometbft"))

    def start(self):
        raise NotImplementedError

    def run(self, *command, **more):
        self.processes.append(processes.start(command, self.log, **more))

    def roots(self):
        return [p.pid for p in self.processes]

    def applications(self):
        return [p for p, (name, _) in processes.family(self.roots()).items() if name == self.app]

    def url(self, i):
        return f"http://127.0.0.1:{self.port + 10 * i}"

    def rpc(self, i):
        return f"http://127.0.0.1:{self.port + 10 * i + 1}"

    def rpcs(self):
        return ",".join(self.rpc(i) for i in range(VALIDATORS))

    def key(self, i):
        return f"{self.home}/keys/account{i}.key"

    def words(self, key, nodes):
        """What bench/load/txs is told of it."""
        return "-app", self.kind, "-rpc", nodes, "-key", self.key(key)

    def height(self, i=0):
        return int(json.loads(fetch(f"{self.rpc(i)}/status"))["result"]["sync_info"]["latest_block_height"])

    def wait_for(self, height):
        """Until all of them are there."""
        deadline = time.monotonic() + PATIENCE
        for i in range(VALIDATORS):
            while True:
                if any(p.poll() is not None for p in self.processes) or time.monotonic() > deadline:
                    with open(self.log_path, encoding="utf-8", errors="replace") as f:
                        raise RuntimeError(f"{self.kind}'s network did not start: {f.read()[-2000:]}")
                try:
                    if self.height(i) >= height:
                        break
                except (OSError, ValueError, KeyError):
                    pass
                time.sleep(0.05)

    def times(self, first, last):
        """Nanoseconds of the blocks' times, as the headers say."""
        out = {}
        while first <= last:
            page = json.loads(fetch(f"{self.rpc(0)}/blockchain?minHeight={first}&maxHeight={min(first + 19, last)}"))
            for meta in page["result"]["block_metas"]:
                out[int(meta["header"]["height"])] = nanoseconds(meta["header"]["time"])
            first += 20
        return [out[h] for h in sorted(out)]

    def memory(self):
        """Resident bytes of each application: (all, what is its own)."""
        return [machine.resident(p)[:2] for p in self.applications()]

    def app_seconds(self):
        """Seconds of the first validator's consensus connection in the application: as the clock goes, and of a
        processor. kvstore tells none."""
        return 0.0, 0.0

    def look(self):
        """What there was of it until now, to be subtracted."""
        applications = self.applications()
        return {"at": time.time_ns(), "app": self.app_seconds(), "idle": processes.seconds_idle(),
                "cpu": processes.seconds_by_name(self.roots()), "threads": processes.seconds_by_thread(applications)}


class Ours(Chain):
    kind, app = "assay", "assayd"

    def start(self):
        self.run(machine.program("assay"), "net", "start", self.home)

    def app_seconds(self):
        text = fetch(f"{self.url(0)}/metrics")
        return [float(re.search(rf"^assay_abci_{name}_total (\S+)$", text, re.M).group(1))
                for name in ("seconds", "cpu_seconds")]


class Theirs(Chain):
    kind = app = "kvstore"

    def __init__(self, work, port, busy, far=0, settings=(), program=None, persistent=False):
        super().__init__(work, port, busy, far, settings)
        self.program, self.persistent = program, persistent
        validators = []
        for home in self.homes():
            with open(f"{home}/config/priv_validator_key.json", encoding="utf-8") as f:
                key = json.load(f)
            validators.append({"address": key["address"], "pub_key": key["pub_key"], "power": "1000000", "name": ""})
        for home in self.homes():
            with open(f"{home}/config/genesis.json", encoding="utf-8") as f:
                genesis = json.load(f)
            genesis.update(chain_id="bench-kvstore", validators=validators, app_state={})
            with open(f"{home}/config/genesis.json", "w", encoding="utf-8") as f:
                json.dump(genesis, f)
            replace_in(f"{home}/config/config.toml", "unix://abci.sock", f"unix://{home}/abci.sock")

    def start(self):
        for home in self.homes():
            kept = ("-dir", f"{home}/data") if self.persistent else ()
            self.run(self.program, "-abci", f"unix://{home}/abci.sock", *kept)
        deadline = time.monotonic() + PATIENCE
        while not all(os.path.exists(f"{home}/abci.sock") for home in self.homes()) and time.monotonic() < deadline:
            time.sleep(0.01)
        for home in self.homes():
            self.run(machine.program("cometbft"), "start", "--home", home)


def nanoseconds(text):
    """Of an RFC 3339 time in UTC."""
    whole, _, part = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(part.ljust(9, "0"))


class Sampler(threading.Thread):
    """Looks at a chain now and then, so that any stretch of time can be told apart afterwards."""

    def __init__(self, chain, seconds=0.5):
        super().__init__(daemon=True)
        self.chain, self.seconds, self.ended, self.samples = chain, seconds, threading.Event(), []

    def __enter__(self):
        self.samples.append(self.chain.look())
        self.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.wait(self.seconds):
            try:
                self.samples.append(self.chain.look())
            except OSError:
                pass  # busy; the next one will do

    def between(self, first, last):
        """What was taken between two times, nearly."""
        a, b = (min(self.samples, key=lambda s, t=t: abs(s["at"] - t)) for t in (first, last))
        return difference(a, b)


def difference(a, b):
    wall = (b["at"] - a["at"]) / 1e9
    return {"seconds": wall, "app_seconds": [y - x for x, y in zip(a["app"], b["app"])], "idle": b["idle"] - a["idle"],
            "cpu": {k: v - a["cpu"].get(k, 0) for k, v in b["cpu"].items()},
            "threads": {k: v - a["threads"].get(k, 0) for k, v in b["threads"].items() if v != a["threads"].get(k, 0)}}
