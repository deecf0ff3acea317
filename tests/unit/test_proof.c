/* Goal: a proof convicts only whom it must: what the operator's own keys signed twice, and differently.
 * Method: one world in which an operator does each of the wrongs; every proof is then weakened in every way. */
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refund.h>
#include <pp/voucher.h>

#include <stdlib.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender, other;
    struct pp_forge forge;
    struct pp_journal_head start; /* behind the opening and the two channels */
    uint8_t *opening, *a, *b;
    size_t opening_length, a_length, b_length;
};

#define FIRST_CHARGE 4u /* its sequence */

static void world_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_init(&world->other, &world->fixture, 2);
    pp_forge_init(&world->forge, &world->fixture);
    world->opening = malloc(PP_SEGMENT_MAX_BYTES);
    world->a = malloc(PP_SEGMENT_MAX_BYTES);
    world->b = malloc(PP_SEGMENT_MAX_BYTES);
    pp_forge_opened(&world->forge);
    pp_forge_funded(&world->forge, &world->sender, 1000);
    pp_forge_funded(&world->forge, &world->other, 1000);
    world->opening_length = pp_forge_end(&world->forge, world->opening);
    world->start = world->forge.head;
}

static void world_close(struct world *world)
{
    pp_forge_done(&world->forge);
    free(world->opening);
    free(world->a);
    free(world->b);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void charge(struct world *world, const struct pp_sender *sender, uint64_t from, uint64_t number)
{
    struct pp_leaf leaf;
    pp_forge_leaf(sender, from, number, &leaf);
    pp_forge_charged(&world->forge, sender, &leaf, &sender->key);
}

static void back_to_start(struct world *world)
{
    world->forge.head = world->start;
    pp_forge_begin(&world->forge);
}

static void prove(const struct world *world, enum pp_proof_kind kind, uint64_t sequence_a,
                  uint64_t sequence_b, struct pp_proof *out)
{
    pp_forge_proof(&world->forge, kind, sequence_a, sequence_b, out);
    out->statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world->a, world->a_length}};
    out->statements[1] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world->b, world->b_length}};
}

static enum pp_error check(const struct world *world, const struct pp_proof *proof)
{
    struct pp_proof_verdict verdict = {0};
    const enum pp_error error = pp_proof_check(proof, world->fixture.crypto, &verdict);
    if (error != PP_OK)
        return error;
    ck_assert_uint_eq(verdict.kind, proof->kind);
    ck_assert_uint_eq(verdict.node_id, FIXTURE_NODE_ID);
    ck_assert_mem_eq(verdict.operator_address.bytes, world->fixture.operator_address.bytes, 20);
    ck_assert_str_ne(verdict.detail[0], "");
    ck_assert_str_ne(verdict.detail[1], "");
    ck_assert_mem_ne(verdict.signatures[0].bytes, verdict.signatures[1].bytes, 64);
    return PP_OK;
}

/* Encoded, it says the same; with a bit changed, or by another operator, it is refused (EVID-020, EVID-026). */
static void check_altered(const struct world *world, const struct pp_proof *proof)
{
    struct pp_proof_verdict verdict;
    struct pp_proof decoded;
    uint8_t *bytes = malloc(PP_PROOF_MAX_BYTES);
    size_t length;
    ck_assert_ok(pp_proof_encode(proof, bytes, PP_PROOF_MAX_BYTES, &length));
    ck_assert_ok(pp_proof_decode((struct pp_slice){bytes, length}, &decoded));
    ck_assert_ok(check(world, &decoded));
    for (size_t at = 0; at < length; at++) {
        if (at >= 57 && at < 73) /* where in the statements to look: another place may say the same */
            continue;
        bytes[at] ^= (uint8_t)(1u << at % 8);
        enum pp_error error = pp_proof_decode((struct pp_slice){bytes, length}, &decoded);
        if (error == PP_OK)
            error = pp_proof_check(&decoded, world->fixture.crypto, &verdict);
        ck_assert_msg(error != PP_OK, "byte %zu", at);
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    for (size_t cut = 0; cut < length; cut++)
        pp_expect(pp_proof_decode((struct pp_slice){bytes, cut}, &decoded) != PP_OK);
    free(bytes);
}

/* ---- FORK ---- */

/* EVID-030 */
START_TEST(fork__two_entries_for_one_sequence__convicts)
{
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    charge(&world, &world.sender, 0, 1);
    world.a_length = pp_forge_end(&world.forge, world.a);
    back_to_start(&world);
    charge(&world, &world.other, 0, 2);
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_FORK, FIRST_CHARGE, FIRST_CHARGE, &proof);
    ck_assert_ok(check(&world, &proof));
    prove(&world, PP_PROOF_FORK, FIRST_CHARGE + 1, FIRST_CHARGE + 1, &proof); /* where they have come to */
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    prove(&world, PP_PROOF_FORK, 2, 2, &proof); /* of which they say nothing */
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    world_close(&world);
}
END_TEST

