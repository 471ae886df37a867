/* SPDX-License-Identifier: Apache-2.0
 * ONNX: one protobuf message, ModelProto, in which tensors stand in many places: initializers, sparse initializers,
 * node attributes, and all of these again in subgraphs, functions and training graphs. This reader walks the wire
 * format by hand and skips what it does not know, as protobuf readers must; of tensors it touches only what describes
 * them.
 *
 * Names (spec/model.md 4): an initializer has its own name, a node's tensor the name of the node's first output; before
 * it stands the path of the graph, "<output of the node>/<attribute>/" for each subgraph on the way. Source: onnx.proto
 * (ONNX 1.23, IR 11), field numbers below. */
#include "codec/codec.h"
#include "model_internal.h"

#include <string.h>

#define NAMES_LEN_MAX ((uint64_t)256 << 20) /* all names of a file together: nested paths could multiply them */

typedef struct onnx {
    assay_arena *keep;
    assay_model_where *where;
    const uint8_t *base; /* the file's first byte */
    model_list list;
    uint64_t names_len;
} onnx;

/* One field of a message. */
typedef struct field {
    uint32_t number;
    uint32_t wire;      /* 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes */
    uint64_t value;     /* wire 0 */
    assay_bytes bytes;  /* wire 1, 2, 5 */
    const uint8_t *tag; /* where the field begins */
    const uint8_t *end;
} field;

static uint64_t place(const onnx *o, const uint8_t *at) { return (uint64_t)(at - o->base); }

static assay_err wrong(onnx *o, const char *what, assay_bytes tensor, assay_bytes at) {
    return model_malformed(o->where, what, tensor, at.ptr ? place(o, at.ptr) : 0, at.len);
}

/* Takes the next field from the front of a message; more is false at its end. */
static assay_err next(onnx *o, assay_bytes *message, field *out, bool *more) {
    *more = message->len > 0;
    if (!*more) return ASSAY_OK;
    assay_bytes at = *message;
    out->tag = at.ptr;
    uint64_t tag, len = 0;
    bool ok = assay_codec_get_varint(&tag, message, ASSAY_CODEC_COMET) == ASSAY_OK && tag >> 3 && tag >> 3 < (1u << 29);
    out->number = (uint32_t)(tag >> 3);
    out->wire = (uint32_t)(tag & 7);
    if (ok && out->wire == 0) {
        ok = assay_codec_get_varint(&out->value, message, ASSAY_CODEC_COMET) == ASSAY_OK;
    } else if (ok) {
        if (out->wire == 1)
            len = 8;
        else if (out->wire == 5)
            len = 4;
        else if (out->wire == 2)
            ok = assay_codec_get_varint(&len, message, ASSAY_CODEC_COMET) == ASSAY_OK;
        else
            ok = false; /* groups are not used by proto3 and never by ONNX */
        ok = ok && len <= message->len;
    }
    if (!ok) return wrong(o, "a protobuf field is cut off or malformed", (assay_bytes){0}, (assay_bytes){at.ptr, 1});
    out->bytes = (assay_bytes){message->ptr, (size_t)len};
    message->ptr += len;
    message->len -= (size_t)len;
    out->end = message->ptr;
    return ASSAY_OK;
}

/* The last field of this number and wire type 2 in a message; empty if there is none. */
static assay_err find(onnx *o, assay_bytes message, uint32_t number, assay_bytes *out) {
    *out = (assay_bytes){0};
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &message, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.number == number && f.wire == 2) *out = f.bytes;
    }
}

