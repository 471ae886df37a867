/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of evidence is immaterial: every permutation of a set of faults, in one block or spread over several, takes
 * the same from everybody. Compared with a second computation, straight from the definition, of what is due. */
#include "faults_internal.h"

enum { VALIDATORS = 5, FAULTS_MAX = 5 };

typedef struct fault {
    uint64_t n, height;
    int32_t round;
} fault;
typedef struct scenario {
    uint64_t seed;
    uint64_t bonds[VALIDATORS], delegated[VALIDATORS], left[VALIDATORS];
    uint64_t undelegate_height;
    fault faults[FAULTS_MAX];
    uint32_t count;
} scenario;

static scenario scenario_new(uint64_t seed) {
    scenario c = {.seed = seed};
    for (int n = 0; n < VALIDATORS; n++) {
        c.bonds[n] = M + choose(&seed) % (300 * M);
        c.delegated[n] = choose(&seed) % 3 ? 1 + choose(&seed) % (100 * M) : 0;
        c.left[n] = choose(&seed) % 2 ? choose(&seed) % (c.bonds[n] - M + 1) : 0;
    }
    c.undelegate_height = 22 + choose(&seed) % 20;
    c.count = 2 + (uint32_t)(choose(&seed) % (FAULTS_MAX - 1));
    for (uint32_t i = 0; i < c.count; i++) {
        /* Heights within 45 blocks, the window being 25: some are correlated, some not. Few validators, so that some
         * commit several. */
        c.faults[i] = (fault){choose(&seed) % 3, 1 + choose(&seed) % 45, (int32_t)(choose(&seed) % 3)};
        for (uint32_t k = 0; k < i; k++) {
            bool same = c.faults[k].n == c.faults[i].n && c.faults[k].height == c.faults[i].height;
            if (same && c.faults[k].round == c.faults[i].round) c.faults[i].round += 3;
        }
    }
    return c;
}

/* Evidence comes from block 46 on, `gap` blocks apart (0: all in one), in this order. */
static void run(const scenario *c, const uint32_t *order, uint64_t gap, uint64_t taken[VALIDATORS], uint64_t *burned) {
    stakers *s = faults_new(c->bonds, VALIDATORS);
    s->w->params.evidence_blocks = 100; /* so that all of it is young enough */
    s->w->params.unbonding_blocks = 100;
    stakers_begin(s);
    for (uint64_t n = 0; n < VALIDATORS; n++)
        if (c->delegated[n]) OK(stakers_delegate(s, DELEGATOR + n, n, c->delegated[n]));
    stakers_go(s, c->undelegate_height);
    for (uint64_t n = 0; n < VALIDATORS; n++) {
        if (c->left[n]) OK(stakers_undelegate(s, n, n, c->left[n]));
        if (c->delegated[n] > 1) OK(stakers_undelegate(s, DELEGATOR + n, n, c->delegated[n] / 2));
    }
    stakers_go(s, 46);
    for (uint32_t i = 0; i < c->count; i++) {
        const fault *f = &c->faults[order[i]];
        OK(faults_evidence(s, f->n, f->height, f->round));
        stakers_audit(s);
        if (gap) stakers_go(s, s->w->c.height + gap);
    }
    for (uint64_t n = 0; n < VALIDATORS; n++) taken[n] = faults_taken(s, n);
    *burned = s->w->c.totals.burned;
    stakers_free(s);
}

/* Which stakes count at a height: changes count two heights after their epoch's end. */
static int period(const scenario *c, uint64_t height) {
    uint64_t gone = (c->undelegate_height + 9) / 10 * 10 + 2;
    return height < 12 ? 0 : height < gone ? 1 : 2;
}