/* EVID-030: heads need no records. */
START_TEST(fork__two_heads__convict)
{
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    charge(&world, &world.sender, 0, 1);
    world.a_length = pp_forge_end(&world.forge, world.a);
    back_to_start(&world);
    charge(&world, &world.sender, 0, 2);
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_FORK, FIRST_CHARGE + 1, FIRST_CHARGE + 1, &proof);
    for (unsigned i = 0; i < 2; i++) {
        proof.statements[i].type = PP_STATEMENT_HEAD;
        proof.statements[i].bytes.length = PP_SEGMENT_HEAD_BYTES;
    }
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    world_close(&world);
}
END_TEST

/* EVID-030: an honest operator cuts its journal anywhere. */
START_TEST(fork__one_journal_cut_differently__no_conflict)
{
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    for (uint64_t i = 0; i < 3; i++)
        charge(&world, &world.sender, i * 1300, i);
    world.a_length = pp_forge_end(&world.forge, world.a);
    back_to_start(&world);
    charge(&world, &world.sender, 0, 0);
    charge(&world, &world.sender, 1300, 1);
    world.b_length = pp_forge_end(&world.forge, world.b);
    for (uint64_t sequence = 0; sequence < 9; sequence++) {
        prove(&world, PP_PROOF_FORK, sequence, sequence, &proof);
        ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
        prove(&world, PP_PROOF_FORK, sequence, sequence + 1, &proof);
        ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    }
    world_close(&world);
}
END_TEST

/* EVID-030: a record that runs across the place where another one ends. */
START_TEST(fork__one_record_across_the_end_of_another__convicts)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    world_open(&world);
    charge(&world, &world.sender, 0, 0);
    world.a_length = pp_forge_end(&world.forge, world.a);
    back_to_start(&world);
    struct pp_row_charged rows[2] = {{.admitted = 1}, {.admitted = 1}};
    for (uint64_t i = 0; i < 2; i++) {
        pp_forge_leaf(&world.sender, i * 1300, i, &leaf);
        rows[i].leaf = leaf;
    }
    struct pp_record record = {.type = PP_RECORD_TYPE_CHARGED, .count = 2, .charged_rows = rows};
    record.charged = (struct pp_record_charged){.type_ = PP_RECORD_TYPE_CHARGED,
                                                .channel_id = world.sender.channel_id,
                                                .lane = FIXTURE_LANE,
                                                .kind = PP_STAMP_BATCH};
    pp_forge_add(&world.forge, &record);
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_FORK, FIRST_CHARGE + 1, FIRST_CHARGE + 1, &proof);
    ck_assert_ok(check(&world, &proof));
    world_close(&world);
}
END_TEST

/* ---- OVERLAP ---- */

/* EVID-031 */
START_TEST(overlap__two_charges_of_one_interval__convict)
{
    static const struct {
        uint64_t from;
        enum pp_error expected;
    } cases[] = {{0, PP_OK}, {1, PP_OK}, {1299, PP_OK}, {1300, PP_NO_CONFLICT}, {2600, PP_NO_CONFLICT}};
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        back_to_start(&world);
        charge(&world, &world.sender, 0, 1);
        world.a_length = pp_forge_end(&world.forge, world.a);
        charge(&world, &world.sender, cases[i].from, 2);
        world.b_length = pp_forge_end(&world.forge, world.b);
        prove(&world, PP_PROOF_OVERLAP, FIRST_CHARGE, FIRST_CHARGE + 1, &proof);
        ck_assert_error(check(&world, &proof), cases[i].expected);
        if (i == 2)
            check_altered(&world, &proof);
        prove(&world, PP_PROOF_OVERLAP, 1, FIRST_CHARGE + 1, &proof); /* no charge */
        ck_assert_error(check(&world, &proof), PP_NOT_FOUND);
    }
    world_close(&world);
}
END_TEST

