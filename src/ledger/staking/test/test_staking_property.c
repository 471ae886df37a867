/* SPDX-License-Identifier: Apache-2.0
 *
 * Staking at random, held against what it promises, computed the slow way: the set is the largest who may be in it;
 * shares add up; nothing is lost; and at any past height that evidence may name, all that counted there can still be
 * taken, but for what was. */
#include "stakers_internal.h"

#include "../staking_internal.h"

enum { VALIDATORS = 14, DELEGATORS = 12, BLOCKS = 700, SEATS = 5 };

typedef struct run {
    stakers *s;
    uint64_t seed;
    uint64_t created;                              /* validators 0 .. created-1 exist */
    uint64_t taken[VALIDATORS];                    /* ever */
    uint64_t taken_before[BLOCKS + 2][VALIDATORS]; /* before the block of a height */
    uint64_t locks[VALIDATORS];
    uint64_t good, bad, slashed, checked, tight;
} run;

static uint64_t below(run *r, uint64_t bound) { return choose(&r->seed) % bound; }

/* ---- what may happen
 * ---------------------------------------------------------------------------------------------------- */

static uint64_t eligible_count(run *r) {
    uint64_t count = 0;
    for (uint64_t n = 0; n < r->created; n++) {
        assay_staking_validator v = stakers_validator(r->s, n);
        count += assay_staking_eligible(&v, &r->s->w->params);
    }
    return count;
}

/* What slashing does: takes for a fault somewhere in the past, and jails. Three stay, so that the set can be replaced:
 * of one that cannot be, test_staking_set says what becomes. */
static void slash(run *r) {
    world *w = r->s->w;
    uint64_t n = below(r, r->created), height = w->c.height, back = below(r, 40), taken, slashable, after;
    if (eligible_count(r) < 4) return;
    uint64_t fault = height > back ? height - back : 1;
    OK(assay_staking_slashable(world_view(w), &slashable, world_address(n), fault));
    uint64_t amount = below(r, 3) ? below(r, slashable / 8 + 2) : below(r, slashable + slashable / 4 + 2);
    OK(assay_staking_take(&w->c, &taken, world_address(n), fault, amount));
    assert_int_equal(taken, amount < slashable ? amount : slashable);
    OK(assay_staking_slashable(world_view(w), &after, world_address(n), fault));
    assert_int_equal(after, slashable - taken);
    if (below(r, 40) == 0 && n > 2)
        OK(assay_staking_tombstone(&w->c, world_address(n)));
    else
        OK(assay_staking_jail(&w->c, world_address(n)));
    r->taken[n] += taken;
    r->slashed += taken > 0;
}

