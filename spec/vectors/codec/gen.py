#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden.json and refused.json beside this file, with the official protobuf implementation as the judge.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install protobuf==7.36.2 grpcio-tools==1.85.1 && /tmp/v/bin/python gen.py

golden.json   values and their encodings: what protobuf's deterministic serialiser makes of golden.proto.
refused.json  bytes made by hand, and what each profile says of them. Where comet accepts, the re-encoding is the
              official implementation's. "official" is whether protobuf itself parses them: it shows where we are
              stricter, and is not a claim about our code.
fuzz/corpus/fuzz_codec gets some of both as seeds: a byte that picks the table (fuzz_codec.c), then the encoding.
Values are keyed by field number; 64-bit integers are decimal strings, bytes hex. Fixed seed: same files every time.
"""
import hashlib, json, os, random, tempfile
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

HERE = os.path.dirname(os.path.abspath(__file__))
MAX64 = 2**64 - 1
FIXED_SIZE = {("Fixed", 1): 32, ("Fixed", 2): 20}
NON_NULLABLE = {("Golden", 1)}


def load():
    with tempfile.NamedTemporaryFile(suffix=".pb") as f:
        if protoc.main(["protoc", f"-I{HERE}", f"--descriptor_set_out={f.name}", os.path.join(HERE, "golden.proto")]):
            raise SystemExit("protoc failed")
        files = descriptor_pb2.FileDescriptorSet.FromString(open(f.name, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName("assay.test." + n))
            for n in ("Leaf", "Scalars", "Fixed", "Node", "Golden")}


CLASSES = load()


def is_repeated(field):
    return field.is_repeated


def build(name, value):
    """A message from {field number: value}; nested messages alike."""
    msg = CLASSES[name]()
    for number, v in value.items():
        field = msg.DESCRIPTOR.fields_by_number[int(number)]
        sub = field.message_type.name if field.message_type else None
        if is_repeated(field):
            getattr(msg, field.name).extend(build(sub, x) if sub else x for x in v)
        elif sub:
            getattr(msg, field.name).CopyFrom(build(sub, v))
            getattr(msg, field.name).SetInParent()
        else:
            setattr(msg, field.name, v)
    for field in msg.DESCRIPTOR.fields:
        if (name, field.number) in NON_NULLABLE:
            getattr(msg, field.name).SetInParent()
    return msg


def plain(v):
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, str):
        return v.encode().hex()
    if isinstance(v, bool):
        return v
    return str(v)


def profiles(name, value):
    """FIXED of zeros (or absent) is where the profiles part; all else coincides."""
    def parts(n, v):
        if n == "Fixed" and v.get(1, b"") in (b"", bytes(32)):
            return True
        for k, x in v.items():
            field = CLASSES[n].DESCRIPTOR.fields_by_number[k]
            if field.message_type and any(parts(field.message_type.name, y) for y in (x if is_repeated(field) else [x])):
                return True
        return False
    return ["strict"] if parts(name, value) else ["strict", "comet"]


golden, refused = [], []


def good(case, name, value):
    data = build(name, value).SerializeToString(deterministic=True)
    golden.append({"name": case, "message": name, "value": plain(value), "hex": data.hex(),
                   "profiles": profiles(name, value)})


def varint(v, pad=0):
    out = bytearray()
    while v >= 0x80 or pad and not (v or out):
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    for _ in range(pad):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def key(number, wire, pad=0):
    return varint(number << 3 | wire, pad)


def ld(number, data):
    return key(number, 2) + varint(len(data)) + data


def official(name, data):
    """Protobuf's own reading: the re-encoding with unknown fields dropped and our presence rules applied, or None."""
    try:
        msg = CLASSES[name].FromString(data)
    except Exception:
        return None
    msg.DiscardUnknownFields()

    def tidy(m):
        for field in m.DESCRIPTOR.fields:
            where = (m.DESCRIPTOR.name, field.number)
            if where in NON_NULLABLE:
                getattr(m, field.name).SetInParent()
            if where in FIXED_SIZE and not any(getattr(m, field.name)):
                m.ClearField(field.name)
            if field.message_type:
                inner = getattr(m, field.name)
                for x in inner if is_repeated(field) else [inner] if m.HasField(field.name) else []:
                    tidy(x)
    tidy(msg)
    return msg.SerializeToString(deterministic=True)