/* EVID-031: lanes of two channels have a line each. */
START_TEST(overlap__of_two_channels__no_conflict)
{
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    charge(&world, &world.sender, 0, 1);
    world.a_length = pp_forge_end(&world.forge, world.a);
    charge(&world, &world.other, 0, 2);
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_OVERLAP, FIRST_CHARGE, FIRST_CHARGE + 1, &proof);
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    prove(&world, PP_PROOF_OVERLAP, FIRST_CHARGE, FIRST_CHARGE, &proof); /* one and the same */
    proof.statements[1] = proof.statements[0];
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    world_close(&world);
}
END_TEST

/* ---- receipts ---- */

static void two_receipts(const struct world *world, enum pp_proof_kind kind, uint64_t sequence_a,
                         uint64_t sequence_b, struct pp_proof *out)
{
    prove(world, kind, sequence_a, sequence_b, out);
    out->statements[0].type = out->statements[1].type = PP_STATEMENT_RECEIPT;
    out->count = 3;
    out->statements[2] = (struct pp_statement){PP_STATEMENT_HEAD, {world->opening, PP_SEGMENT_HEAD_BYTES}};
}

/* EVID-023, EVID-024, EVID-031 */
START_TEST(receipts__two_for_one_interval__convict)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    world_open(&world);
    pp_forge_leaf(&world.sender, 0, 1, &leaf);
    world.a_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 10, FIXTURE_START_MS, world.a,
                                      PP_SEGMENT_MAX_BYTES);
    pp_forge_leaf(&world.sender, 500, 2, &leaf);
    world.b_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 11, FIXTURE_START_MS, world.b,
                                      PP_SEGMENT_MAX_BYTES);
    two_receipts(&world, PP_PROOF_OVERLAP, 10, 11, &proof);
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    proof.count = 2; /* whose receipt key? */
    ck_assert_error(check(&world, &proof), PP_MISSING_FIELD);
    two_receipts(&world, PP_PROOF_OVERLAP, 10, 12, &proof);
    ck_assert_error(check(&world, &proof), PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

/* EVID-032 */
START_TEST(receipts__two_for_one_sequence__convict)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    world_open(&world);
    pp_forge_leaf(&world.sender, 0, 1, &leaf);
    world.a_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 10, FIXTURE_START_MS, world.a,
                                      PP_SEGMENT_MAX_BYTES);
    world.b_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 10, FIXTURE_START_MS, world.b,
                                      PP_SEGMENT_MAX_BYTES);
    two_receipts(&world, PP_PROOF_SEQUENCE, 10, 10, &proof);
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT); /* a retry */
    pp_forge_leaf(&world.other, 5000, 2, &leaf);
    world.b_length = pp_forge_receipt(&world.forge, &world.other, &leaf, 10, FIXTURE_START_MS, world.b,
                                      PP_SEGMENT_MAX_BYTES);
    two_receipts(&world, PP_PROOF_SEQUENCE, 10, 10, &proof);
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    world_close(&world);
}
END_TEST

