# SPDX-License-Identifier: Apache-2.0
"""world - what the tests of the command line stand on: a home of its own, networks, and counted checks."""
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("ASSAY_BIN", os.path.join(ROOT, "build", "bin"))
ASSAY = os.path.join(BIN, "assay")
ASSAYD = os.path.join(BIN, "assayd")
SIGNER = os.path.join(BIN, "assay-signer")
VERIFY = os.path.join(BIN, "assay-verify")

passed = failed = 0  # of all groups


def check(what, ok, detail=""):
    global passed, failed
    if ok:
        passed += 1
        return True
    failed += 1
    print(f"FAILED {what}" + (f"\n       {str(detail)[:2000]}" if detail != "" else ""), flush=True)
    return False


class Result:
    def __init__(self, run):
        self.code, self.out, self.err = run.returncode, run.stdout or "", run.stderr
        self.last = self.out.rstrip("\n").split("\n")[-1]

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return None

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class World:
    """A directory of its own, a home of its own, nothing from the caller's environment that assay reads."""

    def __init__(self, work):
        self.work = work
        keep = ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR")
        self.env = {k: v for k, v in os.environ.items() if k in keep}
        self.env.update(HOME=os.path.join(work, "home"), NO_COLOR="1", TERM="xterm")
        os.makedirs(self.env["HOME"], exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def run(self, program, *words, env=None, cwd=None, timeout=120, stdout=subprocess.PIPE):
        run = subprocess.run([program, *words], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                             errors="surrogateescape", env={**self.env, **(env or {})}, cwd=cwd or self.work, timeout=timeout)
        return Result(run)

    def assay(self, *words, **more):
        return self.run(ASSAY, *words, **more)

    def start(self, program, *words, env=None, **more):
        return subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, text=True, env={**self.env, **(env or {})},
                                cwd=self.work, **more)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Network:
    """A devnet or assayd, until the block ends."""

    def __init__(self, world, *words, program=ASSAY, first=("devnet",), port=None):
        self.world, self.port = world, free_port() if port is None else port
        self.log = open(world.path(f"log-{self.port}.txt"), "a+")
        self.process = world.start(program, *first, "--port", str(self.port), *words, stdout=subprocess.PIPE, stderr=self.log)
        self.lines = []
        self.ready = None
        self.started = time.monotonic()

    def __enter__(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("ready ") or line.startswith("{"):
                self.ready = line.rstrip("\n")
                break
        self.seconds = time.monotonic() - self.started
        self.url = f"http://127.0.0.1:{self.port}"
        if self.ready is None:
            self.log.seek(0)
            print(self.log.read())
            raise RuntimeError("the network did not start: " + "\n".join(self.lines))
        return self

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.log.close()

    def assay(self, *words, env=None, **more):
        return self.world.assay(*words, env={"ASSAY_NODE": self.url, **(env or {})}, **more)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as reply:
            return json.load(reply)


def until(seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def error_is(what, result, exit_code, code, because="", word="error"):
    """Both forms of an error: text on stderr here; the caller runs --json for the other."""
    lines = result.err.split("\n")
    ok = result.code == exit_code and any(line == f"code {code}" for line in lines)
    ok = ok and any(line.startswith("error: ") for line in lines) and because in result.err
    return check(f"{what}: exit {exit_code}, {code}", ok, result)


def json_error_is(what, result, exit_code, code, because=""):
    error = (result.json or {}).get("error", {})
    ok = result.code == exit_code and error.get("code") == code and because in error.get("because", "")
    return check(f"{what}: JSON, exit {exit_code}, {code}", ok and set(error) == {"code", "what", "because", "try"}, result)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


def safetensors(tensors):
    """{"name": [floats]} as a safetensors file."""
    header, data = {}, b""
    for name, values in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model(world, name, weights):
    write(world.path(name, "model.safetensors"), safetensors(weights))
    write(world.path(name, "config.json"), '{"a": 1}\n')
    write(world.path(name, "sub", "note.txt"), "hello\n")
    return world.path(name)


def table_commands(world):
    return world.assay("help", "--json").json["commands"]


def file_name(command):
    return "assay-" + command.replace(" ", "-")


def sparse(world, name, size):
    path = world.path(name, "weights.bin")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.truncate(size)
    return world.path(name)


def on_terminal(world, argv, env):
    """What a person would see: stdout and stderr on one pseudo-terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env={**world.env, **env}, cwd=world.work, close_fds=True)
    os.close(slave)
    text = b""
    while True:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        elif process.poll() is not None:
            break
    os.close(master)
    return text.decode("utf-8", "replace"), process.wait()
