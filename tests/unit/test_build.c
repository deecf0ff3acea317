/* Goal: two operators that hold the same journals make the same report, to the last byte; where one states anything else, the other
 * says what differs first, with both numbers, and does not sign.
 * Method: a node that is paid, and a replica of its lane: the owner drafts, the other checks. Every term, head and leaf is changed
 * in turn. */
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"
#include "epoch/build.h"
#include "epoch/keep.h"
#include "evidence/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_replica_store *store;
    struct pp_replica replica;
    struct pp_holdings holdings;
    uint8_t *bytes;
};

static void world_open(struct world *w)
{
    char path[400], reason[PP_STORE_REASON_BYTES];
    *w = (struct world){.bytes = malloc(PP_SEGMENT_MAX_BYTES)};
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, true);
    w->fixture.config.several_operators = true;
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
    pp_sender_init(&w->sender, &w->fixture, 1);
    pp_sender_fund(&w->sender, &w->fixture, 1000, 1);
    snprintf(path, sizeof path, "%s/peers", w->dir.path);
    ck_assert_ok(pp_replica_store_open(path, UINT64_C(64) << 20, &w->store, reason));
    const struct pp_replica_config config = {
        .crypto = w->fixture.crypto,
        .owner = {&w->fixture.config.domain, FIXTURE_LANE, w->fixture.operator_address},
        .lanes_max = 16,
    };
    ck_assert_ok(pp_replica_open(&w->replica, &config));
    w->holdings = (struct pp_holdings){.crypto = w->fixture.crypto,
                                       .domain = &w->fixture.config.domain,
                                       .replicas = w->store,
                                       .lanes_max = 16};
    const struct pp_holding lane = {.lane = FIXTURE_LANE, .operator_address = w->fixture.operator_address};
    ck_assert_ok(pp_holdings_add(&w->holdings, &lane));
    ck_assert_error(pp_holdings_add(&w->holdings, &lane), PP_BAD_FORMAT);
}

static void world_close(struct world *w)
{
    pp_replica_close(&w->replica);
    pp_replica_store_close(w->store);
    pp_fixture_verify(&w->fixture, NULL); /* EPOCH-040 */
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
    free(w->bytes);
}