/* EVID-032: a node that took an envelope and does not publish it is convicted by the sender's receipt. */
START_TEST(receipt__against_the_journal__convicts)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    world_open(&world);
    charge(&world, &world.sender, 0, 1);
    world.a_length = pp_forge_end(&world.forge, world.a);
    prove(&world, PP_PROOF_SEQUENCE, FIRST_CHARGE, FIRST_CHARGE, &proof);
    for (unsigned which = 0; which < 3; which++) {
        pp_forge_leaf(&world.sender, which == 0 ? 1300 : 0, which == 0 ? 2 : 1, &leaf);
        const uint64_t time_ms = which == 2 ? FIXTURE_START_MS + 1 : FIXTURE_START_MS;
        world.b_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, FIRST_CHARGE, time_ms, world.b,
                                          PP_SEGMENT_MAX_BYTES);
        proof.statements[1] = (struct pp_statement){PP_STATEMENT_RECEIPT, {world.b, world.b_length}};
        /* another stamp; the same one; the same one at another time */
        ck_assert_error(check(&world, &proof), which == 1 ? PP_NO_CONFLICT : PP_OK);
    }
    /* The journal has the opening of a channel where a stamp was acknowledged. */
    world.b_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 2, FIXTURE_START_MS, world.b,
                                      PP_SEGMENT_MAX_BYTES);
    pp_forge_proof(&world.forge, PP_PROOF_SEQUENCE, 2, 2, &proof);
    proof.statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world.opening, world.opening_length}};
    proof.statements[1] = (struct pp_statement){PP_STATEMENT_RECEIPT, {world.b, world.b_length}};
    ck_assert_ok(check(&world, &proof));
    world_close(&world);
}
END_TEST

/* EVID-025: the same node may have the same keys in another network. */
START_TEST(receipt__of_another_contract__refused)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    struct pp_domain here;
    static const struct pp_address contract = {{0xc0, 0x02}};
    world_open(&world);
    here = world.fixture.config.domain;
    pp_forge_leaf(&world.sender, 0, 1, &leaf);
    world.a_length = pp_forge_receipt(&world.forge, &world.sender, &leaf, 10, FIXTURE_START_MS, world.a,
                                      PP_SEGMENT_MAX_BYTES);
    pp_domain_init(&world.fixture.config.domain, 31337, &contract);
    pp_sender_init(&world.other, &world.fixture, 2);
    pp_forge_leaf(&world.other, 0, 2, &leaf);
    world.b_length = pp_forge_receipt(&world.forge, &world.other, &leaf, 10, FIXTURE_START_MS, world.b,
                                      PP_SEGMENT_MAX_BYTES);
    world.fixture.config.domain = here;
    two_receipts(&world, PP_PROOF_SEQUENCE, 10, 10, &proof);
    ck_assert_error(check(&world, &proof), PP_WRONG_DOMAIN);
    world_close(&world);
}
END_TEST

/* ---- refunds ---- */

