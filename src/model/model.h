/* SPDX-License-Identifier: Apache-2.0
 *
 * model - what a model is: a folder or a file becomes a manifest of files and tensors with their digests, and whatever
 * lies on a disk is held against such a manifest.
 *
 *   folder  ->  files in path order  ->  {path, size, SHA-256, BLAKE3}  ->  root          (the model's identity)
 *               safetensors, ONNX, GGUF  ->  {tensor, dtype, shape, place, BLAKE3}  ->  tensor root
 *               SHA-256 digests in path order  ->  the digest that OpenSSF Model Signing writes for the same folder
 *
 * Files are read once. Each is cut into blocks of 64 KiB; threads turn blocks into BLAKE3 chaining values in any
 * order, which fold into digests and into the chaining values of 1 MiB groups at the end; SHA-256 runs over up to four
 * files interleaved on a thread, on the blocks that are in its cache. Nothing here knows names, versions, chains or
 * peers.
 *
 * What counts as the model: every regular file below the folder but a top-level directory `.git`. Links and special
 * files are refused. PATH itself may be a link to a folder (a name that a person gave it), never to a file.
 *
 * Memory: `keep` takes what is returned (about 150 bytes a file, 200 a tensor, 32 a MiB, and their names); `scratch`,
 * by value, takes what is not: the same again, headers, and 1.5 KiB a MiB. Reserve both lazily (assay_os_reserve) at
 * ASSAY_MODEL_ARENA_SIZE: only what is touched is real.
 *
 * Reading order: model.h, walk.c, hash.c, digest.c, verify.c, serve.c, diff.c; safetensors.c, onnx.c, gguf.c, json.c.
 * Spec: spec/model.md; PROTOCOL.md (identity); safetensors 0.8; ONNX 1.23; GGUF 3; model-signing 1.1.1.
 */
#ifndef ASSAY_MODEL_H
#define ASSAY_MODEL_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "types/types.h"

#define ASSAY_MODEL_ARENA_SIZE ((size_t)4 << 30) /* address space to reserve for keep and for scratch; see above */
#define ASSAY_MODEL_TENSOR_RULES 1u              /* version of the extraction rules: a manifest's tensor_rules */
#define ASSAY_MODEL_THREADS_MAX 64u
#define ASSAY_MODEL_DEPTH_MAX 64u                     /* directories inside directories */
#define ASSAY_MODEL_SAFETENSORS_HEADER_MAX 100000000u /* the reference implementation's limit */
#define ASSAY_MODEL_ONNX_DEPTH_MAX 16u                /* graphs inside graphs */

/* ---- where something is wrong -------------------------------------------------------------------------------- */

/* The place an error speaks of. Views into keep or static storage; empty where it does not apply. */
typedef struct assay_model_where {
    assay_bytes file;   /* path in the model; the name as it lies on disk when that is no valid path */
    assay_bytes tensor; /* its name */
    uint64_t offset;    /* absolute in the file */
    uint64_t length;
    const char *what; /* one clause: "the header's length exceeds the file's"; NULL if the code says it all */
} assay_model_where;

/* ---- digest -------------------------------------------------------------------------------------------------- */

/* How far a call is. */
typedef struct assay_model_progress {
    uint64_t done; /* bytes, of total */
    uint64_t total;
    assay_bytes file; /* one of those being read now */
} assay_model_progress;

typedef struct assay_model_options {
    uint32_t threads;     /* 0: one per processor; at most ASSAY_MODEL_THREADS_MAX */
    bool without_sha256;  /* leave SHA-256 and what follows from it (root, model_signing) zero: only for looking */
    bool without_tensors; /* extract no tensors */
    bool lenient;         /* a malformed tensor file gives no tensors and a warning, instead of an error */
    const assay_hash *custody_key; /* not NULL: also each file's keyed BLAKE3, in the same pass */
    /* Called at most every 50 ms, by one thread at a time but not always the same; false stops the call, which then
     * returns ASSAY_F_INTERRUPTED. NULL: no calls. */
    bool (*progress)(void *context, const assay_model_progress *progress);
    void *progress_context;
    /* For assay_model_follow: waits until so many bytes of a file are there, and stay; false if they will not come,
     * which ends the call with ASSAY_F_INTERRUPTED. Files come in the manifest's order. Any of the call's threads. */
    bool (*arrived)(void *context, uint32_t file_idx, uint64_t bytes);
    void *arrived_context;
} assay_model_options;

