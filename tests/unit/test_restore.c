/* Goal: a lost journal comes back from peers as far as they hold it, is claimed as it stood, and never signs again.
 * Method: a node with traffic, whose published segments are what peers hold; its folder is then taken away. */
#include "evidence/publish.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/claims.h>
#include <pp/restore.h>

#include <stdio.h>
#include <stdlib.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    char lost[300]; /* where it is restored to */
};

/* What one peer holds. */
struct peer {
    struct pp_segment segment;
    uint8_t *bytes;
    size_t length;
    uint64_t next;
};

static void traffic(struct world *world, unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_delete deletion;
        struct pp_delete_result result;
        struct pp_signed_refund refund;
        pp_request_make(&made, &world->fixture, &world->sender, 1 + i % 4, (struct pp_parcel_of){3000, 9}, i);
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        if (i == 1) {
            pp_delete_make(&world->fixture, &world->sender, &made.envelopes[0].leaf, &made.ids[0], &deletion);
            ck_assert_ok(pp_node_delete(world->fixture.node, &deletion, 1, &result, &refund));
            world->sender.refund_ack = refund.refunded;
        }
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
}

static void world_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 1000000, 0);
    snprintf(world->lost, sizeof world->lost, "%s/lost", world->dir.path);
    traffic(world, 5);
}