/* EVID-033, EVID-034 */
START_TEST(refunds__that_fall_or_exceed__convict)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    struct pp_refund_list list;
    world_open(&world);
    pp_refund_list_init(&list);
    pp_forge_leaf(&world.sender, 0, 1, &leaf);
    pp_forge_charged(&world.forge, &world.sender, &leaf, &world.sender.key);             /* 4 */
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 200, &list, 200); /* 5 */
    world.a_length = pp_forge_end(&world.forge, world.a);
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 301, &list, 100); /* 6 */
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE, 300, &list, 800); /* 7 */
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_REFUND_FELL, 5, 6, &proof);
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    prove(&world, PP_PROOF_REFUND_FELL, 5, 7, &proof);
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    prove(&world, PP_PROOF_REFUND_FELL, 4, 6, &proof);
    ck_assert_error(check(&world, &proof), PP_NOT_FOUND);
    prove(&world, PP_PROOF_REFUND_EXCEEDS, FIRST_CHARGE, 6, &proof);
    ck_assert_ok(check(&world, &proof));
    check_altered(&world, &proof);
    prove(&world, PP_PROOF_REFUND_EXCEEDS, FIRST_CHARGE, 7, &proof); /* all of its storage */
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    prove(&world, PP_PROOF_REFUND_EXCEEDS, FIRST_CHARGE, 5, &proof); /* the entry is in the other segment */
    ck_assert_error(check(&world, &proof), PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

/* ---- vouchers ---- */

/* EVID-035 */
START_TEST(voucher__not_the_signers__convicts_the_operator)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    world_open(&world);
    pp_forge_leaf(&world.sender, 0, 1, &leaf);
    for (unsigned forged = 0; forged < 2; forged++) {
        back_to_start(&world);
        pp_forge_charged(&world.forge, &world.sender, &leaf, forged ? &world.other.key : &world.sender.key);
        world.b_length = pp_forge_end(&world.forge, world.b);
        pp_forge_proof(&world.forge, PP_PROOF_VOUCHER_FORGED, 2, FIRST_CHARGE, &proof);
        proof.statements[0] =
            (struct pp_statement){PP_STATEMENT_SEGMENT, {world.opening, world.opening_length}};
        proof.statements[1] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world.b, world.b_length}};
        ck_assert_error(check(&world, &proof), forged ? PP_OK : PP_NO_CONFLICT);
    }
    check_altered(&world, &proof);
    proof.sequence_a = 3; /* the other channel's signer */
    ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
    proof.sequence_a = 1;
    ck_assert_error(check(&world, &proof), PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

/* EVID-021: two stamps for one interval that only the sender signed may be one that was refused, and one priced anew. */
START_TEST(vouchers__by_the_sender_only__prove_nothing)
{
    struct world world;
    struct pp_proof proof;
    struct pp_leaf leaf;
    uint8_t statements[2][PP_VOUCHER_STATEMENT_BYTES];
    world_open(&world);
    pp_forge_proof(&world.forge, PP_PROOF_OVERLAP, 1, 2, &proof);
    for (uint64_t i = 0; i < 2; i++) {
        struct pp_stamp_id id;
        struct pp_hash scratch;
        struct pp_voucher voucher = {.channel_id = world.sender.channel_id, .lane = FIXTURE_LANE};
        pp_forge_leaf(&world.sender, 0, i, &leaf);
        pp_leaf_id(&leaf, &id);
        ck_assert_ok(pp_leaf_to(&leaf, &voucher.spent));
        ck_assert_ok(pp_voucher_context(PP_STAMP_SINGLE, &id, 1, &scratch, &voucher.context));
        ck_assert_ok(
            pp_voucher_sign(world.fixture.crypto, &world.fixture.config.domain, &world.sender.key, &voucher));
        pp_voucher_statement_write(&voucher, statements[i]);
        proof.statements[i] =
            (struct pp_statement){PP_STATEMENT_VOUCHER, {statements[i], sizeof statements[i]}};
    }
    ck_assert_error(check(&world, &proof), PP_PROVES_NOTHING);
    charge(&world, &world.sender, 0, 1); /* nor does one of them beside what the operator signed */
    world.a_length = pp_forge_end(&world.forge, world.a);
    proof.statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, {world.a, world.a_length}};
    ck_assert_error(check(&world, &proof), PP_PROVES_NOTHING);
    world_close(&world);
}
END_TEST

/* ---- reports ---- */

/* EVID-036 */
START_TEST(reports__two_for_one_epoch__convict)
{
    struct world world;
    struct pp_proof proof;
    uint8_t statements[2][PP_REPORT_STATEMENT_BYTES];
    world_open(&world);
    for (unsigned change = 0; change < 3; change++) {
        pp_forge_proof(&world.forge, PP_PROOF_REPORTS, 0, 0, &proof);
        proof.count = 3;
        proof.statements[2] =
            (struct pp_statement){PP_STATEMENT_HEAD, {world.opening, PP_SEGMENT_HEAD_BYTES}};
        for (unsigned i = 0; i < 2; i++) {
            struct pp_epoch_report_fields fields = {.epoch = 7, .block_number = 100, .end_time = 1000};
            struct pp_signature signature;
            struct pp_hash digest;
            if (i == 1 && change == 1)
                fields.lanes_root.bytes[5] = 1;
            if (i == 1 && change == 2)
                fields.epoch++;
            pp_epoch_report_digest(&world.fixture.config.domain, &fields, &digest);
            ck_assert_ok(pp_sign(world.fixture.crypto, &world.forge.key, &digest, &signature));
            pp_report_statement_write(&fields, &signature, statements[i]);
            proof.statements[i] =
                (struct pp_statement){PP_STATEMENT_REPORT, {statements[i], sizeof statements[i]}};
        }
        if (change == 1) {
            ck_assert_ok(check(&world, &proof));
            check_altered(&world, &proof);
            proof.sequence_b = 1;
            ck_assert_error(check(&world, &proof), PP_OUT_OF_RANGE);
            proof.sequence_b = 0;
            proof.count = 2; /* whose number is it? */
            ck_assert_error(check(&world, &proof), PP_MISSING_FIELD);
        } else {
            ck_assert_error(check(&world, &proof), PP_NO_CONFLICT);
        }
    }
    world_close(&world);
}
END_TEST