/* The chaining values of all files' 1 MiB groups: file i's are values[first[i]] .. values[first[i+1]-1], max(1,
 * ceil(size/1 MiB)) of them. That of a file of one group is the file's digest itself. With them a change is narrowed to
 * a MiB, and ranges can be served and checked on arrival. As bytes: count times 32, in this order. */
typedef struct assay_model_groups {
    const assay_hash *values;
    uint64_t count;
    uint64_t *first; /* files_count + 1 entries */
} assay_model_groups;

typedef struct assay_model {
    assay_manifest manifest;
    assay_hash root;          /* of the files: the model's identity */
    assay_hash tensor_root;   /* of the tensors under ASSAY_MODEL_TENSOR_RULES */
    assay_hash model_signing; /* the subject digest that model-signing 1.1.1 writes */
    uint64_t size;            /* sum of the files' sizes */
    uint64_t chunks;
    assay_model_groups groups;
    /* With custody_key; else NULL and zero. */
    assay_hash *keyed; /* one per file */
    assay_hash custody_root;
    assay_model_groups keyed_groups;
    /* With lenient: the tensor files that gave none, and why. */
    assay_model_where *warnings;
    uint32_t warnings_count;
} assay_model;

/* assay_model_digest - reads the folder or file at path and says what it is. A single file is a model of one file, its
 * path being the file's own name.
 *
 *   out      the manifest and what follows from it, in keep
 *   where    the place of an error (may be NULL)
 *
 *   ASSAY_E_NOT_FOUND    path does not exist
 *   ASSAY_E_EMPTY        there is no file in it
 *   ASSAY_E_SYMLINK      a link or special file, named
 *   ASSAY_E_NAME         a file's name is no valid path (UTF-8, length, backslash)
 *   ASSAY_E_HEADER       a malformed tensor file: file, tensor, offset, what
 *   ASSAY_E_LIMIT        too many files, tensors, dimensions or folders in each other, or too long a tensor name
 *   ASSAY_F_STORAGE      a file cannot be read, or changed meanwhile
 *   ASSAY_F_MEMORY       keep or scratch is too small
 *   ASSAY_F_INTERRUPTED  progress said so
 *
 * Cost: one read of every byte; SHA-256 once, BLAKE3 once for files and once for tensors. Result independent of
 * threads. */
ASSAY_MUST_USE assay_err assay_model_digest(assay_model *out, assay_arena *keep, assay_model_where *where,
                                            const char *path, const assay_model_options *options, assay_arena scratch);

/* assay_model_follow - assay_model_digest of files that are still arriving, so that little is left to do when the last
 * byte is there. What the manifest says is tried, not believed: SHA-256 of every file and BLAKE3 of every tensor are
 * made where it says they lie, and in the end the tensor files' own headers must name the same tensors.
 *
 *   dir       the folder that holds the files under their paths; each file exists when its first byte is asked for
 *   manifest  passes assay_manifest_check; groups lead to its BLAKE3 (assay_model_groups_read), and the bytes that
 *             options->arrived lets pass were held against them: BLAKE3 of whole files is not made again
 *   options   as above, of lenient folders
 *
 *   ASSAY_E_CONTENT   something is not as the manifest says; what, assay_model_digest tells
 *   else as assay_model_digest */
ASSAY_MUST_USE assay_err assay_model_follow(assay_model *out, assay_arena *keep, assay_model_where *where,
                                            const char *dir, const assay_manifest *manifest,
                                            const assay_model_groups *groups, const assay_model_options *options,
                                            assay_arena scratch);

