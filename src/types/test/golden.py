#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden.json beside this file: spec/types.md implemented a second time, with other people's primitives.

    build/venv/bin/python3 src/types/test/golden.py        (hashlib, and blake3 and cryptography of tools/python.lock)

test_types_golden.c builds the same values in C and compares every byte. Nothing here is read from the C code.
"""
import hashlib, json, os

import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CHAIN = b"golden-0123456789ab"


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def fill(label, size):
    """size bytes that follow from a label: SHA-256(label, counter), repeated."""
    out = b""
    for i in range((size + 31) // 32):
        out += sha(label.encode(), i.to_bytes(4, "big"))
    return out[:size]


# ---- the strict encoding ----------------------------------------------------------------------------------------------

def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def num(field, n):
    return varint(field << 3) + varint(n) if n else b""


def raw(field, data):
    """A length-delimited field that is always there."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def text(field, data):
    return raw(field, data) if data else b""


def many(field, items):
    return b"".join(raw(field, i) for i in items)


# ---- RFC 6962 -----------------------------------------------------------------------------------------------------------

def tree(leaves):
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return sha(b"\0", leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1", tree(leaves[:k]), tree(leaves[k:]))


# ---- what is ours -------------------------------------------------------------------------------------------------------

def sign_bytes(kind, chain, payload):
    return b"assay/1/" + kind + b"\0" + chain + b"\0" + payload


def file_leaf(path, size, sha256, b3, before):
    return text(1, path) + num(2, size) + raw(3, sha256) + raw(4, b3) + num(5, before)


def tensor_leaf(file_idx, name, dtype, shape, offset, length, b3):
    packed = b"".join(varint(n) for n in shape)
    return (num(1, file_idx) + text(2, name) + text(3, dtype) + text(4, packed) + num(5, offset) + num(6, length)
            + raw(7, b3))


NAME, VERSION = b"acme/ocr", b"1.0"
ADDRESS, ROOT = fill("address", 20), fill("root", 32)
NV = text(1, NAME) + text(2, VERSION)


def entry(i):
    leaf = file_leaf(b"a/b.bin", 3000 + i, fill("sha", 32), fill("b3", 32), 7)
    return (num(1, 9) + text(2, fill("content", 1024)) + num(3, i) + raw(4, leaf) + many(5, [fill("fp%d" % k, 32) for k in range(2)])
            + many(6, [fill("pp%d" % k, 32) for k in range(i)]) + many(7, [fill("kp0", 32)]) + many(8, []))


MESSAGES = {
    "send": (10, raw(1, ADDRESS) + num(2, 2**64 - 1) + text(3, b"thanks")),
    "validator-create": (20, raw(1, fill("ck", 32)) + raw(2, fill("ak", 32)) + raw(3, fill("cp", 64))
                         + raw(4, fill("ap", 64)) + num(5, 1000000) + text(6, b"Lena")),
    "delegate": (21, raw(1, ADDRESS) + num(2, 1)),
    "undelegate": (22, raw(1, ADDRESS) + num(2, 127)),
    "unjail": (23, raw(1, ADDRESS)),
    "register": (30, NV + many(3, [text(1, b"acme/ocr") + text(2, b"0.9"), text(1, b"x/y") + text(2, b"2")])
                 + raw(4, ROOT) + num(5, 90868376) + num(6, 12) + num(7, 88746) + raw(8, fill("tr", 32)) + num(9, 1)
                 + num(10, 103) + raw(11, fill("ms", 32)) + raw(12, fill("ss", 64)) + text(13, b"somewhere")),
    "deprecate": (31, NV + text(3, b"old")),
    "revoke": (32, NV),
    "maintainers": (33, text(1, NAME) + many(2, [fill("m0", 20), fill("m1", 20)])),
    "check": (34, NV + raw(3, ROOT) + raw(4, fill("custody", 32))),
    "opening": (35, NV + many(3, [entry(0), entry(3)])),
    "report": (36, NV + raw(3, ADDRESS) + text(4, b"a/b.bin")),
    "evidence": (40, text(1, b"vote a") + text(2, b"vote b")),
}


def transactions():
    seed = fill("seed", 32)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    for i, (kind, (field, message)) in enumerate(MESSAGES.items()):
        body = num(1, 1) + text(2, CHAIN) + num(3, i) + num(4, 1000 * i) + num(5, 300 if i % 2 else 0) + raw(field, message)
        signed = sign_bytes(b"tx", CHAIN, body)
        tx = raw(1, body) + raw(2, public) + raw(3, key.sign(signed))
        yield {"kind": kind, "tx": tx.hex(), "id": sha(tx).hex()}


def manifest():
    sizes = [0, 1, 1023, 1024, 1025, (1 << 20) + 7]
    paths = [b"a", b"b/c", b"b/d", b"b.x/c", "\u00e9/\u4e16".encode(), "\U0001f600".encode()]
    contents = [fill("file%d" % i, s) for i, s in enumerate(sizes)]
    before, leaves = 0, []
    for path, content in zip(paths, contents):
        leaves.append(file_leaf(path, len(content), sha(content), blake3.blake3(content).digest(), before))
        before += max(1, (len(content) + 1023) // 1024)
    tensors = [tensor_leaf(4, b"t", b"F32", [16, 16], 1, 1024, blake3.blake3(contents[4][1:]).digest()),
               tensor_leaf(5, b"empty", b"BF16", [0, 300], 8, 0, blake3.blake3(b"").digest()),
               tensor_leaf(5, b"scalar", b"I64", [], 8, 8, blake3.blake3(contents[5][8:16]).digest())]
    key = blake3.blake3(fill("ak", 32) + fill("block", 32)).digest()
    keyed = [blake3.blake3(c, key=key).digest() for c in contents]
    return {"manifest": (num(1, 1) + many(2, leaves) + num(3, 1) + many(4, tensors)).hex(), "root": tree(leaves).hex(),
            "tensor_root": tree(tensors).hex(), "size": str(sum(sizes)), "chunks": str(before),
            "custody_key": key.hex(), "custody_root": tree(keyed).hex()}


def draws():
    block, check = fill("block", 32), fill("check", 32)
    for chunks in (1, 2, 3, 1024, 88746, 2**40 + 1, 2**64 - 1):
        for i in (0, 1, 255, 256, 2**32 - 1):
            first = int.from_bytes(sha(b"assay/1/draw\0", block, check, i.to_bytes(4, "big"))[:8], "big")
            yield {"chunks": str(chunks), "i": i, "chunk": str(first * chunks >> 64)}


def records():
    record = (num(1, 1) + num(2, 2) + raw(3, ROOT) + num(4, 5) + num(5, 6) + num(6, 7) + raw(7, fill("tr", 32)) + num(8, 1)
              + num(9, 9) + raw(10, fill("ms", 32)) + raw(11, fill("pk", 32)) + raw(12, fill("ss", 64)) + num(13, 13)
              + raw(14, fill("block", 32)) + num(15, 1795348800) + num(16, 16) + num(17, 17) + num(18, 18) + num(19, 19)
              + num(20, 20) + num(21, 21))
    attestation = (num(1, 1) + text(2, NAME) + text(3, VERSION) + raw(4, ROOT) + num(5, 5) + raw(6, fill("pk", 32))
                   + num(7, 7) + num(8, 8) + num(9, 9) + num(10, 10))
    params = b"".join(num(i, i * i) for i in range(1, 27))
    account = raw(1, ADDRESS) + num(2, 10**18)
    validator = (raw(1, fill("owner", 32)) + raw(2, fill("ck", 32)) + raw(3, fill("ak", 32)) + raw(4, fill("cp", 64))
                 + raw(5, fill("ap", 64)) + num(6, 6) + text(7, b"Lena"))
    genesis = (num(1, 1) + text(2, b"golden") + num(3, 1795348800) + num(4, 1) + raw(5, params) + many(6, [account])
               + many(7, [validator]))
    return {"record": record.hex(), "attestation": attestation.hex(), "genesis": genesis.hex(),
            "genesis_hash": sha(genesis).hex(), "chain_id": "golden-" + sha(genesis).hex()[:12],
            "version_key": (b"model/version/" + NAME + b"@" + VERSION).hex(),
            "app_hash": sha(b"assay/1/app\0", fill("state", 32), (2**33 + 5).to_bytes(8, "big"), fill("log", 32)).hex(),
            "smt_leaf": sha(b"\0", sha(b"key"), sha(b"value")).hex(),
            "sign_bytes": sign_bytes(b"check", CHAIN, b"payload").hex()}


if __name__ == "__main__":
    out = {"transactions": list(transactions()), "manifest": manifest(), "draws": list(draws()), "records": records()}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