/* Up to four pieces as one name in keep. */
static assay_err join(onnx *o, assay_bytes *out, const assay_bytes *pieces, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += pieces[i].len < ASSAY_TENSOR_NAME_LEN_MAX ? pieces[i].len : ASSAY_TENSOR_NAME_LEN_MAX + 1;
    if (len > ASSAY_TENSOR_NAME_LEN_MAX)
        return model_beyond(o->where, "a tensor's name, with the path of its graph, is too long", pieces[0], 0);
    o->names_len += len;
    if (o->names_len > NAMES_LEN_MAX)
        return model_beyond(o->where, "the tensors' names are too long together", pieces[0], 0);
    uint8_t *text = ASSAY_NEW(o->keep, uint8_t, len);
    if (len && !text) return ASSAY_F_MEMORY;
    *out = (assay_bytes){text, len};
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len) memcpy(text, pieces[i].ptr, pieces[i].len);
        text += pieces[i].len;
    }
    return ASSAY_OK;
}

/* ---- TensorProto --------------------------------------------------------------------------------------------- */

typedef struct dtype_row {
    const char *name; /* safetensors' spelling where it has one */
    uint32_t bits;    /* of an element in raw_data; 0: has no raw form */
} dtype_row;
/* TensorProto.DataType, by number. */
static const dtype_row dtypes[] = {
    [1] = {"F32", 32},     [2] = {"U8", 8},           [3] = {"I8", 8},
    [4] = {"U16", 16},     [5] = {"I16", 16},         [6] = {"I32", 32},
    [7] = {"I64", 64},     [8] = {"STRING", 0},       [9] = {"BOOL", 8},
    [10] = {"F16", 16},    [11] = {"F64", 64},        [12] = {"U32", 32},
    [13] = {"U64", 64},    [14] = {"C64", 64},        [15] = {"COMPLEX128", 128},
    [16] = {"BF16", 16},   [17] = {"F8_E4M3", 8},     [18] = {"F8_E4M3FNUZ", 8},
    [19] = {"F8_E5M2", 8}, [20] = {"F8_E5M2FNUZ", 8}, [21] = {"UINT4", 4},
    [22] = {"INT4", 4},    [23] = {"F4", 4},          [24] = {"F8_E8M0", 8},
    [25] = {"UINT2", 2},   [26] = {"INT2", 2},
};

/* Where a tensor's bytes stand: one field, in one piece. */
typedef struct payload {
    uint32_t number; /* 0: none */
    uint32_t records;
    bool packed;
    assay_bytes bytes; /* of the single packed record, or from the first record's tag to the last one's end */
    const uint8_t *first_tag;
} payload;

enum {
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    STRING_DATA = 6,
    INT64_DATA = 7,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11
};
enum { TENSOR_DIMS = 1, TENSOR_DTYPE = 2, TENSOR_NAME = 8, TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14 };

static bool is_payload(uint32_t number) {
    return (number >= FLOAT_DATA && number <= INT64_DATA) || (number >= RAW_DATA && number <= UINT64_DATA);
}

/* Notes one record of a data field. */
static assay_err add_payload(onnx *o, payload *p, const field *f, assay_bytes name) {
    assay_bytes at = {f->tag, (size_t)(f->end - f->tag)};
    if (p->number && p->number != f->number) return wrong(o, "the tensor has data in two fields", name, at);
    if (f->number == RAW_DATA && f->wire != 2) return wrong(o, "raw_data is malformed", name, at);
    if (p->number && f->number == RAW_DATA) return wrong(o, "the tensor has raw_data twice", name, at);
    bool packed = f->wire == 2 && f->number != STRING_DATA;
    if (!p->number) {
        *p = (payload){f->number, 1, packed, packed ? f->bytes : at, f->tag};
        return ASSAY_OK;
    }
    /* Further records: what is stored is the whole run of them, tags included, if nothing stands in between. */
    if (f->tag != p->bytes.ptr + p->bytes.len) return wrong(o, "the tensor's data stands in several places", name, at);
    p->bytes = (assay_bytes){p->first_tag, (size_t)(f->end - p->first_tag)};
    p->packed = false;
    p->records++;
    return ASSAY_OK;
}

typedef struct dims {
    uint64_t shape[ASSAY_SHAPE_MAX];
    uint32_t count;
} dims;

