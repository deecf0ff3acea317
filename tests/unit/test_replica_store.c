/* Goal: what was taken of a peer is on disk when it counts, whole, and is there again after any end; what convicts is kept with
 * its proof, as a file too.
 * Method: a store in a temporary folder, opened again and again; commits that fail. */
#include "evidence/replica_store.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refund.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAP_BYTES (UINT64_C(64) << 20)
#define FIRST_CHARGE 3u

struct world {
    struct pp_temp_dir dir;
    char path[300];
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    struct pp_replica_store *store;
    struct pp_replica replica;
    enum pp_error stopped;
    uint8_t *bytes;
    size_t length;
};

static void store_open(struct world *world)
{
    char reason[PP_STORE_REASON_BYTES];
    const struct pp_replica_config config = {
        .crypto = world->fixture.crypto,
        .owner = {&world->fixture.config.domain, FIXTURE_LANE, world->fixture.operator_address},
        .lanes_max = 16,
    };
    ck_assert_ok(pp_replica_store_open(world->path, MAP_BYTES, &world->store, reason));
    ck_assert_ok(pp_replica_open(&world->replica, &config));
    ck_assert_ok(pp_replica_store_load(world->store, &world->replica, &world->stopped));
}

static void store_close(struct world *world)
{
    pp_replica_close(&world->replica);
    pp_replica_store_close(world->store);
}

static void store_again(struct world *world)
{
    store_close(world);
    store_open(world);
}

static void world_open(struct world *world)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    snprintf(world->path, sizeof world->path, "%s/peers", world->dir.path);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_forge_init(&world->forge, &world->fixture);
    world->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    pp_forge_opened(&world->forge);
    pp_forge_funded(&world->forge, &world->sender, 1000);
    store_open(world);
}

