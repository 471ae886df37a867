# SPDX-License-Identifier: Apache-2.0
"""world - what a scenario stands on: programs in a directory and a home of their own, networks, models, and counting.

A scenario is a file beside this one. Its functions take a World and call check(); main() runs them, each in a world of
its own, prints every failure, and ends with "N passed, N failed". Nothing of the caller's environment reaches a program
but PATH, LANG and what sanitizers read. Every network that a scenario starts ends with it, whatever happens.
"""

import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def programs():
    """Where the programs are: ASSAY_BIN. With ASSAY_COMETBFT=FILE (from the repository on, if it begins with no slash) they
    stand beside that engine instead of theirs: each looks for the others where it is itself."""
    there = os.environ.get("ASSAY_BIN", os.path.join(ROOT, "build", "bin"))
    other = os.environ.get("ASSAY_COMETBFT")
    if not other:
        return there
    beside = tempfile.mkdtemp(prefix="assay-bin-")
    atexit.register(shutil.rmtree, beside, ignore_errors=True)
    for name in os.listdir(there):
        if not name.startswith("cometbft") and os.path.isfile(os.path.join(there, name)):
            shutil.copy(os.path.join(there, name), beside)
    shutil.copy(os.path.join(ROOT, other), os.path.join(beside, "cometbft"))
    return beside


BIN = programs()
ASSAY = os.path.join(BIN, "assay")
ASSAYD = os.path.join(BIN, "assayd")
VERIFY = os.path.join(BIN, "assay-verify")
KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "TMPDIR")

passed = failed = 0


def check(what, ok, detail=""):
    """Counts; a failure is printed with its detail. Returns whether it held."""
    global passed, failed
    if ok:
        passed += 1
        return True
    failed += 1
    text = str(detail)
    print(f"FAILED {what}" + (f"\n       {text[:3000]}" if text else ""), flush=True)
    return False


def same(what, got, expected, detail=""):
    return check(what, got == expected, f"{got!r}, expected {expected!r} {detail}")


def until(seconds, what, every=0.05):
    """Calls what() until it is true. What it raises while a node is not ready counts as false."""
    end = time.monotonic() + seconds
    while True:
        try:
            if what():
                return True
        except (OSError, http.client.HTTPException, Refused):
            pass
        if time.monotonic() >= end:
            return False
        time.sleep(every)


