/* SPDX-License-Identifier: Apache-2.0
 *
 * Custody: what a checker commits to, what a block draws, and what an opening must show (PROTOCOL.md, "attested"). */
#include "types_internal.h"

assay_hash assay_custody_key(assay_public_key attestation_key, assay_hash block_hash) {
    uint8_t text[ASSAY_PUBLIC_KEY_LEN + ASSAY_HASH_LEN];
    assay_buf out = {text, 0, sizeof text};
    ASSAY_ASSERT(assay_base_buf_put(&out, (assay_bytes){attestation_key.b, sizeof attestation_key.b}) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_buf_put(&out, assay_base_hash_bytes(&block_hash)) == ASSAY_OK);
    return assay_crypto_blake3(NULL, (assay_bytes){text, sizeof text});
}

assay_hash assay_custody_root(assay_hash *keyed, size_t count) {
    for (size_t i = 0; i < count; i++) keyed[i] = assay_merkle_leaf(assay_base_hash_bytes(&keyed[i]));
    return assay_merkle_root(keyed, count);
}

uint64_t assay_draw_chunk(assay_hash block_hash, assay_hash check_id, uint32_t i, uint64_t chunks) {
    ASSAY_ASSERT(chunks > 0);
    const uint8_t number[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    const assay_bytes pieces[] = {ASSAY_STR("assay/1/draw\0"),
                                  assay_base_hash_bytes(&block_hash),
                                  assay_base_hash_bytes(&check_id),
                                  {number, sizeof number}};
    assay_hash digest = assay_crypto_sha256(pieces, sizeof pieces / sizeof *pieces);
    uint64_t drawn = 0;
    for (size_t k = 0; k < 8; k++) drawn = drawn << 8 | digest.b[k];
    /* Scaling by the high half of a product favours no chunk by more than chunks / 2^64. */
    return (uint64_t)((unsigned __int128)drawn * chunks >> 64);
}

/* A path as the codec holds it, as the hashes that it is. */
static const assay_hash *hashes(uint8_t (*path)[ASSAY_HASH_LEN]) {
    _Static_assert(sizeof(assay_hash) == ASSAY_HASH_LEN && _Alignof(assay_hash) == 1, "a hash is its bytes");
    return (const assay_hash *)path;
}

/* Whether the entry's file is a leaf of the manifest and holds the drawn chunk; *local is its number in the file. */
static bool file_fits(uint64_t *local, const assay_opening_entry *entry, uint64_t drawn_chunk,
                      const assay_opening_claim *claim) {
    const assay_file_leaf *file = &entry->file;
    if (entry->chunk != drawn_chunk || drawn_chunk >= claim->chunks || entry->file_idx >= claim->files) return false;
    if (drawn_chunk < file->chunks_before) return false;
    *local = drawn_chunk - file->chunks_before;
    if (*local >= assay_file_chunks(file->size)) return false;

    uint8_t
        memory[ASSAY_PATH_LEN_MAX + 128]; /* path, two numbers of 11 bytes, two hashes of 34, 3 for the path's head */
    assay_buf leaf = {memory, 0, sizeof memory};
    if (assay_codec_encode(&leaf, &assay_file_leaf_message, file, ASSAY_CODEC_STRICT) != ASSAY_OK) return false;
    assay_hash root;
    return assay_merkle_path_root(&root, assay_merkle_leaf((assay_bytes){memory, leaf.len}), entry->file_idx,
                                  claim->files, hashes(entry->file_path), entry->file_path_count) == ASSAY_OK &&
           assay_base_hash_eq(root, claim->root);
}

/* Whether the chunk's content is the manifest's. */
static bool content_fits(const assay_opening_entry *entry, uint64_t local) {
    assay_hash digest;
    return assay_crypto_blake3_path_root(&digest, NULL, entry->content, local, entry->file.size,
                                         hashes(entry->plain_path), entry->plain_path_count) == ASSAY_OK &&
           assay_base_hash_eq(digest, entry->file.blake3);
}

static bool custody_fits(const assay_opening_entry *entry, uint64_t local, const assay_opening_claim *claim) {
    assay_hash keyed, root;
    return assay_crypto_blake3_path_root(&keyed, &claim->custody_key, entry->content, local, entry->file.size,
                                         hashes(entry->keyed_path), entry->keyed_path_count) == ASSAY_OK &&
           assay_merkle_path_root(&root, assay_merkle_leaf(assay_base_hash_bytes(&keyed)), entry->file_idx,
                                  claim->files, hashes(entry->custody_path), entry->custody_path_count) == ASSAY_OK &&
           assay_base_hash_eq(root, claim->custody_root);
}

/* The order is the rule: only who shows the right bytes, and so had them or someone who did, can be shown to have
 * vouched for others. Anything that fails before is a void opening, not a false one. */
assay_err assay_opening_entry_check(const assay_opening_entry *entry, uint64_t drawn_chunk,
                                    const assay_opening_claim *claim) {
    uint64_t local;
    if (!file_fits(&local, entry, drawn_chunk, claim) || !content_fits(entry, local)) return ASSAY_E_OPENING;
    return custody_fits(entry, local, claim) ? ASSAY_OK : ASSAY_E_EVIDENCE;
}