static void world_close(struct world *world)
{
    store_close(world);
    pp_forge_done(&world->forge);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static enum pp_error take(struct world *world, struct pp_replica_fault *fault)
{
    world->length = pp_forge_end(&world->forge, world->bytes);
    return pp_replica_store_take(world->store, &world->replica,
                                 (struct pp_slice){world->bytes, world->length}, fault);
}

static void charge(struct world *world, uint64_t from, uint64_t number)
{
    struct pp_leaf leaf;
    pp_forge_leaf(&world->sender, from, number, &leaf);
    pp_forge_charged(&world->forge, &world->sender, &leaf, &world->sender.key);
}

static uint64_t spent(const struct world *world)
{
    struct pp_replica_lane lane;
    ck_assert_ok(pp_replica_lane(&world->replica, &world->sender.channel_id, &lane));
    return (uint64_t)lane.spent.raw;
}

/* EVID-061 */
START_TEST(replica_store__opened_again__holds_what_it_took)
{
    struct world world;
    struct pp_replica_fault fault;
    uint8_t *out = malloc(PP_SEGMENT_MAX_BYTES);
    size_t length;
    world_open(&world);
    for (uint64_t i = 0; i < 5; i++) {
        charge(&world, 1300 * i, i);
        ck_assert_ok(take(&world, &fault));
        store_again(&world);
        ck_assert_uint_eq(world.replica.head.next_sequence, FIRST_CHARGE + 1 + i);
        ck_assert_uint_eq(spent(&world), 1300 * (i + 1));
        ck_assert_ok(world.stopped);
    }
    ck_assert_ok(pp_replica_store_get(world.store, FIXTURE_LANE, FIRST_CHARGE + 4, out, PP_SEGMENT_MAX_BYTES,
                                      &length));
    ck_assert_uint_eq(length, world.length);
    ck_assert_mem_eq(out, world.bytes, length);
    ck_assert_ok(pp_replica_store_get(world.store, FIXTURE_LANE, 1, out, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_error(
        pp_replica_store_get(world.store, FIXTURE_LANE, FIRST_CHARGE + 5, out, PP_SEGMENT_MAX_BYTES, &length),
        PP_NOT_FOUND);
    ck_assert_error(
        pp_replica_store_get(world.store, FIXTURE_LANE + 1, 1, out, PP_SEGMENT_MAX_BYTES, &length),
        PP_NOT_FOUND);
    ck_assert_error(pp_replica_store_get(world.store, FIXTURE_LANE, 1, out, 10, &length), PP_OVERFLOW);
    free(out);
    world_close(&world);
}
END_TEST

static enum pp_error full(void *context)
{
    (void)context;
    return PP_STORE_FULL;
}

/* EVID-061: the commit fails; nothing counts, and the next try takes it. */
START_TEST(replica_store__commit_fails__nothing_counts)
{
    struct world world;
    struct pp_replica_fault fault;
    world_open(&world);
    charge(&world, 0, 0);
    ck_assert_ok(take(&world, &fault));
    charge(&world, 1300, 1);
    pp_replica_store_inject(world.store, full, NULL);
    ck_assert_error(take(&world, &fault), PP_STORE_FULL);
    pp_replica_store_inject(world.store, NULL, NULL);
    ck_assert_uint_eq(spent(&world), 1300);
    ck_assert_uint_eq(world.replica.head.next_sequence, FIRST_CHARGE + 1);
    ck_assert_ok(pp_replica_store_take(world.store, &world.replica,
                                       (struct pp_slice){world.bytes, world.length}, &fault));
    ck_assert_uint_eq(spent(&world), 2600);
    store_again(&world);
    ck_assert_uint_eq(spent(&world), 2600);
    world_close(&world);
}
END_TEST

static void proof_file_check(const struct world *world, const char *name)
{
    char path[400];
    struct pp_proof proof;
    struct pp_proof_verdict verdict;
    size_t length;
    snprintf(path, sizeof path, "%s/%s", world->path, name);
    char *bytes = pp_file_load(path, &length);
    ck_assert_ok(pp_proof_decode((struct pp_slice){(const uint8_t *)bytes, length}, &proof));
    ck_assert_ok(pp_proof_check(&proof, world->fixture.crypto, &verdict));
    ck_assert_mem_eq(verdict.operator_address.bytes, world->fixture.operator_address.bytes, 20);
    free(bytes);
}

/* EVID-062, EVID-063 */
START_TEST(replica_store__a_conviction__is_kept_with_its_proof)
{
    struct world world;
    struct pp_replica_fault fault;
    char path[400];
    uint8_t *out = malloc(PP_PROOF_MAX_BYTES);
    size_t length;
    world_open(&world);
    charge(&world, 0, 0);
    ck_assert_ok(take(&world, &fault));
    ck_assert_error(pp_replica_store_proof(world.store, FIXTURE_LANE, out, PP_PROOF_MAX_BYTES, &length),
                    PP_NOT_FOUND);
    charge(&world, 700, 1); /* overlaps */
    ck_assert_error(take(&world, &fault), PP_INTERVAL_TAKEN);
    ck_assert_uint_eq(fault.kind, PP_PROOF_OVERLAP);
    ck_assert_uint_eq(spent(&world), 1300);
    proof_file_check(&world, "1793-4-OVERLAP.proof");
    snprintf(path, sizeof path, "%s/1793-4-OVERLAP.proof", world.path);
    ck_assert_int_eq(unlink(path), 0); /* as if the process had ended before */
    store_again(&world);
    ck_assert_error(world.stopped, PP_INTERVAL_TAKEN);
    ck_assert_uint_eq(spent(&world), 1300);
    proof_file_check(&world, "1793-4-OVERLAP.proof");
    ck_assert_ok(pp_replica_store_proof(world.store, FIXTURE_LANE, out, PP_PROOF_MAX_BYTES, &length));
    free(out);
    world_close(&world);
}
END_TEST

/* EVID-062: a fork, and a refund above the postage; what no two entries show has no proof, and stops as well. */
START_TEST(replica_store__each_kind__has_a_proof_that_holds)
{
    for (unsigned which = 0; which < 4; which++) {
        struct world world;
        struct pp_replica_fault fault;
        struct pp_leaf leaf;
        struct pp_refund_list list;
        world_open(&world);
        pp_refund_list_init(&list);
        pp_forge_leaf(&world.sender, 0, 0, &leaf);
        const struct pp_journal_head start = world.forge.head;
        charge(&world, 0, 0);
        ck_assert_ok(take(&world, &fault));
        if (which == 0) {
            world.forge.head = start;
            pp_forge_begin(&world.forge);
            charge(&world, 0, 7);
            ck_assert_error(take(&world, &fault), PP_EVIDENCE_FORK);
            proof_file_check(&world, "1793-4-FORK.proof");
        } else if (which == 1) {
            pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 301, &list, 301);
            ck_assert_error(take(&world, &fault), PP_REFUND_EXCEEDS);
            proof_file_check(&world, "1793-4-REFUND_EXCEEDS.proof");
        } else if (which == 2) {
            struct pp_sender other;
            pp_sender_init(&other, &world.fixture, 2);
            pp_forge_leaf(&world.sender, 1300, 1, &leaf);
            pp_forge_charged(&world.forge, &world.sender, &leaf, &other.key);
            ck_assert_error(take(&world, &fault), PP_VOUCHER_FORGED);
            proof_file_check(&world, "1793-4-VOUCHER_FORGED.proof");
        } else {
            pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 200, &list, 201);
            ck_assert_error(take(&world, &fault), PP_EVIDENCE_IMPOSSIBLE);
        }
        store_again(&world);
        ck_assert(world.stopped != PP_OK);
        world_close(&world);
    }
}
END_TEST

/* EVID-064: a deletion counts once, also behind a restart. */
START_TEST(replica_store__a_stamp_deleted_twice__refused)
{
    struct world world;
    struct pp_replica_fault fault;
    struct pp_leaf leaf;
    struct pp_refund_list list;
    world_open(&world);
    pp_refund_list_init(&list);
    charge(&world, 0, 0);
    pp_forge_leaf(&world.sender, 0, 0, &leaf);
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 200, &list, 200);
    ck_assert_ok(take(&world, &fault));
    store_again(&world);
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 200, &list, 400);
    ck_assert_error(take(&world, &fault), PP_REFUND_EXCEEDS);
    world_close(&world);
}
END_TEST

/* EVID-060 */
START_TEST(replica_store__a_second_writer__locked)
{
    struct world world;
    struct pp_replica_store *second;
    char reason[PP_STORE_REASON_BYTES];
    world_open(&world);
    ck_assert_error(pp_replica_store_open(world.path, MAP_BYTES, &second, reason), PP_LOCKED);
    ck_assert_str_ne(reason, "");
    world_close(&world);
}
END_TEST

PP_TESTS("replica_store")
PP_TEST(replica_store__opened_again__holds_what_it_took)
PP_TEST(replica_store__commit_fails__nothing_counts)
PP_TEST(replica_store__a_conviction__is_kept_with_its_proof)
PP_TEST(replica_store__each_kind__has_a_proof_that_holds)
PP_TEST(replica_store__a_stamp_deleted_twice__refused)
PP_TEST(replica_store__a_second_writer__locked)
PP_TESTS_END
