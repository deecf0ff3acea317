#include "epoch/build.h"

#include "epoch/keep.h"

#include <pp/assert.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pp_built_free(struct pp_built *built)
{
    if (!built)
        return;
    free(built->leaves);
    free(built->nodes);
    free(built);
}

/* ---- the report before ---- */

struct before_look {
    const struct pp_builder *builder;
    const struct pp_hash *wanted;
    struct pp_pool_table *out;
    bool found;
};

/* Its fields come first in a bundle, so one that is not wanted costs little; but what is taken is recomputed. */
static enum pp_error before_decode(struct before_look *look, struct pp_slice bundle)
{
    struct pp_report *report = calloc(1, sizeof *report);
    struct pp_lane_leaf *lanes = NULL;
    struct pp_hash *nodes = NULL, digest;
    size_t count = 0;
    enum pp_error error = report ? pp_report_lane_count(bundle.bytes, bundle.length, &count) : PP_NO_MEMORY;
    if (error == PP_OK) {
        lanes = calloc(count + 1, sizeof *lanes);
        nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *nodes);
        error = lanes && nodes ? pp_report_decode(bundle.bytes, bundle.length, lanes, count, nodes, report)
                               : PP_NO_MEMORY;
    }
    if (error == PP_OK) {
        pp_report_digest(look->builder->domain, report, &digest);
        look->found = pp_hash_eq(&digest, look->wanted);
        if (look->found)
            *look->out = report->pool;
    }
    free(lanes);
    free(nodes);
    free(report);
    return error;
}

static enum pp_error before_visit(void *context, uint64_t epoch, struct pp_slice bundle, bool *out_done)
{
    struct before_look *look = context;
    (void)epoch;
    PP_TRY(before_decode(look, bundle));
    *out_done = look->found;
    return PP_OK;
}

static enum pp_error before_run(void *context, struct pp_txn *txn)
{
    return pp_keep_bundles(txn, before_visit, context);
}

static enum pp_error before_fill(const struct pp_builder *builder, struct pp_epoch_terms *terms)
{
    static const struct pp_hash none = {{0}};
    struct before_look look = {builder, &terms->terms.previous, &terms->before, false};
    terms->terms.before = NULL;
    if (pp_hash_eq(look.wanted, &none))
        return PP_OK;
    PP_TRY(pp_store_read(builder->journal, before_run, &look));
    terms->terms.before = look.found ? &terms->before : NULL;
    return look.found ? PP_OK : PP_NOT_FOUND;
}

/* ---- terms ---- */

/* EPOCH-014: over whatever the payouts follow from beside the leaves and what is named by itself. */
static void terms_hash(const struct pp_report_terms *terms, struct pp_hash *out)
{
    const size_t capacity = 256u + terms->operator_count * 36u + PP_PAYOUTS_MAX * 80u;
    const struct pp_pool_table *before = terms->before;
    uint8_t *bytes = malloc(capacity);
    struct pp_writer w;
    size_t length = 0;
    PP_ASSERT(bytes);
    pp_writer_init(&w, bytes, capacity);
    pp_write_u8(&w, (uint8_t)terms->policy);
    pp_write_u32(&w, terms->protocol_basis_points);
    pp_write_u64(&w, terms->minimum_payout.raw);
    pp_write_u32(&w, terms->refund_bound_basis_points);
    pp_write_bytes(&w, terms->treasury_payee.bytes, sizeof terms->treasury_payee.bytes);
    pp_write_u8(&w, terms->blend.count);
    for (uint8_t i = 0; i < terms->blend.count; i++) {
        pp_write_u8(&w, (uint8_t)terms->blend.parts[i].policy);
        pp_write_u32(&w, terms->blend.parts[i].basis_points);
    }
    for (size_t i = 0; i < terms->operator_count; i++) {
        pp_write_bytes(&w, terms->operators[i].payee.bytes, 20);
        pp_write_u64(&w, terms->weights ? terms->weights[i].stake_units : 0);
        pp_write_u64(&w, terms->weights ? terms->weights[i].byte_days : 0);
    }
    for (size_t i = 0; i < terms->drawn_count; i++) {
        pp_write_u32(&w, terms->drawn[i].node_id);
        pp_write_u64(&w, terms->drawn[i].units.raw);
    }
    pp_write_u64(&w, before ? before->forfeits.raw : 0);
    for (size_t i = 0; before && i < before->count; i++) {
        pp_write_u32(&w, before->rows[i].node_id);
        pp_write_u64(&w, before->rows[i].paid.raw);
        pp_write_u64(&w, before->rows[i].carry.raw);
        pp_write_u64(&w, before->rows[i].netted.raw);
        pp_write_u64(&w, (uint64_t)(before->rows[i].byte_days >> 64));
        pp_write_u64(&w, (uint64_t)before->rows[i].byte_days);
    }
    PP_ASSERT(pp_writer_finish(&w, &length) == PP_OK);
    pp_blake2b_one("pp.terms.v1", bytes, length, out->bytes);
    free(bytes);
}