static assay_err add_dim(onnx *o, dims *d, uint64_t value, assay_bytes name, const field *f) {
    if (d->count == ASSAY_SHAPE_MAX)
        return model_beyond(o->where, "the tensor has too many dimensions", name, place(o, f->tag));
    if (value > INT64_MAX) return wrong(o, "a dimension is negative", name, (assay_bytes){f->tag, 1});
    d->shape[d->count++] = value;
    return ASSAY_OK;
}

static assay_err add_dims(onnx *o, dims *d, const field *f, assay_bytes name) {
    if (f->wire == 0) return add_dim(o, d, f->value, name, f);
    assay_bytes rest = f->bytes;
    while (rest.len) {
        uint64_t value;
        if (f->wire != 2 || assay_codec_get_varint(&value, &rest, ASSAY_CODEC_COMET) != ASSAY_OK)
            return wrong(o, "the dimensions are malformed", name, f->bytes);
        ASSAY_TRY(add_dim(o, d, value, name, f));
    }
    return ASSAY_OK;
}

/* One StringStringEntryProto of external_data. */
static assay_err add_external(onnx *o, assay_model_entry *entry, assay_bytes pair) {
    assay_bytes key, value;
    ASSAY_TRY(find(o, pair, 1, &key));
    ASSAY_TRY(find(o, pair, 2, &value));
    bool is_length = assay_base_bytes_eq(key, ASSAY_STR("length"));
    if (assay_base_bytes_eq(key, ASSAY_STR("location"))) {
        entry->location = value;
    } else if (is_length || assay_base_bytes_eq(key, ASSAY_STR("offset"))) {
        uint64_t number;
        if (assay_base_undecimal(&number, value) != ASSAY_OK)
            return wrong(o, "external data's offset or length is not a number", entry->name, pair);
        if (is_length)
            entry->length = number, entry->length_known = true;
        else
            entry->offset = number;
    }
    return ASSAY_OK;
}

/* The bytes that shape and dtype need in raw form; false if the dtype has none or is unknown. */
static bool raw_length(uint64_t *out, uint64_t elements, uint64_t dtype) {
    uint32_t bits = dtype < sizeof dtypes / sizeof *dtypes ? dtypes[dtype].bits : 0;
    uint64_t total;
    if (!bits || assay_base_mul_u64(&total, elements, bits) != ASSAY_OK) return false;
    *out = total / 8 + (total % 8 != 0);
    return true;
}

/* Places the tensor's own bytes, or checks the external place, once all fields are known. */
static assay_err settle(onnx *o, assay_model_entry *entry, const payload *p, uint64_t dtype, bool external,
                        assay_bytes body) {
    uint64_t elements, need = 0;
    if (!model_elements(&elements, entry->shape, entry->shape_count))
        return wrong(o, "the shape does not fit in 64 bits", entry->name, body);
    bool raw = raw_length(&need, elements, dtype);
    if (external) {
        if (p->number) return wrong(o, "the tensor has data here and in another file", entry->name, body);
        if (!entry->location.len) return wrong(o, "external data without a location", entry->name, body);
        if (!entry->length_known && raw) entry->length = need, entry->length_known = true;
        if (raw && entry->length != need)
            return wrong(o, "the length is not what shape and dtype need", entry->name, body);
        return ASSAY_OK;
    }
    entry->location = (assay_bytes){0};
    entry->length_known = true;
    entry->offset = place(o, p->number ? p->bytes.ptr : body.ptr);
    entry->length = p->bytes.len;
    if (!p->number) return elements ? wrong(o, "the tensor has no data", entry->name, body) : ASSAY_OK;
    bool fixed = p->number == RAW_DATA || (p->packed && (p->number == FLOAT_DATA || p->number == DOUBLE_DATA));
    if (p->number == RAW_DATA && dtype == 8) return wrong(o, "strings cannot stand in raw_data", entry->name, p->bytes);
    /* float_data also holds FLOAT and COMPLEX64 as they are in raw form, double_data DOUBLE and COMPLEX128. */
    if (fixed && raw && p->bytes.len != need)
        return wrong(o, "the length is not what shape and dtype need", entry->name, p->bytes);
    return ASSAY_OK;
}

