/* The lines in which requests wait, against what fairness means: equal work for all that wait, and room for who comes next. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/fair_queue.h"

#include <stdlib.h>
#include <string.h>

#define REQUESTS 64u
#define STAMPS 4096u

static struct pp_fair_queue queue;

static enum pp_error put(struct pp_fair_entry *entry, uint32_t flow, uint32_t stamps)
{
    *entry = (struct pp_fair_entry){.stamps = stamps};
    return pp_fair_queue_put(&queue, flow, entry);
}

START_TEST(take__one_flow__in_the_order_of_putting)
{
    struct pp_fair_entry entries[8];
    pp_fair_queue_init(&queue, REQUESTS, STAMPS);
    ck_assert_ptr_null(pp_fair_queue_take(&queue));
    for (unsigned i = 0; i < 8; i++)
        ck_assert_ok(put(&entries[i], 5, i % 2 == 0 ? 1 : 300));
    ck_assert_uint_eq(queue.waiting, 8);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_ptr_eq(pp_fair_queue_take(&queue), &entries[i]);
    ck_assert_ptr_null(pp_fair_queue_take(&queue));
    ck_assert_uint_eq(queue.requests, 8); /* held until they are answered */
    for (unsigned i = 0; i < 8; i++)
        pp_fair_queue_release(&queue, &entries[i]);
    ck_assert_uint_eq(queue.requests + queue.stamps, 0);
}
END_TEST

/* NODE-047: a thousand of one sender before another's single request do not keep it waiting. */
START_TEST(take__many_of_one_and_one_of_another__the_other_waits_a_turn)
{
    static struct pp_fair_entry many[1000];
    struct pp_fair_entry one;
    pp_fair_queue_init(&queue, 8192, 65536);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_ok(put(&many[i], 1, 1));
    ck_assert_ok(put(&one, 2, 1));
    unsigned before = 0;
    while (pp_fair_queue_take(&queue) != &one)
        before++;
    ck_assert_uint_le(before, PP_FAIR_QUANTUM / PP_FAIR_SIGNATURE_COST + 1);
}
END_TEST

/* NODE-047: by work, not by requests: batches of 1024 against single stamps. */
START_TEST(take__batches_against_singles__equal_work)
{
    static struct pp_fair_entry batches[60], singles[4000];
    uint64_t work[2] = {0, 0};
    pp_fair_queue_init(&queue, 8192, 1u << 20);
    for (unsigned i = 0; i < 60; i++)
        ck_assert_ok(put(&batches[i], 1, 1024));
    for (unsigned i = 0; i < 4000; i++)
        ck_assert_ok(put(&singles[i], 2, 1));
    while (work[0] < UINT64_C(40000)) {
        const struct pp_fair_entry *entry = pp_fair_queue_take(&queue);
        work[entry->flow - 1] += pp_fair_cost(entry);
    }
    ck_assert_uint_ge(work[1] * 10, work[0] * 9);
    ck_assert_uint_le(work[1] * 9, work[0] * 10);
}
END_TEST

/* NODE-047: stamps of a session, which need no signature, are so many more for the same work. */
START_TEST(take__stamps_under_a_mac_against_signed_ones__equal_work)
{
    static struct pp_fair_entry by_mac[3000], by_signature[400];
    uint32_t taken[2] = {0, 0};
    pp_fair_queue_init(&queue, 8192, 1u << 20);
    for (unsigned i = 0; i < 3000; i++) {
        by_mac[i] = (struct pp_fair_entry){.stamps = 1, .by_mac = true};
        ck_assert_ok(pp_fair_queue_put(&queue, 1, &by_mac[i]));
    }
    for (unsigned i = 0; i < 400; i++)
        ck_assert_ok(put(&by_signature[i], 2, 1));
    while (taken[1] < 300)
        taken[pp_fair_queue_take(&queue)->flow - 1]++;
    ck_assert_uint_ge(taken[0], 300 * 17 / 2 * 9 / 10); /* 17 stamps' work against 2 */
    ck_assert_uint_le(taken[0], 300 * 17 / 2 * 11 / 10);
}
END_TEST

/* NODE-047 */
START_TEST(put__one_after_the_other__half_of_what_is_left_and_room_for_the_next)
{
    static struct pp_fair_entry entries[6][REQUESTS];
    unsigned held[6] = {0};
    pp_fair_queue_init(&queue, REQUESTS, STAMPS);
    for (unsigned flow = 0; flow < 6; flow++) {
        while (put(&entries[flow][held[flow]], 10 + flow, 1) == PP_OK)
            held[flow]++;
        ck_assert_uint_eq(held[flow], REQUESTS >> (flow + 1)); /* 32, 16, 8, 4, 2, 1 */
    }
    /* What was taken still counts until it is answered. */
    ck_assert_ptr_eq(pp_fair_queue_take(&queue), &entries[0][0]);
    ck_assert_error(put(&entries[0][held[0]], 10, 1), PP_BUSY);
}
END_TEST