/* ---- form ---- */

/* EVID-022: another operator's statements, and the same under another number. */
START_TEST(proof__of_another_operator__refused)
{
    struct world world;
    struct pp_proof proof;
    world_open(&world);
    charge(&world, &world.sender, 0, 1);
    world.a_length = pp_forge_end(&world.forge, world.a);
    back_to_start(&world);
    world.forge.key.bytes[5] ^= 1; /* somebody else makes up a journal for this operator */
    charge(&world, &world.sender, 0, 2);
    world.b_length = pp_forge_end(&world.forge, world.b);
    prove(&world, PP_PROOF_FORK, FIRST_CHARGE, FIRST_CHARGE, &proof);
    ck_assert_error(check(&world, &proof), PP_BAD_SIGNATURE);
    proof.node_id++;
    ck_assert_error(check(&world, &proof), PP_WRONG_OPERATOR);
    world_close(&world);
}
END_TEST

/* EVID-020 */
START_TEST(proof__of_unknown_form__refused)
{
    struct world world;
    struct pp_proof proof, decoded;
    uint8_t bytes[512];
    size_t length;
    world_open(&world);
    pp_forge_proof(&world.forge, PP_PROOF_REPORTS, 0, 0, &proof);
    ck_assert_ok(pp_proof_encode(&proof, bytes, sizeof bytes, &length));
    ck_assert_error(pp_proof_decode((struct pp_slice){bytes, length}, &decoded), PP_BAD_TYPE); /* type 0 */
    proof.kind = PP_PROOF_BOND_FORGED + 1;
    ck_assert_ok(pp_proof_encode(&proof, bytes, sizeof bytes, &length));
    ck_assert_error(pp_proof_decode((struct pp_slice){bytes, length}, &decoded), PP_BAD_KIND);
    proof.kind = PP_PROOF_FORK;
    proof.count = 1;
    ck_assert_ok(pp_proof_encode(&proof, bytes, sizeof bytes, &length));
    ck_assert_error(pp_proof_decode((struct pp_slice){bytes, length}, &decoded), PP_TOO_MANY);
    proof.count = 2;
    proof.node_id = 0;
    ck_assert_ok(pp_proof_encode(&proof, bytes, sizeof bytes, &length));
    ck_assert_error(pp_proof_decode((struct pp_slice){bytes, length}, &decoded), PP_OUT_OF_RANGE);
    bytes[0] = 'Q';
    ck_assert_error(pp_proof_decode((struct pp_slice){bytes, length}, &decoded), PP_BAD_FORMAT);
    uint8_t *longer = calloc(1, PP_PROOF_MAX_BYTES + 1);
    ck_assert_error(pp_proof_decode((struct pp_slice){longer, PP_PROOF_MAX_BYTES + 1}, &decoded),
                    PP_TOO_LONG);
    free(longer);
    world_close(&world);
}
END_TEST

PP_TESTS("proof")
PP_TEST(fork__two_entries_for_one_sequence__convicts)
PP_TEST(fork__two_heads__convict)
PP_TEST(fork__one_journal_cut_differently__no_conflict)
PP_TEST(fork__one_record_across_the_end_of_another__convicts)
PP_TEST(overlap__two_charges_of_one_interval__convict)
PP_TEST(overlap__of_two_channels__no_conflict)
PP_TEST(receipts__two_for_one_interval__convict)
PP_TEST(receipts__two_for_one_sequence__convict)
PP_TEST(receipt__against_the_journal__convicts)
PP_TEST(receipt__of_another_contract__refused)
PP_TEST(refunds__that_fall_or_exceed__convict)
PP_TEST(voucher__not_the_signers__convicts_the_operator)
PP_TEST(vouchers__by_the_sender_only__prove_nothing)
PP_TEST(reports__two_for_one_epoch__convict)
PP_TEST(proof__of_another_operator__refused)
PP_TEST(proof__of_unknown_form__refused)
PP_TESTS_END