static void numbers(struct pp_dissent *out, const char *term, uint64_t expected, uint64_t actual)
{
    snprintf(out->term, sizeof out->term, "%s", term);
    snprintf(out->expected, sizeof out->expected, "%" PRIu64, expected);
    snprintf(out->actual, sizeof out->actual, "%" PRIu64, actual);
}

static bool number_differs(struct pp_dissent *out, const char *term, uint64_t expected, uint64_t actual)
{
    if (expected == actual)
        return false;
    out->error = PP_TERMS_DIFFER;
    numbers(out, term, expected, actual);
    return true;
}

static bool hash_differs(struct pp_dissent *out, enum pp_error error, const char *term,
                         const struct pp_hash *expected, const struct pp_hash *actual)
{
    if (pp_hash_eq(expected, actual))
        return false;
    out->error = error;
    snprintf(out->term, sizeof out->term, "%s", term);
    pp_hex_print(expected->bytes, 32, out->expected);
    pp_hex_print(actual->bytes, 32, out->actual);
    return true;
}

static bool terms_differ(const struct pp_proposal *proposal, const struct pp_built *built,
                         struct pp_dissent *out)
{
    const struct pp_report_terms *terms = &built->terms.terms;
    struct pp_hash set;
    if (pp_operators_hash(terms->operators, terms->operator_count, &set) != PP_OK)
        memset(&set, 0, sizeof set);
    return hash_differs(out, PP_OPERATORS_DIFFER, "operators", &proposal->report.operator_set, &set) ||
           hash_differs(out, PP_TERMS_DIFFER, "previous", &proposal->report.previous, &terms->previous) ||
           number_differs(out, "end_time", proposal->report.end_time, terms->end_time_s) ||
           number_differs(out, "received", proposal->received_total.raw, terms->received_total.raw);
}

/* ---- heads ---- */

static void head_dissent(struct pp_dissent *out, enum pp_error error, const struct pp_cut_head *named,
                         const struct pp_cut_head *held)
{
    out->error = error;
    out->lane = held->lane;
    out->held = *held;
    numbers(out, "head", named ? named->next_sequence : 0, held->next_sequence);
}

/* EPOCH-016: of a lane whose epoch's end is not known, the furthest that anybody holds; of any other, its end. */
static enum pp_error head_check(const struct pp_builder *builder, const struct pp_proposal *proposal,
                                const struct pp_holding *lane, bool carried, struct pp_dissent *out)
{
    const struct pp_proposal_lane *named;
    struct pp_cut_head held;
    bool ended;
    PP_TRY(pp_holdings_head(builder->holdings, lane, proposal->report.epoch, &held, &ended));
    if (pp_proposal_lane(proposal, lane->lane, &named) != PP_OK)
        head_dissent(out, PP_MISSING_FIELD, NULL, &held);
    else if (named->head.next_sequence > held.next_sequence && !ended)
        head_dissent(out, PP_EVIDENCE_GAP, &named->head, &held);
    else if (named->head.next_sequence < held.next_sequence && !carried)
        head_dissent(out, PP_EVIDENCE_BEHIND, &named->head, &held);
    else if (ended && named->head.next_sequence >= held.next_sequence && !pp_cut_head_eq(&named->head, &held))
        head_dissent(out, PP_EVIDENCE_FORK, &named->head, &held);
    return PP_OK;
}

static enum pp_error heads_check(const struct pp_builder *builder, const struct pp_proposal *proposal,
                                 bool carried, struct pp_dissent *out)
{
    for (size_t i = 0; i < proposal->lane_count; i++)
        if (!pp_holdings_find(builder->holdings, proposal->lanes[i].head.lane)) {
            out->error = PP_UNKNOWN_LANE;
            out->lane = proposal->lanes[i].head.lane;
            return PP_OK;
        }
    for (size_t i = 0; i < builder->holdings->count && out->error == PP_OK; i++)
        PP_TRY(head_check(builder, proposal, &builder->holdings->lanes[i], carried, out));
    return PP_OK;
}

/* ---- leaves ---- */