static void act(run *r) {
    stakers *s = r->s;
    uint64_t n = below(r, r->created), d = below(r, 3) ? DELEGATOR + below(r, DELEGATORS) : n;
    uint64_t amount = below(r, 4) ? 1 + below(r, 2 * M) : below(r, 2) ? below(r, 5) : below(r, 30 * M);
    assay_err err = ASSAY_OK;
    switch (below(r, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: err = stakers_delegate(s, d, n, amount); break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: err = stakers_undelegate(s, d, n, amount); break;
    case 10:
    case 11: err = stakers_unjail(s, n, n); break;
    case 12:
        if (r->created == VALIDATORS) break;
        err = stakers_create(s, r->created, M + below(r, 40 * M));
        r->created += err == ASSAY_OK;
        break;
    case 13:
        if (below(r, 8) == 0) slash(r);
        break;
    case 14:
        if (below(r, 20) || r->locks[n] == 2) break;
        OK(assay_staking_lock(&s->w->c, world_address(n)));
        r->locks[n]++;
        break;
    default:
        if (below(r, 10) || r->locks[n] == 0) break;
        OK(assay_staking_unlock(&s->w->c, world_address(n)));
        r->locks[n]--;
    }
    assert_false(assay_base_err_is_fault(err));
    *(err == ASSAY_OK ? &r->good : &r->bad) += 1;
}

/* ---- what must hold
 * ------------------------------------------------------------------------------------------------------- */

/* The members are the SEATS largest who may be in, older ones first among equals: found by sorting. */
static void check_epoch(run *r) {
    uint64_t order[VALIDATORS], count = 0;
    assay_staking_validator v[VALIDATORS];
    for (uint64_t n = 0; n < r->created; n++) {
        v[n] = stakers_validator(r->s, n);
        if (v[n].jailed || v[n].tombstoned || v[n].self_bond < M) continue;
        uint64_t at = count++;
        for (; at > 0; at--) {
            const assay_staking_validator *other = &v[order[at - 1]];
            uint64_t mine = v[n].self_bond + v[n].pool_tokens, its = other->self_bond + other->pool_tokens;
            if (its > mine || (its == mine && other->index < v[n].index)) break;
            order[at] = order[at - 1];
        }
        order[at] = n;
    }
    assert_true(count > 0);
    for (uint64_t n = 0; n < r->created; n++) {
        uint64_t rank = 0;
        while (rank < count && order[rank] != n) rank++;
        uint64_t stake = rank < count && rank < SEATS ? v[n].self_bond + v[n].pool_tokens : 0;
        assert_int_equal(v[n].counted_stake, stake);
        assert_int_equal(v[n].power, stake / M);
    }
}

static void check_set(run *r) {
    stakers *s = r->s;
    assay_staking_totals totals;
    OK(assay_staking_totals_read(world_view(s->w), &totals));
    uint64_t power = 0, members = 0;
    for (uint64_t n = 0; n < r->created; n++) {
        assay_staking_validator v = stakers_validator(s, n);
        assert_int_equal(v.power, s->engine[n]);
        assert_false(v.jailed && v.power > 0);
        assert_int_equal(v.locks, r->locks[n]);
        power += v.power;
        members += v.power > 0;
    }
    assert_int_equal(totals.power, power);
    assert_int_equal(totals.members, members);
    assert_int_equal(totals.validators, r->created);
    assert_true(members > 0);
    assert_false(totals.urgent);
    assay_address owner;
    assay_staking_member member;
    bool found = true;
    for (bool first = true; found; first = false) {
        OK(assay_staking_member_next(world_view(s->w), &owner, &member, &found, first ? NULL : &owner));
        power -= member.power;
        members -= found;
    }
    assert_int_equal(power, 0);
    assert_int_equal(members, 0);
}

static bool begins(assay_bytes key, const char *prefix) {
    return key.len >= strlen(prefix) && memcmp(key.ptr, prefix, strlen(prefix)) == 0;
}

/* Shares of each pool are those of its delegations, and of each pool that unbonds those of its claims: read off the
 * rows. */
static void check_shares(run *r) {
    const table *rows = &r->s->w->f->storage.spaces[ASSAY_SPACE_VALUE];
    uint64_t pools[VALIDATORS] = {0}, unbonding = 0, claims = 0, leaving = 0;
    for (size_t i = 0; i < rows->count; i++) {
        assay_bytes key = rows->rows[i].key;
        assay_arena none = {0};
        if (begins(key, "staking/delegation/")) {
            staking_delegation d;
            OK(assay_codec_decode(&d, &none, assay_staking_delegation_table.message, rows->rows[i].value,
                                  ASSAY_CODEC_STRICT));
            for (uint64_t n = 0; n < r->created; n++)
                if (memcmp(key.ptr + key.len - 20, world_address(n).b, 20) == 0 &&
                    d.generation == stakers_validator(r->s, n).pool_generation)
                    pools[n] += d.shares;
        } else if (begins(key, "staking/unbonding/")) {
            staking_unbonding u;
            OK(assay_codec_decode(&u, &none, assay_staking_unbonding_table.message, rows->rows[i].value,
                                  ASSAY_CODEC_STRICT));
            unbonding += u.shares;
        } else if (begins(key, "staking/claim/") || begins(key, "staking/leaving/")) {
            assay_rule_number claim;
            OK(assay_codec_decode(&claim, &none, assay_rule_number_table.message, rows->rows[i].value,
                                  ASSAY_CODEC_STRICT));
            *(begins(key, "staking/claim/") ? &claims : &leaving) += claim.value;
        }
    }
    for (uint64_t n = 0; n < r->created; n++) assert_int_equal(stakers_validator(r->s, n).pool_shares, pools[n]);
    assert_int_equal(unbonding, claims);
    assert_int_equal(unbonding, leaving);
}

/* For heights as old as evidence may be: slashable now + taken since >= counted then. */
static void check_followed(run *r) {
    world *w = r->s->w;
    for (uint64_t n = 0; n < r->created; n++)
        for (uint64_t back = 0; back <= 40 && back < w->c.height; back += 1 + back / 8) {
            uint64_t height = w->c.height - back, slashable;
            assay_staking_counted counted;
            OK(assay_staking_counted_at(world_view(w), &counted, world_address(n), height));
            OK(assay_staking_slashable(world_view(w), &slashable, world_address(n), height));
            /* What votes in a block was counted two blocks before: what was taken in between counts as taken. */
            uint64_t since = r->taken[n] - r->taken_before[height > 0 ? height - 1 : 0][n];
            if (slashable + since < counted.stake)
                fail_msg("height %llu, validator %llu, fault at %llu: %llu counted, %llu left, %llu taken",
                         (unsigned long long)w->c.height, (unsigned long long)n, (unsigned long long)height,
                         (unsigned long long)counted.stake, (unsigned long long)slashable, (unsigned long long)since);
            r->checked++;
            r->tight += counted.stake > 0 && slashable + since == counted.stake;
        }
}

static void test_random(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {5 * M, 4 * M, 3 * M, 3 * M, 2 * M, 2 * M};
    for (uint64_t seed = 11; seed < 14; seed++) {
        run *r = calloc(1, sizeof *r);
        assert_non_null(r);
        r->s = stakers_new(bonds, 6);
        r->seed = seed;
        r->created = 6;
        print_message("seed %llu\n", (unsigned long long)seed);
        while (r->s->w->c.height < BLOCKS) {
            r->s->w->step = 5 + (int64_t)below(r, 11);
            stakers_begin(r->s);
            memcpy(r->taken_before[r->s->w->c.height], r->taken, sizeof r->taken);
            for (uint64_t i = below(r, 40); i > 0; i--) act(r);
            bool epoch_end = assay_rule_is_epoch_end(&r->s->w->c);
            stakers_end(r->s);
            check_set(r);
            if (epoch_end) check_epoch(r);
            stakers_audit(r->s);
            check_shares(r);
            check_followed(r);
        }
        print_message("%llu done, %llu refused, %llu slashed; %llu heights looked back at, %llu exactly\n",
                      (unsigned long long)r->good, (unsigned long long)r->bad, (unsigned long long)r->slashed,
                      (unsigned long long)r->checked, (unsigned long long)r->tight);
        assert_true(r->good > 3000 && r->bad > 1000 && r->slashed > 20 && r->tight > 100);
        stakers_free(r->s);
        free(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
