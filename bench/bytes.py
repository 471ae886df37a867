#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/bytes.py - a validator that lacks a model's bytes fetches them from its peers and checks them, beside what others
need for the same bytes.

usage: bench/bytes.py [--rounds N] [--mib N] [--port P] [--json FILE]

Four validators under CometBFT, each a process of its own, on loopback. The last one is paused while a version is
published and attested by the others; then it goes on without a byte of it. Measured is the time from the manifest's
arrival on its disk to its word that it checked the version: all bytes on the disk and synced, both digests of every
file, every tensor's, and its custody. Each round is another version of the same bytes, so that they are owed again; the
first does not count.

In turn with it, in the same directory, from a server that sends the file by sendfile(2) and does nothing else:
    curl to nothing     what loopback gives
    curl into b3sum     checked, but not kept
    curl, kept          into a file, which is synced, then read by openssl for SHA-256 and by b3sum at the same time
    dd                  the same bytes from one file to another, with one fsync at the end: what the disk takes

It needs assay, assayd and cometbft in ASSAY_BIN (build/bin), curl, b3sum and openssl. Models lie where BENCH_DIR or
TMPDIR say; with /dev/shm no disk is in it. As part `bytes` of bench/run its rows stand with the others.
"""
import argparse
import http.server
import json
import mmap
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine
import processes
from chains import fetch
from models import write_safetensors
from table import Table, progress

VALIDATORS = 4
NEWCOMER = VALIDATORS - 1
PATIENCE = 300
PEERS = ("loopback", "b3sum", "kept", "dd")
median = statistics.median


class Sender(http.server.BaseHTTPRequestHandler):
    """Sends one file, and nothing more."""
    path_of_file = None

    def do_GET(self):  # pylint: disable=invalid-name
        size = os.path.getsize(self.path_of_file)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.flush()
        with open(self.path_of_file, "rb") as f:
            at = 0
            while at < size:
                at += os.sendfile(self.connection.fileno(), f.fileno(), at, size - at)

    def log_message(self, *words):  # pylint: disable=arguments-differ
        pass


class Node:
    """One validator's process."""

    def __init__(self, home, port, log_path):
        self.home, self.url, self.log_path, self.process = home, f"http://127.0.0.1:{port}", log_path, None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = processes.start([machine.program("assayd"), "--data", self.home, "--engine", "cometbft"], log)

    def stop(self):
        if self.process:
            processes.end([self.process], 60)
        self.process = None

    def signal(self, number):
        """To all of it."""
        for process in processes.family([self.process.pid]):
            os.kill(process, number)

    def height(self):
        try:
            return json.loads(fetch(f"{self.url}/status"))["height"]
        except OSError:
            return 0

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()


def touch(size):
    """Memory that was free for long is the hypervisor's, on some machines, and costs ten times more at its next use: so
    much is used and freed again, before anything is measured."""
    mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)).close()


def until(what, condition, every=0.02):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not after {PATIENCE} s")
        time.sleep(every)


