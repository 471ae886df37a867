# SPDX-License-Identifier: Apache-2.0
"""machine - what the figures were measured on, how programs are timed, and what a process holds in memory."""
import os
import platform
import re
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = os.environ.get("ASSAY_BIN", os.path.join(ROOT, "build", "bin"))
LOAD = os.path.join(os.environ.get("BENCH_BUILD", os.path.join(ROOT, "build", "release")), "benches", "load")
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


def describe():
    """Rows of (what, text)."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo", encoding="utf-8") as f:
        memory = int(re.search(r"MemTotal:\s*(\d+)", f.read()).group(1)) // 1024
    changes = first_line("git", "-C", ROOT, "status", "--porcelain", "--", "src", "apps", "bench")
    return [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("CPU", f"{cpu.group(1) if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} processors"),
        ("memory", f"{memory} MiB"),
        ("kernel", platform.release()),
        ("compiler", first_line("cc", "--version")),
        ("commit", first_line("git", "-C", ROOT, "rev-parse", "--short", "HEAD") + (", with changes" if changes else "")),
        ("peers", f"b3sum {first_line('b3sum', '--version').split()[-1]}, {first_line('openssl', 'version')[:14]}, "
                  f"model_signing {first_line('model_signing', '--version').split()[-1]}"),
    ]


def load_average():
    return os.getloadavg()[0]


def seconds(*command, env=None):
    """Wall time of a whole process, from its making to its end. It has to succeed."""
    out = os.open(os.devnull, os.O_WRONLY)
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, env or os.environ,
                              file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    _, status = os.waitpid(process, 0)
    took = time.perf_counter() - started
    os.close(out)
    if status:
        raise RuntimeError(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(status)}")
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


def resident(process):
    """Bytes of real memory of a process: all, and of that what is neither shared memory nor files."""
    with open(f"/proc/{process}/status", encoding="utf-8") as f:
        fields = dict(re.findall(r"(\w+):\s*(\d+) kB", f.read()))
    return int(fields["VmRSS"]) * 1024, int(fields["RssAnon"]) * 1024, int(fields["RssShmem"]) * 1024