def bad(case, name, data, strict="E1", comet="E1"):
    """strict and comet are error codes, or E0 where accepted."""
    theirs = official(name, data)
    row = {"name": case, "message": name, "hex": data.hex(), "strict": strict, "comet": comet,
           "official": "accepts" if theirs is not None else "refuses"}
    if comet == "E0":
        assert theirs is not None, case
        row["comet_hex"] = theirs.hex()
    refused.append(row)


def boundaries():
    numbers = sorted({v for k in range(1, 10) for v in (2**(7 * k) - 1, 2**(7 * k), 2**(7 * k) + 1)} |
                     {0, 1, 2**63 - 1, 2**63, MAX64 - 1, MAX64})
    for v in numbers:
        good(f"u64 {v}", "Scalars", {1: v})
    for v in (1, 127, 128, 2**31, 2**32 - 1):
        good(f"u32 {v}", "Scalars", {2: v})
    for v in (1, -1, -2, 127, -127, -128, 2**31, -2**31, 2**62, -2**62, 2**63 - 1, -2**63):
        good(f"i64 {v}", "Scalars", {3: v})
        good(f"sfixed64 {v}", "Scalars", {6: v})
    for v in (1, -1, 127, -128, 2**31 - 1, -2**31):
        good(f"i32 {v}", "Scalars", {4: v})
    good("empty", "Scalars", {})
    good("flag", "Scalars", {5: True})
    for n in (1, 127, 128, 16383, 16384):
        good(f"{n} bytes", "Scalars", {7: bytes(i * 7 & 255 for i in range(n))})
    good("text", "Scalars", {15: "café\0"})
    good("two-byte key", "Scalars", {16: 1})
    good("last key", "Scalars", {2**29 - 1: MAX64})
    good("all scalars", "Scalars", {1: 1, 2: 2, 3: -3, 4: -4, 5: True, 6: -6, 7: b"\0", 15: "t", 16: 16, 2**29 - 1: 9})


def structures():
    good("non-nullable is written empty", "Golden", {})
    good("optional message, empty", "Golden", {2: {}})
    good("optional message", "Golden", {2: {1: 300, 2: b"label"}})
    good("elements may be empty", "Golden", {3: [{}, {1: 1}, {}], 4: [b"", b"x", b""]})
    good("as many as the bounds allow", "Golden", {
        3: [{1: i} for i in range(6)], 4: [bytes([i]) * 40 for i in range(5)],
        5: [bytes(4), b"\1\2\3\4", bytes(4), b"\xff" * 4], 6: [0, 1, 127, 128, MAX64, 0, 2**63, 0]})
    good("label of 16 bytes", "Leaf", {2: b"0123456789abcdef"})
    good("packed zeros", "Golden", {6: [0, 0]})
    good("fixed", "Fixed", {1: bytes(range(32))})
    good("fixed and optional", "Fixed", {1: bytes(range(32)), 2: bytes(range(20))})
    good("fixed of zeros is written in strict", "Fixed", {1: bytes(32)})
    tree = {1: 1}
    for depth in range(2, 13):
        tree = {1: depth, 2: tree}
        if depth in (2, 11, 12):
            good(f"a tree of depth {depth}", "Node", tree)
    good("children of children", "Node", {3: [{3: [{1: 1}, {}]}, {2: {3: [{}]}}]})
    good("lengths of two bytes at three depths", "Golden", {21: [{3: [{3: [{1: i} for i in range(60)]}] * 3}] * 2})


