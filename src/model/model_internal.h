/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASSAY_MODEL_INTERNAL_H
#define ASSAY_MODEL_INTERNAL_H

#include "model/model.h"
#include "os/os.h"

/* ---- lists that grow in an arena ----------------------------------------------------------------------------- */

#define MODEL_CHUNK_ROWS 32
typedef struct model_chunk {
    struct model_chunk *next;
    uint32_t count;
    assay_model_entry rows[MODEL_CHUNK_ROWS];
} model_chunk;

/* Tensor entries in the order of their coming; flattened once their number is known. */
typedef struct model_list {
    assay_arena *keep;
    model_chunk *first, *last;
    uint32_t count;
} model_list;

/* A new, zeroed entry. ASSAY_E_LIMIT beyond ASSAY_TENSORS_MAX, ASSAY_F_MEMORY. */
assay_err model_list_add(assay_model_entry **out, model_list *list);
/* All entries as one array in the list's arena. */
assay_err model_list_rows(assay_model_entries *out, const model_list *list);

/* ---- saying what is wrong ------------------------------------------------------------------------------------ */

/* Fills where (file stays the caller's) and returns ASSAY_E_HEADER. where is never NULL inside the module. */
assay_err model_malformed(assay_model_where *where, const char *what, assay_bytes tensor, uint64_t offset,
                          uint64_t length);
/* The same with ASSAY_E_LIMIT. */
assay_err model_beyond(assay_model_where *where, const char *what, assay_bytes tensor, uint64_t offset);

/* true if bytes are UTF-8 (no surrogates, no overlong forms). */
bool model_utf8(assay_bytes bytes);
/* Elements of a shape; false if their number exceeds 64 bits. */
bool model_elements(uint64_t *out, const uint64_t *shape, uint32_t count);

/* ---- JSON, as headers need it -------------------------------------------------------------------------------- */

/* A cursor over JSON text (RFC 8259, strict). After a failure `what` says why and `at` where. */
typedef struct model_json {
    const uint8_t *start, *at, *end;
    assay_arena *keep; /* for strings that hold escapes */
    const char *what;
} model_json;

model_json model_json_begin(assay_bytes text, assay_arena *keep);
/* The next character that is no white space; 0 at the end. Nothing is consumed but white space. */
uint8_t model_json_peek(model_json *json);
/* Consumes one expected structural character. ASSAY_E_HEADER. */
assay_err model_json_take(model_json *json, char c, const char *what);
/* Steps through an object or array: more is false once close has been consumed. first is true for the first step. */
assay_err model_json_step(model_json *json, char close, bool first, bool *more);
/* A string, decoded; points into the text where it holds no escapes. ASSAY_E_HEADER, ASSAY_F_MEMORY. */
assay_err model_json_string(model_json *json, assay_bytes *out);
/* A string and the colon after it. */
assay_err model_json_key(model_json *json, assay_bytes *out);
/* A non-negative integer that fits 64 bits, without sign, fraction or exponent. ASSAY_E_HEADER. */
assay_err model_json_u64(model_json *json, uint64_t *out);
/* Any one value, at most 64 containers deep. ASSAY_E_HEADER, ASSAY_F_MEMORY. */
assay_err model_json_skip(model_json *json);
/* Nothing but white space is left. ASSAY_E_HEADER. */
assay_err model_json_end(model_json *json);

/* ---- what lies on the disk ----------------------------------------------------------------------------------- */

typedef struct model_file {
    assay_bytes path; /* zero-terminated after its len bytes */
    uint64_t size;
} model_file;

/* Something in the tree that no model may hold. */
typedef struct model_problem {
    assay_err code;   /* ASSAY_E_SYMLINK, ASSAY_E_NAME */
    assay_bytes path; /* escaped where it is not UTF-8 */
} model_problem;

typedef struct model_tree {
    assay_os_file dir; /* paths are beneath it; close it with model_tree_close */
    bool single_file;
    model_file *files; /* in path order */
    uint32_t files_count;
    model_problem *problems;
    uint32_t problems_count;
} model_tree;

