# SPDX-License-Identifier: Apache-2.0
"""machine - what the figures were measured on, how programs are timed, and what a process holds in memory."""
import os
import platform
import re
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = os.environ.get("ASSAY_BIN", os.path.join(ROOT, "build", "bin"))
BENCHES = os.path.join(os.environ.get("BENCH_BUILD", os.path.join(ROOT, "build", "release")), "benches")
LOAD = os.path.join(BENCHES, "load")
MIB = 1 << 20


def program(name):
    return os.path.join(PROGRAMS, name)


def output(*command, env=None):
    """What a program prints. It has to succeed."""
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {run.returncode}: {run.stderr[-2000:]}")
    return run.stdout


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0].strip()
    except OSError:
        return "not there"


def found_in(path, pattern, otherwise):
    with open(path, encoding="utf-8") as f:
        found = re.search(pattern, f.read())
    return found.group(1) if found else otherwise


def describe():
    """Rows of (what, text)."""
    cpu = found_in("/proc/cpuinfo", r"model name\s*: (.*)", platform.machine())
    memory = int(found_in("/proc/meminfo", r"MemTotal:\s*(\d+)", "0")) // 1024
    changed = first_line("git", "-C", ROOT, "status", "--porcelain", "--", "src", "apps", "bench/*.[ch]")
    return [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("machine", f"{cpu}, {len(os.sched_getaffinity(0))} processors, {memory} MiB"),
        ("system", f"{platform.system()} {platform.release()}; {first_line('cc', '--version')}"),
        ("commit", first_line("git", "-C", ROOT, "rev-parse", "--short", "HEAD") + (", with changes" * bool(changed))),
        ("peers", f"b3sum {first_line('b3sum', '--version').split()[-1]}, "
                  f"{' '.join(first_line('openssl', 'version').split()[:2])}, "
                  f"model_signing {first_line('model_signing', '--version').split()[-1]}, "
                  f"CometBFT {first_line(program('cometbft'), 'version')}"),
    ]


def load_average():
    return os.getloadavg()[0]


def seconds(*command):
    """Wall time of a whole process, from its making to its end. It has to succeed."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 1)])
    _, status = os.waitpid(process, 0)
    took = time.perf_counter() - started
    os.close(nothing)
    if status:
        raise RuntimeError(f"{' '.join(command)}: exit {os.waitstatus_to_exitcode(status)}")
    return took


def directory_bytes(path):
    """What a directory's files take on their disk."""
    total = 0
    for top, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(top, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def filesystem(path):
    """The kind of filesystem that a path lies on."""
    with open("/proc/mounts", encoding="utf-8") as f:
        mounts = [line.split()[1:3] for line in f]
    path = os.path.realpath(path) + "/"
    return max((m for m in mounts if path.startswith(m[0].rstrip("/") + "/")), key=lambda m: len(m[0]))[1]


def resident_most(process):
    """Bytes of real memory that a process had at once, the most since it began."""
    with open(f"/proc/{process}/status", encoding="utf-8") as f:
        return int(re.search(r"VmHWM:\s*(\d+) kB", f.read()).group(1)) * 1024


def resident(process):
    """Bytes of real memory of a process: all; of that, what is its own; and what is shared memory."""
    with open(f"/proc/{process}/status", encoding="utf-8") as f:
        fields = dict(re.findall(r"(\w+):\s*(\d+) kB", f.read()))
    return int(fields["VmRSS"]) * 1024, int(fields["RssAnon"]) * 1024, int(fields["RssShmem"]) * 1024
