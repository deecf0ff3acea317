/* Goal: a bond that another operator's journal ends without what it needs convicts that operator, by a proof that stands by itself; one
 * that ends as it must counts.
 * Method: journals with one wrong record each, then a proof of each, checked offline; and a real node's journal. */
#include "bond_fixture.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "evidence/bond_word.h"
#include "evidence/publish.h"

#include <pp/refund.h>

#include <stdlib.h>
#include <string.h>

#define CHARGE 3u
#define BOND 5000u
#define DEADLINE (FIXTURE_START_MS + 3600000)

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender, other;
    struct pp_recipient recipient, stranger;
    struct pp_forge forge;
    struct pp_shelf shelf;
    struct pp_refund_list list;
    struct pp_leaf leaf;
    uint8_t *bytes;
};

/* Held: the opening, two channels, a charge with a bond. */
static void world_open(struct world *world, bool ticket)
{
    struct pp_replica_fault fault;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_init(&world->other, &world->fixture, 2);
    pp_recipient_init(&world->recipient, &world->fixture, 1);
    pp_recipient_init(&world->stranger, &world->fixture, 2);
    pp_forge_init(&world->forge, &world->fixture);
    pp_shelf_open(&world->shelf, &world->fixture);
    pp_refund_list_init(&world->list);
    world->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    pp_forge_opened(&world->forge);
    pp_forge_funded(&world->forge, &world->sender, 1000);
    pp_forge_leaf(&world->sender, 0, 1, &world->leaf);
    world->leaf.postage.bond_grains = BOND;
    world->leaf.envelope_kind = 1;
    world->leaf.accept_key = world->recipient.address;
    world->leaf.accept_deadline_ms = DEADLINE;
    if (ticket)
        pp_forge_reserved(&world->forge, &world->sender, &world->leaf, &world->sender.key);
    else
        pp_forge_charged(&world->forge, &world->sender, &world->leaf, &world->sender.key);
    pp_forge_funded(&world->forge, &world->other, 1000);
    const size_t length = pp_forge_end(&world->forge, world->bytes);
    ck_assert_ok(pp_shelf_take(&world->shelf, (struct pp_slice){world->bytes, length}, &fault));
}

