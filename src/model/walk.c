/* SPDX-License-Identifier: Apache-2.0
 * From a path to the list of files, following nothing. */
#include "model_internal.h"

#include <string.h>

/* Files, directories and problems in the order of their coming. */
typedef struct node {
    struct node *next;
    assay_bytes path;
    uint64_t size;
    assay_err code;
} node;
typedef struct queue {
    node *first, *last;
    uint32_t count;
} queue;

typedef struct walk {
    model_tree *tree;
    assay_arena *keep;
    assay_model_where *where;
    bool strict;
    queue dirs, files, problems;
} walk;

static assay_err enqueue(queue *q, assay_arena *scratch, node value) {
    node *added = ASSAY_NEW(scratch, node, 1);
    if (!added) return ASSAY_F_MEMORY;
    *added = value;
    if (q->last)
        q->last->next = added;
    else
        q->first = added;
    q->last = added;
    q->count++;
    return ASSAY_OK;
}

assay_err model_escape(assay_bytes *out, assay_arena *keep, assay_bytes path) {
    if (model_utf8(path)) return assay_base_arena_copy(out, keep, path);
    char *text = ASSAY_NEW(keep, char, path.len * 4 + 1);
    if (!text) return ASSAY_F_MEMORY;
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] < 0x80) {
            text[len++] = (char)path.ptr[i];
            continue;
        }
        text[len++] = '\\';
        text[len++] = 'x';
        assay_base_hex(text + len, (assay_bytes){path.ptr + i, 1});
        len += 2;
    }
    *out = (assay_bytes){(const uint8_t *)text, len};
    return ASSAY_OK;
}

static assay_err problem(walk *w, assay_arena *scratch, assay_err code, assay_bytes path, const char *what) {
    node found = {.code = code};
    ASSAY_TRY(model_escape(&found.path, w->keep, path));
    if (!w->strict) return enqueue(&w->problems, scratch, found);
    *w->where = (assay_model_where){.file = found.path, .what = what};
    return code;
}

static assay_err too_much(walk *w, assay_bytes path, const char *what) {
    *w->where = (assay_model_where){.file = path, .what = what};
    return ASSAY_E_LIMIT;
}

static assay_err add_entry(walk *w, assay_arena *scratch, assay_bytes dir, const assay_os_entry *entry) {
    if (!dir.len && entry->type == ASSAY_OS_DIR && assay_base_bytes_eq(entry->name, ASSAY_STR(".git"))) return ASSAY_OK;
    const char *joined;
    ASSAY_TRY(assay_os_path_join(&joined, w->keep, dir.len ? (const char *)dir.ptr : "", entry->name));
    node found = {.path = assay_base_bytes_str(joined), .size = entry->size};
    if (entry->type == ASSAY_OS_SYMLINK) return problem(w, scratch, ASSAY_E_SYMLINK, found.path, "a symbolic link");
    if (entry->type == ASSAY_OS_OTHER)
        return problem(w, scratch, ASSAY_E_SYMLINK, found.path, "a device, socket or pipe");
    if (found.path.len > ASSAY_PATH_LEN_MAX)
        return problem(w, scratch, ASSAY_E_NAME, found.path, "the path is too long");
    if (entry->type == ASSAY_OS_DIR) {
        uint32_t depth = 1;
        for (size_t i = 0; i < found.path.len; i++) depth += found.path.ptr[i] == '/';
        if (depth > ASSAY_MODEL_DEPTH_MAX) return too_much(w, found.path, "directories are nested too deeply");
        if (w->dirs.count == ASSAY_FILES_MAX) return too_much(w, found.path, "too many directories");
        return enqueue(&w->dirs, scratch, found);
    }
    if (assay_path_check(found.path) != ASSAY_OK)
        return problem(w, scratch, ASSAY_E_NAME, found.path, "the name is not UTF-8, or holds a backslash");
    if (w->files.count == ASSAY_FILES_MAX) return too_much(w, found.path, "too many files");
    return enqueue(&w->files, scratch, found);
}

static assay_err list_dir(walk *w, assay_arena *scratch, assay_bytes path) {
    assay_os_file dir = w->tree->dir;
    assay_err err = ASSAY_OK;
    if (path.len) err = assay_os_dir_open_beneath(&dir, &w->tree->dir, (const char *)path.ptr);
    /* Gone, or swapped for something else, since it was listed: as if it had never been what it was. */
    if (err == ASSAY_E_NOT_FOUND) return w->strict ? ASSAY_F_STORAGE : ASSAY_OK;
    if (err == ASSAY_E_SYMLINK) return problem(w, scratch, err, path, "a symbolic link");
    if (err) {
        w->where->file = path;
        return err;
    }
    assay_os_entry *entries;
    uint32_t count;
    err = assay_os_dir_list(&entries, &count, scratch, &dir, 2 * ASSAY_FILES_MAX);
    if (path.len) assay_os_file_close(&dir);
    if (err == ASSAY_E_LIMIT) return too_much(w, path, "too many files in a directory");
    for (uint32_t i = 0; !err && i < count; i++) err = add_entry(w, scratch, path, &entries[i]);
    return err;
}

static bool less_by_path(const void *context, const void *a, const void *b) {
    (void)context;
    const model_file *x = a, *y = b;
    return assay_path_cmp(x->path, y->path) < 0;
}