static enum pp_error leaves_add(struct pp_built *built, size_t *count, const struct pp_cut *cut)
{
    struct pp_lane_leaf *grown = realloc(built->leaves, (*count + cut->count + 1) * sizeof *built->leaves);
    if (!grown)
        return PP_NO_MEMORY;
    built->leaves = grown;
    memcpy(built->leaves + *count, cut->leaves, cut->count * sizeof *cut->leaves);
    *count += cut->count;
    return PP_OK;
}

/* The leaves at the heads that built->proposal names; fills in its seals. */
static enum pp_error leaves_gather(const struct pp_builder *builder, struct pp_built *built,
                                   size_t *out_count, struct pp_dissent *out)
{
    *out_count = 0;
    for (size_t i = 0; i < built->proposal.lane_count; i++) {
        struct pp_proposal_lane *lane = &built->proposal.lanes[i];
        struct pp_cut cut;
        enum pp_error error = pp_holdings_cut(builder->holdings, &lane->head, &cut);
        if (error == PP_EVIDENCE_GAP || error == PP_EVIDENCE_FORK) {
            out->error = error;
            out->lane = lane->head.lane;
            numbers(out, "head", lane->head.next_sequence, 0);
            return PP_OK;
        }
        PP_TRY(error);
        pp_cut_seal(&cut, &lane->seal);
        lane->count = (uint32_t)cut.count;
        error = leaves_add(built, out_count, &cut);
        pp_cut_done(&cut);
        PP_TRY(error);
    }
    return PP_OK;
}

static bool grains_differ(struct pp_dissent *out, const char *term, struct pp_grains expected,
                          struct pp_grains actual)
{
    char text[PP_AMOUNT_TEXT_MAX];
    if (pp_grains_eq(expected, actual))
        return false;
    snprintf(out->term, sizeof out->term, "%s", term);
    snprintf(out->expected, sizeof out->expected, "%s", pp_grains_print(expected, text));
    snprintf(out->actual, sizeof out->actual, "%s", pp_grains_print(actual, text));
    return true;
}

static void leaf_only(struct pp_dissent *out, const struct pp_lane_leaf *leaf, bool proposed)
{
    snprintf(out->term, sizeof out->term, "leaf");
    snprintf(out->expected, sizeof out->expected, proposed ? "stated" : "none");
    snprintf(out->actual, sizeof out->actual, proposed ? "none" : "stated");
    out->channel_id = leaf->channel_id;
    out->has_channel = true;
}

void pp_dissent_leaf(const struct pp_lane_leaf *proposed, size_t proposed_count,
                     const struct pp_lane_leaf *own, size_t own_count, struct pp_dissent *out)
{
    for (size_t i = 0; i < proposed_count || i < own_count; i++) {
        if (i >= proposed_count || i >= own_count ||
            !pp_channel_id_eq(&proposed[i].channel_id, &own[i].channel_id)) {
            const bool is_proposed =
                i < proposed_count && (i >= own_count || pp_report_lane_order(&proposed[i], &own[i]) < 0);
            leaf_only(out, is_proposed ? &proposed[i] : &own[i], is_proposed);
            return;
        }
        if (grains_differ(out, "spent", proposed[i].spent, own[i].spent) ||
            grains_differ(out, "refunded", proposed[i].refunded, own[i].refunded) ||
            grains_differ(out, "earned", proposed[i].earned, own[i].earned) ||
            grains_differ(out, "forfeited", proposed[i].forfeited, own[i].forfeited) ||
            grains_differ(out, "owed", proposed[i].owed, own[i].owed)) {
            out->channel_id = own[i].channel_id;
            out->has_channel = true;
            return;
        }
    }
}

/* EPOCH-017: the lane first; which of its leaves is asked of the proposer. */
static void report_compare(const struct pp_proposal *proposal, const struct pp_built *built,
                           struct pp_dissent *out)
{
    for (size_t i = 0; i < proposal->lane_count; i++) {
        const struct pp_proposal_lane *named = &proposal->lanes[i], *own = &built->proposal.lanes[i];
        if (named->count == own->count && pp_hash_eq(&named->seal, &own->seal))
            continue;
        hash_differs(out, PP_REPORT_DIFFERS, "leaves", &named->seal, &own->seal);
        out->error = PP_REPORT_DIFFERS;
        out->lane = named->head.lane;
        out->held = own->head;
        return;
    }
    if (hash_differs(out, PP_REPORT_DIFFERS, "lanes_root", &proposal->report.lanes_root,
                     &built->report.fields.lanes_root) ||
        hash_differs(out, PP_REPORT_DIFFERS, "payout_root", &proposal->report.payout_root,
                     &built->report.fields.payout_root))
        return;
    out->error = PP_REPORT_DIFFERS;
    numbers(out, "payout_total", (uint64_t)proposal->report.payout_total,
            (uint64_t)built->report.fields.payout_total);
}