static assay_err dtype_name(onnx *o, assay_bytes *out, uint64_t dtype) {
    if (dtype < sizeof dtypes / sizeof *dtypes && dtypes[dtype].name) {
        *out = assay_base_bytes_str(dtypes[dtype].name);
        return ASSAY_OK;
    }
    char digits[ASSAY_DECIMAL_LEN_MAX + 1];
    size_t len = assay_base_decimal(digits, dtype);
    assay_bytes pieces[] = {ASSAY_STR("TYPE"), {(const uint8_t *)digits, len}};
    return join(o, out, pieces, 2);
}

static assay_err read_tensor(onnx *o, assay_bytes body, assay_bytes name) {
    if (!name.len) return wrong(o, "a tensor has no name", name, body);
    if (!model_utf8(name)) return wrong(o, "a tensor's name is not UTF-8", (assay_bytes){0}, body);
    assay_model_entry *entry;
    assay_err err = model_list_add(&entry, &o->list);
    if (err == ASSAY_E_LIMIT) return model_beyond(o->where, "too many tensors", name, place(o, body.ptr));
    if (err) return err;
    entry->name = name;
    dims shape = {0};
    payload data = {0};
    uint64_t dtype = 0;
    bool external = false;
    assay_bytes rest = body;
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &rest, &f, &more));
        if (!more) break;
        if (f.number == TENSOR_DIMS)
            ASSAY_TRY(add_dims(o, &shape, &f, name));
        else if (f.number == TENSOR_DTYPE && f.wire == 0)
            dtype = f.value;
        else if (f.number == TENSOR_LOCATION && f.wire == 0)
            external = f.value == 1;
        else if (f.number == TENSOR_EXTERNAL && f.wire == 2)
            ASSAY_TRY(add_external(o, entry, f.bytes));
        else if (is_payload(f.number))
            ASSAY_TRY(add_payload(o, &data, &f, name));
    }
    if (dtype == 0) return wrong(o, "the tensor has no data type", name, body);
    entry->shape = ASSAY_NEW(o->keep, uint64_t, shape.count);
    if (shape.count && !entry->shape) return ASSAY_F_MEMORY;
    if (shape.count) memcpy(entry->shape, shape.shape, shape.count * sizeof *shape.shape);
    entry->shape_count = shape.count;
    ASSAY_TRY(dtype_name(o, &entry->dtype, dtype));
    return settle(o, entry, &data, dtype, external, body);
}

/* SparseTensorProto: values have the name, indices the name and ":indices". */
static assay_err read_sparse(onnx *o, assay_bytes body, assay_bytes name) {
    assay_bytes values, indices, pieces[2] = {name, ASSAY_STR(":indices")};
    ASSAY_TRY(find(o, body, 1, &values));
    ASSAY_TRY(find(o, body, 2, &indices));
    if (values.ptr) ASSAY_TRY(read_tensor(o, values, name));
    if (!indices.ptr) return ASSAY_OK;
    assay_bytes indices_name;
    ASSAY_TRY(join(o, &indices_name, pieces, 2));
    return read_tensor(o, indices, indices_name);
}

/* ---- graphs -------------------------------------------------------------------------------------------------- */

static assay_err read_graph(onnx *o, assay_bytes body, assay_bytes path, uint32_t depth);

/* "<node><sep><attribute>", with "[i]" for the i-th of a list. */
static assay_err attribute_name(onnx *o, assay_bytes *out, assay_bytes node, assay_bytes sep, assay_bytes attribute,
                                int64_t i, assay_bytes end) {
    char index[ASSAY_DECIMAL_LEN_MAX + 3];
    size_t len = 0;
    if (i >= 0) {
        index[0] = '[';
        len = 1 + assay_base_decimal(index + 1, (uint64_t)i);
        index[len++] = ']';
    }
    assay_bytes pieces[] = {node, sep, attribute, {(const uint8_t *)index, len}, end};
    return join(o, out, pieces, 5);
}

/* AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23. node is the path and the node's
 * name. */
static assay_err read_attribute(onnx *o, assay_bytes body, assay_bytes node, uint32_t depth) {
    enum { NAME = 1, TENSOR = 5, GRAPH = 6, TENSORS = 10, GRAPHS = 11, SPARSE = 22, SPARSES = 23 };
    assay_bytes attribute;
    ASSAY_TRY(find(o, body, NAME, &attribute));
    bool plain =
        assay_base_bytes_eq(attribute, ASSAY_STR("value")) || assay_base_bytes_eq(attribute, ASSAY_STR("sparse_value"));
    int64_t tensors = 0, graphs = 0, sparses = 0;
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &body, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.wire != 2) continue;
        bool graph = f.number == GRAPH || f.number == GRAPHS;
        bool sparse = f.number == SPARSE || f.number == SPARSES;
        if (!graph && !sparse && f.number != TENSOR && f.number != TENSORS) continue;
        int64_t i = f.number == TENSORS   ? tensors++
                    : f.number == GRAPHS  ? graphs++
                    : f.number == SPARSES ? sparses++
                                          : -1;
        assay_bytes name = node;
        if (graph)
            ASSAY_TRY(attribute_name(o, &name, node, ASSAY_STR("/"), attribute, i, ASSAY_STR("/")));
        else if (!plain || i >= 0)
            ASSAY_TRY(attribute_name(o, &name, node, ASSAY_STR(":"), attribute, i, (assay_bytes){0}));
        if (graph)
            ASSAY_TRY(read_graph(o, f.bytes, name, depth + 1));
        else if (sparse)
            ASSAY_TRY(read_sparse(o, f.bytes, name));
        else
            ASSAY_TRY(read_tensor(o, f.bytes, name));
    }
}

/* NodeProto: output 2, name 3, attribute 5. Its tensors are known by its first output; a node without one by its name.
 */
static assay_err read_node(onnx *o, assay_bytes body, assay_bytes path, uint32_t depth) {
    enum { OUTPUT = 2, NAME = 3, ATTRIBUTE = 5 };
    assay_bytes output = {0}, name = {0}, rest = body;
    bool attributes = false;
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &rest, &f, &more));
        if (!more) break;
        if (f.wire != 2) continue;
        if (f.number == OUTPUT && !output.len) output = f.bytes;
        if (f.number == NAME) name = f.bytes;
        if (f.number == ATTRIBUTE) attributes = true;
    }
    if (!attributes) return ASSAY_OK;
    assay_bytes pieces[] = {path, output.len ? output : name}, node;
    ASSAY_TRY(join(o, &node, pieces, 2));
    for (bool more;;) {
        ASSAY_TRY(next(o, &body, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.number == ATTRIBUTE && f.wire == 2) ASSAY_TRY(read_attribute(o, f.bytes, node, depth));
    }
}

/* The name of an initializer: the path and TensorProto.name. */
static assay_err initializer_name(onnx *o, assay_bytes *out, assay_bytes tensor, assay_bytes path) {
    assay_bytes name;
    ASSAY_TRY(find(o, tensor, TENSOR_NAME, &name));
    if (!name.len) return wrong(o, "an initializer has no name", name, tensor);
    assay_bytes pieces[] = {path, name};
    return join(o, out, pieces, 2);
}

/* GraphProto: node 1, initializer 5, sparse_initializer 15. Recursion is bounded by depth. */
static assay_err read_graph(onnx *o, assay_bytes body, assay_bytes path, uint32_t depth) {
    enum { NODE = 1, INITIALIZER = 5, SPARSE_INITIALIZER = 15 };
    if (depth > ASSAY_MODEL_ONNX_DEPTH_MAX)
        return model_beyond(o->where, "graphs are nested too deeply", path, place(o, body.ptr));
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &body, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.wire != 2) continue;
        assay_bytes name, values;
        if (f.number == NODE) {
            ASSAY_TRY(read_node(o, f.bytes, path, depth));
        } else if (f.number == INITIALIZER) {
            ASSAY_TRY(initializer_name(o, &name, f.bytes, path));
            ASSAY_TRY(read_tensor(o, f.bytes, name));
        } else if (f.number == SPARSE_INITIALIZER) {
            ASSAY_TRY(find(o, f.bytes, 1, &values));
            if (!values.ptr) return wrong(o, "a sparse initializer has no values", path, f.bytes);
            ASSAY_TRY(initializer_name(o, &name, values, path));
            ASSAY_TRY(read_sparse(o, f.bytes, name));
        }
    }
}