/* assay_model_signing_digest - OpenSSF Model Signing's subject digest from a manifest's SHA-256 digests alone: SHA-256
 * over those of all files but the top-level .git, .gitignore, .gitattributes and .github, in path order. single_file:
 * PATH was a file, to which that tool applies no exception. Source: model-signing 1.1.1, _signing/signing.py and
 * hashing.py. */
assay_hash assay_model_signing_digest(const assay_manifest *manifest, bool single_file);

/* ---- verify -------------------------------------------------------------------------------------------------- */

/* One thing that differs from the manifest. */
typedef struct assay_model_finding {
    assay_err code;     /* ASSAY_E_CONTENT, _MISSING, _EXTRA, _SYMLINK */
    assay_bytes file;   /* the path, escaped where it is not UTF-8 */
    assay_bytes tensor; /* empty: bytes of no tensor, or a whole file */
    uint64_t offset;    /* CONTENT: the bytes that differ lie in here */
    uint64_t length;
} assay_model_finding;

typedef struct assay_model_findings {
    assay_model_finding *rows; /* ordered by file, then offset */
    uint32_t count;
    uint64_t total; /* may exceed count: the rest was left out (ASSAY_MODEL_FINDINGS_MAX) */
} assay_model_findings;
#define ASSAY_MODEL_FINDINGS_MAX 1000u

/* assay_model_verify - holds what lies at path against a manifest. BLAKE3 of every byte, all files in parallel; headers
 * are never parsed. ASSAY_OK says that it could tell; the answer is out: nothing in it means equal. A fault is never a
 * finding.
 *
 *   manifest  from a certificate that was checked; assay_manifest_check must accept it (its errors are passed on)
 *   groups    the manifest's groups (assay_model_groups_read), or NULL. With them a change is narrowed to the MiB;
 *             without, to the tensor, or to the bytes outside all tensors, or to the file
 *   options   threads and progress count
 *
 * A change in a tensor names the tensor. When tensor and non-tensor bytes of one MiB both changed, the tensor is named.
 * A file of another size gives one finding for the bytes that are missing or too many, and others for tensors that
 * differ. A file that a manifest of one file names is looked for under its own name when path is a file.
 *
 *   ASSAY_E_NOT_FOUND  path does not exist
 *   ASSAY_E_LIMIT      more files or directories than a model may have; or the manifest's tensors overlap too much
 *   ASSAY_F_STORAGE, ASSAY_F_MEMORY, ASSAY_F_INTERRUPTED  as above */
ASSAY_MUST_USE assay_err assay_model_verify(assay_model_findings *out, assay_arena *keep, assay_model_where *where,
                                            const char *path, const assay_manifest *manifest,
                                            const assay_model_groups *groups, const assay_model_options *options,
                                            assay_arena scratch);

/* assay_model_groups_read - groups from their bytes (the sidecar, or a certificate's field), checked: each file's lead
 * to its BLAKE3 in the manifest. ASSAY_E_PROOF if they do not, or are too few or many. values points into bytes. */
ASSAY_MUST_USE assay_err assay_model_groups_read(assay_model_groups *out, assay_arena *keep, assay_bytes bytes,
                                                 const assay_manifest *manifest);

/* ---- custody, openings, ranges -----------------------------------------------------------------------------------
 * dir is the folder that holds a version's files under their paths (for a model of one file: the folder around it). */

/* What a validator remembers of its custody of a version, to open chunks later. */
typedef struct assay_model_custody_state {
    assay_hash key;
    assay_hash *keyed; /* one per file, in the manifest's order */
    assay_hash root;
    assay_model_groups groups; /* keyed */
} assay_model_custody_state;

/* assay_model_custody - keyed BLAKE3 of every file and the custody root. One read of every byte.
 *   ASSAY_E_CONTENT  a file's size is not the manifest's (where names it)     ASSAY_E_MISSING, ASSAY_E_SYMLINK  a file
 *   ASSAY_F_STORAGE, ASSAY_F_MEMORY, ASSAY_F_INTERRUPTED */