def randoms(rng):
    def number(bits):
        return rng.getrandbits(rng.randint(0, bits))

    def node(depth):
        v = {1: number(64)}
        if depth and rng.random() < 0.5:
            v[2] = node(depth - 1)
        if depth and rng.random() < 0.5:
            v[3] = [node(depth - 1) for _ in range(rng.randint(1, 3))]
        return v

    def leaf():
        return {1: number(64), 2: rng.randbytes(rng.randint(0, 16))}

    def scalars():
        full = {1: number(64), 2: number(32), 3: number(64) - 2**63, 4: number(32) - 2**31, 5: rng.random() < 0.5,
                6: number(64) - 2**63, 7: rng.randbytes(rng.randint(0, 200)), 15: "ab" * rng.randint(0, 5),
                16: number(64), 2**29 - 1: number(64)}
        return {k: v for k, v in full.items() if rng.random() < 0.6}

    for i in range(150):
        full = {1: scalars(), 2: leaf(), 3: [leaf() for _ in range(rng.randint(1, 6))],
                4: [rng.randbytes(rng.randint(0, 40)) for _ in range(rng.randint(1, 5))],
                5: [rng.randbytes(4) for _ in range(rng.randint(1, 4))],
                6: [number(64) for _ in range(rng.randint(1, 8))],
                7: {1: rng.randbytes(32), **({2: rng.randbytes(20)} if rng.random() < 0.5 else {})},
                20: node(3), 21: [node(2) for _ in range(rng.randint(1, 3))], 100: number(64)}
        good(f"random {i}", "Golden", {k: v for k, v in full.items() if rng.random() < 0.6})


def refuse_wire():
    bad("fields out of order", "Scalars", key(2, 0) + b"\1" + key(1, 0) + b"\1", comet="E0")
    bad("a scalar twice: the last stands", "Scalars", key(1, 0) + b"\1" + key(1, 0) + b"\2", comet="E0")
    bad("a scalar twice, the last a default", "Scalars", key(1, 0) + b"\1" + key(1, 0) + b"\0", comet="E0")
    bad("bytes twice", "Scalars", ld(7, b"a") + ld(7, b""), comet="E0")
    bad("padded varint", "Scalars", key(1, 0) + varint(1, 1), comet="E0")
    bad("padded zero", "Scalars", key(1, 0) + b"\x80\0", comet="E0")
    bad("padded key", "Scalars", key(1, 0, 1) + b"\1", comet="E0")
    bad("padded length", "Scalars", key(7, 2) + varint(1, 1) + b"x", comet="E0")
    bad("varint of eleven bytes", "Scalars", key(1, 0) + b"\x80" * 10 + b"\1")
    bad("varint beyond 64 bits", "Scalars", key(1, 0) + b"\xff" * 9 + b"\2")
    bad("varint cut off", "Scalars", key(1, 0) + b"\x80")
    bad("varint missing", "Scalars", key(1, 0))
    bad("key cut off", "Scalars", b"\x80")
    bad("default u64", "Scalars", key(1, 0) + b"\0", comet="E0")
    bad("default u32", "Scalars", key(2, 0) + b"\0", comet="E0")
    bad("default i64", "Scalars", key(3, 0) + b"\0", comet="E0")
    bad("default i32", "Scalars", key(4, 0) + b"\0", comet="E0")
    bad("default bool", "Scalars", key(5, 0) + b"\0", comet="E0")
    bad("default sfixed64", "Scalars", key(6, 1) + bytes(8), comet="E0")
    bad("empty bytes", "Scalars", ld(7, b""), comet="E0")
    bad("u32 of 33 bits", "Scalars", key(2, 0) + varint(2**32 + 5), comet="E0")
    bad("u32 that is 0 when cut", "Scalars", key(2, 0) + varint(2**32), comet="E0")
    bad("i32 not sign-extended", "Scalars", key(4, 0) + varint(2**32 - 1), comet="E0")
    bad("i32 of 33 bits", "Scalars", key(4, 0) + varint(2**32 + 7), comet="E0")
    bad("i32 just below its range", "Scalars", key(4, 0) + varint(2**64 - 2**31 - 1), comet="E0")
    bad("bool of 2", "Scalars", key(5, 0) + b"\2", comet="E0")
    bad("sfixed64 cut off", "Scalars", key(6, 1) + bytes(7))
    bad("bytes cut off", "Scalars", key(7, 2) + b"\2x")
    bad("length beyond 32 bits", "Scalars", key(7, 2) + varint(2**63) + b"x")
    bad("length of 2^64-1", "Scalars", key(7, 2) + varint(MAX64) + b"x")
    bad("trailing byte", "Scalars", key(1, 0) + b"\1\0")
    bad("field number 0", "Scalars", b"\0\1")
    bad("field number 0, padded", "Scalars", b"\x80\0\1")
    bad("field number 2^29", "Scalars", varint(2**32) + b"\1")
    bad("field number 2^29+1 is not field 1", "Scalars", varint((2**29 + 1) << 3) + b"\1")
    for wire, data in ((0, b"\1"), (1, bytes(8)), (2, b"\3abc"), (5, bytes(4))):
        bad(f"unknown field of wire type {wire}", "Scalars", key(1, 0) + b"\1" + key(9, wire) + data, comet="E0")
        bad(f"unknown field of wire type {wire}, cut off", "Scalars", key(9, wire) + data[:-1])
    bad("unknown group", "Scalars", key(9, 3) + key(9, 4))
    bad("end of a group", "Scalars", key(9, 4))
    bad("known field as a group", "Scalars", key(1, 3) + key(1, 4))
    bad("start of a group, then four bytes", "Scalars", key(9, 3) + bytes(4))
    bad("start of a group, then eight bytes", "Scalars", key(9, 3) + bytes(8))
    bad("end of a group, then four bytes", "Scalars", key(9, 4) + bytes(4))
    bad("unknown group with a field", "Scalars", key(9, 3) + key(1, 0) + b"\1" + key(9, 4))
    bad("wire type 6", "Scalars", key(9, 6) + b"\1")
    bad("wire type 7", "Scalars", key(9, 7) + b"\1")
    for number, wire, data in ((1, 1, bytes(8)), (1, 2, b"\1x"), (1, 5, bytes(4)), (6, 0, b"\1"), (6, 5, bytes(4)),
                               (7, 0, b"\1"), (7, 1, bytes(8))):
        bad(f"field {number} with wire type {wire}", "Scalars", key(number, wire) + data)


