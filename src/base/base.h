/* SPDX-License-Identifier: Apache-2.0
 *
 * base - what every room of the house stands on: errors, bytes, arenas, checked integers, plain value types.
 *
 * Knows nothing of encodings, hashes, chains or the operating system. Anything here is small, total and pure.
 * Reading order: this header, base.c.      Sources: STYLE.md (errors, memory, types).
 */
#ifndef ASSAY_BASE_H
#define ASSAY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSAY_MUST_USE __attribute__((warn_unused_result))

/* ASSAY_ASSERT - states what cannot be. Always on, in every build; never for input, which gets an error instead. */
#define ASSAY_ASSERT(claim) ((claim) ? (void)0 : __builtin_trap())

/* ---- errors ----------------------------------------------------------------------------------------------------
 * One list gives the number, the name, the exit code of a program that ends with it, the sentence, and what to try.
 * Numbers are an interface: a number is never reused. 1..127 are verdicts (E): the input is at fault, every machine
 * says so. 128.. are faults (F): this machine failed; a fault never becomes a verdict.
 * X(name, number, exit, sentence, what to try) */
#define ASSAY_ERR_LIST(X)                                                                                              \
    X(ASSAY_OK, 0, 0, "success", "")                                                                                   \
    /* encodings and plain input */                                                                                    \
    X(ASSAY_E_ENCODING, 1, 1, "input is not a canonical encoding", "ask the sender for the original bytes")            \
    X(ASSAY_E_RANGE, 2, 1, "a number or length is outside its allowed range", "see the limits in spec/limits.md")      \
    X(ASSAY_E_SIGNATURE, 3, 1, "a signature does not verify", "do not trust this object")                              \
    X(ASSAY_E_FORMAT, 4, 3, "the format number is newer than this program knows", "install a newer assay")             \
    X(ASSAY_E_NAME, 5, 2, "a model name, version or path has characters or a length that are not allowed",             \
      "names look like owner/model, lower case, at most 64 bytes a part")                                              \
    X(ASSAY_E_OVERFLOW, 6, 1, "an amount does not fit in 64 bits", "use smaller amounts")                              \
    X(ASSAY_E_PROOF, 7, 1, "a Merkle proof does not lead to the root", "ask for a fresh proof")                        \
    X(ASSAY_E_USAGE, 8, 2, "the command line is wrong", "assay help COMMAND")                                          \
    X(ASSAY_E_NOT_FOUND, 9, 3, "there is no such object", "check the name, or wait until it is final")                 \
    X(ASSAY_E_CHAIN, 10, 1, "the object belongs to another chain", "use a node of the right network")                  \
    X(ASSAY_E_KEY, 11, 1, "a public key is malformed, of small order or not canonical", "make a new key")              \
    /* models on disk */                                                                                               \
    X(ASSAY_E_SYMLINK, 20, 1, "the model holds a symbolic link or another special file", "copy the real file there")   \
    X(ASSAY_E_HEADER, 21, 1, "a tensor file has a malformed header", "the file is damaged or hostile; fetch it again") \
    X(ASSAY_E_LIMIT, 22, 1, "the model exceeds a stated limit", "see the limits in spec/limits.md")                    \
    X(ASSAY_E_CONTENT, 23, 1, "a file's bytes differ from the manifest", "fetch the named range again")                \
    X(ASSAY_E_MISSING, 24, 1, "a file of the manifest is missing", "fetch it again")                                   \
    X(ASSAY_E_EXTRA, 25, 1, "there is a file that the manifest does not name", "remove it, or verify a clean copy")    \
    X(ASSAY_E_EMPTY, 26, 1, "the model holds no file", "name the folder that holds the model")                         \
    /* transactions */                                                                                                 \
    X(ASSAY_E_NONCE, 40, 1, "the nonce is not the account's next one", "ask for the account and sign again")           \
    X(ASSAY_E_FEE, 41, 1, "the fee is below what this transaction costs", "assay status shows the fees")               \
    X(ASSAY_E_FUNDS, 42, 1, "the account does not hold that much", "assay show ADDRESS")                               \
    X(ASSAY_E_EXPIRED, 43, 1, "the transaction's last height has passed", "sign it again")                             \
    X(ASSAY_E_EXISTS, 44, 1, "that already exists", "choose another name or version")                                  \
    X(ASSAY_E_UNAUTHORIZED, 45, 1, "the signer may not do that", "sign with a maintainer's or the owner's key")        \
    X(ASSAY_E_STATE, 46, 1, "the object is not in a state that allows that", "assay show NAME@VERSION")                \
    X(ASSAY_E_LINEAGE, 47, 1, "a parent is unknown, or the lineage would have a cycle", "register the parent first")   \
    X(ASSAY_E_DUPLICATE, 48, 1, "that was already counted", "nothing to do")                                           \
    X(ASSAY_E_WINDOW, 49, 1, "the window for that is closed or not open yet", "see spec/models.md for the windows")    \
    X(ASSAY_E_EVIDENCE, 50, 1, "the evidence does not prove a fault", "evidence is two conflicting signed votes")      \
    X(ASSAY_E_TOMBSTONED, 51, 1, "the validator is tombstoned and can never return", "use a new validator key")        \
    X(ASSAY_E_FULL, 52, 1, "the mempool is full or holds too many from this account", "try again in a moment")         \
    X(ASSAY_E_OPENING, 53, 1, "the opening does not fit the manifest or the draw", "open exactly the drawn chunks")    \
    X(ASSAY_E_SIZE, 54, 1, "the object is too large", "see the limits in spec/limits.md")                              \
    /* certificates and light client */                                                                                \
    X(ASSAY_E_CERT, 70, 1, "the certificate contradicts itself", "ask the publisher for the original certificate")     \
    X(ASSAY_E_COMMIT, 71, 1, "the commit does not carry more than 2/3 of its validator set", "do not trust it")        \
    X(ASSAY_E_NO_CERT, 72, 3, "no certificate was found", "name it with --cert FILE, or put it beside the model")      \
    X(ASSAY_E_NO_TRUST, 73, 3, "no trust file was found", "name it with --trust FILE or ASSAY_TRUST")                  \
    X(ASSAY_E_ANCHOR, 74, 3, "signers hold at most 1/3 of the trusted power",                                          \
      "assay refresh proves the model under a newer block; or get a newer trust file")                                 \
    X(ASSAY_E_OVERLAP, 75, 4, "signers hold at most 2/3 of the trusted power: a third could forge this",               \
      "get a newer trust file, or allow it by policy")                                                                 \
    X(ASSAY_E_AGE, 76, 4, "the trusted checkpoint is older than trust_seconds",                                        \
      "assay refresh CERTIFICATE if the trust file holds a newer checkpoint; else get a newer trust file")             \
    X(ASSAY_E_CLOCK, 77, 3, "this machine's clock is behind the trusted checkpoint", "set the clock")                  \
    X(ASSAY_E_REVOKED, 78, 5, "the version is revoked", "use another version")                                         \
    X(ASSAY_E_TRUST_FILE, 79, 3, "the trust file is malformed", "get it again from a source you trust")                \
    X(ASSAY_E_OTHER_CHAIN, 80, 3, "it is of a chain that the trust file does not know",                                \
      "get the trust file of that chain")                                                                              \
    X(ASSAY_E_NOT_ATTESTED, 81, 4, "the version is recorded, but not attested", "wait, then assay refresh")            \
    X(ASSAY_E_OTHER_NAME, 82, 4, "the certificate is for another name than --name asks for",                           \
      "name the right certificate with --cert, or the name that you mean")                                             \
    X(ASSAY_E_OTHER_PUBLISHER, 83, 4, "the certificate is by another publisher than --publisher asks for",             \
      "name the right certificate with --cert, or the publisher that you mean")                                        \
    X(ASSAY_E_FORK, 84, 1, "validators of one chain signed two histories of it", "assay report PROOF")                 \
    /* engine */                                                                                                       \
    X(ASSAY_E_GRAMMAR, 90, 70, "the engine called out of order", "this is a bug: report it")                           \
    X(ASSAY_E_BLOCK, 91, 1, "a block does not follow from the chain", "its sender is faulty")                          \
    /* faults */                                                                                                       \
    X(ASSAY_F_MEMORY, 128, 6, "out of memory", "free memory, or raise the limit")                                      \
    X(ASSAY_F_STORAGE, 129, 6, "the disk could not be read or written", "check space and permissions")                 \
    X(ASSAY_F_NETWORK, 130, 6, "the node could not be reached", "is it running? assay devnet starts one")              \
    X(ASSAY_F_CORRUPT, 131, 6, "stored data is damaged", "restore it, or sync again")                                  \
    X(ASSAY_F_BUG, 132, 70, "a bug in Assay", "report it with the output")                                             \
    X(ASSAY_F_INTERRUPTED, 133, 130, "interrupted", "run it again; finished parts are kept")                           \
    X(ASSAY_F_BUSY, 134, 6, "the node is busy", "try again in a moment")                                               \
    X(ASSAY_F_TIMEOUT, 135, 6, "it took too long", "try again, or raise --timeout")                                    \
    X(ASSAY_F_NO_PATH, 136, 6, "there is nothing at that path on this machine", "check the path")