/* FunctionProto: name 1, node 7, domain 10, attribute_proto 11 (defaults), overload 13. */
static assay_err read_function(onnx *o, assay_bytes body) {
    enum { NAME = 1, NODE = 7, DOMAIN = 10, DEFAULT = 11, OVERLOAD = 13 };
    assay_bytes name, domain, overload, path;
    ASSAY_TRY(find(o, body, NAME, &name));
    ASSAY_TRY(find(o, body, DOMAIN, &domain));
    ASSAY_TRY(find(o, body, OVERLOAD, &overload));
    assay_bytes pieces[] = {domain, ASSAY_STR("."), name, ASSAY_STR(":"), overload, ASSAY_STR("/")};
    if (!overload.len) pieces[3].len = 0;
    ASSAY_TRY(join(o, &path, pieces, 6));
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &body, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.number == NODE && f.wire == 2) ASSAY_TRY(read_node(o, f.bytes, path, 1));
        if (f.number == DEFAULT && f.wire == 2) ASSAY_TRY(read_attribute(o, f.bytes, path, 1));
    }
}

/* TrainingInfoProto: initialization 1, algorithm 2. */
static assay_err read_training(onnx *o, assay_bytes body, uint64_t idx) {
    static const char *const names[] = {"", "initialization", "algorithm"};
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(o, &body, &f, &more));
        if (!more) return ASSAY_OK;
        if (f.wire != 2 || (f.number != 1 && f.number != 2)) continue;
        assay_bytes path;
        ASSAY_TRY(attribute_name(o, &path, ASSAY_STR("training_info"), (assay_bytes){0}, (assay_bytes){0}, (int64_t)idx,
                                 (assay_bytes){0}));
        assay_bytes pieces[] = {path, ASSAY_STR("/"), assay_base_bytes_str(names[f.number]), ASSAY_STR("/")};
        ASSAY_TRY(join(o, &path, pieces, 4));
        ASSAY_TRY(read_graph(o, f.bytes, path, 1));
    }
}

/* ModelProto: graph 7, training_info 20, functions 25. */
assay_err assay_model_onnx(assay_model_entries *out, assay_arena *keep, assay_model_where *where, assay_bytes file) {
    enum { GRAPH = 7, TRAINING = 20, FUNCTION = 25 };
    *out = (assay_model_entries){0};
    if (!file.len) file = ASSAY_STR("");
    onnx o = {.keep = keep, .where = where, .base = file.ptr, .list = {.keep = keep}};
    assay_bytes rest = file;
    bool graph = false;
    uint64_t training = 0;
    field f;
    for (bool more;;) {
        ASSAY_TRY(next(&o, &rest, &f, &more));
        if (!more) break;
        if (f.wire != 2) continue;
        if (f.number == GRAPH) {
            if (graph) return wrong(&o, "the model has two graphs", (assay_bytes){0}, f.bytes);
            graph = true;
            ASSAY_TRY(read_graph(&o, f.bytes, (assay_bytes){0}, 1));
        }
        if (f.number == TRAINING) ASSAY_TRY(read_training(&o, f.bytes, training++));
        if (f.number == FUNCTION) ASSAY_TRY(read_function(&o, f.bytes));
    }
    if (!graph) return wrong(&o, "this is no ONNX model: it has no graph", (assay_bytes){0}, file);
    return model_list_rows(out, &o.list);
}
