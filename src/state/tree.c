/* SPDX-License-Identifier: Apache-2.0
 *
 * The compact sparse Merkle tree (ICS 23, SmtSpec), changed for a whole block at once.
 *
 * Pages are read and written in place; a page exists exactly if two leaves or more are below it (the top one: if any is). The nodes
 * between a page's slots are not stored: they follow from the slots. A block's changes go down together, sorted, so that every page
 * on the way is read, hashed and written once. */
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

/* Two subtrees make one: a leaf beside nothing rises. */
static tree_node join(const tree_node *left, const tree_node *right) {
    if (right->kind == NODE_EMPTY && left->kind != NODE_INNER) return *left;
    if (left->kind == NODE_EMPTY && right->kind != NODE_INNER) return *right;
    return (tree_node){.kind = NODE_INNER, .hash = assay_merkle_inner(left->hash, right->hash)};
}

/* All nodes of a page as a heap: 1 is its top, 16.. its slots. */
static void expand(tree_node heap[2 * PAGE_SLOTS], const tree_page *page) {
    memcpy(&heap[PAGE_SLOTS], page->slots, sizeof page->slots);
    for (unsigned i = PAGE_SLOTS - 1; i >= 1; i--) heap[i] = join(&heap[2 * i], &heap[2 * i + 1]);
}

/* A page is 2 bits of kind a slot, 4 bytes in all, slot 0 in the lowest bits of the first; then, slot by slot, nothing, the inner hash, or the leaf's
 * hash and position. */
static assay_err page_decode(tree_page *page, assay_bytes bytes, uint32_t depth) {
    size_t at = 4;
    if (bytes.len < at) return ASSAY_F_CORRUPT;
    for (unsigned i = 0; i < PAGE_SLOTS; i++) {
        tree_node *slot = &page->slots[i];
        unsigned kind = bytes.ptr[i / 4] >> (i % 4 * 2) & 3u;
        if (kind > NODE_INNER) return ASSAY_F_CORRUPT;
        *slot = (tree_node){.kind = (node_kind)kind};
        size_t len = kind == NODE_LEAF ? 2 * ASSAY_HASH_LEN : kind == NODE_INNER ? ASSAY_HASH_LEN : 0;
        if (bytes.len - at < len) return ASSAY_F_CORRUPT;
        if (kind != NODE_EMPTY) memcpy(slot->hash.b, bytes.ptr + at, ASSAY_HASH_LEN);
        if (kind == NODE_LEAF) {
            memcpy(slot->position.b, bytes.ptr + at + ASSAY_HASH_LEN, ASSAY_HASH_LEN);
            if (step(&slot->position, depth) != i) return ASSAY_F_CORRUPT;
        }
        at += len;
    }
    return at == bytes.len ? ASSAY_OK : ASSAY_F_CORRUPT;
}

static assay_err page_encode(assay_bytes *out, assay_arena *keep, const tree_page *page) {
    uint8_t bytes[PAGE_LEN_MAX] = {0};
    size_t at = 4;
    for (unsigned i = 0; i < PAGE_SLOTS; i++) {
        const tree_node *slot = &page->slots[i];
        bytes[i / 4] |= (uint8_t)((unsigned)slot->kind << (i % 4 * 2));
        if (slot->kind == NODE_EMPTY) continue;
        memcpy(bytes + at, slot->hash.b, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
        if (slot->kind != NODE_LEAF) continue;
        memcpy(bytes + at, slot->position.b, ASSAY_HASH_LEN);
        at += ASSAY_HASH_LEN;
    }
    return assay_base_arena_copy(out, keep, (assay_bytes){bytes, at});
}

/* Reads a page; *found is false if there is none, and then all its slots are empty. */
static assay_err page_read(tree_page *page, bool *found, assay_state_reader reader, assay_hash position, uint32_t depth) {
    uint8_t key[PAGE_KEY_LEN_MAX];
    assay_bytes bytes;
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_NODE, assay_page_key(key, position, depth), &bytes, found));
    if (*found) return page_decode(page, bytes, depth);
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
    if (a->writes->last) a->writes->last->next = write;
    else a->writes->first = write;
    a->writes->last = write;
    return ASSAY_OK;
}

static assay_err apply_page(applying *a, tree_node *top, uint32_t depth, const tree_node *above, tree_change *changes,
                            size_t count);

/* One slot and all changes that fall below it. *changed is set if it became another. */
static assay_err apply_slot(applying *a, tree_node *slot, uint32_t depth, tree_change *changes, size_t count, bool *changed) {
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

/* The page below `above` (what the slot above held before: nothing, one leaf that now gets company, or a stored page), and what the
 * slot holds afterwards in *top. The depth is bounded by the length of a position. */
static assay_err apply_page(applying *a, tree_node *top, uint32_t depth, const tree_node *above, tree_change *changes,
                            size_t count) {
    ASSAY_ASSERT(depth < PAGE_DEPTH_MAX);
    tree_page page;
    bool stored = false, changed = false;
    if (above->kind == NODE_INNER || depth == 0) {
        ASSAY_TRY(page_read(&page, &stored, a->reader, changes[0].position, depth));
        if (!stored && depth > 0) return ASSAY_F_CORRUPT;
    } else {
        memset(&page, 0, sizeof page);
        if (above->kind == NODE_LEAF) page.slots[step(&above->position, depth)] = *above;
    }
    for (size_t i = 0, end; i < count; i = end) {
        unsigned at = step(&changes[i].position, depth);
        for (end = i + 1; end < count && step(&changes[end].position, depth) == at;) end++;
        ASSAY_TRY(apply_slot(a, &page.slots[at], depth, &changes[i], end - i, &changed));
    }
    if (!changed) {
        *top = *above;
        return ASSAY_OK;
    }
    tree_node heap[2 * PAGE_SLOTS];
    expand(heap, &page);
    *top = heap[1];
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
    tree_node heap[2 * PAGE_SLOTS];
    expand(heap, &page);
    *root = heap[1].hash;
    return ASSAY_OK;
}

assay_err assay_tree_path(assay_smt_path *path, tree_node *end, assay_state_reader reader, assay_hash position) {
    path->count = 0;
    for (uint32_t depth = 0; depth < PAGE_DEPTH_MAX; depth++) {
        tree_page page;
        tree_node heap[2 * PAGE_SLOTS];
        bool found;
        ASSAY_TRY(page_read(&page, &found, reader, position, depth));
        if (!found && depth > 0) return ASSAY_F_CORRUPT;
        expand(heap, &page);
        unsigned at = 1, way = step(&position, depth);
        for (unsigned level = PAGE_LEVELS; level > 0 && heap[at].kind == NODE_INNER; level--) {
            unsigned turn = way >> (level - 1) & 1u;
            path->siblings[path->count++] = heap[2 * at + !turn].hash;
            at = 2 * at + turn;
        }
        *end = heap[at];
        if (end->kind != NODE_INNER) return ASSAY_OK;
    }
    return ASSAY_F_CORRUPT; /* two leaves cannot share all 256 bits */
}