/* Lists the folder, or the single file, at path. Files and strings are in keep. With strict the first problem is an
 * error, at where->file; without, problems are listed. ASSAY_E_NOT_FOUND, _SYMLINK, _NAME, _LIMIT; ASSAY_F_STORAGE,
 * _MEMORY. */
assay_err model_tree_open(model_tree *out, assay_arena *keep, assay_model_where *where, const char *path, bool strict,
                          assay_arena scratch);
void model_tree_close(model_tree *tree);

/* A path as text for people: bytes that are no UTF-8 become \xNN. */
assay_err model_escape(assay_bytes *out, assay_arena *keep, assay_bytes path);

/* A file's bytes while they are looked at: small files are read, large ones mapped. */
#define MODEL_VIEW_READ_MAX (128u * 1024)
typedef struct model_view {
    assay_os_file file;
    assay_os_map map;
    assay_bytes bytes;
    int64_t mtime_ns;
    bool growing; /* a large file that is still arriving */
} model_view;
/* Opens a file of the tree. buffer holds MODEL_VIEW_READ_MAX bytes. growing: a large file may be shorter for now, and
 * only what is there of it may be touched.
 * ASSAY_E_MISSING, _SYMLINK; ASSAY_E_CONTENT if its size is not size; ASSAY_F_STORAGE, _MEMORY. */
assay_err model_view_open(model_view *out, const assay_os_file *dir, const char *path, uint64_t size, uint8_t *buffer,
                          bool growing);
/* ASSAY_OK if what was read counts: no page was missing, and size and time of change are as they were.
 * ASSAY_E_CONTENT if the file changed meanwhile, ASSAY_F_STORAGE if the disk failed. */
assay_err model_view_close(model_view *view, uint64_t size);

/* ---- hashing ------------------------------------------------------------------------------------------------- */

/* Measured: four lanes of 64 KiB are 4 % faster than of 256 KiB, for what they leave in the second-level cache. */
#define MODEL_BLOCK_LEN ((uint64_t)64 * 1024)
#define MODEL_GROUP_BLOCKS 16u /* blocks of a 1 MiB group */

/* A tensor, or any other range of a file, to be hashed from its own start. */
typedef struct model_text {
    uint64_t offset;
    uint64_t length;
    assay_hash blake3; /* out */
} model_text;

/* One file's share of the work. */
typedef struct model_job {
    const char *path;
    uint64_t size;
    model_text *texts;
    uint32_t texts_count;
    /* out */
    assay_err
        err; /* this file's own: ASSAY_E_MISSING, _SYMLINK, _CONTENT (it is not of that size, or changed meanwhile) */
    assay_hash sha256;
    assay_hash blake3;
    assay_hash keyed;
} model_job;

typedef struct model_plan {
    const assay_os_file *dir;
    model_job *jobs;
    uint32_t jobs_count;
    bool plain; /* BLAKE3 of whole files */
    bool sha256;
    const assay_hash *key;                   /* keyed BLAKE3, or NULL */
    assay_model_groups groups, keyed_groups; /* out, in keep */
} model_plan;

/* Does the plan with threads. With options->arrived the files are taken in the jobs' order as they come.
 * ASSAY_E_LIMIT if texts overlap so much that they sum up to more than four times the files; ASSAY_F_STORAGE, _MEMORY,
 * _INTERRUPTED. Errors of single files are left in their jobs. */
assay_err model_hash(model_plan *plan, assay_arena *keep, assay_model_where *where, const assay_model_options *options,
                     assay_arena scratch);

/* Chaining value, or digest if root, of `count` left-balanced neighbours of one size (the last may be short). */
assay_hash model_fold(const assay_hash *key, const assay_hash *values, uint64_t count, bool root);

/* The folder at path, or the one around the file at path. Errors as assay_os_dir_open. */
assay_err model_base_open(assay_os_file *out, const char *path, assay_arena scratch);

/* Number of 1 MiB groups of a file: max(1, ceil(size / 1 MiB)). */
uint64_t model_groups_of(uint64_t size);

#endif
