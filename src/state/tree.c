/* SPDX-License-Identifier: Apache-2.0
 *
 * The compact sparse Merkle tree (ICS 23, SmtSpec), changed for a whole block at once.
 *
 * A page exists exactly if two leaves or more are below it (the top one: if any is), so the same content always lies in
 * the same pages. It holds its slots and the inner nodes between them: a changed slot costs the hashes on its way up
 * and no others. A block's changes go down together, sorted, so that every page on the way is read, hashed and written
 * once. */
#include "state_internal.h"

static unsigned step(const assay_hash *position, uint32_t depth) {
    uint8_t byte = position->b[depth / 2];
    return depth % 2 ? byte & 15u : byte >> 4;
}

assay_bytes assay_page_key(uint8_t out[PAGE_KEY_LEN_MAX], assay_hash position, uint32_t depth) {
    out[0] = 0;
    for (uint32_t i = 0; i < depth; i++) out[1 + i] = (uint8_t)step(&position, i);
    return (assay_bytes){out, 1 + depth};
}

/* Do two positions share their first `depth` steps? */
static bool same_way(const assay_hash *a, const assay_hash *b, uint32_t depth) {
    return memcmp(a->b, b->b, depth / 2) == 0 && (depth % 2 == 0 || step(a, depth - 1) == step(b, depth - 1));
}

/* What two subtrees make: nothing beside nothing is nothing, and a leaf beside nothing rises. */
static node_kind joined_kind(const tree_node *left, const tree_node *right) {
    if (left->kind == NODE_EMPTY && right->kind != NODE_INNER) return right->kind;
    if (right->kind == NODE_EMPTY && left->kind != NODE_INNER) return left->kind;
    return NODE_INNER;
}

/* Sets a node that is not inner from its two children. */
static void rise(tree_page *page, unsigned i, node_kind kind) {
    const tree_node *left = &page->nodes[2 * i], *right = left + 1;
    if (kind == NODE_EMPTY)
        memset(&page->nodes[i], 0, sizeof page->nodes[i]);
    else
        page->nodes[i] = left->kind == NODE_LEAF ? *left : *right;
}

static void join(tree_page *page, unsigned i) {
    const tree_node *left = &page->nodes[2 * i], *right = left + 1;
    node_kind kind = joined_kind(left, right);
    if (kind != NODE_INNER) {
        rise(page, i, kind);
        return;
    }
    page->nodes[i].kind = NODE_INNER;
    page->nodes[i].hash = assay_merkle_inner(left->hash, right->hash);
}

/* ---- pages on storage
 * ------------------------------------------------------------------------------------------------------ 4 bytes with 2
 * bits of kind a slot, slot 0 lowest in the first byte; then for each slot in order nothing, a leaf's hash and
 * position, or an inner hash; then the hashes of those of nodes 2 .. 15 that are inner, which follows from the kinds.
 */