/* ---- building ---- */

static enum pp_error built_new(const struct pp_builder *builder, uint64_t epoch, uint64_t block,
                               struct pp_built **out)
{
    struct pp_built *built = calloc(1, sizeof *built);
    if (!built)
        return PP_NO_MEMORY;
    const enum pp_error error = builder->terms_at(builder->context, block, &built->terms);
    if (error != PP_OK) {
        pp_built_free(built);
        return error;
    }
    built->terms.terms.epoch = epoch;
    built->proposal.received_total = built->terms.terms.received_total;
    *out = built;
    return PP_OK;
}

static enum pp_error report_make(const struct pp_builder *builder, struct pp_built *built, size_t count)
{
    built->nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *built->nodes);
    if (!built->leaves)
        built->leaves = calloc(1, sizeof *built->leaves);
    if (!built->nodes || !built->leaves)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_build(&built->terms.terms, built->leaves, count, built->nodes, &built->report));
    pp_report_digest(builder->domain, &built->report, &built->digest);
    return PP_OK;
}

/* The pool's account of the report before, and with it the whole of the terms. */
static enum pp_error before_take(const struct pp_builder *builder, struct pp_built *built)
{
    PP_TRY(before_fill(builder, &built->terms));
    terms_hash(&built->terms.terms, &built->proposal.terms);
    return PP_OK;
}

static enum pp_error draft(const struct pp_builder *builder, struct pp_built *built)
{
    const struct pp_holdings *holdings = builder->holdings;
    struct pp_dissent dissent = {.error = PP_OK};
    size_t count;
    PP_TRY(before_take(builder, built));
    for (size_t i = 0; i < holdings->count; i++) {
        bool ended;
        PP_TRY(pp_holdings_head(holdings, &holdings->lanes[i], built->terms.terms.epoch,
                                &built->proposal.lanes[i].head, &ended));
    }
    built->proposal.lane_count = holdings->count;
    PP_TRY(leaves_gather(builder, built, &count, &dissent));
    PP_TRY(dissent.error);
    PP_TRY(report_make(builder, built, count));
    built->proposal.report = built->report.fields;
    return PP_OK;
}

enum pp_error pp_build_draft(const struct pp_builder *builder, uint64_t epoch, struct pp_built **out)
{
    struct pp_built *built;
    PP_TRY(built_new(builder, epoch, 0, &built));
    const enum pp_error error = draft(builder, built);
    if (error == PP_OK)
        *out = built;
    else
        pp_built_free(built);
    return error;
}

static enum pp_error check(const struct pp_builder *builder, const struct pp_proposal *proposal, bool carried,
                           struct pp_built *built, struct pp_dissent *out)
{
    size_t count;
    if (terms_differ(proposal, built, out))
        return PP_OK;
    PP_TRY(before_take(builder, built));
    if (hash_differs(out, PP_TERMS_DIFFER, "terms", &proposal->terms, &built->proposal.terms))
        return PP_OK;
    PP_TRY(heads_check(builder, proposal, carried, out));
    if (out->error != PP_OK)
        return PP_OK;
    memcpy(built->proposal.lanes, proposal->lanes, sizeof built->proposal.lanes);
    built->proposal.lane_count = proposal->lane_count;
    PP_TRY(leaves_gather(builder, built, &count, out));
    if (out->error != PP_OK)
        return PP_OK;
    PP_TRY(report_make(builder, built, count));
    struct pp_hash digest;
    pp_epoch_report_digest(builder->domain, &proposal->report, &digest);
    if (!pp_hash_eq(&digest, &built->digest))
        report_compare(proposal, built, out);
    built->proposal.report = built->report.fields;
    return PP_OK;
}

enum pp_error pp_build_check(const struct pp_builder *builder, const struct pp_proposal *proposal,
                             bool carried, struct pp_built **out, struct pp_dissent *out_dissent)
{
    struct pp_built *built;
    struct pp_dissent dissent = {.error = PP_OK};
    PP_TRY(built_new(builder, proposal->report.epoch, proposal->report.block_number, &built));
    const enum pp_error error = check(builder, proposal, carried, built, &dissent);
    if (error == PP_OK && dissent.error == PP_OK)
        *out = built;
    else
        pp_built_free(built);
    if (error == PP_OK)
        *out_dissent = dissent;
    return error;
}
