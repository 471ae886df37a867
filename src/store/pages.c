/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks an LMDB file (format 1, 64-bit) before LMDB sees it. LMDB follows what its pages say without a second look, so
 * a damaged one could make it read or write anywhere; after this walk every number that it will follow has been seen to
 * lie where it must.
 *
 * Checked: both meta pages; that every page of the free list, the main tree and the trees named in it lies in the file,
 * is of its kind and reached once; that nodes lie inside their page, fill it exactly, and their keys ascend within the
 * bounds that the parents set; that counts are as the tree says; that free pages are not in use. Not checked: values
 * (rows.c has checksums). */
#include "store_internal.h"

/* ---- the format, as LMDB 0.9 writes it (mdb.c: MDB_meta, MDB_db, MDB_page, MDB_node), native byte order ------ */

#define META_MAGIC 0xBEEFC0DEu
#define META_VERSION 1u
#define PAGE_BRANCH 0x01u
#define PAGE_LEAF 0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META 0x08u
#define NODE_BIG 0x01u
#define NODE_TREE 0x02u
#define TREE_INTEGER_KEYS 0x08u
#define NO_PAGE UINT64_MAX
#define NODE_HEAD 8u
#define PAGE_HEAD 16u
#define PAGE_SIZE_MAX 32768u /* LMDB's own */
#define DEPTH_MAX 32         /* LMDB's own */

typedef struct disk_tree {
    uint32_t pad; /* of the free tree: the page size */
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
} disk_tree;

typedef struct disk_meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    disk_tree free, main;
    uint64_t last_page, transaction;
} disk_meta;

typedef struct disk_page {
    uint64_t number;
    uint16_t pad, flags, lower, upper;
} disk_page;

_Static_assert(sizeof(disk_tree) == 48 && sizeof(disk_meta) == 136, "LMDB's layout");

