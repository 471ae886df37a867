#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes oms.json: folder layouts and the subject digest that OpenSSF's own tool writes for each.

    python3 -m venv v && v/bin/pip install model-signing==1.1.1 pyOpenSSL && v/bin/python generate_oms.py

A layout is a list of [path, seed, size]; byte i of a file is (seed + 7 i + (i >> 8)) mod 256. Where the tool refuses a layout
(it refuses links even in what it ignores), there is no vector. Each digest is read from the statement that the tool signs.
"""
import json
import pathlib
import shutil
import tempfile

from model_signing import hashing
from model_signing._signing import signing

DEEP = "/".join("d%d" % i for i in range(20)) + "/leaf"
LAYOUTS = [
    ("flat", [["b", 1, 10], ["a", 2, 20], ["c", 3, 0]], None),
    ("one file in a folder", [["model.bin", 9, 1000]], None),
    ("component order: a/b before a.b/c", [["a.b/c", 1, 5], ["a/b", 2, 6], ["a-b", 3, 7]], None),
    ("component order, deeper", [["m/x.y/1", 1, 3], ["m/x/1", 2, 3], ["m/x/1.0", 3, 3], ["m-x/1", 4, 3], ["m.x", 5, 3], ["m/x0", 6, 3]], None),
    ("upper before lower case", [["B", 1, 1], ["a", 2, 1], ["A", 3, 1], ["b", 4, 1], ["_", 5, 1], ["0", 6, 1]], None),
    ("names beyond ASCII", [["\u00e9.bin", 1, 4], ["e\u0301.bin", 2, 4], ["\u6a21\u578b/\u6743\u91cd", 3, 4], ["\U0001f600", 4, 4], ["\uffee", 5, 4], ["z", 6, 4]], None),
    ("names with spaces and signs", [["a b", 1, 2], ["a  b", 2, 2], ["a!b", 3, 2], ["a+b/c", 4, 2], ["a,b", 5, 2], ["~", 6, 2], ["#", 7, 2]], None),
    ("empty files", [["empty", 0, 0], ["sub/empty", 0, 0], ["x", 1, 1]], None),
    ("hidden files", [[".hidden", 1, 3], [".config/x", 2, 3], ["a/.b", 3, 3], [".z.git", 4, 3]], None),
    ("top-level .git", [["w", 1, 4], [".git/HEAD", 2, 4], [".git/objects/ab/cd", 3, 4]], None),
    ("top-level .gitignore and .gitattributes", [["w", 1, 4], [".gitignore", 2, 4], [".gitattributes", 3, 4]], None),
    ("top-level .github", [["w", 1, 4], [".github/workflows/ci.yml", 2, 4]], None),
    ("look-alikes of the ignored", [["w", 1, 4], [".gitmodules", 2, 4], [".git2/x", 3, 4], [".gitignore.bak", 4, 4], [".github.md", 5, 4], [".Git/x", 6, 4]], None),
    ("the ignored as folders", [["w", 1, 4], [".gitignore/x", 2, 4], [".gitattributes/y/z", 3, 4]], None),
    ("nested .git and the like", [["sub/.git/HEAD", 1, 4], ["sub/.gitignore", 2, 4], ["sub/.github/x", 3, 4], ["sub/.gitattributes", 4, 4]], None),
    ("only ignored files", [[".gitignore", 1, 4], [".gitattributes", 2, 4]], None),
    ("a .git file, as in a worktree", [["w", 1, 4], [".git", 2, 40]], None),
    ("deep", [[DEEP, 1, 4]], None),
    ("many", [["%s/%03d.bin" % (chr(97 + i % 7), i), i % 256, (i * 37) % 500] for i in range(150)], None),
    ("sizes around blocks", [["s%07d" % n, n % 256, n] for n in (0, 1, 55, 56, 63, 64, 65, 1023, 1024, 1025, 65535, 65536, 262143, 262144, 262145, 1048576, 1048577)], None),
    ("a single file", [["model.bin", 5, 70000]], "model.bin"),
    ("a single empty file", [["e", 0, 0]], "e"),
    ("a single file with an ignored name", [[".gitattributes", 5, 700]], ".gitattributes"),
]


def content(seed, size):
    return bytes((seed + 7 * i + (i >> 8)) & 255 for i in range(size))


def main():
    out = []
    for name, files, single in LAYOUTS:
        root = pathlib.Path(tempfile.mkdtemp())
        for path, seed, size in files:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content(seed, size))
        path = root / single if single else root
        payload = signing.Payload(hashing.Config().hash(path))
        digest = payload.statement.pb.subject[0].digest["sha256"]
        out.append({"name": name, "files": files, "single": single, "model_signing": digest})
        shutil.rmtree(root)
    text = json.dumps({"made_by": "generate_oms.py, model-signing 1.1.1", "layouts": out}, indent=1, ensure_ascii=True)
    pathlib.Path(__file__).with_name("oms.json").write_text(text + "\n")


main()
