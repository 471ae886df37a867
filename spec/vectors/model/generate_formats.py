#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes formats.json: tensor files, and what the formats' own libraries say of them.

    python3 -m venv v && v/bin/pip install onnx==1.23.2 safetensors==0.8.0 gguf==0.19.0 numpy && v/bin/python generate_formats.py

safetensors: "reference" is whether the reference implementation accepts the file; "accept" whether Assay must. They differ only
where "why" says so. onnx: the tensors are found by a walk over all messages of the protobuf, written without regard to ours; the
places are found by searching for the payload, whose bytes occur once. gguf: written by GGUFWriter, read by GGUFReader.
"""
import base64
import json
import pathlib
import struct
import tempfile

import gguf
import numpy as np
import onnx
import safetensors
from onnx import TensorProto, helper

RANDOM = np.random.default_rng(20261125)


# ---- safetensors ---------------------------------------------------------------------------------------------------

def st(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def t(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_vectors():
    good = {"a": t("F32", [2, 3], 0, 24), "b": t("I64", [1], 24, 32)}
    data = bytes(RANDOM.integers(0, 256, 64, dtype=np.uint8))
    cases = [
        ("two tensors", st(good, data[:32]), True, None),
        ("header order is free", st({"b": good["b"], "a": good["a"]}, data[:32]), True, None),
        ("metadata", st({"__metadata__": {"format": "pt", "\u00fc": "\u2713"}, **good}, data[:32]), True, None),
        ("metadata null", st(b'{"__metadata__":null}'), True, None),
        ("metadata holds a number", st(b'{"__metadata__":{"a":1}}'), False, None),
        ("metadata is a list", st(b'{"__metadata__":[]}'), False, None),
        ("no tensors", st(b"{}"), True, None),
        ("padding after the header", st(json.dumps(good).encode() + b"     ", data[:32]), True, None),
        ("scalar", st({"s": t("F64", [], 0, 8)}, data[:8]), True, None),
        ("empty tensor", st({"e": t("F32", [0, 7], 0, 0), "x": t("U8", [1], 0, 1)}, data[:1]), True, None),
        ("escapes in names", st(b'{"a\\u00e9\\n\\ud83d\\ude00\\/":' + json.dumps(t("U8", [1], 0, 1)).encode() + b"}", data[:1]), True, None),
        ("half a surrogate pair", st(b'{"a\\ud83d":' + json.dumps(t("U8", [1], 0, 1)).encode() + b"}", data[:1]), False, None),
        ("unknown member", st({"a": {**t("U8", [1], 0, 1), "more": [1, {"x": None}]}}, data[:1]), True, None),
        ("name twice", st(b'{"a":' + json.dumps(t("U8", [1], 0, 1)).encode() + b',"a":' + json.dumps(t("U8", [1], 0, 1)).encode() + b"}", data[:1]),
         False, "the reference keeps the last of two tensors of one name; a signed list may not hide one"),
        ("member twice", st(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("metadata name twice", st(b'{"__metadata__":{"a":"1","a":"2"}}'), False,
         "the reference keeps the last of two; a signed text may not hide one"),
        ("dtype missing", st(b'{"a":{"shape":[1],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("shape missing", st(b'{"a":{"dtype":"U8","data_offsets":[0,1]}}', data[:1]), False, None),
        ("offsets missing", st(b'{"a":{"dtype":"U8","shape":[1]}}', data[:1]), False, None),
        ("unknown dtype", st({"a": t("F33", [1], 0, 4)}, data[:4]), False, None),
        ("hole", st({"a": t("U8", [1], 0, 1), "b": t("U8", [1], 2, 3)}, data[:3]), False, None),
        ("hole at the front", st({"a": t("U8", [1], 1, 2)}, data[:2]), False, None),
        ("overlap", st({"a": t("U8", [2], 0, 2), "b": t("U8", [2], 1, 3)}, data[:3]), False, None),
        ("same bytes twice", st({"a": t("U8", [2], 0, 2), "b": t("U8", [2], 0, 2)}, data[:2]), False, None),
        ("bytes after the last tensor", st(good, data[:33]), False, None),
        ("data cut off", st(good, data[:31]), False, None),
        ("end before begin", st({"a": t("U8", [1], 1, 0)}, data[:1]), False, None),
        ("length is not shape times dtype", st({"a": t("F32", [2], 0, 4)}, data[:4]), False, None),
        ("shape overflows", st({"a": t("F32", [2**62, 2**62], 0, 4)}, data[:4]), False, None),
        ("shape times bits overflows", st({"a": t("F32", [2**61], 0, 0)}), False, None),
        ("negative dimension", st({"a": t("F32", [-1], 0, 4)}, data[:4]), False, None),
        ("fraction as dimension", st(b'{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("exponent as dimension", st(b'{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("number beyond 64 bits", st(b'{"a":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("leading zero", st(b'{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("three offsets", st(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}', data[:1]), False, None),
        ("not UTF-8", st(b'{"a\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("control character in a name", st(b'{"a\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', data[:1]), False, None),
        ("trailing comma", st(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}', data[:1]), False, None),
        ("comment", st(b'{/**/}'), False, None),
        ("a list", st(b"[]"), False, None),
        ("two values", st(b"{}{}"), False, None),
        ("not closed", st(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', data[:1]), False, None),
        ("nothing", b"", False, None),
        ("seven bytes", b"\0" * 7, False, None),
        ("header of no bytes", struct.pack("<Q", 0), False, None),
        ("header longer than the file", st(good, data[:32], 10000), False, None),
        ("header longer than 100 MB", st(good, data[:32], 100000001), False, None),
        ("header of 2^64-1 bytes", st(good, data[:32], 2**64 - 1), False, None),
        ("nested deeply", st(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"), False, None),
        ("space before the header", st(b"  {}"), True, None),
        ("F4", st({"a": t("F4", [4], 0, 2)}, data[:2]), True, None),
        ("F4, half a byte", st({"a": t("F4", [3], 0, 2)}, data[:2]), False, None),
    ]
    for dtype, size in [("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("F8_E8M0", 1), ("F8_E4M3FNUZ", 1), ("F8_E5M2FNUZ", 1),
                        ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2), ("I32", 4), ("U32", 4), ("F32", 4), ("C64", 8), ("F64", 8), ("I64", 8), ("U64", 8)]:
        cases.append(("dtype " + dtype, st({"a": t(dtype, [3], 0, 3 * size)}, data[:3 * size]), True, None))
    out = []
    for name, file, accept, why in cases:
        try:
            found = safetensors.deserialize(file)
            reference = True
        except Exception:
            reference = False
        row = {"name": name, "file": base64.b64encode(file).decode(), "reference": reference, "accept": accept}
        if reference != accept:
            assert why, (name, reference)
            row["why"] = why
        if accept:
            length = struct.unpack("<Q", file[:8])[0]
            header = json.loads(file[8:8 + length])
            header.pop("__metadata__", None)
            assert sorted(header) == sorted(n for n, _ in found), name
            row["tensors"] = sorted(
                [{"name": n, "dtype": h["dtype"], "shape": h["shape"], "offset": 8 + length + h["data_offsets"][0],
                  "length": h["data_offsets"][1] - h["data_offsets"][0]} for n, h in header.items()],
                key=lambda r: (r["offset"], r["name"]))
        out.append(row)
    return out


# ---- ONNX ----------------------------------------------------------------------------------------------------------

DTYPES = {1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING", 9: "BOOL", 10: "F16", 11: "F64", 12: "U32",
          13: "U64", 14: "C64", 15: "COMPLEX128", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2", 20: "F8_E5M2FNUZ",
          21: "UINT4", 22: "INT4", 23: "F4", 24: "F8_E8M0", 25: "UINT2", 26: "INT2"}


def noise(n):
    return bytes(RANDOM.integers(0, 256, n, dtype=np.uint8))


def raw(name, shape, dtype=TensorProto.FLOAT, size=4):
    count = int(np.prod(shape)) if shape else 1
    return helper.make_tensor(name, dtype, shape, noise(count * size), raw=True)


def walk(message, path):
    """All (name, TensorProto) below a graph, node or attribute, by the naming rules of spec/model.md 4."""
    kind = message.DESCRIPTOR.name
    if kind == "GraphProto":
        for node in message.node:
            yield from walk(node, path)
        for tensor in message.initializer:
            yield path + tensor.name, tensor
        for sparse in message.sparse_initializer:
            yield path + sparse.values.name, sparse.values
            yield path + sparse.values.name + ":indices", sparse.indices
    elif kind == "NodeProto":
        outputs = [o for o in message.output if o]
        base = path + (outputs[0] if outputs else message.name)
        for attribute in message.attribute:
            yield from walk_attribute(attribute, base)


def walk_attribute(attribute, base):
    name = base if attribute.name in ("value", "sparse_value") else base + ":" + attribute.name
    if attribute.HasField("t"):
        yield name, attribute.t
    if attribute.HasField("g"):
        yield from walk(attribute.g, base + "/" + attribute.name + "/")
    for i, tensor in enumerate(attribute.tensors):
        yield "%s:%s[%d]" % (base, attribute.name, i), tensor
    for i, graph in enumerate(attribute.graphs):
        yield from walk(graph, "%s/%s[%d]/" % (base, attribute.name, i))
    if attribute.HasField("sparse_tensor"):
        yield name, attribute.sparse_tensor.values
        yield name + ":indices", attribute.sparse_tensor.indices
    for i, sparse in enumerate(attribute.sparse_tensors):
        yield "%s:%s[%d]" % (base, attribute.name, i), sparse.values
        yield "%s:%s[%d]:indices" % (base, attribute.name, i), sparse.indices


def walk_model(model):
    yield from walk(model.graph, "")
    for function in model.functions:
        path = function.domain + "." + function.name + (":" + function.overload if function.overload else "") + "/"
        for node in function.node:
            yield from walk(node, path)
        for attribute in function.attribute_proto:
            yield from walk_attribute(attribute, path)
    for i, training in enumerate(model.training_info):
        yield from walk(training.initialization, "training_info[%d]/initialization/" % i)
        yield from walk(training.algorithm, "training_info[%d]/algorithm/" % i)


def varints(values):
    out = b""
    for v in values:
        v &= 2**64 - 1
        while v >= 128:
            out += bytes([v & 127 | 128])
            v >>= 7
        out += bytes([v])
    return out


def payload(tensor):
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    if tensor.float_data:
        return struct.pack("<%df" % len(tensor.float_data), *tensor.float_data)
    if tensor.double_data:
        return struct.pack("<%dd" % len(tensor.double_data), *tensor.double_data)
    if tensor.string_data:
        return b"".join(bytes([6 << 3 | 2]) + varints([len(s)]) + s for s in tensor.string_data)
    for field in (tensor.int32_data, tensor.int64_data, tensor.uint64_data):
        if field:
            return varints(field)
    return b""


def onnx_row(name, model, accept=True):
    file = model if isinstance(model, bytes) else model.SerializeToString(deterministic=True)
    row = {"name": name, "file": base64.b64encode(file).decode(), "accept": accept}
    if accept:
        row["tensors"] = []
        for tensor_name, tensor in walk_model(model):
            if tensor.data_location == TensorProto.EXTERNAL:
                entries = {e.key: e.value for e in tensor.external_data}
                place = {"location": entries["location"], "offset": int(entries.get("offset", 0)), "length": int(entries["length"])}
            else:
                bytes_ = payload(tensor)
                assert not bytes_ or file.count(bytes_) == 1, (name, tensor_name)
                place = {"offset": file.find(bytes_) if bytes_ else None, "length": len(bytes_)}
            row["tensors"].append({"name": tensor_name, "dtype": DTYPES[tensor.data_type], "shape": list(tensor.dims), **place})
    return row


def graph_of(nodes, initializers, name="g", sparse=()):
    g = helper.make_graph(nodes, name, [], [], initializers)
    g.sparse_initializer.extend(sparse)
    return g


def onnx_vectors():
    rows = []
    rows.append(onnx_row("an initializer", helper.make_model(graph_of([], [raw("w", [3, 4])]))))
    kinds = [raw("t%d" % d, [5], d, s) for d, s in [(1, 4), (2, 1), (3, 1), (4, 2), (5, 2), (6, 4), (7, 8), (9, 1), (10, 2), (11, 8), (12, 4), (13, 8), (14, 8), (15, 16), (16, 2), (17, 1), (18, 1), (19, 1), (20, 1), (24, 1)]]
    for d in (21, 22, 23):
        nibbles = TensorProto(name="n%d" % d, data_type=d, dims=[7], raw_data=noise(4))
        kinds.append(nibbles)
    rows.append(onnx_row("every dtype", helper.make_model(graph_of([], kinds))))
    typed = [
        helper.make_tensor("floats", TensorProto.FLOAT, [3], [1.5, -2.25, 1e-3]),
        helper.make_tensor("doubles", TensorProto.DOUBLE, [2], [3.25, -7.125]),
        helper.make_tensor("ints", TensorProto.INT32, [4], [1, -1, 300, 70000]),
        helper.make_tensor("longs", TensorProto.INT64, [3], [-5, 16000, 1 << 40]),
        helper.make_tensor("ulongs", TensorProto.UINT64, [2], [1 << 63, 123456789]),
        helper.make_tensor("strings", TensorProto.STRING, [3], [b"alpha", b"", b"gamma"]),
        helper.make_tensor("halves", TensorProto.FLOAT16, [2], np.array([1.5, 2.5], dtype=np.float16)),
    ]
    rows.append(onnx_row("typed data", helper.make_model(graph_of([], typed))))
    constant = helper.make_node("Constant", [], ["c_out"], value=raw("inner name is not used", [2, 2]))
    fill = helper.make_node("ConstantOfShape", ["s"], ["fill_out"], value=raw("v", [1]))
    scaled = helper.make_node("Scaled", ["x"], ["", "second"], domain="x", scale=raw("k", [3]))
    plain = helper.make_node("Relu", ["x"], ["y"])
    lists = helper.make_node("Lists", [], ["l"], domain="x")
    lists.attribute.append(helper.make_attribute("parts", [raw("p0", [2]), raw("p1", [3])]))
    nameless = helper.make_node("Sink", ["y"], [], name="sink", domain="x", value=raw("z", [4]))
    rows.append(onnx_row("nodes", helper.make_model(graph_of([constant, fill, scaled, plain, lists, nameless], []))))
    inner = graph_of([helper.make_node("Constant", [], ["deep"], value=raw("q", [2]))], [raw("deep_w", [5])], "inner")
    loop = helper.make_node("Loop", ["n", "c"], ["loop_out"], body=inner)
    branch = helper.make_node("If", ["c"], ["if_out", "if_out2"], then_branch=graph_of([loop], [raw("then_w", [6])], "then"),
                              else_branch=graph_of([], [raw("else_w", [7])], "else"))
    graphs = helper.make_node("Many", [], ["m"], domain="x")
    graphs.attribute.append(helper.make_attribute("bodies", [graph_of([], [raw("b0", [2])]), graph_of([], [raw("b1", [2])])]))
    rows.append(onnx_row("subgraphs", helper.make_model(graph_of([branch, graphs], [raw("w", [3])]))))
    sparse = helper.make_sparse_tensor(raw("sp", [3]), raw("i", [3], TensorProto.INT64, 8), [10])
    sparse_constant = helper.make_node("Constant", [], ["sc"], sparse_value=helper.make_sparse_tensor(raw("v", [2]), raw("i", [2], TensorProto.INT64, 8), [9]))
    rows.append(onnx_row("sparse", helper.make_model(graph_of([sparse_constant], [], sparse=[sparse]))))
    function = helper.make_function("dom", "Fn", ["x"], ["y"], [helper.make_node("Constant", [], ["fc"], value=raw("f", [4])), helper.make_node("Add", ["x", "fc"], ["y"])],
                                    [helper.make_opsetid("", 18)], attributes=[], attribute_protos=[helper.make_attribute("bias", raw("d", [5]))])
    overloaded = helper.make_function("dom", "Fn", ["x"], ["y"], [helper.make_node("Constant", [], ["fc"], value=raw("f", [6]))], [helper.make_opsetid("", 18)], overload="two")
    rows.append(onnx_row("functions", helper.make_model(graph_of([], [raw("w", [2])]), functions=[function, overloaded])))
    training = helper.make_model(graph_of([], [raw("w", [2])]))
    training.training_info.add().initialization.CopyFrom(graph_of([], [raw("ti", [3])]))
    training.training_info.add().algorithm.CopyFrom(graph_of([helper.make_node("Constant", [], ["ta"], value=raw("x", [3]))], []))
    rows.append(onnx_row("training", training))
    external = TensorProto(name="ext", data_type=1, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights/w.bin"), ("offset", "4096"), ("length", "64")):
        external.external_data.add(key=key, value=value)
    rows.append(onnx_row("external data", helper.make_model(graph_of([], [external, raw("here", [2])]))))
    rows.append(onnx_row("empty tensors", helper.make_model(graph_of([], [helper.make_tensor("e", 1, [0], []), TensorProto(name="r", data_type=1, dims=[0, 3], raw_data=b""), raw("w", [2])]))))

    def bad(name, tensor):
        rows.append(onnx_row(name, helper.make_model(graph_of([], [tensor])), False))
    bad("raw_data too short", TensorProto(name="w", data_type=1, dims=[3], raw_data=b"12345678"))
    bad("raw_data too long", TensorProto(name="w", data_type=1, dims=[1], raw_data=b"12345678"))
    bad("float_data too short", TensorProto(name="w", data_type=1, dims=[3], float_data=[1, 2]))
    bad("no data", TensorProto(name="w", data_type=1, dims=[3]))
    bad("no data type", TensorProto(name="w", dims=[1], raw_data=b"1234"))
    bad("no name", TensorProto(data_type=1, dims=[1], raw_data=b"1234"))
    bad("negative dimension", TensorProto(name="w", data_type=1, dims=[-1], raw_data=b"1234"))
    bad("shape overflows", TensorProto(name="w", data_type=1, dims=[2**62, 2**62], raw_data=b"1234"))
    bad("two data fields", TensorProto(name="w", data_type=1, dims=[1], raw_data=b"1234", float_data=[1]))
    bad("strings in raw_data", TensorProto(name="w", data_type=8, dims=[1], raw_data=b"1234"))
    lost = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    bad("external data without location", lost)
    worse = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    worse.external_data.add(key="location", value="x")
    worse.external_data.add(key="offset", value="-1")
    bad("external offset is no number", worse)
    both = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL, raw_data=b"1234")
    both.external_data.add(key="location", value="x")
    bad("external and raw", both)
    seventeen = TensorProto(name="w", data_type=1, dims=[1] * 17, raw_data=b"1234")
    bad("seventeen dimensions", seventeen)
    deep = graph_of([], [raw("w", [1])])
    for _ in range(20):
        deep = graph_of([helper.make_node("If", [], ["o"], then_branch=deep)], [])
    rows.append(onnx_row("subgraphs twenty deep", helper.make_model(deep), False))
    rows.append(onnx_row("name too long", helper.make_model(graph_of([], [raw("n" * 2000, [1])])), False))
    good = helper.make_model(graph_of([constant, branch], [raw("w", [3])])).SerializeToString()
    rows.append(onnx_row("cut off", good[:-1], False))
    rows.append(onnx_row("nothing", b"", False))
    rows.append(onnx_row("no graph", helper.make_model(graph_of([], [])).SerializeToString()[:2], False))
    rows.append(onnx_row("two graphs", good + good, False))
    rows.append(onnx_row("a group", b"\x3b\x3c", False))
    rows.append(onnx_row("field number 0", b"\x02\x00", False))
    rows.append(onnx_row("length beyond 64 bits", b"\x3a" + b"\xff" * 10, False))
    return rows


# ---- GGUF ----------------------------------------------------------------------------------------------------------

def gguf_file(build, alignment=None):
    path = tempfile.mktemp(suffix=".gguf")
    writer = gguf.GGUFWriter(path, "llama")
    if alignment:
        writer.add_custom_alignment(alignment)
    build(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_vectors():
    def build(writer):
        writer.add_string("general.name", "n\u00e4me")
        writer.add_array("tokens", ["a", "bc", ""])
        writer.add_array("scores", [1.0, 2.5])
        writer.add_uint64("big", 2**63)
        writer.add_bool("flag", True)
        writer.add_tensor("token_embd.weight", RANDOM.random((4, 8), dtype=np.float32))
        writer.add_tensor("half", RANDOM.random((3, 5)).astype(np.float16))
        writer.add_tensor("i8", RANDOM.integers(-100, 100, 7, dtype=np.int8))
        writer.add_tensor("q8", RANDOM.integers(0, 256, (2, 68), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor("q4k", RANDOM.integers(0, 256, (3, 144), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q4_K)
    rows = []
    for name, alignment in (("several tensors", None), ("alignment of 64", 64)):
        path = gguf_file(build, alignment)
        file = pathlib.Path(path).read_bytes()
        tensors = [{"name": x.name, "dtype": x.tensor_type.name, "shape": [int(d) for d in reversed(x.shape)], "offset": int(x.data_offset), "length": int(x.n_bytes)}
                   for x in gguf.GGUFReader(path).tensors]
        rows.append({"name": name, "file": base64.b64encode(file).decode(), "accept": True, "tensors": sorted(tensors, key=lambda r: r["offset"])})
    good = file

    def bad(name, file):
        rows.append({"name": name, "file": base64.b64encode(file).decode(), "accept": False})

    def head(version, tensors, pairs, rest=b""):
        return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + rest

    def info(name, dims, kind, offset):
        return struct.pack("<Q", len(name)) + name + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, offset)

    def padded(text, data=64):
        return text + b"\0" * (-len(text) % 32) + b"\1" * data
    rows.append({"name": "no tensors", "file": base64.b64encode(head(3, 0, 0)).decode(), "accept": True, "tensors": []})
    bad("nothing", b"")
    bad("wrong magic", b"GGUX" + good[4:])
    bad("version 1", head(1, 0, 0))
    bad("big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
    bad("data cut off", good[:-300])
    for n in (5, 20, 40, 100, 300):
        bad("header cut off at %d" % n, good[:n])
    bad("2^64-1 pairs", head(3, 0, 2**64 - 1))
    bad("2^64-1 tensors", head(3, 2**64 - 1, 0))
    bad("a million tensors, none there", head(3, 1000000, 0))
    bad("string of 2^64-1 bytes", head(3, 0, 1, struct.pack("<Q", 2**64 - 1)))
    bad("array of 2^61 numbers", head(3, 0, 1, struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 10, 2**61)))
    bad("arrays in arrays", head(3, 0, 1, struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50))
    bad("unknown value type", head(3, 0, 1, struct.pack("<Q", 1) + b"k" + struct.pack("<I", 13)))
    bad("alignment of 0", head(3, 0, 1, struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 0)))
    bad("alignment of 3", head(3, 0, 1, struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 3)))
    bad("alignment as text", head(3, 0, 1, struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<IQ", 8, 1) + b"8"))
    bad("unknown tensor type", padded(head(3, 1, 0, info(b"a", [4], 999, 0))))
    bad("removed tensor type", padded(head(3, 1, 0, info(b"a", [4], 4, 0))))
    bad("beyond the file", padded(head(3, 1, 0, info(b"a", [17], 0, 0))))
    bad("offset beyond the file", padded(head(3, 1, 0, info(b"a", [1], 0, 2**63))))
    bad("not aligned", padded(head(3, 1, 0, info(b"a", [1], 0, 4))))
    bad("overlap", padded(head(3, 2, 0, info(b"a", [9], 0, 0) + info(b"b", [1], 0, 32))))
    bad("name twice", padded(head(3, 2, 0, info(b"a", [1], 0, 0) + info(b"a", [1], 0, 32))))
    bad("no name", padded(head(3, 1, 0, info(b"", [1], 0, 0))))
    bad("name is not UTF-8", padded(head(3, 1, 0, info(b"\xff", [1], 0, 0))))
    bad("name too long", padded(head(3, 1, 0, info(b"n" * 1025, [1], 0, 0))))
    bad("seventeen dimensions", padded(head(3, 1, 0, info(b"a", [1] * 17, 0, 0))))
    bad("shape overflows", padded(head(3, 1, 0, info(b"a", [2**62, 2**62], 0, 0))))
    bad("half a block", padded(head(3, 1, 0, info(b"a", [33], 8, 0))))
    return rows


def main():
    out = {"made_by": "generate_formats.py, safetensors %s, onnx %s, gguf 0.19.0" % (safetensors.__version__, onnx.__version__),
           "safetensors": safetensors_vectors(), "onnx": onnx_vectors(), "gguf": gguf_vectors()}
    pathlib.Path(__file__).with_name("formats.json").write_text(json.dumps(out, indent=1, ensure_ascii=True) + "\n")


main()
