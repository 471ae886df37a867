/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's contract, row by row, on a real directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "os/os.h"
#include "store/store.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)

/* ---- a store in a directory of its own ------------------------------------------------------------------------------------ */

typedef struct place {
    uint8_t memory[8192];
    const char *directory;
    assay_store_config config;
    assay_store *store;
} place;

static int place_new(void **state) {
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assay_arena keep = assay_base_arena(p->memory, sizeof p->memory);
    OK(assay_os_temp_dir(&p->directory, &keep, "assay-store", true));
    p->config.directory = p->directory;
    OK(assay_store_open(&p->store, &p->config));
    *state = p;
    return 0;
}

static int place_end(void **state) {
    place *p = *state;
    assay_store_close(p->store);
    OK(assay_os_remove_tree(p->directory));
    free(p);
    return 0;
}

static void reopen(place *p) {
    assay_store_close(p->store);
    OK(assay_store_open(&p->store, &p->config));
}

/* A batch as a list of steps, so that tests read from top to bottom. */
typedef struct step {
    enum { PUT = 1, DEL, STATE_PUT, STATE_DEL, BLOCK, SET, PRUNE, FAIL } kind;
    assay_store_table table;
    assay_space space;
    assay_bytes key, value;
    const assay_store_block *block;
    uint64_t height;
    uint32_t limit;
    uint32_t dropped;
} step;
typedef struct steps {
    step *steps;
    size_t count;
} steps;

static assay_err fill(void *context, assay_store_batch *batch) {
    steps *all = context;
    assay_state_writer writer = assay_store_state_writer(batch);
    for (size_t i = 0; i < all->count; i++) {
        step *s = &all->steps[i];
        switch (s->kind) {
        case PUT: ASSAY_TRY(assay_store_put(batch, s->table, s->key, s->value)); break;
        case DEL: ASSAY_TRY(assay_store_del(batch, s->table, s->key)); break;
        case STATE_PUT: ASSAY_TRY(writer.put(writer.context, s->space, s->key, s->value)); break;
        case STATE_DEL: ASSAY_TRY(writer.put(writer.context, s->space, s->key, (assay_bytes){0})); break;
        case BLOCK: ASSAY_TRY(assay_store_put_block(batch, s->block)); break;
        case SET: ASSAY_TRY(assay_store_put_validators(batch, s->height, s->value)); break;
        case PRUNE: ASSAY_TRY(assay_store_prune(&s->dropped, batch, s->height, s->limit)); break;
        case FAIL: return ASSAY_E_STATE;
        default: abort();
        }
    }
    return ASSAY_OK;
}

#define WRITE(p, ...)                                                                                                  \
    assay_store_write((p)->store, fill, &(steps){(step[]){__VA_ARGS__}, sizeof((step[]){__VA_ARGS__}) / sizeof(step)})

static assay_store_snapshot *look(place *p) {
    assay_store_snapshot *snapshot;
    OK(assay_store_snapshot_begin(&snapshot, p->store));
    return snapshot;
}

static void expect(assay_store_snapshot *s, assay_store_table table, assay_bytes key, const char *value) {
    assay_bytes got;
    bool found;
    OK(assay_store_get(s, table, key, &got, &found));
    assert_int_equal(found, value != NULL);
    if (value) assert_true(assay_base_bytes_eq(got, assay_base_bytes_str(value)));
}

/* ---- tables --------------------------------------------------------------------------------------------------------------- */

static void a_batch_is_all_or_nothing(void **state) {
    place *p = *state;
    OK(WRITE(p, {.kind = PUT, .table = ASSAY_STORE_NAMED, .key = ASSAY_STR("genesis"), .value = ASSAY_STR("one")},
             {.kind = PUT, .table = ASSAY_STORE_MODELS, .key = ASSAY_STR("genesis"), .value = ASSAY_STR("two")},
             {.kind = PUT, .table = ASSAY_STORE_MODELS, .key = ASSAY_STR("empty")}));
    assert_int_equal(WRITE(p, {.kind = PUT, .table = ASSAY_STORE_NAMED, .key = ASSAY_STR("genesis"), .value = ASSAY_STR("lost")},
                           {.kind = DEL, .table = ASSAY_STORE_MODELS, .key = ASSAY_STR("empty")}, {.kind = FAIL}),
                     ASSAY_E_STATE);
    for (int again = 0; again < 2; again++) {
        assay_store_snapshot *s = look(p);
        expect(s, ASSAY_STORE_NAMED, ASSAY_STR("genesis"), "one");
        expect(s, ASSAY_STORE_MODELS, ASSAY_STR("genesis"), "two");
        expect(s, ASSAY_STORE_MODELS, ASSAY_STR("empty"), "");
        expect(s, ASSAY_STORE_EVIDENCE, ASSAY_STR("genesis"), NULL);
        assay_store_snapshot_end(s);
        reopen(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_is_all_or_nothing, place_new, place_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
