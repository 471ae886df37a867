/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <string.h>

typedef struct err_row {
    assay_err err;
    int exit;
    const char *code;
    const char *text;
    const char *hint;
} err_row;

/* The code's letter follows from the name's: ASSAY_E_ or ASSAY_F_; success is E0. */
static const err_row err_rows[] = {
#define X(name, number, exit, text, hint) {name, exit, (number) < 128 ? "E" #number : "F" #number, text, hint},
    ASSAY_ERR_LIST(X)
#undef X
};

static const err_row *err_find(assay_err e) {
    for (size_t i = 0; i < sizeof err_rows / sizeof *err_rows; i++)
        if (err_rows[i].err == e) return &err_rows[i];
    return NULL;
}

const char *assay_base_err_code(assay_err e) {
    const err_row *row = err_find(e);
    return row ? row->code : "F132";
}

const char *assay_base_err_text(assay_err e) {
    const err_row *row = err_find(e);
    return row ? row->text : "an unknown error";
}

const char *assay_base_err_hint(assay_err e) {
    const err_row *row = err_find(e);
    return row ? row->hint : "";
}

int assay_base_err_exit(assay_err e) {
    const err_row *row = err_find(e);
    return row ? row->exit : 70;
}

bool assay_base_err_from_code(assay_err *out, const char *code) {
    for (size_t i = 0; i < sizeof err_rows / sizeof *err_rows; i++) {
        const char *a = err_rows[i].code, *b = code;
        if (*b != *a && *b != *a + ('a' - 'A')) continue;
        if (strcmp(a + 1, b + 1) != 0) continue;
        *out = err_rows[i].err;
        return true;
    }
    return false;
}