def refuse_structures():
    h32, h20 = bytes(range(32)), bytes(range(20))
    bad("strict wants its message", "Golden", b"", comet="E0")
    bad("strict wants its message, later field", "Golden", key(100, 0) + b"\1", comet="E0")
    bad("strict wants its fixed field", "Fixed", b"", comet="E0")
    bad("strict wants its fixed field, later field", "Fixed", ld(2, h20), comet="E0")
    bad("fixed empty", "Fixed", ld(1, b""), comet="E0")
    bad("fixed of zeros in comet", "Fixed", ld(1, bytes(32)), strict="E0", comet="E0")
    bad("fixed too short", "Fixed", ld(1, h32[:31]))
    bad("fixed too long", "Fixed", ld(1, h32 + b"x"))
    bad("optional fixed of zeros", "Fixed", ld(1, h32) + ld(2, bytes(20)), comet="E0")
    bad("optional fixed empty", "Fixed", ld(1, h32) + ld(2, b""), comet="E0")
    bad("optional fixed too short", "Fixed", ld(1, h32) + ld(2, h20[:19]))
    bad("optional fixed too long", "Fixed", ld(1, h32) + ld(2, h20 + b"x"))
    bad("fixed twice, the last empty", "Fixed", ld(1, h32) + ld(1, b""), comet="E0")
    bad("message twice", "Golden", ld(1, b"") + ld(1, b""))
    bad("optional message twice", "Golden", ld(1, b"") + ld(2, b"") + ld(2, b""))
    bad("message as a varint", "Golden", key(1, 0) + b"\1")
    bad("message longer than its holder", "Golden", ld(1, b"")[:-1] + b"\5" + key(1, 0) + b"\1")
    bad("inner message ends inside a field", "Golden", ld(1, key(1, 0)) + key(100, 0) + b"\1")
    bad("inner unknown field", "Golden", ld(1, key(9, 0) + b"\1"), comet="E0")
    bad("numbers unpacked", "Golden", ld(1, b"") + key(6, 0) + b"\1", comet="E0")
    bad("numbers packed, then unpacked", "Golden", ld(1, b"") + ld(6, b"\1\2") + key(6, 0) + b"\3", comet="E0")
    bad("numbers unpacked, then packed", "Golden", ld(1, b"") + key(6, 0) + b"\3" + ld(6, b"\1\2"), comet="E0")
    bad("numbers packed twice", "Golden", ld(1, b"") + ld(6, b"\1") + ld(6, b"\2"), comet="E0")
    bad("numbers packed, empty", "Golden", ld(1, b"") + ld(6, b""), comet="E0")
    bad("numbers empty, then some", "Golden", ld(1, b"") + ld(6, b"") + ld(6, b"\1"), comet="E0")
    bad("numbers packed, cut off", "Golden", ld(1, b"") + ld(6, b"\1\x80"))
    bad("numbers packed, padded", "Golden", ld(1, b"") + ld(6, b"\1\x80\0"), comet="E0")
    bad("numbers as fixed64", "Golden", ld(1, b"") + key(6, 1) + bytes(8))
    bad("elements apart", "Golden", ld(1, b"") + ld(3, b"\x08\1") + ld(4, b"x") + ld(3, b"\x08\2") + ld(4, b""),
        comet="E0")
    bad("elements around an unknown field", "Golden", ld(1, b"") + ld(3, b"\x08\1") + ld(50, b"x") + ld(3, b""),
        comet="E0")
    bad("elements before the message", "Golden", ld(4, b"x") + ld(3, b"") + ld(1, b"") + ld(3, b"\x08\2"), comet="E0")
    bad("second element malformed", "Golden", ld(1, b"") + ld(3, b"") + ld(3, b"\x08"))
    bad("second element as a varint", "Golden", ld(1, b"") + ld(3, b"") + key(3, 0) + b"\1")
    bad("digest of 3 bytes", "Golden", ld(1, b"") + ld(5, b"abcd") + ld(5, b"abc"))
    bad("digest of 5 bytes", "Golden", ld(1, b"") + ld(5, b"abcde"))
    bad("digest empty", "Golden", ld(1, b"") + ld(5, b""))
    bad("leaves beyond the bound", "Golden", ld(1, b"") + ld(3, b"") * 7, "E2", "E2")
    bad("leaves beyond the bound, then nonsense", "Golden", ld(1, b"") + ld(3, b"") * 7 + b"\xff", "E2", "E2")
    bad("chunks beyond the bound", "Golden", ld(1, b"") + ld(4, b"") * 6, "E2", "E2")
    bad("digests beyond the bound", "Golden", ld(1, b"") + ld(5, b"abcd") * 5, "E2", "E2")
    bad("numbers beyond the bound", "Golden", ld(1, b"") + ld(6, b"\1" * 9), "E2", "E2")
    bad("numbers beyond the bound, strewn", "Golden", ld(1, b"") + (ld(6, b"\1" * 3) + key(100, 0) + b"\1") * 3, "E1", "E2")
    bad("chunk too long", "Golden", ld(1, b"") + ld(4, b"x" * 41), "E2", "E2")
    bad("label too long", "Leaf", ld(2, b"x" * 17), "E2", "E2")
    tree = key(1, 0) + b"\1"
    for _ in range(11):
        tree = ld(2, tree)
    bad("a tree of depth 12", "Node", tree, "E0", "E0")
    bad("a tree of depth 13", "Node", ld(2, tree), "E2", "E2")
    bad("a tree of depth 13 by its children", "Node", ld(3, tree), "E2", "E2")
    bad("text that is not UTF-8: bytes to us", "Scalars", ld(15, b"\xff"), "E0", "E1")
    refused[-1].update(comet="E0", comet_hex=refused[-1]["hex"])


def write(name, rows):
    with open(os.path.join(HERE, name), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(f"{name}: {len(rows)} cases")


def seed(row):
    tables = ("Golden", "Scalars", "Fixed", "Node", "Leaf")
    data = bytes([tables.index(row["message"])]) + bytes.fromhex(row["hex"])
    folder = os.path.join(HERE, "../../../fuzz/corpus/fuzz_codec")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha256(data).hexdigest()[:16]), "wb") as f:
        f.write(data)


boundaries()
structures()
randoms(random.Random(20261125))
refuse_wire()
refuse_structures()
for rows in (golden, refused):
    assert len({r["name"] for r in rows}) == len(rows), "names are unique"
write("golden.json", golden)
write("refused.json", refused)
for r in golden[::5] + refused:
    if len(r["hex"]) < 1600:
        seed(r)
