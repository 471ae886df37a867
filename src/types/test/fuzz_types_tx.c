/* SPDX-License-Identifier: Apache-2.0 fuzz_types_tx - hostile bytes as something of ours. The first byte picks what;
 * the rest is its encoding.
 *   always   what decodes has exactly these bytes as its encoding, and only verdicts are given (the arena is large
 * enough) tx       a decoded transaction has one kind, and its signature can be asked for manifest what passes the
 * check has its totals and its roots opening  an entry is held against a claim that it makes itself, as far as one can
 *   names    what is a name, version or path stays one when cut in the right place */
#include "types/types.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 22 };
static _Alignas(64) uint8_t keep_room[ROOM], again_room[ROOM];

static bool verdict(assay_err err) {
    ASSAY_ASSERT(!assay_base_err_is_fault(err));
    return err == ASSAY_OK;
}

static void expect_same(const assay_codec_message *message, const void *value, assay_bytes input) {
    assay_arena again = assay_base_arena(again_room, sizeof again_room);
    assay_bytes encoded;
    ASSAY_ASSERT(assay_codec_encode_new(&encoded, &again, message, value, ASSAY_CODEC_STRICT) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_bytes_eq(encoded, input));
}

static void try_tx(assay_bytes input, assay_arena keep) {
    assay_tx tx;
    assay_tx_body body;
    /* What the header says to suffice does. */
    size_t footprint = assay_tx_decode_footprint(input.len);
    ASSAY_ASSERT(footprint <= sizeof keep_room);
    keep.end = keep.at + footprint;
    if (!verdict(assay_tx_decode(&tx, &body, &keep, input))) return;
    expect_same(&assay_tx_message, &tx, input);
    expect_same(&assay_tx_body_message, &body, tx.body);
    ASSAY_ASSERT(assay_tx_kind(&body)[0] != 0);
    bool ok = assay_tx_verify(&tx, body.chain_id, assay_base_arena(again_room, sizeof again_room));
    (void)ok;
}

static void try_manifest(assay_bytes input, assay_arena keep) {
    assay_manifest manifest;
    if (!verdict(assay_codec_decode(&manifest, &keep, &assay_manifest_message, input, ASSAY_CODEC_STRICT))) return;
    expect_same(&assay_manifest_message, &manifest, input);
    if (!verdict(assay_manifest_check(&manifest))) return;
    uint64_t bytes, chunks;
    assay_hash root;
    ASSAY_ASSERT(assay_manifest_totals(&bytes, &chunks, &manifest) == ASSAY_OK);
    ASSAY_ASSERT(chunks >= manifest.files_count && bytes / ASSAY_BLAKE3_CHUNK_LEN <= chunks);
    ASSAY_ASSERT(assay_manifest_root(&root, &manifest, keep) == ASSAY_OK);
    ASSAY_ASSERT(assay_manifest_tensor_root(&root, &manifest, keep) == ASSAY_OK);
}

static void try_opening(assay_bytes input, assay_arena keep) {
    assay_opening_entry entry;
    if (!verdict(assay_codec_decode(&entry, &keep, &assay_opening_entry_message, input, ASSAY_CODEC_STRICT))) return;
    expect_same(&assay_opening_entry_message, &entry, input);
    assay_opening_claim claim = {.files = entry.file_idx + 1, .chunks = entry.chunk + 1};
    /* A claim whose root is the one that the entry leads to, if it leads to any. */
    assay_bytes leaf;
    if (assay_codec_encode_new(&leaf, &keep, &assay_file_leaf_message, &entry.file, ASSAY_CODEC_STRICT) == ASSAY_OK &&
        assay_merkle_path_root(&claim.root, assay_merkle_leaf(leaf), entry.file_idx, claim.files,
                               (const assay_hash *)entry.file_path, entry.file_path_count) != ASSAY_OK)
        claim.root = (assay_hash){0};
    assay_err err = assay_opening_entry_check(&entry, entry.chunk, &claim);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_OPENING || err == ASSAY_E_EVIDENCE);
    if (err != ASSAY_E_OPENING)
        ASSAY_ASSERT(assay_opening_entry_check(&entry, entry.chunk + 1, &claim) == ASSAY_E_OPENING);
}

static void try_plain(assay_bytes input, assay_arena keep, const assay_codec_message *message, void *value) {
    if (verdict(assay_codec_decode(value, &keep, message, input, ASSAY_CODEC_STRICT)))
        expect_same(message, value, input);
}

static void try_names(assay_bytes input) {
    if (assay_path_check(input) == ASSAY_OK) {
        ASSAY_ASSERT(input.len > 0 && input.ptr[0] != '/' && input.ptr[input.len - 1] != '/');
        for (size_t i = 1; i + 1 < input.len; i++) {
            if (input.ptr[i] != '/') continue;
            assay_bytes folder = {input.ptr, i}, rest = {input.ptr + i + 1, input.len - i - 1};
            ASSAY_ASSERT(assay_path_check(folder) == ASSAY_OK && assay_path_check(rest) == ASSAY_OK);
            ASSAY_ASSERT(assay_path_cmp(folder, input) < 0 && assay_path_cmp(input, folder) > 0);
        }
    }
    if (assay_types_name_check(input) == ASSAY_OK)
        ASSAY_ASSERT(input.len <= ASSAY_NAME_LEN_MAX && assay_path_check(input) == ASSAY_OK);
    if (assay_types_version_check(input) == ASSAY_OK) ASSAY_ASSERT(input.len <= ASSAY_VERSION_LEN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 1 << 15) return 0;
    assay_bytes input = {data + 1, size - 1};
    assay_arena keep = assay_base_arena(keep_room, sizeof keep_room);
    assay_genesis genesis;
    assay_version_record record;
    assay_attestation attestation;
    switch (data[0] % 7) {
    case 0: try_tx(input, keep); break;
    case 1: try_manifest(input, keep); break;
    case 2: try_opening(input, keep); break;
    case 3: try_plain(input, keep, &assay_genesis_message, &genesis); break;
    case 4: try_plain(input, keep, &assay_version_record_message, &record); break;
    case 5: try_plain(input, keep, &assay_attestation_message, &attestation); break;
    default: try_names(input); break;
    }
    return 0;
}
