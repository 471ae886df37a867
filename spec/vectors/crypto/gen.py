#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the vectors of this folder, and the seeds of fuzz/corpus/fuzz_crypto*, from independent code.

    gen.py            writes sha256.json, ed25519.json, rfc6962.json and the corpora
    gen.py --check    exits 1 if a file differs from what would be written

SHA-256 is Python's hashlib (OpenSSL). Ed25519 below is written from RFC 8032 and ZIP 215 with Python's integers, slowly
and with nothing in common with the library under test. Nothing here is random: "random" means SHA-256 of a counter.

Not made here: blake3.json (the official test_vectors/test_vectors.json of github.com/BLAKE3-team/BLAKE3, release 1.8.6,
commit 77b257e1), nist_sha256.json (NIST CAVP, by way of PyPI's cryptography_vectors 48.0.0) and rfc8032.json (RFC 8032,
section 7.1); the last two are checked with the code below. Nor channel.json: X25519 is of RFC 7748, 5.2, and with AEAD of
OpenSSL by way of cryptography 48.0.0, whose keys and texts are stream() below; small_order are the points of libsodium's list;
comet is CometBFT's own TestDeriveSecretsAndChallengeGolden.golden (v0.38.25); merlin the test of its Rust library.
"""
import hashlib
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parents[2] / "fuzz" / "corpus"


def sha256(data):
    return hashlib.sha256(data).digest()


def stream(label, length):
    """Bytes that look random and are the same everywhere."""
    out = b""
    counter = 0
    while len(out) < length:
        out += sha256(f"assay vectors {label} {counter}".encode())
        counter += 1
    return out[:length]


# ---- SHA-256: NIST's own, checked; and every length around the edges of a block -----------------------------------

def check_nist():
    nist = json.loads((HERE / "nist_sha256.json").read_text())
    for m in nist["short"] + nist["long"]:
        assert sha256(bytes.fromhex(m["message"])).hex() == m["digest"], m["len"]
    md = bytes.fromhex(nist["monte_carlo"]["seed"])
    for want in nist["monte_carlo"]["checkpoints"]:
        a = b = c = md
        for _ in range(1000):
            a, b, c = b, c, sha256(a + b + c)
        md = c
        assert md.hex() == want


def sha256_vectors():
    """The message of n bytes is the first n of the stream "sha256"."""
    lengths = list(range(0, 131)) + [191, 192, 255, 256, 1000, 4095, 4096, 6400, 51200]
    return {"messages": [{"len": n, "digest": sha256(stream("sha256", n)).hex()} for n in lengths]}


# ---- Ed25519 from RFC 8032, verified by ZIP 215 -------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_M1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    """An x for y, or None. ZIP 215: a sign on x = 0 is ignored, and y need not be below P."""
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT_M1 % P
    if (x * x - xx) % P:
        return None
    return P - x if x % 2 != sign and x else x


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P)


ZERO = (0, 1)


def mul(n, p):
    q = ZERO
    while n:
        if n & 1:
            q = add(q, p)
        p = add(p, p)
        n >>= 1
    return q


def compress(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def decompress(b):
    n = int.from_bytes(b, "little")
    y = n & (1 << 255) - 1
    x = recover_x(y % P, n >> 255)
    return None if x is None else (x, y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y)


def sha512_int(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def expand(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254, h[32:]


def sign(seed, message):
    a, prefix = expand(seed)
    public = compress(mul(a, BASE))
    r = sha512_int(prefix, message) % L
    big_r = compress(mul(r, BASE))
    s = (r + sha512_int(big_r, public, message) * a) % L
    return public, big_r + s.to_bytes(32, "little")


def zip215(public, message, signature):
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = sha512_int(signature[:32], public, message) % L
    return mul(8, mul(s, BASE)) == mul(8, add(r, mul(k, a)))


def key_ok(public):
    a = decompress(public)
    return a is not None and compress(a) == public and mul(8, a) != ZERO


def torsion():
    """The eight points of small order, from a point whose prime-order part is taken away."""
    y = 2
    while True:
        x = recover_x(y, 0)
        if x is not None:
            t = mul(L, (x, y))
            if mul(4, t) != ZERO:
                return [mul(i, t) for i in range(8)]
        y += 1


def point_of_y(y, sign):
    return (y | sign << 255).to_bytes(32, "little")


def small_order_encodings():
    """All 14: the canonical ones of the eight points; -0 for the two with x = 0; and y + p where that fits 255 bits."""
    points = torsion()
    out = [compress(t) for t in points]
    for x, y in points:
        signs = (0, 1) if x == 0 else (x & 1,)
        for value in (y, y + P):
            for sign_bit in signs:
                if value < 1 << 255 and point_of_y(value, sign_bit) not in out:
                    out.append(point_of_y(value, sign_bit))
    assert len(out) == 14, len(out)
    return out


def key_cases():
    cases = []

    def case(comment, key):
        cases.append({"comment": comment, "key": key.hex(), "ok": key_ok(key)})

    for e in small_order_encodings():
        case("small order", e)
    for y in range(P, 1 << 255):
        for sign_bit in (0, 1):
            case("y not below p", point_of_y(y, sign_bit))
    for i in range(24):
        case("random bytes", stream(f"key bytes {i}", 32))
    for i in range(8):
        public, _ = sign(stream(f"key seed {i}", 32), b"")
        case("honest", public)
        case("honest with a point of small order added", compress(add(decompress(public), torsion()[i])))
    # Both non-canonical encodings of points of large order, and the reverse, must have come up.
    assert any(c["ok"] for c in cases) and sum(not c["ok"] for c in cases) > 60
    return cases


def verify_cases():
    cases = []

    def case(comment, public, message, signature):
        cases.append({"comment": comment, "public": public.hex(), "message": message.hex(),
                      "signature": signature.hex(), "valid": zip215(public, message, signature)})

    for e in small_order_encodings():
        for r in small_order_encodings():
            case("zip215: small order A and R, s = 0", e, b"Zcash", r + bytes(32))
    assert len(cases) == 196 and all(c["valid"] for c in cases)
    seed, message = stream("verify", 32), b"assay"
    public, sig = sign(seed, message)
    s = int.from_bytes(sig[32:], "little")
    case("honest", public, message, sig)
    for n in range(1, 16):
        if s + n * L < 1 << 256:
            case(f"s + {n} L", public, message, sig[:32] + (s + n * L).to_bytes(32, "little"))
    for value, name in ((0, "0"), (L - 1, "L - 1"), (L, "L"), (L + 1, "L + 1"), (1 << 255, "2^255"),
                        ((1 << 256) - 1, "2^256 - 1")):
        case(f"s = {name}", public, message, sig[:32] + value.to_bytes(32, "little"))
    case("-s", public, message, sig[:32] + (L - s).to_bytes(32, "little"))
    for bit in range(0, 512, 7):
        flipped = bytearray(sig)
        flipped[bit // 8] ^= 1 << bit % 8
        case(f"signature bit {bit} flipped", public, message, bytes(flipped))
    for bit in range(0, 256, 11):
        flipped = bytearray(public)
        flipped[bit // 8] ^= 1 << bit % 8
        case(f"key bit {bit} flipped", bytes(flipped), message, sig)
    case("another message", public, b"Assay", sig)
    case("R and s swapped", public, message, sig[32:] + sig[:32])
    case("all zero signature", public, message, bytes(64))
    # A and R with torsion parts: valid under the cofactored equation alone.
    a, _ = expand(seed)
    for i, ta in enumerate(torsion()):
        for j, tr in enumerate(torsion()):
            mixed = compress(add(mul(a, BASE), ta))
            r = int.from_bytes(stream(f"nonce {i} {j}", 64), "little") % L
            big_r = compress(add(mul(r, BASE), tr))
            k = sha512_int(big_r, mixed, message) % L
            case(f"torsion {i} on A, {j} on R", mixed, message, big_r + ((r + k * a) % L).to_bytes(32, "little"))
    # A signature made with a non-canonical R that is not of small order: y = p + k with small k.
    for y in range(P, 1 << 255):
        for sign_bit in (0, 1):
            case("non-canonical R, s = 0", public, message, point_of_y(y, sign_bit) + bytes(32))
            case("non-canonical A, s = 0, R = 0", point_of_y(y, sign_bit), message, compress(ZERO) + bytes(32))
    return cases


def sign_cases():
    cases = []
    for n in list(range(0, 20)) + [63, 64, 65, 111, 112, 127, 128, 129, 1023, 5000]:
        seed, message = stream(f"sign seed {n}", 32), stream(f"sign message {n}", n)
        public, sig = sign(seed, message)
        assert zip215(public, message, sig)
        cases.append({"secret": seed.hex(), "public": public.hex(), "message": message.hex(), "signature": sig.hex()})
    return cases


def check_rfc8032():
    for c in json.loads((HERE / "rfc8032.json").read_text())["cases"]:
        message = bytes.fromhex(c["message"])
        public, sig = sign(bytes.fromhex(c["secret"]), message)
        assert (public.hex(), sig.hex()) == (c["public"], c["signature"]), c["name"]


# ---- RFC 6962 trees, as the RFC writes them -----------------------------------------------------------------------

def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return path(m, leaves[:k]) + [mth(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [mth(leaves[:k])]


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [mth(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [mth(leaves[:k])]


def rfc6962_vectors():
    # The eight leaves that every Certificate Transparency implementation is tested with.
    leaves = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f")]
    roots = [mth(leaves[:n]).hex() for n in range(9)]
    assert roots[1] == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[8] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    paths = [{"size": n, "idx": i, "path": [h.hex() for h in path(i, leaves[:n])]}
             for n in range(1, 9) for i in range(n)]
    proofs = [{"old": m, "new": n, "proof": [h.hex() for h in subproof(m, leaves[:n], True)]}
              for n in range(1, 9) for m in range(1, n + 1)]
    return {"leaves": [leaf.hex() for leaf in leaves], "roots": roots, "paths": paths, "proofs": proofs}


# ---- seeds for the fuzzers; the layouts are those of src/crypto/test/fuzz_crypto*.c -------------------------------

def path_seeds():
    seeds = {}
    body = stream("fuzz", 4096)
    for kind in range(5):
        for name, idx, size in (("first", 0, 1), ("middle", 3, 3000), ("last", 6, 7), ("beyond", 9, 7),
                                ("huge", 2**63, 2**64 - 1), ("ragged", 2, 2 * 2**20 + 100)):
            seeds[f"kind{kind}-{name}"] = struct.pack("<BBQQ", kind, 1, idx, size) + body[:32 * 8]
    for n in (0, 1, 1024, 1025, 3000, 4000):
        seeds[f"honest-{n}"] = struct.pack("<BBQQ", 5, n % 2, n // 1024, 0) + body[:n]
    return seeds


def ed25519_seeds(cases):
    picked = cases[:196:13] + cases[196:240:3] + cases[-60::7]
    return {f"case-{i:02}": bytes.fromhex(c["public"] + c["signature"] + c["message"]) for i, c in enumerate(picked)}


def main():
    check_nist()
    check_rfc8032()
    ed25519 = {"sign": sign_cases(), "verify": verify_cases(), "keys": key_cases()}
    files = {HERE / name: (json.dumps(data, indent=1) + "\n").encode() for name, data in (
        ("sha256.json", sha256_vectors()), ("ed25519.json", ed25519), ("rfc6962.json", rfc6962_vectors()))}
    corpora = (("fuzz_crypto_path", path_seeds()), ("fuzz_crypto_ed25519", ed25519_seeds(ed25519["verify"])))
    for folder, seeds in corpora:
        files.update({CORPUS / folder / name: data for name, data in seeds.items()})
    stale = [p for p, data in files.items() if not p.exists() or p.read_bytes() != data]
    if "--check" in sys.argv:
        for p in stale:
            print("differs:", p)
        return 1 if stale else 0
    for p in stale:
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(files[p])
    print(len(stale), "files written,", len(ed25519["verify"]), "verify cases,",
          sum(c["valid"] for c in ed25519["verify"]), "of them valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
