/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_state_rows - storage that holds anything: opening, proofs, the log and a block answer with a fault or a result,
 * never a crash. Input: rows of {space, key length, key, value length (2 bytes, big-endian), value}. */
#include "table_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool row_from(fixture *f, const uint8_t **at, const uint8_t *end) {
    if (end - *at < 2) return false;
    assay_space space = (assay_space)((*at)[0] % ASSAY_SPACE_COUNT);
    size_t key_len = (*at)[1];
    *at += 2;
    if ((size_t)(end - *at) < key_len + 2) return false;
    assay_bytes key = {*at, key_len};
    *at += key_len;
    size_t len = (size_t)(*at)[0] << 8 | (*at)[1];
    *at += 2;
    if ((size_t)(end - *at) < len) len = (size_t)(end - *at);
    table_put(&f->storage.spaces[space], key, (assay_bytes){*at, len});
    *at += len;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t memory[1u << 18];
    if (size > 16384) return 0;
    fixture *f = fixture_new(1u << 20);
    const uint8_t *at = data;
    while (row_from(f, &at, data + size)) {}
    assay_state_reader reader = storage_reader(&f->storage);
    assay_bytes proof, value, leaf;
    assay_merkle_path path;
    bool found;
    for (uint64_t n = 0; n < 12; n++) {
        uint8_t key[16];
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assay_err err = assay_state_prove(&proof, &value, &found, &keep, reader, key_of(key, n));
        if (err && err != ASSAY_E_NOT_FOUND && !assay_base_err_is_fault(err)) abort();
        err = assay_state_log_prove(&path, &leaf, reader, n, 12);
        if (err && err != ASSAY_E_RANGE && !assay_base_err_is_fault(err)) abort();
        err = assay_state_log_consistency(&path, reader, n, 12);
        if (err && err != ASSAY_E_RANGE && !assay_base_err_is_fault(err)) abort();
    }
    if (fixture_open(f) == ASSAY_OK) {
        uint8_t key[16];
        assay_hash root, log_root;
        uint64_t log_size, index;
        for (uint64_t n = 0; n < 12; n++) {
            if (n % 3)
                must(assay_state_put(f->state, key_of(key, n), ASSAY_STR("v")));
            else
                must(assay_state_del(f->state, key_of(key, n)));
        }
        must(assay_state_log_append(f->state, ASSAY_STR("leaf"), &index));
        assay_err err = assay_state_prepare(f->state, &root, &log_size, &log_root);
        if (err && !assay_base_err_is_fault(err)) abort();
        if (!err) must(assay_state_commit(f->state, 1, storage_writer(&f->storage)));
    }
    fixture_free(f);
    return 0;
}
