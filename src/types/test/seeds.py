#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz/corpus/fuzz_types_* from the vectors.      usage: python3 src/types/test/seeds.py

fuzz_types_tx     golden.json beside this file; a byte that picks the kind, then the encoding (fuzz_types_tx.c)
fuzz_types_vote   spec/vectors/comet, the same way (fuzz_types_vote.c)
fuzz_types_proof  made by `ASSAY_SEEDS=fuzz/corpus/fuzz_types_proof build/.../test_types_proof`, which has a tree to prove

Names are the SHA-1 of the content, as libFuzzer names them. Inputs above 4 KiB are left out: small seeds mutate well.
"""
import hashlib, json, os

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")


def put(fuzzer, kind, data):
    data = bytes([kind]) + data
    if len(data) > 4096:
        return
    folder = os.path.join(ROOT, "fuzz", "corpus", fuzzer)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as f:
        f.write(data)


def vectors(kind, few=1 << 30):
    with open(os.path.join(ROOT, "spec", "vectors", "comet", kind + ".json")) as f:
        return json.load(f)[:few]


def ours():
    with open(os.path.join(HERE, "golden.json")) as f:
        golden = json.load(f)
    for row in golden["transactions"]:
        put("fuzz_types_tx", 0, bytes.fromhex(row["tx"]))
    put("fuzz_types_tx", 1, bytes.fromhex(golden["manifest"]["manifest"]))
    records = golden["records"]
    put("fuzz_types_tx", 3, bytes.fromhex(records["genesis"]))
    put("fuzz_types_tx", 4, bytes.fromhex(records["record"]))
    put("fuzz_types_tx", 5, bytes.fromhex(records["attestation"]))
    opening = next(bytes.fromhex(r["tx"]) for r in golden["transactions"] if r["kind"] == "opening")
    entry = opening.index(b"\x08\x09\x12\x80\x08")  # chunk 9, then 1024 bytes of content
    length = int.from_bytes(bytes([opening[entry - 2] & 127 | (opening[entry - 1] << 7 & 128), opening[entry - 1] >> 1]), "little")
    put("fuzz_types_tx", 2, opening[entry : entry + length])
    for text in ("acme/ocr", "1.0-rc_1", "a/b.x/\u00e9\u4e16\U0001f600", "../x", "a//b"):
        put("fuzz_types_tx", 6, text.encode())


def comet():
    for row in vectors("vote", 12) + vectors("vote")[-4:]:
        put("fuzz_types_vote", 0, bytes.fromhex(row["vote_proto"]))
    for row in vectors("proposal"):
        put("fuzz_types_vote", 1, bytes.fromhex(row["proposal_proto"]))
    for row in vectors("header", 6) + vectors("header")[-9:]:
        put("fuzz_types_vote", 2, bytes.fromhex(row["header_proto"]))
    for row in vectors("commit") + vectors("commit_verify", 10):
        put("fuzz_types_vote", 3, bytes.fromhex(row["commit_proto"]))
    for row in vectors("validator_set"):
        put("fuzz_types_vote", 4, bytes.fromhex(row["validator_set_proto"]))
    for row in vectors("evidence"):
        put("fuzz_types_vote", 5, bytes.fromhex(row["evidence_proto"]))
    for row in vectors("block"):
        put("fuzz_types_vote", 6, bytes.fromhex(row["block_proto"]))
    for height in vectors("chain")[1]["heights"][:4]:
        put("fuzz_types_vote", 6, bytes.fromhex(height["block_proto"]))


if __name__ == "__main__":
    ours()
    comet()
