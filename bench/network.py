# SPDX-License-Identifier: Apache-2.0
"""network - a devnet in a process of its own, and what is measured on it with bench/load.

The generator and all validators share the machine's processors: what the generator takes, the network lacks.
"""
import json
import os
import statistics
import subprocess
import tempfile
import time

from machine import LOAD, MIB, directory_bytes, output, program, resident


class Network:
    """A devnet that is ready. seconds_to_ready counts from the making of its process to its word that the first block
    is final."""

    def __init__(self, *words):
        self.home = tempfile.TemporaryDirectory(prefix="assay-bench-home-")
        self.env = {**os.environ, "HOME": self.home.name}
        self.errors = tempfile.TemporaryFile()
        started = time.perf_counter()
        self.process = subprocess.Popen([program("assay"), "devnet", "--json", "--port", "0", *map(str, words)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=self.env)
        line = self.process.stdout.readline()
        self.seconds_to_ready = time.perf_counter() - started
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"the devnet did not start: {self.errors.read()[-2000:]}")
        self.ready = json.loads(line)
        self.url, self.data = self.ready["url"], self.ready["data"]
        self.key = self.ready["accounts"][0]["key_file"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        code = self.process.wait(timeout=120)
        self.process.stdout.close()
        self.errors.close()
        self.home.cleanup()
        if code and not error[0]:
            raise RuntimeError(f"the devnet ended with {code}")

    def assay(self, *words):
        return output(program("assay"), *words, "--node", self.url, "--key", self.key, env=self.env)

    def load(self, kind, *numbers):
        return [LOAD, kind, self.url, self.key, *map(str, numbers)]

    def latency(self, samples, rest_ms):
        """Seconds from handing a transfer in to the answer that names its block, one after the other."""
        return [int(line) / 1e9 for line in output(*self.load("latency", samples, rest_ms)).split()]

    def transfers(self, accounts, each, connections, batch, window):
        return json.loads(output(*self.load("transfers", accounts, each, connections, batch, window)))

    def memory(self):
        """Bytes: resident; of that, what is the process's own; and what the data directory holds. In memory, the files
        are memory too, whether the process has them mapped or not: `all`."""
        whole, own, shared = resident(self.process.pid)
        data = directory_bytes(self.data)
        return {"resident": whole, "own": own, "data": data, "all": whole - shared + data}

    def grow(self, blocks, every):
        """Drives blocks and looks at memory and data every so many: [(height, memory)]."""
        samples = []
        with subprocess.Popen(self.load("blocks", blocks, every), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as driver:
            for line in driver.stdout:
                samples.append((int(line), self.memory()))
                driver.stdin.write("\n")
                driver.stdin.flush()
        if driver.returncode:
            raise RuntimeError("the driver of blocks failed")
        return samples


def slope(samples, what):
    """Bytes a block, by least squares."""
    return statistics.linear_regression([h for h, _ in samples], [m[what] for _, m in samples]).slope


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def mib(value):
    return f"{value / MIB:.1f} MiB"