typedef enum assay_err {
#define X(name, number, exit, text, hint) name = (number),
    ASSAY_ERR_LIST(X)
#undef X
} assay_err;

/* assay_base_err_is_fault - true if e says "this machine could not tell" rather than "the input is wrong". */
static inline bool assay_base_err_is_fault(assay_err e) { return e >= ASSAY_F_MEMORY; }

/* assay_base_err_code - the stable code people see, "E23" or "F129"; "E0" for ASSAY_OK. Static storage. */
const char *assay_base_err_code(assay_err e);

/* assay_base_err_text - the sentence of e. Static storage; never NULL. */
const char *assay_base_err_text(assay_err e);

/* assay_base_err_hint - what to try about e. Static storage; never NULL, may be empty. */
const char *assay_base_err_hint(assay_err e);

/* assay_base_err_exit - the exit code (DESIGN.md: exit codes are an API) of a program that ends with e. */
int assay_base_err_exit(assay_err e);

/* assay_base_err_from_code - finds the error of a code such as "E23"; false if there is none. Letter case is free. */
bool assay_base_err_from_code(assay_err *out, const char *code);

#define ASSAY_TRY(call)                                                                                                \
    do {                                                                                                               \
        assay_err assay_try_ = (call);                                                                                 \
        if (assay_try_ != ASSAY_OK) return assay_try_;                                                                 \
    } while (0)