static void world_close(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* A peer holds all that the node has published by now. */
static void peer_take(const struct world *world, struct peer *peer)
{
    peer->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    ck_assert_ok(pp_node_evidence(world->fixture.node, 1, peer->bytes, PP_SEGMENT_MAX_BYTES, &peer->length));
    ck_assert_ok(pp_segment_decode((struct pp_slice){peer->bytes, peer->length}, &peer->segment));
    peer->next = peer->segment.head.next;
}

static enum pp_error peer_ask(void *context, uint64_t from, struct pp_slice *out)
{
    const struct peer *peer = context;
    if (from >= peer->next)
        return PP_NOT_FOUND;
    *out = (struct pp_slice){peer->bytes, peer->length};
    return PP_OK;
}

static enum pp_error restore(const struct world *world, const char *dir, struct peer *const peers[],
                             size_t count, struct pp_restored *out)
{
    char reason[256];
    struct pp_restore *restoring;
    const struct pp_restore_config config = {
        .crypto = world->fixture.crypto,
        .dir = dir,
        .lane = FIXTURE_LANE,
        .chain_id = world->fixture.config.domain.chain_id,
        .contract = world->fixture.config.domain.contract,
        .operator_address = world->fixture.operator_address,
        .lanes_max = 64,
    };
    enum pp_error error = pp_restore_open(&config, &restoring, reason);
    if (error != PP_OK)
        return error;
    for (size_t i = 0; i < count && error == PP_OK; i++)
        error = pp_restore_pull(restoring, peer_ask, peers[i]);
    if (error == PP_OK)
        error = pp_restore_write(restoring, out, reason);
    pp_restore_close(restoring);
    return error;
}

static void claim_read(const char *dir, const struct world *world, struct pp_lane_claim *out)
{
    struct pp_claims *claims;
    char reason[256];
    memset(out, 0, sizeof *out);
    ck_assert_ok(pp_claims_open(dir, &claims, reason));
    ck_assert_ok(pp_claims_lane(claims, &world->sender.channel_id, FIXTURE_LANE, out));
    pp_claims_close(claims);
}

/* EVID-080 */
START_TEST(restore__from_a_peer__is_claimed_as_it_stood)
{
    struct world world;
    struct peer peer;
    struct pp_restored restored;
    struct pp_lane_claim before, after;
    world_open(&world);
    peer_take(&world, &peer);
    ck_assert_ok(restore(&world, world.lost, (struct peer *const[]){&peer}, 1, &restored));
    ck_assert_uint_eq(restored.next_sequence, peer.next);
    ck_assert_uint_eq(restored.lanes, 1);
    pp_fixture_close(&world.fixture);
    claim_read(world.fixture.dir, &world, &before);
    claim_read(world.lost, &world, &after);
    ck_assert(before.has_voucher && before.has_refund);
    ck_assert_mem_eq(after.voucher.signature.bytes, before.voucher.signature.bytes, 65);
    ck_assert_mem_eq(after.refund.signature.bytes, before.refund.signature.bytes, 65);
    ck_assert(pp_grains_eq(after.spent, before.spent) && pp_grains_eq(after.spent, restored.spent));
    ck_assert(pp_grains_eq(after.refunded, before.refunded) &&
              pp_grains_eq(after.refunded, restored.refunded));
    ck_assert(pp_grains_eq(after.earned, before.earned));
    free(peer.bytes);
    world_close(&world);
}
END_TEST

/* EVID-082: what nobody holds any more may have been signed; under these numbers nothing is signed again. */
START_TEST(restore__the_node__is_refused_the_folder)
{
    struct world world;
    struct peer peer;
    struct pp_restored restored;
    struct pp_node *node;
    char reason[256] = "";
    world_open(&world);
    peer_take(&world, &peer);
    ck_assert_ok(restore(&world, world.lost, (struct peer *const[]){&peer}, 1, &restored));
    pp_fixture_close(&world.fixture);
    struct pp_node_config config = world.fixture.config;
    config.data_dir = world.lost;
    for (unsigned i = 0; i < 2; i++)
        ck_assert_error(pp_node_open(&config, &node, reason), PP_SHARD_RETIRED);
    ck_assert_ptr_nonnull(strstr(reason, "another shard"));
    free(peer.bytes);
    world_close(&world);
}
END_TEST

/* EVID-083, EVID-084: the longest of what peers hold; and more, when one comes later. */
START_TEST(restore__from_several_peers_and_again__the_longest)
{
    struct world world;
    struct peer old, new;
    struct pp_restored restored;
    struct pp_lane_claim claim;
    world_open(&world);
    peer_take(&world, &old);
    traffic(&world, 4);
    peer_take(&world, &new);
    ck_assert_ok(restore(&world, world.lost, (struct peer *const[]){&old}, 1, &restored));
    ck_assert_uint_eq(restored.next_sequence, old.next);
    ck_assert_ok(restore(&world, world.lost, (struct peer *const[]){&old, &new, &old}, 3, &restored));
    ck_assert_uint_eq(restored.next_sequence, new.next);
    ck_assert_ok(restore(&world, world.lost, NULL, 0, &restored));
    ck_assert_uint_eq(restored.next_sequence, new.next);
    claim_read(world.lost, &world, &claim);
    ck_assert(pp_grains_eq(claim.spent, world.sender.head));
    free(old.bytes);
    free(new.bytes);
    world_close(&world);
}
END_TEST

/* EVID-081, EVID-083 */
START_TEST(restore__over_a_journal_from_nothing_or_of_two__refused)
{
    struct world world;
    struct peer peer, forged;
    struct pp_restored restored;
    struct pp_forge forge;
    world_open(&world);
    peer_take(&world, &peer);
    ck_assert_error(restore(&world, world.lost, NULL, 0, &restored), PP_NOT_FOUND);
    pp_fixture_close(&world.fixture);
    ck_assert_error(restore(&world, world.fixture.dir, (struct peer *const[]){&peer}, 1, &restored),
                    PP_EXISTS);
    /* The key has signed another journal as well: which one is true cannot be known here. */
    pp_forge_init(&forge, &world.fixture);
    pp_forge_opened(&forge);
    pp_forge_funded(&forge, &world.sender, 5);
    pp_forge_funded(&forge, &world.sender, 6);
    forged.bytes = malloc(PP_SEGMENT_MAX_BYTES);
    forged.length = pp_forge_end(&forge, forged.bytes);
    forged.next = UINT64_MAX;
    ck_assert_error(restore(&world, world.lost, (struct peer *const[]){&peer, &forged}, 2, &restored),
                    PP_EVIDENCE_FORK);
    free(peer.bytes);
    free(forged.bytes);
    pp_forge_done(&forge);
    world_close(&world);
}
END_TEST

PP_TESTS("restore")
PP_TEST(restore__from_a_peer__is_claimed_as_it_stood)
PP_TEST(restore__the_node__is_refused_the_folder)
PP_TEST(restore__from_several_peers_and_again__the_longest)
PP_TEST(restore__over_a_journal_from_nothing_or_of_two__refused)
PP_TESTS_END