static void pay(struct world *w, size_t count, uint64_t seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_request_make(&made, &w->fixture, &w->sender, count, (struct pp_parcel_of){100, 3}, seed);
    pp_submit_wait(w->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
}

/* The epoch of now is over; which one it was. */
static uint64_t epoch_end(struct world *w)
{
    const uint64_t length_s = w->fixture.config.epoch_seconds;
    const uint64_t epoch = w->fixture.now_ms / 1000 / length_s;
    w->fixture.now_ms = (epoch + 1) * length_s * 1000 + 3000;
    pp_fixture_head(&w->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(w->fixture.node));
    return epoch;
}

static void pull(struct world *w)
{
    struct pp_replica_fault fault;
    for (uint64_t before = 0; before != w->replica.head.next_sequence;) {
        size_t length;
        before = w->replica.head.next_sequence;
        ck_assert_ok(pp_node_evidence(w->fixture.node, before, w->bytes, PP_SEGMENT_MAX_BYTES, &length));
        ck_assert_ok(
            pp_replica_store_take(w->store, &w->replica, (struct pp_slice){w->bytes, length}, &fault));
    }
}

/* ---- two operators ---- */

struct terms_source {
    struct pp_epoch_terms *terms;
};

static enum pp_error terms_at(void *context, uint64_t block, struct pp_epoch_terms *out)
{
    const struct terms_source *source = context;
    if (block > source->terms->terms.block_number)
        return PP_CHAIN_STALE;
    *out = *source->terms;
    out->terms.operators = out->operators;
    out->terms.weights = out->weights;
    return PP_OK;
}

struct pair {
    struct world w;
    struct pp_holdings own_holdings;
    struct terms_source own_terms, other_terms;
    struct pp_builder owner, other;
    struct pp_proposal *proposal;
    uint64_t epoch;
};

static void terms_make(struct terms_source *source)
{
    source->terms = calloc(1, sizeof *source->terms);
    struct pp_epoch_terms *terms = source->terms;
    terms->operators[0] = (struct pp_operator){3, {{1}}, {{2}}};
    terms->operators[1] = (struct pp_operator){7, {{3}}, {{4}}};
    terms->weights[1].stake_units = 5;
    terms->terms = (struct pp_report_terms){.block_number = 100,
                                            .end_time_s = 90000,
                                            .received_total = pp_units(5000),
                                            .protocol_basis_points = 500,
                                            .policy = PP_POLICY_EQUAL,
                                            .treasury_payee = {{9}},
                                            .operator_count = 2};
}

static void pair_open(struct pair *p)
{
    *p = (struct pair){.epoch = 0};
    world_open(&p->w);
    pay(&p->w, 3, 1);
    p->epoch = epoch_end(&p->w);
    pay(&p->w, 1, 2);
    pull(&p->w);
    p->own_holdings = p->w.holdings;
    p->own_holdings.lanes[0].node = p->w.fixture.node;
    terms_make(&p->own_terms);
    terms_make(&p->other_terms);
    struct pp_store *journal = p->w.fixture.node->data.journal;
    p->owner =
        (struct pp_builder){&p->own_holdings, &p->w.fixture.config.domain, journal, terms_at, &p->own_terms};
    p->other =
        (struct pp_builder){&p->w.holdings, &p->w.fixture.config.domain, journal, terms_at, &p->other_terms};
    p->proposal = calloc(1, sizeof *p->proposal);
    struct pp_built *built;
    ck_assert_ok(pp_build_draft(&p->owner, p->epoch, &built));
    *p->proposal = built->proposal;
    pp_built_free(built);
}

static void pair_close(struct pair *p)
{
    free(p->proposal);
    free(p->own_terms.terms);
    free(p->other_terms.terms);
    world_close(&p->w);
}

static struct pp_dissent check(struct pair *p, bool carried)
{
    struct pp_dissent dissent;
    struct pp_built *built = NULL;
    ck_assert_ok(pp_build_check(&p->other, p->proposal, carried, &built, &dissent));
    ck_assert((built != NULL) == (dissent.error == PP_OK));
    pp_built_free(built);
    return dissent;
}

/* EPOCH-019 */
START_TEST(report__of_the_same_journals__the_same_to_the_last_byte)
{
    struct pair p;
    struct pp_built *own, *other;
    struct pp_dissent dissent;
    pair_open(&p);
    ck_assert_ok(pp_build_draft(&p.owner, p.epoch, &own));
    ck_assert_ok(pp_build_check(&p.other, p.proposal, false, &other, &dissent));
    ck_assert_ok(dissent.error);
    ck_assert(pp_hash_eq(&own->digest, &other->digest));
    const size_t capacity = pp_report_bytes(&own->report);
    uint8_t *bytes[2] = {malloc(capacity), malloc(capacity)};
    size_t lengths[2];
    ck_assert_ok(pp_report_encode(&own->report, bytes[0], capacity, &lengths[0]));
    ck_assert_ok(pp_report_encode(&other->report, bytes[1], capacity, &lengths[1]));
    ck_assert_uint_eq(lengths[0], lengths[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], lengths[0]);
    ck_assert_uint_eq(own->report.lane_count, 1);
    ck_assert_mem_eq(&own->proposal.terms, &other->proposal.terms, 32);
    free(bytes[0]);
    free(bytes[1]);
    pp_built_free(own);
    pp_built_free(other);
    pair_close(&p);
}
END_TEST

#define ck_dissent(pair_, error_, term_)                                                                     \
    do {                                                                                                     \
        const struct pp_dissent ck_dissent_ = check(pair_, false);                                           \
        ck_assert_error(ck_dissent_.error, error_);                                                          \
        ck_assert_str_eq(ck_dissent_.term, term_);                                                           \
    } while (0)

/* EPOCH-013, EPOCH-014, EPOCH-018: terms first, in their order, with both numbers */
START_TEST(terms__that_differ__named)
{
    struct pair p;
    pair_open(&p);
    struct pp_epoch_terms *terms = p.other_terms.terms, before = *p.other_terms.terms;
    terms->operators[1].key.bytes[0]++;
    ck_dissent(&p, PP_OPERATORS_DIFFER, "operators");
    terms->terms.previous.bytes[0] = 1;
    ck_dissent(&p, PP_OPERATORS_DIFFER, "operators"); /* the first only */
    *terms = before;
    terms->terms.previous.bytes[0] = 1;
    ck_dissent(&p, PP_TERMS_DIFFER, "previous");
    *terms = before;
    terms->terms.end_time_s++;
    const struct pp_dissent dissent = check(&p, false);
    ck_assert_error(dissent.error, PP_TERMS_DIFFER);
    ck_assert_str_eq(dissent.term, "end_time");
    ck_assert_str_eq(dissent.expected, "90000");
    ck_assert_str_eq(dissent.actual, "90001");
    *terms = before;
    terms->terms.received_total = pp_units(5001);
    ck_dissent(&p, PP_TERMS_DIFFER, "received");
    *terms = before;
    terms->terms.policy = PP_POLICY_XMTP_EQUAL;
    ck_dissent(&p, PP_TERMS_DIFFER, "terms");
    *terms = before;
    terms->operators[0].payee.bytes[4]++;
    ck_dissent(&p, PP_TERMS_DIFFER, "terms");
    *terms = before;
    terms->weights[0].byte_days++;
    ck_dissent(&p, PP_TERMS_DIFFER, "terms");
    *terms = before;
    terms->terms.minimum_payout = pp_units(1);
    ck_dissent(&p, PP_TERMS_DIFFER, "terms");
    *terms = before;
    ck_dissent(&p, PP_OK, "");
    struct pp_built *built;
    struct pp_dissent ignored;
    p.proposal->report.block_number++; /* not final here */
    ck_assert_error(pp_build_check(&p.other, p.proposal, false, &built, &ignored), PP_CHAIN_STALE);
    p.proposal->report.block_number--;
    terms->terms.previous.bytes[0] = p.proposal->report.previous.bytes[0] =
        1; /* a report before that is not here */
    ck_assert_error(pp_build_check(&p.other, p.proposal, false, &built, &ignored), PP_NOT_FOUND);
    pair_close(&p);
}
END_TEST

/* EPOCH-016, EPOCH-017 */
START_TEST(heads__that_are_not_the_epochs_end__named)
{
    struct pair p;
    pair_open(&p);
    struct pp_proposal before = *p.proposal;
    struct pp_cut_head *head = &p.proposal->lanes[0].head;
    head->lane++;
    ck_dissent(&p, PP_UNKNOWN_LANE, "");
    p.proposal->lane_count = 0;
    ck_dissent(&p, PP_MISSING_FIELD, "head");
    *p.proposal = before;
    head->checksum[0] ^= 1;
    ck_dissent(&p, PP_EVIDENCE_FORK, "head");
    *p.proposal = before;
    head->next_sequence += 50; /* behind all that is held */
    ck_dissent(&p, PP_EVIDENCE_FORK, "head");
    *p.proposal = before;
    *head =
        (struct pp_cut_head){.lane = head->lane, .next_sequence = 1}; /* as if nothing were held of a lane */
    const struct pp_dissent dissent = check(&p, false);
    ck_assert_error(dissent.error, PP_EVIDENCE_BEHIND);
    ck_assert_uint_eq(dissent.held.next_sequence, before.lanes[0].head.next_sequence);
    ck_assert_error(check(&p, true).error,
                    PP_REPORT_DIFFERS); /* carried: computed at that head, which states no leaf */
    pair_close(&p);
}
END_TEST

/* EPOCH-018: a proposer that states what is not so */
START_TEST(leaves__that_are_not_so__named_by_lane_and_channel)
{
    struct pair p;
    struct pp_cut cut;
    pair_open(&p);
    p.proposal->lanes[0].seal.bytes[0] ^= 1;
    p.proposal->report.lanes_root.bytes[0] ^= 1;
    const struct pp_dissent dissent = check(&p, false);
    ck_assert_error(dissent.error, PP_REPORT_DIFFERS);
    ck_assert_uint_eq(dissent.lane, FIXTURE_LANE);
    ck_assert_uint_eq(dissent.held.next_sequence, p.proposal->lanes[0].head.next_sequence);
    p.proposal->lanes[0].seal.bytes[0] ^= 1;
    ck_dissent(&p, PP_REPORT_DIFFERS, "lanes_root");
    p.proposal->report.lanes_root.bytes[0] ^= 1;
    p.proposal->report.payout_root.bytes[0] ^= 1;
    ck_dissent(&p, PP_REPORT_DIFFERS, "payout_root");
    p.proposal->report.payout_root.bytes[0] ^= 1;
    p.proposal->report.payout_total++;
    ck_dissent(&p, PP_REPORT_DIFFERS, "payout_total");

    ck_assert_ok(pp_keep_cut_get(p.w.fixture.node->data.journal, p.epoch, &cut));
    struct pp_lane_leaf lie = cut.leaves[0];
    struct pp_dissent leaf = {.error = PP_REPORT_DIFFERS};
    ck_assert_ok(pp_grains_add(lie.earned, pp_grains(1), &lie.earned));
    pp_dissent_leaf(&lie, 1, cut.leaves, 1, &leaf);
    ck_assert_str_eq(leaf.term, "earned");
    ck_assert(strcmp(leaf.expected, leaf.actual) != 0);
    ck_assert(leaf.has_channel && pp_channel_id_eq(&leaf.channel_id, &p.w.sender.channel_id));
    pp_dissent_leaf(&lie, 0, cut.leaves, 1, &leaf);
    ck_assert_str_eq(leaf.expected, "none");
    pp_dissent_leaf(&lie, 1, cut.leaves, 0, &leaf);
    ck_assert_str_eq(leaf.actual, "none");
    pp_cut_done(&cut);
    pair_close(&p);
}
END_TEST

PP_TESTS("build")
PP_TEST(report__of_the_same_journals__the_same_to_the_last_byte)
PP_TEST(terms__that_differ__named)
PP_TEST(heads__that_are_not_the_epochs_end__named)
PP_TEST(leaves__that_are_not_so__named_by_lane_and_channel)
PP_TESTS_END