ASSAY_MUST_USE assay_err assay_model_custody(assay_model_custody_state *out, assay_arena *keep,
                                             assay_model_where *where, const char *dir, const assay_manifest *manifest,
                                             const assay_hash *key, const assay_model_options *options,
                                             assay_arena scratch);

/* assay_model_opening_entry - everything that opens one drawn chunk: its bytes, its paths to the plain and the keyed
 * digest, the manifest's leaf and path, the custody path. All in keep.
 *
 *   groups   plain groups of the version, or NULL: then the file is read once
 *   custody  of assay_model_custody, or filled from assay_model_digest; its groups may be empty: then the file is read
 *            once
 *
 *   ASSAY_E_RANGE    chunk is not one of the version
 *   ASSAY_E_CONTENT, ASSAY_E_MISSING, ASSAY_E_SYMLINK  the file on disk is not, or no longer, the manifest's: an entry
 *                    made of it would be refused
 *   ASSAY_F_STORAGE, ASSAY_F_MEMORY
 *
 * Cost: with groups, one MiB is read and hashed twice; O(files) for the two RFC 6962 paths. */
ASSAY_MUST_USE assay_err assay_model_opening_entry(assay_opening_entry *out, assay_arena *keep, const char *dir,
                                                   const assay_manifest *manifest, const assay_model_groups *groups,
                                                   const assay_model_custody_state *custody, uint64_t chunk,
                                                   assay_arena scratch);

/* A 1 MiB group of a file as it travels. */
typedef struct assay_model_range {
    assay_bytes bytes;
    assay_blake3_path path; /* siblings, from the group up */
} assay_model_range;

/* assay_model_range_read - group number `group` of file file_idx with its path, in keep. groups as above, or NULL (then
 * one read of the file). ASSAY_E_RANGE if there is no such file or group; ASSAY_E_CONTENT if the bytes are not the
 * manifest's; else as above. */
ASSAY_MUST_USE assay_err assay_model_range_read(assay_model_range *out, assay_arena *keep, const char *dir,
                                                const assay_manifest *manifest, const assay_model_groups *groups,
                                                uint64_t file_idx, uint64_t group, assay_arena scratch);

/* assay_model_range_check - whether a group that arrived belongs to a file of this size and BLAKE3. ASSAY_E_PROOF if
 * not. */
ASSAY_MUST_USE assay_err assay_model_range_check(const assay_model_range *range, const assay_file_leaf *file,
                                                 uint64_t group);

/* ---- differences between two versions ------------------------------------------------------------------------ */

typedef enum assay_model_change {
    ASSAY_MODEL_ADDED = 1,
    ASSAY_MODEL_REMOVED = 2,
    ASSAY_MODEL_CHANGED = 3, /* its bytes, dtype or shape */
    ASSAY_MODEL_MOVED = 4    /* the same content in another file */
} assay_model_change;

#define ASSAY_MODEL_NONE UINT32_MAX
typedef struct assay_model_diff_row {
    assay_model_change change;
    uint32_t before; /* index of the file or tensor in each manifest; ASSAY_MODEL_NONE */
    uint32_t after;
} assay_model_diff_row;

typedef struct assay_model_diff {
    assay_model_diff_row *files; /* in path order */
    uint32_t files_count;
    assay_model_diff_row *tensors; /* in the order of the later manifest, then what was removed */
    uint32_t tensors_count;
    uint32_t tensors_same; /* unchanged, in place */
} assay_model_diff;