assay_bytes assay_base_bytes_str(const char *text) {
    return (assay_bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool assay_base_bytes_eq(assay_bytes a, assay_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int assay_base_bytes_cmp(assay_bytes a, assay_bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}

assay_err assay_base_buf_put(assay_buf *buf, assay_bytes bytes) {
    ASSAY_ASSERT(buf->len <= buf->cap);
    if (bytes.len > buf->cap - buf->len) return ASSAY_F_MEMORY;
    if (bytes.len) memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    return ASSAY_OK;
}

assay_arena assay_base_arena(void *memory, size_t size) { return (assay_arena){memory, (uint8_t *)memory + size}; }

void *assay_base_arena_take(assay_arena *arena, size_t size, size_t count, size_t align) {
    ASSAY_ASSERT(align && (align & (align - 1)) == 0);
    ASSAY_ASSERT(arena->at <= arena->end);
    size_t have = (size_t)(arena->end - arena->at);
    size_t pad = (size_t)(-(uintptr_t)arena->at & (align - 1));
    size_t bytes;
    if (__builtin_mul_overflow(size, count, &bytes)) return NULL;
    if (pad > have || bytes > have - pad) return NULL;
    uint8_t *taken = arena->at + pad;
    arena->at = taken + bytes;
    if (bytes) memset(taken, 0, bytes);
    return taken;
}

assay_arena assay_base_arena_split(assay_arena *arena) {
    ASSAY_ASSERT(arena->at <= arena->end);
    assay_arena upper = {arena->at + (size_t)(arena->end - arena->at) / 2, arena->end};
    arena->end = upper.at;
    return upper;
}

assay_err assay_base_arena_copy(assay_bytes *out, assay_arena *keep, assay_bytes bytes) {
    uint8_t *copy = ASSAY_NEW(keep, uint8_t, bytes.len);
    if (!copy) return ASSAY_F_MEMORY;
    if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
    *out = (assay_bytes){copy, bytes.len};
    return ASSAY_OK;
}

assay_err assay_base_add_u64(uint64_t *out, uint64_t a, uint64_t b) {
    return __builtin_add_overflow(a, b, out) ? ASSAY_E_OVERFLOW : ASSAY_OK;
}

assay_err assay_base_sub_u64(uint64_t *out, uint64_t a, uint64_t b) {
    return __builtin_sub_overflow(a, b, out) ? ASSAY_E_OVERFLOW : ASSAY_OK;
}

assay_err assay_base_mul_u64(uint64_t *out, uint64_t a, uint64_t b) {
    return __builtin_mul_overflow(a, b, out) ? ASSAY_E_OVERFLOW : ASSAY_OK;
}

__extension__ typedef unsigned __int128 wide;

assay_err assay_base_muldiv_down_u64(uint64_t *out, uint64_t a, uint64_t b, uint64_t den) {
    if (den == 0) return ASSAY_E_OVERFLOW;
    wide q = (wide)a * b / den;
    if (q > UINT64_MAX) return ASSAY_E_OVERFLOW;
    *out = (uint64_t)q;
    return ASSAY_OK;
}

assay_err assay_base_muldiv_up_u64(uint64_t *out, uint64_t a, uint64_t b, uint64_t den) {
    if (den == 0) return ASSAY_E_OVERFLOW;
    wide product = (wide)a * b;
    wide q = product / den + (product % den != 0);
    if (q > UINT64_MAX) return ASSAY_E_OVERFLOW;
    *out = (uint64_t)q;
    return ASSAY_OK;
}

bool assay_base_more_than(uint64_t a, uint64_t b, uint64_t num, uint64_t den) { return (wide)a * den > (wide)b * num; }

bool assay_base_hash_eq(assay_hash a, assay_hash b) { return memcmp(a.b, b.b, sizeof a.b) == 0; }

bool assay_base_hash_is_zero(assay_hash a) {
    static const assay_hash zero;
    return assay_base_hash_eq(a, zero);
}

assay_bytes assay_base_hash_bytes(const assay_hash *hash) { return (assay_bytes){hash->b, sizeof hash->b}; }

bool assay_base_address_eq(assay_address a, assay_address b) { return memcmp(a.b, b.b, sizeof a.b) == 0; }

int assay_base_time_cmp(assay_time a, assay_time b) {
    if (a.seconds != b.seconds) return a.seconds < b.seconds ? -1 : 1;
    return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

assay_time assay_base_time_add_ns(assay_time t, int64_t ns) {
    const int64_t second = 1000000000;
    int64_t nanos = t.nanos + ns % second;
    int64_t carry = nanos < 0 ? -1 : nanos >= second;
    return (assay_time){t.seconds + ns / second + carry, (int32_t)(nanos - carry * second)};
}

void assay_base_hex(char *out, assay_bytes bytes) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[bytes.ptr[i] >> 4];
        out[2 * i + 1] = digits[bytes.ptr[i] & 15];
    }
    out[2 * bytes.len] = 0;
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

assay_err assay_base_unhex(uint8_t *out, size_t len, assay_bytes text) {
    if (text.len / 2 != len || text.len % 2) return ASSAY_E_ENCODING;
    for (size_t i = 0; i < len; i++) {
        int hi = hex_value(text.ptr[2 * i]), lo = hex_value(text.ptr[2 * i + 1]);
        if (hi < 0 || lo < 0) return ASSAY_E_ENCODING;
        out[i] = (uint8_t)(hi * 16 + lo);
    }
    return ASSAY_OK;
}

size_t assay_base_decimal(char *out, uint64_t value) {
    char reversed[ASSAY_DECIMAL_LEN_MAX];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < len; i++) out[i] = reversed[len - 1 - i];
    out[len] = 0;
    return len;
}

assay_err assay_base_undecimal(uint64_t *out, assay_bytes text) {
    if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0')) return ASSAY_E_ENCODING;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return ASSAY_E_ENCODING;
    for (size_t i = 0; i < text.len; i++) {
        ASSAY_TRY(assay_base_mul_u64(&value, value, 10));
        ASSAY_TRY(assay_base_add_u64(&value, value, (uint64_t)(text.ptr[i] - '0')));
    }
    *out = value;
    return ASSAY_OK;
}

/* Bottom-up merge sort: runs of 1, 2, 4, ... are merged between the elements and the scratch, alternating. */
void assay_base_sort(void *elements, void *scratch, size_t count, size_t size,
                     bool (*less)(const void *context, const void *a, const void *b), const void *context) {
    uint8_t *from = elements, *to = scratch;
    for (size_t run = 1; run<count; run = run> count / 2 ? count : run * 2) {
        for (size_t start = 0; start<count; start += run> count - start ? count - start : 2 * run) {
            size_t mid = run < count - start ? start + run : count;
            size_t end = run < count - mid ? mid + run : count;
            size_t left = start, right = mid;
            for (size_t k = start; k < end; k++) {
                /* The right one goes first only if strictly less, which keeps equal elements in order. */
                bool right_first =
                    left == mid || (right < end && less(context, from + right * size, from + left * size));
                size_t *pick = right_first ? &right : &left;
                memcpy(to + k * size, from + *pick * size, size);
                ++*pick;
            }
            if (end == count) break;
        }
        uint8_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != (uint8_t *)elements) memcpy(elements, from, count * size);
}