class Result:
    """A program that ended: code, out and err as text, json (None if out is none)."""

    def __init__(self, run):
        self.code, self.out, self.err = run.returncode, run.stdout or "", run.stderr or ""

    @property
    def last(self):
        return self.out.rstrip("\n").split("\n")[-1]

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return None

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class World:
    """A directory and a home; networks that were started in it."""

    def __init__(self, work):
        self.work, self.networks = work, []
        self.env = {k: v for k, v in os.environ.items() if k in KEPT}
        self.env.update(HOME=os.path.join(work, "home"), NO_COLOR="1", TERM="dumb")
        os.makedirs(self.env["HOME"], exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def for_others(self, program):
        """A copy that another user can run: the repository may lie where only its owner gets, as in /root."""
        copy = self.path(os.path.basename(program) + ".copy")
        if not os.path.exists(copy):
            shutil.copy(program, copy)
            os.chmod(copy, 0o755)
        return copy

    def run(self, program, *words, env=None, cwd=None, timeout=120, stdout=subprocess.PIPE):
        return Result(
            subprocess.run(
                [program, *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                errors="surrogateescape",
                env={**self.env, **(env or {})},
                cwd=cwd or self.work,
                timeout=timeout,
            )
        )

    def assay(self, *words, **more):
        return self.run(ASSAY, *words, **more)

    def start(self, program, *words, env=None, **more):
        return subprocess.Popen(
            [program, *map(str, words)],
            stdin=subprocess.DEVNULL,
            text=True,
            env={**self.env, **(env or {})},
            cwd=self.work,
            **more,
        )

    def start_network(self, *words, **more):
        """A devnet that was started, and nothing more."""
        net = Network(self, *words, **more)
        self.networks.append(net)
        return net

    def network(self, *words, **more):
        """A devnet that is ready; raises if it does not get there."""
        return self.start_network(*words, **more).await_ready()

    def close(self):
        for net in self.networks:
            net.kill()
        shutil.rmtree(self.work, ignore_errors=True)


class Refused(Exception):
    """An HTTP answer that is no success. status, and the problem document if it is one."""

    def __init__(self, status, body):
        self.status = status
        try:
            self.problem = json.loads(body)
        except ValueError:
            self.problem = {}
        super().__init__(f"HTTP {status}: {body[:500]!r}")

    @property
    def code(self):
        return self.problem.get("code")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def request(port, method, path, body=None, headers=None, timeout=30):
    """(status, headers, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Network:
    """A devnet in a process of its own. Its output is in log(); data is its directory, None in memory."""

    def __init__(self, world, *words, data=None, port=None, program=ASSAY, **more):
        self.world, self.data, self.port = world, data, free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = world.path(f"log-{self.port}.txt")
        first = ["devnet"] if program == ASSAY else []
        argv = [program, *first, "--port", str(self.port), *(["--data", data] if data else []), *map(str, words)]
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = world.start(argv[0], *argv[1:], stdout=subprocess.PIPE, stderr=log, **more)
        self.lines = []

    def await_ready(self):
        began = time.monotonic()
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("ready "):
                self.seconds_to_ready = time.monotonic() - began
                return self
        raise RuntimeError(f"the network did not start, exit {self.process.wait()}: {self.lines} {self.log()[-2000:]}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Sends a signal and waits for the end: the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=timeout)
        self.process.stdout.close()
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def assay(self, *words, env=None, **more):
        return self.world.assay(*words, env={"ASSAY_NODE": self.url, **(env or {})}, **more)

    def publish(self, path, name, version, *words, **more):
        return self.assay("publish", path, "--name", name, "--version", version, *words, **more)

    def get(self, path, timeout=30):
        status, _, body = request(self.port, "GET", path, timeout=timeout)
        if status != 200:
            raise Refused(status, body)
        return json.loads(body)

    def get_bytes(self, path):
        status, _, body = request(self.port, "GET", path)
        if status != 200:
            raise Refused(status, body)
        return body

    def fault(self, kind, validator):
        body = json.dumps({"kind": kind, "validator": validator})
        status, _, answer = request(self.port, "POST", "/faults", body, {"Content-Type": "application/json"})
        if status != 200:
            raise Refused(status, answer)

    def metric(self, name):
        """One number of /metrics."""
        for line in self.get_bytes("/metrics").decode().split("\n"):
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise KeyError(name)

    def height(self, validator=None):
        return self.get("/status" + ("" if validator is None else f"?validator={validator}"))["height"]

    def total(self):
        """Units that exist and units that were burned: together they never change."""
        status = self.get("/status")
        return int(status["supply"]) + int(status["burned"])

    def accounts(self):
        """The accounts of the devnet: first four that only hold units, then the validators' owners."""
        return read_json(self.data, "accounts.json")

    @property
    def trust(self):
        return os.path.join(self.data, "trust.json")


def read_json(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as f:
        return json.load(f)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


def flip(path, offset, bit=1):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ bit]))


def safetensors(tensors):
    """{"name": bytes of a whole number of float32} as a safetensors file, the data in that order."""
    header, data = {}, b""
    for name, raw in tensors.items():
        end = len(data) + len(raw)
        header[name] = {"dtype": "F32", "shape": [len(raw) // 4], "data_offsets": [len(data), end]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def sharded_model(path, random, tensors=6, floats=2000):
    """A small model as people make them: two safetensors shards with an index, a configuration, a file in a folder."""
    raw = {f"layer.{i}.weight": random.randbytes(4 * (floats + 100 * i)) for i in range(tensors)}
    names = list(raw)
    shards = {f"model-0000{k + 1}-of-00002.safetensors": names[k::2] for k in range(2)}
    for file, inside in shards.items():
        write(os.path.join(path, file), safetensors({n: raw[n] for n in inside}))
    index = {
        "metadata": {"total_size": sum(map(len, raw.values()))},
        "weight_map": {n: file for file, inside in shards.items() for n in inside},
    }
    write(os.path.join(path, "model.safetensors.index.json"), json.dumps(index))
    write(os.path.join(path, "config.json"), '{"layers": %d}\n' % tensors)
    write(os.path.join(path, "tokenizer", "vocab.txt"), "".join(f"word{i}\n" for i in range(300)))
    return path


def main(*steps):
    """Runs the steps; the last line counts; ends the process."""
    for program in (ASSAY, ASSAYD, VERIFY):
        if not os.path.exists(program):
            sys.exit(f"{program} is not there: make, or set ASSAY_BIN")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for step in steps:
        world = World(tempfile.mkdtemp(prefix="assay-e2e-"))
        began = time.monotonic()
        try:
            step(world)
        except Exception as error:  # the end of one step is not that of the others
            check(f"{step.__name__}: {type(error).__name__}", False, error)
            traceback.print_exc(file=sys.stdout)
            for net in world.networks:
                print("--- log of", net.url, "\n" + net.log()[-3000:])
        finally:
            world.close()
        print(f"     {step.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
