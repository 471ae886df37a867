# SPDX-License-Identifier: Apache-2.0
"""digests - `assay digest` against other people's programs, on many layouts of folders.

The subject digest that PyPI model-signing 1.1.1 signs (from build/venv: tools/setup --check), sha256sum, b3sum, and
safetensors' own header. Without one of these programs this fails.
"""

import base64
import json
import os
import random
import shutil
import subprocess

from world import ROOT, check, main, read_json, safetensors, same, sharded_model, write

MODEL_SIGNING = os.path.join(ROOT, "build", "venv", "bin", "model_signing")


def layouts():
    """{name: {path: content}}: what sorts, counts or is left out differently in one tool than in another."""
    dice = random.Random(11)
    small = dice.randbytes(700)
    return {
        "one file": {"model.bin": small},
        "an empty file": {"empty": b"", "full": small},
        "only an empty file": {"empty": b""},
        "many files": {f"{i}.bin": bytes([i]) * i for i in range(200)},
        "more than a group": {"a.bin": dice.randbytes((1 << 20) + 1), "b.bin": dice.randbytes(3 << 20)},
        "order by component": {
            "a/b": b"1",
            "a.b/c": b"2",
            "a-b/c": b"3",
            "a b/c": b"4",
            "a": None,
            "ab": b"5",
            "a0/b": b"6",
            "A/b": b"7",
        },
        "order of a folder and a file": {
            "x/y/z": b"1",
            "x/y.z": b"2",
            "x/y-z": b"3",
            "x.y": b"4",
            "x/yy/z": b"5",
            "x/Y": b"6",
        },
        "hidden": {".config": b"1", ".hidden/a": b"2", "a/.b": b"3", "..c": b"4"},
        "git at the top": {".git/HEAD": b"ref", ".git/objects/ab/cd": b"o", "w.bin": small},
        "git's files at the top": {
            ".gitignore": b"*.pyc",
            ".gitattributes": b"* text",
            ".github/workflows/x.yml": b"on:",
            "w.bin": small,
        },
        "git's names further down": {
            "a/.git/HEAD": b"ref",
            "a/.gitignore": b"x",
            "a/.gitattributes": b"y",
            "a/.github/z": b"z",
            "w": small,
        },
        "names that begin like git's": {
            ".gitmodules": b"1",
            ".gitignore2": b"2",
            ".git2/a": b"3",
            ".GIT/a": b"4",
            "w": b"5",
        },
        "no ASCII": {
            "\u00fcn\u00efc\u00f6de/\u6a21\u578b.bin": b"1",
            "\u00e9": b"2",
            "e\u0301": b"3",
            "z": b"4",
            "\U00010348": b"5",
            "\uffff": b"6",
        },
        "spaces and lines": {
            "a b.bin": b"1",
            " a": b"2",
            "a ": b"3",
            "tab\there": b"4",
            "line\nbreak": b"5",
            "quote\"'": b"6",
        },
        "deep": {"/".join(f"d{i}" for i in range(40)) + "/w": small, "d0/w": b"1"},
        "signature files": {"model.sig": b"sig", "w": small, "x.assay.json": b"{}"},
    }


def make(path, files):
    for name, content in files.items():
        if content is not None:
            write(os.path.join(path, name), content)
    return path


def signed_digest(world, path):
    """What model-signing writes for a folder or file: the SHA-256 of its statement's subject."""
    signature = world.path("model.sig")
    run = world.run(
        MODEL_SIGNING, "sign", "key", path, "--private_key", world.path("key.pem"), "--signature", signature
    )
    if run.code != 0:
        return f"exit {run.code}: {run.err[-600:]}"
    bundle = read_json(signature)
    return json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))["subject"][0]["digest"]["sha256"]


def sums(world, path, files):
    """(sha256, blake3) of files below path by sha256sum and b3sum."""
    out = []
    for tool in ("sha256sum", "b3sum"):
        run = subprocess.run([tool, "--", *[os.path.join(path, f) for f in files]], capture_output=True, check=True)
        # A name with a line break or backslash makes the line begin with a backslash.
        out.append(
            [
                line.lstrip("\\").split()[0]
                for line in run.stdout.decode(errors="replace").strip().split("\n")
                if line.strip()
            ]
        )
    return list(zip(*out))


def digest(world, path):
    done = world.assay("digest", path, "--json")
    check(f"digest of {os.path.basename(path)}", done.code == 0, done)
    return done.json


def against_others(world):
    for program in (MODEL_SIGNING, "sha256sum", "b3sum", "openssl"):
        if not check(f"{program} is there", shutil.which(program) is not None, "tools/setup --check installs it"):
            return
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", world.path("key.pem")], check=True
    )
    for name, files in layouts().items():
        path = make(world.path(name), files)
        said = digest(world, path)
        same(f"{name}: model_signing", said["model_signing"], signed_digest(world, path))
        expected = sorted(
            (os.path.relpath(os.path.join(d, f), path) for d, _, fs in os.walk(path) for f in fs),
            key=lambda p: [part.encode() for part in p.split("/")],
        )
        expected = [p for p in expected if not p.startswith(".git/")]
        got = [f["path"] for f in said["files"]]
        same(f"{name}: every file but those of .git/, by component", got, expected)
        same(
            f"{name}: sizes", [f["size"] for f in said["files"]], [os.path.getsize(os.path.join(path, f)) for f in got]
        )
        same(
            f"{name}: sha256sum and b3sum", [(f["sha256"], f["blake3"]) for f in said["files"]], sums(world, path, got)
        )
    single = write(world.path("alone.bin"), b"alone" * 1000)
    same("a file by itself: model_signing", digest(world, single)["model_signing"], signed_digest(world, single))
    os.symlink("w", os.path.join(make(world.path("linked"), {"w": b"1"}), "link"))
    check("a link is an error there too", signed_digest(world, world.path("linked")).startswith("exit"))


def tensors(world):
    """Each tensor is where safetensors' own header says, and its BLAKE3 is that of these bytes."""
    path = sharded_model(world.path("model"), random.Random(12), floats=90000)
    write(os.path.join(path, "odd.safetensors"), safetensors({"empty": b"", "one": b"\1\2\3\4"}))
    said = digest(world, path)
    same(
        "model_signing of a sharded model",
        said["model_signing"],
        signed_digest(world, path) if os.path.exists(world.path("key.pem")) else None,
    )
    expected = []
    for file in sorted(f for f in os.listdir(path) if f.endswith(".safetensors")):
        with open(os.path.join(path, file), "rb") as f:
            content = f.read()
        length = int.from_bytes(content[:8], "little")
        for name, t in json.loads(content[8 : 8 + length]).items():
            start, end = (8 + length + n for n in t["data_offsets"])
            run = subprocess.run(["b3sum", "--no-names"], input=content[start:end], capture_output=True, check=True)
            expected.append(
                (file, name, t["dtype"], tuple(t["shape"]), start, end - start, run.stdout.decode().strip())
            )
    got = [
        (t["file"], t["name"], t["dtype"], tuple(t["shape"]), t["offset"], t["length"], t["blake3"])
        for t in said["tensors"]
    ]
    same("tensors", sorted(got), sorted(expected))


def both(world):
    against_others(world)
    tensors(world)


main(both)