/* ---- bytes --------------------------------------------------------------------------------------------------- */

/* A view of bytes that somebody else owns. ptr may be NULL only if len is 0. */
typedef struct assay_bytes {
    const uint8_t *ptr;
    size_t len;
} assay_bytes;

/* Memory of the caller's that is being filled: len of cap bytes are used. */
typedef struct assay_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
} assay_buf;

/* ASSAY_STR - a string literal as bytes, without its zero. */
#define ASSAY_STR(literal) ((assay_bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* assay_base_bytes_str - a zero-terminated string as bytes, without its zero. NULL gives empty bytes. */
assay_bytes assay_base_bytes_str(const char *text);

/* assay_base_bytes_eq - same length and same content. Not constant time. */
bool assay_base_bytes_eq(assay_bytes a, assay_bytes b);

/* assay_base_bytes_cmp - bytewise order, the shorter first among equals: negative, 0 or positive. */
int assay_base_bytes_cmp(assay_bytes a, assay_bytes b);

/* assay_base_buf_put - appends; ASSAY_F_MEMORY if it does not fit (the buffer is unchanged then). */
ASSAY_MUST_USE assay_err assay_base_buf_put(assay_buf *buf, assay_bytes bytes);

/* ---- arenas ----------------------------------------------------------------------------------------------------
 * Memory is an argument. A function takes `assay_arena *keep` for what outlives the call and `assay_arena scratch` by
 * value for what does not: the copy frees itself on return. Nothing is ever freed one by one. */
typedef struct assay_arena {
    uint8_t *at;
    uint8_t *end;
} assay_arena;

/* assay_base_arena - an arena over memory of the caller's; it must outlive everything taken from it. */
assay_arena assay_base_arena(void *memory, size_t size);

/* assay_base_arena_take - count zeroed objects of size bytes, aligned; NULL if they do not fit. align is a power of 2.
 */
ASSAY_MUST_USE void *assay_base_arena_take(assay_arena *arena, size_t size, size_t count, size_t align);

/* ASSAY_NEW - count zeroed objects of a type from an arena (pointer), or NULL, which is ASSAY_F_MEMORY. */
#define ASSAY_NEW(arena, type, count) ((type *)assay_base_arena_take((arena), sizeof(type), (count), _Alignof(type)))

/* assay_base_arena_split - cuts the upper half off an arena and returns it: for calls that want `keep` and `scratch` in
 * different memory. */
assay_arena assay_base_arena_split(assay_arena *arena);

/* assay_base_arena_copy - copies bytes into an arena. ASSAY_F_MEMORY if they do not fit. */
ASSAY_MUST_USE assay_err assay_base_arena_copy(assay_bytes *out, assay_arena *keep, assay_bytes bytes);

/* ---- integers -------------------------------------------------------------------------------------------------
 * Everything that came from outside is added and multiplied through these. ASSAY_E_OVERFLOW leaves *out unspecified. */

/* assay_base_add_u64 - a + b. ASSAY_E_OVERFLOW if it does not fit. */
ASSAY_MUST_USE assay_err assay_base_add_u64(uint64_t *out, uint64_t a, uint64_t b);
/* assay_base_sub_u64 - a - b. ASSAY_E_OVERFLOW if b > a. */
ASSAY_MUST_USE assay_err assay_base_sub_u64(uint64_t *out, uint64_t a, uint64_t b);
/* assay_base_mul_u64 - a * b. ASSAY_E_OVERFLOW if it does not fit. */
ASSAY_MUST_USE assay_err assay_base_mul_u64(uint64_t *out, uint64_t a, uint64_t b);
/* assay_base_muldiv_down_u64 - floor(a * b / den) with a 128-bit product. ASSAY_E_OVERFLOW if den is 0 or it does not
 * fit. */