/* The definition, with none of the ledger's code: what counted when is known from how the scenario was made. */
static void expected(const scenario *c, uint64_t due[VALIDATORS]) {
    /* Before delegations count, with them, and without what was undelegated. */
    uint64_t stake[3][VALIDATORS], power[3] = {0};
    for (int n = 0; n < VALIDATORS; n++) {
        stake[0][n] = c->bonds[n];
        stake[1][n] = c->bonds[n] + c->delegated[n];
        stake[2][n] = stake[1][n] - c->left[n] - (c->delegated[n] > 1 ? c->delegated[n] / 2 : 0);
        due[n] = 0;
    }
    for (int t = 0; t < 3; t++)
        for (int n = 0; n < VALIDATORS; n++) power[t] += stake[t][n] / M;
    for (uint32_t i = 0; i < c->count; i++) {
        const fault *f = &c->faults[i];
        uint64_t sum = 0;
        for (uint64_t n = 0; n < VALIDATORS; n++) {
            uint64_t largest = 0;
            for (uint32_t k = 0; k < c->count; k++) {
                const fault *g = &c->faults[k];
                uint64_t apart = g->height > f->height ? g->height - f->height : f->height - g->height;
                if (g->n != n || apart > 25) continue;
                int t = period(c, g->height);
                uint64_t share = (stake[t][n] / M * WHOLE + power[t] - 1) / power[t];
                if (share > largest) largest = share;
            }
            sum += largest;
        }
        uint64_t rate = 3 * sum > WHOLE ? WHOLE : 3 * sum < WHOLE / 20 ? WHOLE / 20 : 3 * sum;
        uint64_t its;
        OK(assay_base_muldiv_up_u64(&its, stake[period(c, f->height)][f->n], rate, WHOLE));
        if (its > due[f->n]) due[f->n] = its;
    }
}

static void exchange(uint32_t *order, uint32_t a, uint32_t b) {
    uint32_t swap = order[a];
    order[a] = order[b];
    order[b] = swap;
}

/* The next permutation in the order of dictionaries; false after the last. */
static bool permute(uint32_t *order, uint32_t count) {
    uint32_t i = count - 1, j = count - 1;
    while (i > 0 && order[i - 1] >= order[i]) i--;
    if (i == 0) return false;
    while (order[j] <= order[i - 1]) j--;
    exchange(order, i - 1, j);
    for (uint32_t a = i, b = count - 1; a < b; a++, b--) exchange(order, a, b);
    return true;
}

static void check(const scenario *c, const uint32_t *order, uint64_t gap, const uint64_t due[VALIDATORS]) {
    uint64_t taken[VALIDATORS], burned, sum = 0;
    run(c, order, gap, taken, &burned);
    for (int n = 0; n < VALIDATORS; n++) {
        if (taken[n] != due[n])
            fail_msg("seed %llu, validator %d: %llu taken, %llu due", (unsigned long long)c->seed, n,
                     (unsigned long long)taken[n], (unsigned long long)due[n]);
        sum += taken[n];
    }
    assert_int_equal(sum, burned);
}

static void test_permutations(void **unused) {
    (void)unused;
    enum { SCENARIOS = 24 };
    uint64_t seed = 987654321;
    unsigned runs = 0, topped = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < SCENARIOS; i++) {
        const scenario c = scenario_new(choose(&seed));
        uint64_t due[VALIDATORS];
        uint32_t order[FAULTS_MAX];
        expected(&c, due);
        for (uint32_t k = 0; k < c.count; k++) order[k] = k;
        do {
            check(&c, order, 0, due);
            runs++;
        } while (permute(order, c.count));
        check(&c, order, 1, due); /* spread over blocks, the last permutation and a random one */
        for (uint32_t k = c.count - 1; k > 0; k--) exchange(order, k, (uint32_t)(choose(&seed) % (k + 1)));
        check(&c, order, 3, due);
        for (int n = 0; n < VALIDATORS; n++) topped += due[n] > 0;
    }
    print_message("%u orders of %d scenarios, %u validators at fault\n", runs, SCENARIOS, topped);
    assert_true(topped > SCENARIOS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_permutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
