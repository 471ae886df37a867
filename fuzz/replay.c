/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/replay - runs a fuzz target over its corpus without a fuzzing engine, so that CI replays every input that
 * ever mattered under any compiler. usage: fuzz_X CORPUS_DIR_OR_FILE...      An empty or missing corpus is a failure:
 * a replay that replays nothing would be a test that cannot fail. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t cap = 1u << 16, len = 0;
    uint8_t *data = malloc(cap);
    for (size_t n; data && (n = fread(data + len, 1, cap - len, f)) > 0;) {
        len += n;
        if (len == cap) {
            uint8_t *more = realloc(data, cap *= 2);
            if (!more) abort();
            data = more;
        }
    }
    fclose(f);
    if (!data) abort();
    /* An exact-size copy lets AddressSanitizer see a read one byte past the end. */
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact) abort();
    memcpy(exact, data, len);
    free(data);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 1;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            count += replay_file(argv[i]);
            continue;
        }
        for (struct dirent *e; (e = readdir(dir));) {
            if (e->d_name[0] == '.') continue;
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            count += replay_file(path);
        }
        closedir(dir);
    }
    printf("%zu inputs replayed\n", count);
    return count ? 0 : 1;
}
