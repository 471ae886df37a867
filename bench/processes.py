# SPDX-License-Identifier: Apache-2.0
"""processes - programs that run while something is measured, what they take, and that none of them is left."""
import collections
import ctypes
import os
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """In the child: however this program ends, the child does not outlive it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(command, log, **more):
    """A process in a group of its own, its words in a file."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                            preexec_fn=end_with_parent, **more)


def stat(process):
    """(name, parent, seconds of processor, ticks at which it started), or None if there is no such process any more."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as f:
            text = f.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    if rest[0] in "ZX":
        return None
    return name, int(rest[1]), (int(rest[11]) + int(rest[12])) / TICKS, int(rest[19])


def family(roots):
    """{process: (name, started)} of the roots and all that they started."""
    every = {int(p): s for p in os.listdir("/proc") if p.isdigit() and (s := stat(p))}
    found, fresh = {}, set(roots) & set(every)
    while fresh:
        found.update({p: (every[p][0], every[p][3]) for p in fresh})
        fresh = {p for p, s in every.items() if s[1] in fresh} - set(found)
    return found


def end(processes, patience):
    """Asks each to end; whoever is there after `patience` seconds is killed, with all that it started."""
    members = family([p.pid for p in processes])
    for p in processes:
        if p.poll() is None:
            p.terminate()
    deadline = time.monotonic() + patience
    for p in processes:
        try:
            p.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            members |= family([p.pid])
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
    # Children have groups of their own, and end with their parents, a moment later.
    while any(alive(p, began) for p, (_, began) in members.items()) and time.monotonic() < deadline:
        time.sleep(0.02)
    for p, (_, began) in members.items():
        if alive(p, began):
            os.kill(p, signal.SIGKILL)


def alive(process, began):
    """Whether it is still the same one: numbers are used again."""
    found = stat(process)
    return found is not None and found[3] == began


def seconds_by_name(roots):
    """Seconds of processor so far, by the name of the program."""
    out = collections.Counter()
    for process in family(roots):
        if found := stat(process):
            out[found[0]] += found[2]
    return out


def seconds_idle():
    """Seconds that the machine's processors had nothing to do, waiting for its disks among them."""
    with open("/proc/stat", encoding="utf-8") as f:
        fields = f.readline().split()
    return (int(fields[4]) + int(fields[5])) / TICKS


def seconds_by_thread(processes):
    """The same, by the name of the thread."""
    out = collections.Counter()
    for process in processes:
        try:
            threads = os.listdir(f"/proc/{process}/task")
        except FileNotFoundError:
            continue
        for thread in threads:
            if found := stat(f"{process}/task/{thread}"):
                out[found[0]] += found[2]
    return out
