#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/model.py BENCH_MODEL [MIB] - verify against b3sum, digest against openssl, side by side.

Every round runs each program once, in turn, so that what the machine does besides hits all alike; the medians of the rounds are
compared. Files are warm. MIB (1024) is the size of the model: once as one safetensors file, once as four shards.
"""
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROUNDS = 7
LAYERS = 16


def write_safetensors(path, size):
    each = size // LAYERS // 4 * 4
    header = {}
    for i in range(LAYERS):
        header["layer.%d.weight" % i] = {"dtype": "F32", "shape": [each // 4], "data_offsets": [i * each, (i + 1) * each]}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _ in range(LAYERS):
            f.write(os.urandom(each))


def ours(program, what, threads, path):
    out = subprocess.run([program, what, str(threads), path], check=True, capture_output=True, text=True).stdout
    return int(re.search(r"median_ns=(\d+)", out).group(1)) / 1e9


def theirs(*command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(name, size, must, reach, mine, other):
    times = [(mine(), other()) for _ in range(ROUNDS)]
    a, b = (statistics.median(t[i] for t in times) for i in (0, 1))
    print("%-48s %6.2f GB/s  %6.2f GB/s  %5.2fx  must %s, reach %s" % (name, size / a / 1e9, size / b / 1e9, b / a, must, reach), flush=True)


def main():
    program = os.path.abspath(sys.argv[1])
    mib = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as top:
        one, many = os.path.join(top, "model.safetensors"), os.path.join(top, "shards")
        os.mkdir(many)
        write_safetensors(one, mib << 20)
        for i in range(4):
            write_safetensors(os.path.join(many, "model-%d.safetensors" % i), mib << 18)
        shards = [os.path.join(many, n) for n in sorted(os.listdir(many))]
        size = mib << 20
        print("%-48s %11s  %11s" % ("%d MiB, warm, medians of %d rounds" % (mib, ROUNDS), "assay", "other"))
        for threads in (1, 2):
            compare("verify one file, %d thread(s), vs b3sum" % threads, size, "0.8", "1.1",
                    lambda: ours(program, "verify", threads, one), lambda: theirs("b3sum", "--num-threads", str(threads), one))
        compare("digest one file, 1 thread, vs openssl sha256", size, "0.6", "-",
                lambda: ours(program, "digest", 1, one), lambda: theirs("openssl", "dgst", "-sha256", one))
        compare("digest four files, 1 thread, vs openssl sha256", size, "0.6", "1.0",
                lambda: ours(program, "digest", 1, many), lambda: theirs("openssl", "dgst", "-sha256", *shards))
        compare("digest four files, 2 threads, vs openssl (one)", size, "-", "-",
                lambda: ours(program, "digest", 2, many), lambda: theirs("openssl", "dgst", "-sha256", *shards))


main()