static assay_err page_decode(tree_page *page, assay_bytes bytes, const assay_hash *way, uint32_t depth) {
    size_t at = 4;
    if (bytes.len < at) return ASSAY_F_CORRUPT;
    for (unsigned i = 0; i < PAGE_SLOTS; i++) {
        tree_node *slot = &page->nodes[PAGE_SLOTS + i];
        unsigned kind = bytes.ptr[i / 4] >> (i % 4 * 2) & 3u;
        if (kind > NODE_INNER) return ASSAY_F_CORRUPT;
        size_t len = kind == NODE_LEAF ? 2 * ASSAY_HASH_LEN : kind == NODE_INNER ? ASSAY_HASH_LEN : 0;
        if (bytes.len - at < len) return ASSAY_F_CORRUPT;
        slot->kind = (node_kind)kind;
        memset(slot->hash.b, 0, sizeof slot->hash.b);
        if (kind != NODE_EMPTY) memcpy(slot->hash.b, bytes.ptr + at, ASSAY_HASH_LEN);
        if (kind == NODE_LEAF) {
            memcpy(slot->position.b, bytes.ptr + at + ASSAY_HASH_LEN, ASSAY_HASH_LEN);
            if (step(&slot->position, depth) != i || !same_way(&slot->position, way, depth)) return ASSAY_F_CORRUPT;
        }
        at += len;
    }
    for (unsigned i = PAGE_SLOTS - 1; i >= 1; i--) {
        tree_node *node = &page->nodes[i];
        node->kind = joined_kind(&page->nodes[2 * i], &page->nodes[2 * i + 1]);
        if (node->kind != NODE_INNER) rise(page, i, node->kind);
    }
    for (unsigned i = 2; i < PAGE_SLOTS; i++) {
        if (page->nodes[i].kind != NODE_INNER) continue;
        if (bytes.len - at < ASSAY_HASH_LEN) return ASSAY_F_CORRUPT;
        memcpy(page->nodes[i].hash.b, bytes.ptr + at, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
    }
    return at == bytes.len ? ASSAY_OK : ASSAY_F_CORRUPT;
}

static assay_err page_encode(assay_bytes *out, assay_arena *keep, const tree_page *page) {
    uint8_t bytes[PAGE_LEN_MAX] = {0};
    size_t at = 4;
    for (unsigned i = 0; i < PAGE_SLOTS; i++) {
        const tree_node *slot = &page->nodes[PAGE_SLOTS + i];
        bytes[i / 4] |= (uint8_t)((unsigned)slot->kind << (i % 4 * 2));
        if (slot->kind == NODE_EMPTY) continue;
        memcpy(bytes + at, slot->hash.b, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
        if (slot->kind != NODE_LEAF) continue;
        memcpy(bytes + at, slot->position.b, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
    }
    for (unsigned i = 2; i < PAGE_SLOTS; i++) {
        if (page->nodes[i].kind != NODE_INNER) continue;
        memcpy(bytes + at, page->nodes[i].hash.b, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
    }
    return assay_base_arena_copy(out, keep, (assay_bytes){bytes, at});
}

/* Reads a page; *found is false if there is none, and then all its nodes are empty. The top's hash is not stored: it
 * stays unset. */
static assay_err page_read(tree_page *page, bool *found, assay_state_reader reader, assay_hash position,
                           uint32_t depth) {
    uint8_t key[PAGE_KEY_LEN_MAX];
    assay_bytes bytes;
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_NODE, assay_page_key(key, position, depth), &bytes, found));
    if (*found) return page_decode(page, bytes, &position, depth);
    memset(page, 0, sizeof *page);
    return ASSAY_OK;
}

typedef struct applying {
    assay_arena *keep;
    assay_state_reader reader;
    tree_writes *writes;
} applying;

static assay_err page_write(applying *a, const tree_page *page, assay_hash position, uint32_t depth) {
    tree_write *write = ASSAY_NEW(a->keep, tree_write, 1);
    if (!write) return ASSAY_F_MEMORY;
    write->depth = depth;
    write->position = position;
    if (page) ASSAY_TRY(page_encode(&write->bytes, a->keep, page));
    if (a->writes->last)
        a->writes->last->next = write;
    else
        a->writes->first = write;
    a->writes->last = write;
    return ASSAY_OK;
}

static assay_err apply_page(applying *a, tree_node *top, uint32_t depth, const tree_node *above, tree_change *changes,
                            size_t count);

/* One slot and all changes that fall below it. *changed is set if it became another. */
static assay_err apply_slot(applying *a, tree_node *slot, uint32_t depth, tree_change *changes, size_t count,
                            bool *changed) {
    tree_change *one = &changes[0];
    bool alone = count == 1;
    if (slot->kind == NODE_EMPTY && alone) {
        if (one->removed) return ASSAY_OK;
        *slot = (tree_node){NODE_LEAF, one->leaf, one->position};
        *changed = true;
        return ASSAY_OK;
    }
    if (slot->kind == NODE_LEAF && alone && assay_base_hash_eq(slot->position, one->position)) {
        one->existed = true;
        one->same = !one->removed && assay_base_hash_eq(slot->hash, one->leaf);
        if (one->same) return ASSAY_OK;
        *slot = one->removed ? (tree_node){0} : (tree_node){NODE_LEAF, one->leaf, one->position};
        *changed = true;
        return ASSAY_OK;
    }
    tree_node before = *slot;
    ASSAY_TRY(apply_page(a, slot, depth + 1, &before, changes, count));
    if (before.kind != slot->kind || !assay_base_hash_eq(before.hash, slot->hash)) *changed = true;
    return ASSAY_OK;
}

/* The page below `above` (what the slot above held before: nothing, one leaf that now gets company, or a stored page),
 * and what the slot holds afterwards in *top. The depth is bounded by the length of a position. */
static assay_err apply_page(applying *a, tree_node *top, uint32_t depth, const tree_node *above, tree_change *changes,
                            size_t count) {
    if (depth == PAGE_DEPTH_MAX) return ASSAY_F_CORRUPT; /* different positions part before their end */
    tree_page page;
    bool stored = false;
    uint32_t changed = 0; /* a bit a node of the heap */
    if (above->kind == NODE_INNER || depth == 0) {
        ASSAY_TRY(page_read(&page, &stored, a->reader, changes[0].position, depth));
        if (!stored && depth > 0) return ASSAY_F_CORRUPT;
    } else {
        memset(&page, 0, sizeof page);
        if (above->kind == NODE_LEAF) {
            unsigned slot = PAGE_SLOTS + step(&above->position, depth);
            page.nodes[slot] = *above;
            changed = 1u << slot; /* not for the slot above, but the nodes between are not there yet */
        }
    }
    bool different = false;
    for (size_t i = 0, end; i < count; i = end) {
        unsigned at = step(&changes[i].position, depth);
        for (end = i + 1; end < count && step(&changes[end].position, depth) == at;) end++;
        bool touched = false;
        ASSAY_TRY(apply_slot(a, &page.nodes[PAGE_SLOTS + at], depth, &changes[i], end - i, &touched));
        if (touched) changed |= 1u << (PAGE_SLOTS + at);
        different = different || touched;
    }
    if (!different) {
        *top = *above;
        return ASSAY_OK;
    }
    for (unsigned i = PAGE_SLOTS - 1; i >= 1; i--) {
        if (!(changed >> (2 * i) & 3u)) continue;
        join(&page, i);
        changed |= 1u << i;
    }
    *top = page.nodes[1];
    bool keep = top->kind == NODE_INNER || (depth == 0 && top->kind == NODE_LEAF);
    if (keep) return page_write(a, &page, changes[0].position, depth);
    return stored ? page_write(a, NULL, changes[0].position, depth) : ASSAY_OK;
}

assay_err assay_tree_apply(assay_hash *root, tree_writes *writes, assay_arena *keep, assay_state_reader reader,
                           tree_change *changes, size_t count) {
    *writes = (tree_writes){0};
    if (count == 0) return ASSAY_OK;
    applying a = {keep, reader, writes};
    tree_node top = {.kind = NODE_INNER, .hash = *root};
    ASSAY_TRY(apply_page(&a, &top, 0, &(tree_node){.kind = NODE_INNER, .hash = *root}, changes, count));
    *root = top.hash;
    return ASSAY_OK;
}

assay_err assay_tree_root(assay_hash *root, assay_state_reader reader) {
    tree_page page;
    bool found;
    ASSAY_TRY(page_read(&page, &found, reader, (assay_hash){{0}}, 0));
    join(&page, 1);
    *root = page.nodes[1].hash;
    return ASSAY_OK;
}

assay_err assay_tree_path(assay_smt_path *path, tree_node *end, assay_state_reader reader, assay_hash position) {
    path->count = 0;
    for (uint32_t depth = 0; depth < PAGE_DEPTH_MAX; depth++) {
        tree_page page;
        bool found;
        ASSAY_TRY(page_read(&page, &found, reader, position, depth));
        if (!found && depth > 0) return ASSAY_F_CORRUPT;
        unsigned at = 1, way = step(&position, depth);
        for (unsigned level = PAGE_LEVELS; level > 0 && page.nodes[at].kind == NODE_INNER; level--) {
            unsigned turn = way >> (level - 1) & 1u;
            path->siblings[path->count++] = page.nodes[2 * at + !turn].hash;
            at = 2 * at + turn;
        }
        *end = page.nodes[at];
        if (end->kind != NODE_INNER) return ASSAY_OK;
    }
    return ASSAY_F_CORRUPT; /* two leaves cannot share all 256 bits */
}