/* assay_model_diff_of - which files and tensors differ. Tensors are paired by file and name, then by name alone (files
 * renamed or re-sharded), in order. O(n log n). ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_model_diff_of(assay_model_diff *out, assay_arena *keep, const assay_manifest *before,
                                             const assay_manifest *after, assay_arena scratch);

/* By how much a tensor changed. */
typedef struct assay_model_delta {
    uint64_t elements;
    uint64_t changed;     /* elements whose bits differ */
    double max_abs;       /* largest |after - before|, elements that are not numbers left out */
    double relative_l2;   /* |after - before| / |before|; 0 if nothing changed, infinity if before is zero */
    uint64_t not_numbers; /* elements that are NaN or infinite on either side */
} assay_model_delta;

/* assay_model_tensor_delta - compares two tensors of one dtype and length, element by element. Knows F64, F32, F16,
 * BF16, BOOL and the integers of 8 to 64 bits. ASSAY_E_RANGE if dtype is another, or lengths differ or are no multiple
 * of the element. */
ASSAY_MUST_USE assay_err assay_model_tensor_delta(assay_model_delta *out, assay_bytes dtype, assay_bytes before,
                                                  assay_bytes after);

/* assay_model_tensor_read - a tensor's stored bytes from a folder or single file at path, in keep; checked against its
 * BLAKE3. ASSAY_E_CONTENT if they are not the manifest's; ASSAY_E_MISSING, _SYMLINK; ASSAY_F_STORAGE, ASSAY_F_MEMORY.
 */
ASSAY_MUST_USE assay_err assay_model_tensor_read(assay_bytes *out, assay_arena *keep, const char *path,
                                                 const assay_manifest *manifest, uint32_t tensor_idx);

/* ---- formats, on bytes alone --------------------------------------------------------------------------------- */

/* A tensor as a file declares it. */
typedef struct assay_model_entry {
    assay_bytes name;
    assay_bytes dtype;
    uint64_t *shape; /* outermost first */
    uint32_t shape_count;
    uint64_t offset; /* absolute in the file that holds the bytes */
    uint64_t length;
    assay_bytes location; /* ONNX external data: a path relative to the file's own folder; empty: in the file itself */
    bool length_known;    /* false: external data that does not say its length and whose dtype does not give it */
} assay_model_entry;

typedef struct assay_model_entries {
    assay_model_entry *rows; /* in the file's own order */
    uint32_t count;
} assay_model_entries;

/* assay_model_safetensors - reads the header of a safetensors file. Accepts what the reference implementation accepts
 * (offsets in order without overlap or holes to the file's very end, lengths that fit shape and dtype, header at most
 * 100 MB), and besides refuses duplicate names. Names and dtypes may point into file.
 *
 *   ASSAY_E_HEADER  where->what, ->tensor and ->offset say why and where
 *   ASSAY_E_LIMIT   too many tensors or dimensions, or too long a name
 *   ASSAY_F_MEMORY  keep is too small */
ASSAY_MUST_USE assay_err assay_model_safetensors(assay_model_entries *out, assay_arena *keep, assay_model_where *where,
                                                 assay_bytes file);

/* assay_model_safetensors_index - reads a sharded model's index (*.safetensors.index.json): which shard holds which
 * tensor. rows[i].name is the tensor, rows[i].location the shard. Errors as above. */
ASSAY_MUST_USE assay_err assay_model_safetensors_index(assay_model_entries *out, assay_arena *keep,
                                                       assay_model_where *where, assay_bytes file);

/* assay_model_onnx - reads an ONNX ModelProto: every TensorProto in initializers, sparse initializers and node
 * attributes, of the graph, its subgraphs, functions and training graphs. Names as spec/model.md 4 has them. Only tags,
 * lengths and small fields are touched, never the tensors' bytes. Errors as above. */
ASSAY_MUST_USE assay_err assay_model_onnx(assay_model_entries *out, assay_arena *keep, assay_model_where *where,
                                          assay_bytes file);

/* assay_model_gguf - reads the header of a GGUF file, version 2 or 3, little-endian. Errors as above. */
ASSAY_MUST_USE assay_err assay_model_gguf(assay_model_entries *out, assay_arena *keep, assay_model_where *where,
                                          assay_bytes file);

#endif