const uint8_t *assay_pages_map(const void *place, uint64_t page_size) {
    const uint8_t *page = (const uint8_t *)place - (uintptr_t)place % page_size;
    disk_page head;
    memcpy(&head, page, sizeof head);
    return page - head.number * page_size;
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

typedef struct walk {
    const assay_os_file *file;
    uint64_t file_len;
    uint64_t page_size;
    uint64_t last_page;
    assay_os_region memory;
    uint8_t *seen;   /* a bit a page */
    uint8_t *levels; /* the page at each depth of the way down: DEPTH_MAX + 1 of them */
    uint64_t used;
    const char *reason;
    assay_err fault; /* the file could not be read, or there is no memory */
    /* of the tree that is walked: */
    bool free_tree;
    unsigned height;
    disk_tree counts;
} walk;

static bool bad(walk *w, const char *reason) {
    w->reason = reason;
    return false;
}

/* Bytes of the file, which are there: the caller has seen that they lie in it. */
static bool read_at(walk *w, void *out, uint64_t len, uint64_t offset) {
    size_t got;
    w->fault = assay_os_file_read(&got, w->file, out, (size_t)len, offset);
    if (w->fault) return bad(w, "the file cannot be read");
    return got == len || bad(w, "the file is truncated");
}

/* Takes count pages for one use. */
static bool claim(walk *w, uint64_t page, uint64_t count, bool in_file) {
    if (page < 2 || count == 0 || page > w->last_page || count > w->last_page - page + 1)
        return bad(w, "a page lies outside the file");
    if (in_file && page + count > w->file_len / w->page_size) return bad(w, "the file is truncated");
    for (uint64_t i = page; i < page + count; i++) {
        if (w->seen[i / 8] >> (i % 8) & 1) return bad(w, "a page is used twice");
        w->seen[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return true;
}

typedef struct disk_node {
    uint32_t size;  /* of a leaf's value */
    uint64_t child; /* of a branch */
    uint16_t flags;
    assay_bytes key;
    const uint8_t *value;
} disk_node;

/* The i-th node of a page, whose bytes lie inside the page. *len is what it takes there. */
static bool node_read(walk *w, disk_node *out, size_t *len, const uint8_t *page, const disk_page *head, unsigned i) {
    uint16_t at, part[4]; /* size or child low and high, flags, key's length */
    memcpy(&at, page + PAGE_HEAD + 2 * (size_t)i, 2);
    if (at < head->upper || at % 2 || at + NODE_HEAD > w->page_size) return bad(w, "a node lies outside its page");
    memcpy(part, page + at, sizeof part);
    bool leaf = head->flags & PAGE_LEAF;
    *out = (disk_node){.size = part[0] | (uint32_t)part[1] << 16, .flags = part[2]};
    out->child = out->size | (uint64_t)part[2] << 32;
    out->key = (assay_bytes){page + at + NODE_HEAD, part[3]};
    out->value = out->key.ptr + part[3];
    uint64_t value_len = !leaf ? 0 : out->flags & NODE_BIG ? 8 : out->size;
    uint64_t all = NODE_HEAD + (uint64_t)part[3] + value_len;
    if (at + all > w->page_size) return bad(w, "a node reaches over its page");
    *len = (size_t)(all + all % 2);
    return true;
}

/* Keys of the free list are numbers in native order. */
static int key_cmp(const walk *w, assay_bytes a, assay_bytes b) {
    if (!w->free_tree) return assay_base_bytes_cmp(a, b);
    uint64_t x, y;
    memcpy(&x, a.ptr, 8);
    memcpy(&y, b.ptr, 8);
    return x < y ? -1 : x > y;
}

/* A value too large for its page: *page is where it lies. */
static bool big_value(walk *w, const disk_node *node, uint64_t *page) {
    disk_page head;
    memcpy(page, node->value, 8);
    if (*page < 2 || *page > w->last_page || *page >= w->file_len / w->page_size)
        return bad(w, "a large value lies outside the file");
    if (!read_at(w, &head, sizeof head, *page * w->page_size)) return false;
    uint32_t pages = head.lower | (uint32_t)head.upper << 16;
    if (head.number != *page || head.flags != PAGE_OVERFLOW) return bad(w, "a large value's page is not one");
    if (pages < (PAGE_HEAD - 1 + (uint64_t)node->size) / w->page_size + 1)
        return bad(w, "a large value reaches over its pages");
    w->counts.overflow_pages += pages;
    return claim(w, *page, pages, true);
}

/* A row of the free list: how many pages, then their numbers, descending. They hold nothing, and so need not lie in the
 * file. */
static bool free_value(walk *w, const uint8_t *value, uint32_t size) {
    uint64_t count, page, before = NO_PAGE;
    if (size < 8 || size % 8) return bad(w, "the free list is damaged");
    memcpy(&count, value, 8);
    if (count > size / 8 - 1) return bad(w, "the free list is damaged");
    for (uint64_t i = 0; i < count; i++, before = page) {
        memcpy(&page, value + 8 + 8 * i, 8);
        if (page >= before) return bad(w, "the free list is not in order");
        if (!claim(w, page, 1, false)) return false;
    }
    return true;
}

/* The same for one that does not fit its page. */
static bool big_free_value(walk *w, uint64_t page, uint32_t size) {
    assay_os_region region;
    w->fault = assay_os_reserve(&region, size + (size_t)1);
    if (w->fault) return bad(w, "no memory for the free list");
    bool ok = read_at(w, region.base, size, page * w->page_size + PAGE_HEAD) && free_value(w, region.base, size);
    assay_os_unreserve(&region);
    return ok;
}

static bool leaf_node(walk *w, const disk_node *node) {
    uint64_t page = 0;
    if (node->key.len == 0 || node->key.len > 511) return bad(w, "a key has an impossible length");
    if (node->flags & ~(NODE_BIG | NODE_TREE)) return bad(w, "a node is of an unknown kind");
    if (node->flags & NODE_BIG && !big_value(w, node, &page)) return false;
    w->counts.entries++;
    if (!w->free_tree) return true;
    return page ? big_free_value(w, page, node->size) : free_value(w, node->value, node->size);
}

/* Reads a page to its depth's place; what is the same for branches and leaves: *count nodes. */
static bool page_head(walk *w, disk_page *head, unsigned *count, uint64_t number, unsigned depth) {
    uint8_t *page = w->levels + depth * w->page_size;
    if (!claim(w, number, 1, true) || !read_at(w, page, w->page_size, number * w->page_size)) return false;
    memcpy(head, page, sizeof *head);
    unsigned kind = depth == w->height ? PAGE_LEAF : PAGE_BRANCH;
    if (head->number != number || head->flags != kind) return bad(w, "a page is not of the kind that stands there");
    if (head->lower < PAGE_HEAD || head->lower % 2 || head->lower > head->upper || head->upper > w->page_size) {
        return bad(w, "a page's bounds are damaged");
    }
    *count = (head->lower - PAGE_HEAD) / 2;
    if (*count == 0 || (kind == PAGE_BRANCH && *count < 2)) return bad(w, "a page is empty");
    if (kind == PAGE_LEAF)
        w->counts.leaf_pages++;
    else
        w->counts.branch_pages++;
    return true;
}

/* A page whose keys lie in [low, high); a NULL bound is none. Depth is at most DEPTH_MAX. */
static bool walk_page(walk *w, uint64_t number, unsigned depth, assay_bytes low, assay_bytes high) {
    disk_page head;
    unsigned count;
    if (!page_head(w, &head, &count, number, depth)) return false;
    const uint8_t *page = w->levels + depth * w->page_size;
    bool leaf = depth == w->height;
    disk_node node, next;
    size_t len, filled = 0, next_len;
    if (!node_read(w, &node, &len, page, &head, 0)) return false;
    for (unsigned i = 0; i < count; i++, node = next, len = next_len) {
        filled += len;
        next_len = 0;
        next = (disk_node){0};
        if (i + 1 < count && !node_read(w, &next, &next_len, page, &head, i + 1)) return false;
        bool key_needed = leaf || i > 0; /* a branch's first key is not looked at */
        if (w->free_tree && key_needed && node.key.len != 8) return bad(w, "the free list's key is no number");
        if (w->free_tree && i + 1 < count && next.key.len != 8) return bad(w, "the free list's key is no number");
        if (key_needed && low.ptr && key_cmp(w, node.key, low) < 0) return bad(w, "a key stands in a wrong place");
        if (key_needed && high.ptr && key_cmp(w, node.key, high) >= 0) return bad(w, "a key stands in a wrong place");
        if (key_needed && i + 1 < count && key_cmp(w, node.key, next.key) >= 0) return bad(w, "keys are not in order");
        if (leaf && !leaf_node(w, &node)) return false;
        if (leaf) continue;
        assay_bytes from = i > 0 ? node.key : low, to = i + 1 < count ? next.key : high;
        if (!walk_page(w, node.child, depth + 1, from, to)) return false;
    }
    return filled == w->page_size - head.upper || bad(w, "a page's nodes do not fill it");
}

static bool walk_tree(walk *w, const disk_tree *tree, bool free_tree) {
    w->free_tree = free_tree;
    w->height = tree->depth;
    w->counts = (disk_tree){0};
    if (tree->root == NO_PAGE)
        return (tree->entries == 0 && tree->depth == 0) || bad(w, "a tree without a root has rows");
    if (tree->depth < 1 || tree->depth > DEPTH_MAX) return bad(w, "a tree has an impossible depth");
    if ((tree->flags & ~TREE_INTEGER_KEYS) || (bool)(tree->flags & TREE_INTEGER_KEYS) != free_tree) {
        return bad(w, "a tree is of an unknown kind");
    }
    if (!walk_page(w, tree->root, 1, (assay_bytes){0}, (assay_bytes){0})) return false;
    if (w->counts.entries != tree->entries || w->counts.leaf_pages != tree->leaf_pages ||
        w->counts.branch_pages != tree->branch_pages || w->counts.overflow_pages != tree->overflow_pages) {
        return bad(w, "a tree's counts are wrong");
    }
    w->used += tree->leaf_pages + tree->branch_pages + tree->overflow_pages;
    return true;
}

/* The tree that the main tree names "blocks", found by going down to it: the main tree has been walked by now. */
static bool named_tree(walk *w, disk_tree *out, bool *found, const disk_tree *main) {
    static const assay_bytes name = {(const uint8_t *)"blocks", 6};
    *found = false;
    if (main->root == NO_PAGE) return true;
    uint64_t number = main->root;
    for (unsigned depth = 1;; depth++) {
        disk_page head;
        disk_node node = {0}, best = {0};
        size_t len;
        uint8_t *page = w->levels + depth * w->page_size;
        if (!read_at(w, page, w->page_size, number * w->page_size)) return false;
        memcpy(&head, page, sizeof head);
        unsigned count = (head.lower - PAGE_HEAD) / 2;
        for (unsigned i = 0; i < count; i++) {
            if (!node_read(w, &node, &len, page, &head, i)) return false;
            if (i > 0 || depth == main->depth) {
                if (assay_base_bytes_cmp(node.key, name) > 0) break;
            }
            best = node;
        }
        if (depth < main->depth) {
            number = best.child;
            continue;
        }
        if (!best.key.ptr || !assay_base_bytes_eq(best.key, name)) return true;
        if (!(best.flags & NODE_TREE) || best.size != sizeof *out) return bad(w, "the tree of blocks is damaged");
        memcpy(out, best.value, sizeof *out);
        *found = true;
        return true;
    }
}

static bool is_page_size(uint32_t size) { return size >= 512 && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0; }

/* Both metas are there and sane; the newer one counts. */
static bool meta_read(walk *w, disk_meta *out) {
    disk_meta metas[2];
    uint32_t page_size = 0;
    for (unsigned i = 0; i < 2; i++) {
        disk_page head;
        if (!read_at(w, &head, sizeof head, i * (uint64_t)page_size)) return false;
        if (!read_at(w, &metas[i], sizeof metas[i], i * (uint64_t)page_size + PAGE_HEAD)) return false;
        if (!(head.flags & PAGE_META) || metas[i].magic != META_MAGIC) return bad(w, "this is no LMDB file");
        if (metas[i].version != META_VERSION) return bad(w, "this is an LMDB file of another version");
        uint32_t size = metas[i].free.pad;
        if (!is_page_size(size) || (i == 1 && size != page_size)) return bad(w, "the page size is damaged");
        page_size = size;
    }
    /* Transactions write the two in turn, so the numbers say which page they stand on and are neighbours; a damaged one
     * would hide the newer. */
    uint64_t even = metas[0].transaction, odd = metas[1].transaction;
    bool fresh = even == 0 && odd == 0;
    if (!fresh && (even % 2 != 0 || odd % 2 != 1 || (even < odd ? odd - even : even - odd) != 1)) {
        return bad(w, "the transactions' numbers are damaged");
    }
    *out = even < odd ? metas[1] : metas[0];
    w->page_size = page_size;
    w->last_page = out->last_page;
    /* Pages at the end that were freed again in the transaction that took them were never written; there are never
     * many. */
    if (out->last_page < 1 || out->last_page / 64 > w->file_len / page_size + 65536)
        return bad(w, "the last page's number is damaged");
    return true;
}

static bool walk_file(walk *w) {
    disk_meta meta;
    disk_tree blocks;
    bool found;
    if (!meta_read(w, &meta)) return false;
    size_t levels_len = (DEPTH_MAX + 1) * (size_t)w->page_size;
    w->fault = assay_os_reserve(&w->memory, levels_len + (size_t)(w->last_page / 8 + 1));
    if (w->fault) return bad(w, "no memory to check the file");
    w->levels = w->memory.base;
    w->seen = w->memory.base + levels_len;
    meta.free.flags &= TREE_INTEGER_KEYS; /* the upper bits are the environment's */
    if (!walk_tree(w, &meta.free, true) || !walk_tree(w, &meta.main, false)) return false;
    if (!named_tree(w, &blocks, &found, &meta.main)) return false;
    return !found || walk_tree(w, &blocks, false);
}

static bool is_zero(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

assay_err assay_pages_never_made(bool *out, const assay_os_file *file) {
    static const disk_meta none;
    uint8_t pages[2 * PAGE_SIZE_MAX] = {0}; /* what is not there reads as zero */
    disk_meta first;
    size_t len;
    ASSAY_TRY(assay_os_file_read(&len, file, pages, sizeof pages, 0));
    memcpy(&first, pages + PAGE_HEAD, sizeof first);
    uint32_t size = first.free.pad;
    if (memcmp(&first, &none, sizeof first) == 0)
        *out = is_zero(pages, sizeof pages);
    else
        *out = first.magic == META_MAGIC && is_page_size(size) && first.transaction == 0 && first.last_page == 1 &&
               is_zero(pages + size, size);
    return ASSAY_OK;
}

assay_err assay_pages_check(uint64_t *used, const char **reason, const assay_os_file *file) {
    assay_os_info info;
    ASSAY_TRY(assay_os_file_info(&info, file));
    walk w = {.file = file, .file_len = info.size};
    bool ok = walk_file(&w);
    assay_os_unreserve(&w.memory);
    *used = w.used * w.page_size;
    if (ok) return ASSAY_OK;
    *reason = w.reason;
    return w.fault ? w.fault : ASSAY_F_CORRUPT;
}
