/* SPDX-License-Identifier: Apache-2.0
 *
 * What honest validators owe to models must not depend on what else somebody registers: versions of the same bytes, and
 * versions whose bytes never come. */
#include "devnet_internal.h"

static assay_os_region
    models; /* what the models of a test are made of: the devnet's own test memory is used by every request */

static bool all_opened(const json_t *version) {
    const json_t *checks = json_object_get(version, "checks");
    size_t opened = 0;
    for (size_t i = 0; i < json_array_size(checks); i++)
        opened += strcmp(json_string_value(json_object_get(json_array_get(checks, i), "state")), "opened") == 0;
    return opened == 4;
}

/* A custody is salted with the block that recorded its version: twelve versions of one root need twelve. */
static void versions_of_one_root_are_all_attested(void **state) {
    (void)state;
    net n = {0};
    small_model m;
    net_open(&n, 4, false);
    assay_arena keep = assay_os_region_arena(&models);
    model_make(&m, 1, &keep);
    for (int i = 0; i < 12; i++) {
        char name[32];
        assay_os_format(name, sizeof name, "twins/m%d", i);
        model_register(&n, &m, name, "1", NULL);
    }
    model_upload(&n, &m);
    for (int i = 0; i < 12; i++) {
        char path[64];
        assay_os_format(path, sizeof path, "/models/twins/m%d/1", i);
        json_decref(await_json(&n, path, all_opened));
    }
    json_t *penalties = get(&n, "/penalties");
    assert_int_equal(json_array_size(json_object_get(penalties, "penalties")), 0);
    json_decref(penalties);
    model_drop(&m);
    net_close(&n);
}

/* More registrations without bytes than one look at the duties takes, all of them before ours in the order of names. */
static void versions_without_bytes_keep_nobody_waiting(void **state) {
    (void)state;
    net n = {0};
    small_model m, ghost;
    net_open(&n, 4, false);
    assay_arena keep = assay_os_region_arena(&models);
    model_make(&m, 2, &keep);
    model_make(&ghost, 3, &keep);
    for (int i = 0; i < 300; i++) {
        char name[32];
        assay_os_format(name, sizeof name, "aaa/ghost%d", i);
        ghost.model.root.b[0] = (uint8_t)i;
        ghost.model.root.b[1] = (uint8_t)(i >> 8);
        model_register(&n, &ghost, name, "1", NULL);
    }
    model_register(&n, &m, "zzz/ours", "1", NULL);
    uint64_t begun = assay_os_monotonic_ns();
    model_upload(&n, &m);
    await_attested(&n, "zzz/ours", "1");
    printf("attested after %u ms\n", (unsigned)((assay_os_monotonic_ns() - begun) / 1000000));
    model_drop(&m);
    model_drop(&ghost);
    net_close(&n);
}

int main(void) {
    if (assay_os_reserve(&models, (size_t)1 << 30) != ASSAY_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_of_one_root_are_all_attested),
        cmocka_unit_test(versions_without_bytes_keep_nobody_waiting),
    };
    return cmocka_run_group_tests_name("duties", tests, NULL, NULL);
}
