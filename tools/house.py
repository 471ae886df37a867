# SPDX-License-Identifier: Apache-2.0
"""What the house rules share: which files are ours, what a line of C says beyond comments and strings."""
import os
import re
import subprocess

SKIP = {"build", ".git", "__pycache__", "node_modules", "target"}


def files(root):
    """Every file that git knows or would add, relative to root, sorted; without git, every file."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard", "."], capture_output=True, text=True)
    if git.returncode == 0:
        names = git.stdout.split("\0")
    else:
        names = []
        for folder, folders, here in os.walk(root):
            folders[:] = [f for f in folders if f not in SKIP]
            names += [os.path.relpath(os.path.join(folder, name), root) for name in here]
    return sorted(n for n in set(names) if n and os.path.isfile(os.path.join(root, n)) and not os.path.islink(os.path.join(root, n)))


def read(root, name):
    """The text of a file, or None if it is binary."""
    with open(os.path.join(root, name), "rb") as f:
        data = f.read()
    if b"\0" in data[:8000]:
        return None
    return data.decode("utf-8", "replace")


_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(text):
    """C without comments, and with empty strings; lines and columns stay where they are."""

    def blank(match):
        s = match.group(0)
        keep = s[0] if s[0] in "\"'" else ""
        return keep + "".join(c if c == "\n" else " " for c in s[len(keep) : len(s) - len(keep)]) + keep

    return _TOKEN.sub(blank, text)


def modules(root):
    """{path: set of words} for each assay_module() of src/CMakeLists.txt, in its order."""
    text = read(root, "src/CMakeLists.txt")
    text = re.sub(r"#[^\n]*", "", text)
    found = {}
    for call in re.findall(r"assay_module\(([^)]*)\)", text):
        words = call.split()
        found[words[0]] = set(words[1:])
    return found


def module_of(name, paths):
    """The module that a file under src/ belongs to: the longest path that holds it, or None."""
    holders = [p for p in paths if name.startswith("src/" + p + "/")]
    return max(holders, key=len) if holders else None