ASSAY_MUST_USE assay_err assay_base_muldiv_down_u64(uint64_t *out, uint64_t a, uint64_t b, uint64_t den);
/* assay_base_muldiv_up_u64 - ceil(a * b / den) with a 128-bit product. ASSAY_E_OVERFLOW if den is 0 or it does not fit.
 */
ASSAY_MUST_USE assay_err assay_base_muldiv_up_u64(uint64_t *out, uint64_t a, uint64_t b, uint64_t den);

/* assay_base_more_than - true if a / b > num / den, exactly (128-bit products; b and den are not 0).
 * The one place where "more than 2/3" and "more than 1/3" are computed. */
bool assay_base_more_than(uint64_t a, uint64_t b, uint64_t num, uint64_t den);

/* ---- values that must not be mixed up ------------------------------------------------------------------------ */

#define ASSAY_HASH_LEN 32
#define ASSAY_ADDRESS_LEN 20
#define ASSAY_PUBLIC_KEY_LEN 32
#define ASSAY_SIGNATURE_LEN 64

/* A SHA-256 or BLAKE3 digest; the field's name says which. */
typedef struct assay_hash {
    uint8_t b[ASSAY_HASH_LEN];
} assay_hash;

/* First 20 bytes of SHA-256 of an Ed25519 public key (PROTOCOL.md, keys). */
typedef struct assay_address {
    uint8_t b[ASSAY_ADDRESS_LEN];
} assay_address;

/* An Ed25519 public key, 32 bytes compressed. */
typedef struct assay_public_key {
    uint8_t b[ASSAY_PUBLIC_KEY_LEN];
} assay_public_key;

/* An Ed25519 signature, R then S. */
typedef struct assay_signature {
    uint8_t b[ASSAY_SIGNATURE_LEN];
} assay_signature;

/* assay_base_hash_eq - equal digests. Not constant time. */
bool assay_base_hash_eq(assay_hash a, assay_hash b);
/* assay_base_hash_is_zero - true for 32 zero bytes, which stands for "none" where a header says so. */
bool assay_base_hash_is_zero(assay_hash a);
/* assay_base_hash_bytes - a view of a digest; valid as long as *hash. */
assay_bytes assay_base_hash_bytes(const assay_hash *hash);
/* assay_base_address_eq - equal addresses. */
bool assay_base_address_eq(assay_address a, assay_address b);

/* A moment as CometBFT writes it: seconds since 1970 UTC (may be negative: year 1 is the zero time) and nanoseconds. */
typedef struct assay_time {
    int64_t seconds;
    int32_t nanos; /* 0 .. 999 999 999 */
} assay_time;

/* assay_base_time_cmp - negative, 0 or positive as a is before, at or after b. Both normalised. */
int assay_base_time_cmp(assay_time a, assay_time b);
/* assay_base_time_add_ns - t + ns, normalised; ns may be negative. The caller keeps seconds within int64. */
assay_time assay_base_time_add_ns(assay_time t, int64_t ns);

/* ---- text ---------------------------------------------------------------------------------------------------- */

/* assay_base_hex - writes 2*bytes.len lower-case hex digits and a zero to out, which holds 2*bytes.len+1 chars. */
void assay_base_hex(char *out, assay_bytes bytes);
/* assay_base_unhex - reads exactly 2*len hex digits (either case). ASSAY_E_ENCODING otherwise. */
ASSAY_MUST_USE assay_err assay_base_unhex(uint8_t *out, size_t len, assay_bytes text);

#define ASSAY_DECIMAL_LEN_MAX 20
/* assay_base_decimal - writes value in decimal and a zero (at most 21 chars) to out; returns the digits' count. */
size_t assay_base_decimal(char *out, uint64_t value);
/* assay_base_undecimal - reads an unsigned decimal without sign, space or leading zero (but "0").
 * ASSAY_E_ENCODING if it is not one, ASSAY_E_OVERFLOW if it does not fit. */
ASSAY_MUST_USE assay_err assay_base_undecimal(uint64_t *out, assay_bytes text);

/* assay_base_sort - sorts count elements of size bytes by less(context, a, b), in place, stable, O(n log n), without
 * heap: scratch holds count*size bytes. Here because libc's qsort is neither pure nor of fixed order. */
void assay_base_sort(void *elements, void *scratch, size_t count, size_t size,
                     bool (*less)(const void *context, const void *a, const void *b), const void *context);

#endif