static void world_close(struct world *world)
{
    pp_shelf_close(&world->shelf);
    pp_forge_done(&world->forge);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* How a bond ends in the journal, and by whose word. */
struct ending {
    enum pp_record_type type;
    uint8_t cause;
    const struct pp_recipient *signer; /* NULL: no signature */
    bool opposite;                     /* it signed the other word */
    uint64_t time_ms, amount;
    const struct pp_sender *sender;
    struct pp_stamp_id stamp_id;
    uint64_t sequence;
};

static struct ending ending_good(const struct world *world, enum pp_record_type type)
{
    struct ending ending = {type,
                            PP_BOND_CAUSE_ACCEPTED,
                            &world->recipient,
                            false,
                            FIXTURE_START_MS + 10,
                            BOND,
                            &world->sender,
                            {{0}},
                            CHARGE};
    pp_leaf_id(&world->leaf, &ending.stamp_id);
    return ending;
}

static void end_add(struct world *world, const struct ending *ending)
{
    const bool returns = ending->type == PP_RECORD_TYPE_BOND_RETURNED;
    struct pp_row_bond row = {
        .sequence = ending->sequence, .stamp_id = ending->stamp_id, .amount = ending->amount};
    struct pp_record record = {.type = ending->type, .count = 1, .bond_rows = &row};
    struct pp_bond_word word;
    if (ending->signer) {
        pp_word_make(&world->fixture, ending->signer, &world->leaf, ending->sequence,
                     returns != ending->opposite, &word);
        row.signature = word.signature;
    }
    record.bond_returned.channel_id = ending->sender->channel_id;
    if (returns) {
        const struct pp_refund_leaf entry = {ending->stamp_id, pp_grains(ending->amount),
                                             PP_REFUND_BOND_RETURNED};
        struct pp_hash digest;
        ck_assert_ok(pp_refund_list_append(&world->list, &entry));
        record.bond_returned.cause = ending->cause;
        record.bond_returned.refunded = pp_refund_list_sum(&world->list);
        pp_refund_list_root(&world->list, &record.bond_returned.reasons);
        const struct pp_refund_fields fields = {ending->sender->channel_id, FIXTURE_LANE,
                                                record.bond_returned.refunded, record.bond_returned.reasons};
        pp_refund_digest(&world->fixture.config.domain, &fields, &digest);
        ck_assert_ok(pp_sign(world->fixture.crypto, &world->forge.key, &digest,
                             &record.bond_returned.refund_signature));
    }
    world->forge.time_ms = ending->time_ms;
    pp_forge_add(&world->forge, &record);
}

/* The journal behind the charge is this record; its answer, and the counters if it is taken. */
static void ck_ending(const struct ending *changed, bool ticket, enum pp_error expected, unsigned kind)
{
    struct world world;
    struct pp_replica_fault fault;
    struct pp_replica_lane lane;
    world_open(&world, ticket);
    struct ending ending = *changed;
    ending.signer =
        changed->signer ? (ending.signer == (const void *)1 ? &world.stranger : &world.recipient) : NULL;
    ending.sender = changed->sender == (const void *)1 ? &world.other : &world.sender;
    if (ending.stamp_id.bytes[0] == 0 && ending.stamp_id.bytes[1] == 0)
        pp_leaf_id(&world.leaf, &ending.stamp_id);
    end_add(&world, &ending);
    const struct pp_slice bytes = {world.bytes, pp_forge_end(&world.forge, world.bytes)};
    ck_assert_error(pp_shelf_take(&world.shelf, bytes, &fault), expected);
    ck_assert_uint_eq(fault.kind, kind);
    ck_assert(pp_replica_error_convicts(expected) == (expected != PP_OK));
    if (kind != 0)
        pp_shelf_prove(&world.shelf, &world.forge, &fault, bytes); /* EVID-037 */
    ck_assert_ok(pp_replica_lane(&world.shelf.replica, &world.sender.channel_id, &lane));
    const bool returns = ending.type == PP_RECORD_TYPE_BOND_RETURNED;
    ck_assert(lane.refunded.raw == (expected == PP_OK && returns ? BOND : 0));
    if (!ticket)
        ck_assert(lane.earned.raw == 1100 + (expected == PP_OK && !returns ? BOND : 0));
    world_close(&world);
}

#define STRANGER ((const void *)1)
#define RECIPIENT ((const void *)2)
#define OTHER ((const void *)1)

/* EVID-056, EVID-037 */
START_TEST(replica__each_way_in_which_a_bond_ends__counts_or_convicts)
{
    static const enum pp_record_type returned = PP_RECORD_TYPE_BOND_RETURNED,
                                     forfeited = PP_RECORD_TYPE_BOND_FORFEITED;
    const uint64_t now = FIXTURE_START_MS + 10;
    const struct pp_stamp_id none = {{0}}, wrong = {{7, 7}};
    const struct {
        struct ending ending;
        enum pp_error error;
        unsigned kind;
    } cases[] = {
        {{returned, 1, RECIPIENT, false, now, BOND, NULL, none, CHARGE}, PP_OK, 0},
        {{returned, 1, RECIPIENT, false, DEADLINE + 1000, BOND, NULL, none, CHARGE},
         PP_OK,
         0}, /* late, and to nobody's harm */
        {{returned, 2, NULL, false, DEADLINE + 1, BOND, NULL, none, CHARGE}, PP_OK, 0},
        {{forfeited, 0, RECIPIENT, false, now, BOND, NULL, none, CHARGE}, PP_OK, 0},
        {{forfeited, 0, RECIPIENT, false, DEADLINE, BOND, NULL, none, CHARGE}, PP_OK, 0},
        /* without what it needs */
        {{returned, 1, STRANGER, false, now, BOND, NULL, none, CHARGE}, PP_BOND_FORGED, PP_PROOF_BOND_FORGED},
        {{returned, 1, NULL, false, now, BOND, NULL, none, CHARGE}, PP_BOND_FORGED, PP_PROOF_BOND_FORGED},
        {{returned, 1, RECIPIENT, true, now, BOND, NULL, none, CHARGE}, PP_BOND_FORGED, PP_PROOF_BOND_FORGED},
        {{returned, 2, NULL, false, DEADLINE, BOND, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{forfeited, 0, STRANGER, false, now, BOND, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{forfeited, 0, NULL, false, now, BOND, NULL, none, CHARGE}, PP_BOND_FORGED, PP_PROOF_BOND_FORGED},
        {{forfeited, 0, RECIPIENT, true, now, BOND, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{forfeited, 0, RECIPIENT, false, DEADLINE + 1, BOND, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        /* another stamp, amount or channel */
        {{returned, 1, RECIPIENT, false, now, BOND, NULL, wrong, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{returned, 1, RECIPIENT, false, now, BOND + 1, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{returned, 1, RECIPIENT, false, now, BOND - 1, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{forfeited, 0, RECIPIENT, false, now, BOND + 1, NULL, none, CHARGE},
         PP_BOND_FORGED,
         PP_PROOF_BOND_FORGED},
        {{returned, 1, RECIPIENT, false, now, BOND, OTHER, none, CHARGE}, PP_EVIDENCE_IMPOSSIBLE, 0},
        {{forfeited, 0, RECIPIENT, false, now, BOND, OTHER, none, CHARGE}, PP_EVIDENCE_IMPOSSIBLE, 0},
        {{returned, 1, RECIPIENT, false, now, BOND, NULL, none, CHARGE - 1}, PP_EVIDENCE_IMPOSSIBLE, 0},
        {{returned, 1, RECIPIENT, false, now, BOND, NULL, none, 0}, PP_EVIDENCE_IMPOSSIBLE, 0},
        {{returned, 1, RECIPIENT, false, now, BOND, NULL, none, UINT64_MAX}, PP_EVIDENCE_IMPOSSIBLE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_ending(&cases[i].ending, false, cases[i].error, cases[i].kind);
    /* REW-149: of an open ticket */
    ck_ending(&cases[0].ending, true, PP_EVIDENCE_IMPOSSIBLE, 0);
    ck_ending(&cases[2].ending, true, PP_EVIDENCE_IMPOSSIBLE, 0);
}
END_TEST

/* REW-142: once. */
START_TEST(replica__a_bond_that_ends_twice__convicts)
{
    for (unsigned first = 0; first < 2; first++)
        for (unsigned second = 0; second < 2; second++) {
            struct world world;
            struct pp_replica_fault fault;
            world_open(&world, false);
            const struct ending one =
                ending_good(&world, first ? PP_RECORD_TYPE_BOND_FORFEITED : PP_RECORD_TYPE_BOND_RETURNED);
            const struct ending two =
                ending_good(&world, second ? PP_RECORD_TYPE_BOND_FORFEITED : PP_RECORD_TYPE_BOND_RETURNED);
            end_add(&world, &one);
            end_add(&world, &two);
            const struct pp_slice bytes = {world.bytes, pp_forge_end(&world.forge, world.bytes)};
            ck_assert_error(pp_shelf_take(&world.shelf, bytes, &fault), PP_EVIDENCE_IMPOSSIBLE);
            world_close(&world);
        }
}
END_TEST

/* EVID-037: a proof of a bond that ended as it must convicts nobody. */
START_TEST(proof__an_ending_that_holds__no_conflict)
{
    struct world world;
    struct pp_proof proof;
    struct pp_proof_verdict verdict;
    uint8_t *second = malloc(PP_SEGMENT_MAX_BYTES);
    world_open(&world, false);
    const size_t length = world.shelf.taken[0].length;
    const struct ending ending = ending_good(&world, PP_RECORD_TYPE_BOND_FORFEITED);
    end_add(&world, &ending);
    const size_t second_length = pp_forge_end(&world.forge, second);
    pp_forge_proof(&world.forge, PP_PROOF_BOND_FORGED, CHARGE, CHARGE + 2, &proof);
    proof.count = 2;
    proof.statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world.shelf.taken[0].bytes, length}};
    proof.statements[1] = (struct pp_statement){PP_STATEMENT_SEGMENT, {second, second_length}};
    ck_assert_error(pp_proof_check(&proof, world.fixture.crypto, &verdict), PP_NO_CONFLICT);
    proof.sequence_b = CHARGE;
    proof.statements[1] = proof.statements[0];
    ck_assert_error(pp_proof_check(&proof, world.fixture.crypto, &verdict),
                    PP_NOT_FOUND); /* no end of a bond */
    free(second);
    world_close(&world);
}
END_TEST

PP_TESTS("bond_evidence")
PP_TEST(replica__each_way_in_which_a_bond_ends__counts_or_convicts)
PP_TEST(replica__a_bond_that_ends_twice__convicts)
PP_TEST(proof__an_ending_that_holds__no_conflict)
PP_TESTS_END