/* NODE-047 */
START_TEST(put__all_press_at_once__equal_parts)
{
    static struct pp_fair_entry entries[3][REQUESTS];
    unsigned held[3] = {0}, refused = 0;
    pp_fair_queue_init(&queue, REQUESTS, STAMPS);
    for (unsigned turn = 0; refused < 3; turn++) {
        unsigned flow = turn % 3;
        if (put(&entries[flow][held[flow]], flow, 1) == PP_OK)
            held[flow]++;
        else
            refused++;
    }
    for (unsigned flow = 0; flow < 3; flow++)
        ck_assert_uint_eq(held[flow], REQUESTS / 4);
}
END_TEST

/* NODE-047: stamps count as requests do. */
START_TEST(put__large_batches_of_one__leave_room_for_a_batch_of_another)
{
    static struct pp_fair_entry entries[8];
    pp_fair_queue_init(&queue, REQUESTS, 8192);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ok(put(&entries[i], 1, 1024));
    ck_assert_error(put(&entries[4], 1, 1024), PP_BUSY);
    ck_assert_ok(put(&entries[4], 2, 1024));
    ck_assert_ok(put(&entries[5], 3, 1024));
}
END_TEST

/* NODE-027 */
START_TEST(put__limits__busy_and_nothing_changed)
{
    static struct pp_fair_entry entries[REQUESTS + 1];
    pp_fair_queue_init(&queue, REQUESTS, STAMPS);
    for (unsigned i = 0; i < REQUESTS; i++) /* each its own flow */
        ck_assert_ok(put(&entries[i], i, 1));
    ck_assert_error(put(&entries[REQUESTS], REQUESTS, 1), PP_BUSY);
    ck_assert_uint_eq(queue.requests, REQUESTS);
    ck_assert_uint_eq(queue.waiting, REQUESTS);
    pp_fair_queue_init(&queue, REQUESTS, STAMPS);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ok(put(&entries[i], i, 1024));
    ck_assert_error(put(&entries[4], 4, 1), PP_BUSY);
    struct pp_fair_entry *taken = pp_fair_queue_take(&queue);
    pp_fair_queue_release(&queue, taken);
    ck_assert_ok(put(&entries[4], 4, 1));
}
END_TEST

/* Random puts, takes, returns and releases against counters kept beside. */
START_TEST(queue__random_walk__counts_agree_and_nothing_is_lost)
{
    enum { ENTRIES = 512 };
    static struct pp_fair_entry entries[ENTRIES];
    static uint8_t state[ENTRIES]; /* 0 outside, 1 waits, 2 taken */
    struct pp_rng rng;
    pp_rng_init(&rng, 77);
    pp_fair_queue_init(&queue, 200, 20000);
    memset(state, 0, sizeof state);
    for (unsigned round = 0; round < 200000; round++) {
        unsigned i = (unsigned)pp_rng_below(&rng, ENTRIES);
        uint64_t choice = pp_rng_below(&rng, 4);
        if (choice == 0) {
            struct pp_fair_entry *entry = pp_fair_queue_take(&queue);
            if (entry)
                state[entry - entries] = (uint8_t)(state[entry - entries] + 1);
        } else if (state[i] == 0) {
            if (put(&entries[i], (uint32_t)pp_rng_below(&rng, 9), 1 + (uint32_t)pp_rng_below(&rng, 200)) ==
                PP_OK)
                state[i] = 1;
        } else if (state[i] == 2 && choice == 1) {
            pp_fair_queue_wait_again(&queue, &entries[i]);
            state[i] = 1;
        } else if (state[i] == 2) {
            pp_fair_queue_release(&queue, &entries[i]);
            state[i] = 0;
        }
        pp_expect(queue.requests <= 200 && queue.stamps <= 20000);
    }
    uint32_t waiting = 0, requests = 0, stamps = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        waiting += state[i] == 1;
        requests += state[i] != 0;
        stamps += state[i] != 0 ? entries[i].stamps : 0;
    }
    ck_assert_uint_eq(queue.waiting, waiting);
    ck_assert_uint_eq(queue.requests, requests);
    ck_assert_uint_eq(queue.stamps, stamps);
    for (; waiting > 0; waiting--)
        ck_assert_ptr_nonnull(pp_fair_queue_take(&queue));
    ck_assert_ptr_null(pp_fair_queue_take(&queue));
}
END_TEST

PP_TESTS("fair_queue")
PP_TEST(take__one_flow__in_the_order_of_putting)
PP_TEST(take__many_of_one_and_one_of_another__the_other_waits_a_turn)
PP_TEST(take__batches_against_singles__equal_work)
PP_TEST(take__stamps_under_a_mac_against_signed_ones__equal_work)
PP_TEST(put__one_after_the_other__half_of_what_is_left_and_room_for_the_next)
PP_TEST(put__all_press_at_once__equal_parts)
PP_TEST(put__large_batches_of_one__leave_room_for_a_batch_of_another)
PP_TEST(put__limits__busy_and_nothing_changed)
PP_TEST(queue__random_walk__counts_agree_and_nothing_is_lost)
PP_TESTS_END