class Bench:
    """A network, a model, and what was found out."""

    def __init__(self, options, work):
        self.work, self.found = work, []
        self.folder = os.path.join(work, "model")
        os.makedirs(self.folder)
        self.file = os.path.join(self.folder, "model.safetensors")
        write_safetensors(self.file, options.mib << 20)
        self.size = os.path.getsize(self.file)
        self.net = os.path.join(work, "net")
        machine.output(machine.program("assay"), "net", "init", "--validators", str(VALIDATORS), "--out", self.net,
                       "--base-port", str(options.port))
        self.nodes = [Node(f"{self.net}/validator{i}", options.port + 10 * i, f"{work}/log{i}")
                      for i in range(VALIDATORS)]
        self.root = machine.output(machine.program("assay"), "digest", self.folder, "-q").split()[-1]

    def __enter__(self):
        for node in self.nodes:
            node.start()
        until("blocks", lambda: min(n.height() for n in self.nodes) >= 2)
        return self

    def __exit__(self, *error):
        for node in self.nodes:
            node.stop()

    def publish(self, version):
        """While the newcomer sleeps; the others have checked it when this returns."""
        machine.output(machine.program("assay"), "publish", self.folder, "--name", "bench/bytes", "--version", version,
                       "--key", f"{self.net}/keys/account0.key", "--node", self.nodes[0].url, "--wait", "--out",
                       f"{self.work}/certificate")
        for node in self.nodes[:NEWCOMER]:
            until("checks", lambda n=node: f'checked bench/bytes@{version}"' in n.log())

    def ours(self, version):
        """Seconds from the manifest's arrival to the check; seconds of processor meanwhile, by program; resident bytes
        at most."""
        newcomer = self.nodes[NEWCOMER]
        newcomer.signal(signal.SIGSTOP)
        self.publish(version)
        shutil.rmtree(f"{newcomer.home}/models", ignore_errors=True)
        os.sync()
        manifest, line = f"{newcomer.home}/models/{self.root}/manifest", f'checked bench/bytes@{version}"'
        touch(self.size + (64 << 20))
        newcomer.signal(signal.SIGCONT)
        until("a fetch", lambda: os.path.exists(manifest), 0.0005)
        began, before = time.monotonic(), processes.seconds_by_name([n.process.pid for n in self.nodes])
        most, looked = 0, began
        with open(newcomer.log_path, encoding="utf-8", errors="replace") as log:
            text = ""
            while line not in text:
                if time.monotonic() - began > PATIENCE:
                    raise RuntimeError(f"no check: {text[-2000:]}")
                text += log.read()
                if time.monotonic() - looked > 0.1:
                    most, looked = max(most, machine.resident(newcomer.process.pid)[1]), time.monotonic()
                time.sleep(0.002)
        took = time.monotonic() - began
        after = processes.seconds_by_name([n.process.pid for n in self.nodes])
        return took, {k: round(v - before[k], 2) for k, v in after.items() if v - before[k] >= 0.01}, most

    def theirs(self, url):
        """Seconds of each peer."""
        kept = os.path.join(self.work, "kept")
        commands = {
            "loopback": f"curl -sf -o /dev/null {url}",
            "b3sum": f"curl -sf {url} | b3sum",
            "kept": f"curl -sf -o {kept} {url} && sync {kept} && {{ openssl dgst -sha256 {kept} & b3sum {kept}; wait; }}",
            "dd": f"dd if={self.file} of={kept} bs=4M conv=fsync status=none",
        }
        took = {}
        for name in PEERS:
            os.sync()
            touch(self.size + (64 << 20))
            took[name] = machine.seconds("/bin/bash", "-c", f"set -o pipefail; {commands[name]}")
            if os.path.exists(kept):
                os.unlink(kept)
        return took


def measure(rounds, mib, port, kept=None, directory=None):
    """A list of {ours, cpu, memory, loopback, b3sum, kept, dd}, and the bytes."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-bytes-", dir=directory) as work:
        options = argparse.Namespace(mib=mib, port=port)
        progress(f"a model of {mib} MiB is made and published")
        bench = Bench(options, work)
        Sender.path_of_file = bench.file
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sender)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        with bench:
            for r in range(rounds + 1):
                took, cpu, memory = bench.ours(str(r))
                row = {"round": r, "ours": took, "cpu": cpu, "memory": memory, "size": bench.size, **bench.theirs(url)}
                progress(", ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
                if r:
                    bench.found.append(row)
                if kept:
                    with open(kept, "w", encoding="utf-8") as f:
                        json.dump(bench.found, f, indent=1)
        server.shutdown()
        where = machine.filesystem(work)
        return bench.found, where


def rows(table, found, where):
    size = found[0]["size"]

    def speed(name):
        return size / median(f[name] for f in found) / 1e9
    ours = speed("ours")
    table.hold(f"fetch and check {size / 1e9:.2f} GB from peers, {where}", f"{ours:.2f} GB/s", ours, 0.5, None, " GB/s",
               f"{speed('kept'):.2f} GB/s", f"{ours / speed('kept'):.2f}x", True)
    for name, what in (("loopback", "curl to nothing"), ("b3sum", "curl into b3sum"), ("dd", "dd with fsync")):
        table.add(f"the same beside {what}", "", f"{speed(name):.2f} GB/s", f"{ours / speed(name):.2f}x")
    table.add("the same, own memory of assayd at most", f"{max(f['memory'] for f in found) / machine.MIB:.0f} MiB")
    table.note("Fetch and check: from the manifest's arrival to the check, all bytes synced, SHA-256, BLAKE3, keyed BLAKE3 "
               "and every tensor's made; the peer is curl to a file, synced, then openssl's SHA-256 beside b3sum. All "
               "processes, holders too, share the processors (bench/bytes.py).")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--port", type=int, default=26800)
    parser.add_argument("--json")
    options = parser.parse_args()
    found, where = measure(options.rounds, options.mib, options.port, options.json, os.environ.get("BENCH_DIR"))
    table = Table()
    rows(table, found, where)
    print("\n".join(table.lines()))


if __name__ == "__main__":
    main()