/* Lists to arrays, files in path order. */
static assay_err finish(walk *w, assay_arena scratch) {
    model_tree *tree = w->tree;
    tree->files = ASSAY_NEW(w->keep, model_file, w->files.count);
    tree->problems = ASSAY_NEW(w->keep, model_problem, w->problems.count);
    model_file *space = ASSAY_NEW(&scratch, model_file, w->files.count);
    if ((w->files.count && (!tree->files || !space)) || (w->problems.count && !tree->problems)) return ASSAY_F_MEMORY;
    for (const node *n = w->files.first; n; n = n->next)
        tree->files[tree->files_count++] = (model_file){n->path, n->size};
    for (const node *n = w->problems.first; n; n = n->next)
        tree->problems[tree->problems_count++] = (model_problem){n->code, n->path};
    if (tree->files_count) assay_base_sort(tree->files, space, tree->files_count, sizeof *space, less_by_path, NULL);
    return ASSAY_OK;
}

/* The folder around the file at path. */
static assay_err open_parent(assay_os_file *out, const char *path, assay_arena scratch) {
    const char *slash = strrchr(path, '/'), *parent;
    if (!slash) return assay_os_dir_open(out, ".");
    size_t len = (size_t)(slash - path) + (slash == path);
    ASSAY_TRY(assay_os_path_join(&parent, &scratch, "", (assay_bytes){(const uint8_t *)path, len}));
    return assay_os_dir_open(out, parent);
}

assay_err model_base_open(assay_os_file *out, const char *path, assay_arena scratch) {
    assay_os_info info;
    ASSAY_TRY(assay_os_info_get(&info, path, true));
    return info.type == ASSAY_OS_DIR ? assay_os_dir_open(out, path) : open_parent(out, path, scratch);
}

static assay_err open_single(walk *w, assay_arena *scratch, const char *path, uint64_t size) {
    w->tree->single_file = true;
    const char *slash = strrchr(path, '/');
    ASSAY_TRY(open_parent(&w->tree->dir, path, *scratch));
    assay_os_entry entry = {assay_base_bytes_str(slash ? slash + 1 : path), ASSAY_OS_FILE, size};
    return add_entry(w, scratch, (assay_bytes){0}, &entry);
}

static assay_err open_any(walk *w, const char *path, assay_arena *scratch) {
    assay_os_info info;
    ASSAY_TRY(assay_os_info_get(&info, path, true));
    assay_bytes text = assay_base_bytes_str(path);
    if (info.type == ASSAY_OS_OTHER) return problem(w, scratch, ASSAY_E_SYMLINK, text, "a device, socket or pipe");
    if (info.type == ASSAY_OS_FILE) {
        ASSAY_TRY(assay_os_info_get(&info, path, false));
        if (info.type != ASSAY_OS_FILE) return problem(w, scratch, ASSAY_E_SYMLINK, text, "a symbolic link to a file");
        return open_single(w, scratch, path, info.size);
    }
    ASSAY_TRY(assay_os_dir_open(&w->tree->dir, path));
    ASSAY_TRY(list_dir(w, scratch, (assay_bytes){0}));
    for (const node *n = w->dirs.first; n; n = n->next) ASSAY_TRY(list_dir(w, scratch, n->path));
    return ASSAY_OK;
}

assay_err model_tree_open(model_tree *out, assay_arena *keep, assay_model_where *where, const char *path, bool strict,
                          assay_arena scratch) {
    *out = (model_tree){0};
    walk w = {.tree = out, .keep = keep, .where = where, .strict = strict};
    assay_err err = open_any(&w, path, &scratch);
    if (!err) err = finish(&w, scratch);
    if (err && !where->file.len) (void)model_escape(&where->file, keep, assay_base_bytes_str(path));
    if (err) model_tree_close(out);
    return err;
}

void model_tree_close(model_tree *tree) { assay_os_file_close(&tree->dir); }

/* ---- views --------------------------------------------------------------------------------------------------- */

assay_err model_view_open(model_view *out, const assay_os_file *dir, const char *path, uint64_t size, uint8_t *buffer,
                          bool growing) {
    *out = (model_view){.growing = growing && size > MODEL_VIEW_READ_MAX};
    assay_err err = assay_os_file_open_beneath(&out->file, dir, path);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_E_MISSING;
    if (err) return err;
    assay_os_info info = {0};
    err = assay_os_file_info(&info, &out->file);
    if (!err && (out->growing ? info.size > size : info.size != size)) err = ASSAY_E_CONTENT;
    out->mtime_ns = info.mtime_ns;
    size_t len = 0;
    if (!err && size <= MODEL_VIEW_READ_MAX) {
        err = assay_os_file_read(&len, &out->file, buffer, (size_t)size, 0);
        if (!err && len != size) err = ASSAY_E_CONTENT;
        out->bytes = (assay_bytes){buffer, len};
    } else if (!err) {
        err = out->growing ? assay_os_map_open_growing(&out->map, &out->file, size)
                           : assay_os_map_open(&out->map, &out->file);
        if (!err && out->map.bytes.len != size) err = ASSAY_E_CONTENT;
        out->bytes = out->map.bytes;
    }
    if (err) {
        assay_os_map_close(&out->map);
        assay_os_file_close(&out->file);
    }
    return err;
}

assay_err model_view_close(model_view *view, uint64_t size) {
    bool torn = assay_os_map_torn(&view->map);
    assay_os_map_close(&view->map);
    assay_os_info info = {0};
    assay_err err = assay_os_file_info(&info, &view->file);
    assay_os_file_close(&view->file);
    bool changed = info.size != size || (info.mtime_ns != view->mtime_ns && !view->growing);
    if (!err && changed) err = ASSAY_E_CONTENT;
    if (!err && torn) err = ASSAY_F_STORAGE;
    return err;
}
