#include "audit_export.h"
#include "audit_read.h"

#include <stdlib.h>
#include <string.h>

/* ---- telling ---- */

struct comparing {
    struct audit_bundle *bundle;
    const struct audit_line *line;
    uint64_t number;
    const char *remark;
};

static void differ_tell(void *context, const char *field, const char *expected, const char *found)
{
    const struct comparing *comparing = context;
    struct audit_finding finding = {.error = PP_INVARIANT,
                                    .line = comparing->number,
                                    .field = field,
                                    .expected = expected,
                                    .found = found,
                                    .remark = comparing->remark};
    audit_label_print(comparing->line, finding.label);
    audit_find(comparing->bundle, &finding);
}

/* The line of this kind at a place among its kind. */
static uint64_t number_of(const struct audit_bundle *bundle, enum audit_kind kind, size_t at)
{
    return bundle->first_line[kind] ? bundle->first_line[kind] + at : 1;
}

void audit_compare(struct audit_bundle *bundle, const struct audit_line *expected,
                   const struct audit_line *found, size_t at, const char *remark)
{
    struct comparing comparing = {bundle, found, number_of(bundle, found->kind, at), remark};
    audit_line_compare(expected, found, differ_tell, &comparing);
}

void audit_fault(struct audit_bundle *bundle, const struct audit_line *line, size_t at, enum pp_error error,
                 const char *field, const char *remark)
{
    struct audit_finding finding = {
        .error = error, .line = number_of(bundle, line->kind, at), .field = field, .remark = remark};
    audit_label_print(line, finding.label);
    audit_find(bundle, &finding);
}

static struct audit_line head_line(const struct audit_bundle *bundle)
{
    struct audit_line line = {.kind = AUDIT_HEAD};
    line.head = bundle->head;
    return line;
}

/* ---- from lines to a report ---- */

static uint32_t narrow(uint64_t number)
{
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number; /* out of every range that is checked later */
}

static void blend_take(const struct audit_head *head, struct pp_blend *out)
{
    const uint64_t policies[] = {head->blend_1, head->blend_2, head->blend_3, head->blend_4};
    const uint64_t basis_points[] = {head->blend_1_basis_points, head->blend_2_basis_points,
                                     head->blend_3_basis_points, head->blend_4_basis_points};
    for (size_t i = 0; i < PP_BLEND_PARTS_MAX; i++) {
        out->parts[i] = (struct pp_blend_part){(enum pp_policy)policies[i], narrow(basis_points[i])};
        if (policies[i] || basis_points[i])
            out->count = (uint8_t)(i + 1);
    }
}

static void rows_take(const struct audit_bundle *bundle, struct pp_report *out)
{
    out->operator_count = bundle->line_counts[AUDIT_OPERATOR];
    for (size_t i = 0; i < out->operator_count; i++) {
        const struct audit_operator *from = &bundle->operators[i];
        out->operators[i] = (struct pp_operator){narrow(from->node_id), from->key, from->payee};
        out->weights[i] = (struct pp_operator_weights){from->stake_units, from->byte_days};
    }
    out->before.count = bundle->line_counts[AUDIT_BEFORE];
    for (size_t i = 0; i < out->before.count; i++) {
        const struct audit_before *from = &bundle->before[i];
        out->before.rows[i] = (struct pp_pool_row){narrow(from->node_id),        from->payee,
                                                   pp_units(from->paid_units),   pp_units(from->carry_units),
                                                   pp_units(from->netted_units), from->took_grains,
                                                   from->refunded_grains,        from->byte_days};
    }
    out->drawn_count = bundle->line_counts[AUDIT_DRAWN];
    for (size_t i = 0; i < out->drawn_count; i++)
        out->drawn[i] =
            (struct pp_drawn){narrow(bundle->drawn[i].node_id), pp_units(bundle->drawn[i].drawn_units)};
    out->signature_count = bundle->line_counts[AUDIT_SIGNATURE];
    for (size_t i = 0; i < out->signature_count; i++)
        out->signatures[i] = (struct pp_node_signature){narrow(bundle->signatures[i].node_id),
                                                        bundle->signatures[i].signature};
}

static void report_take(const struct audit_bundle *bundle, struct pp_report *out)
{
    const struct audit_head *head = &bundle->head;
    out->version = PP_REPORT_VERSION;
    out->fields = (struct pp_epoch_report_fields){.epoch = head->epoch,
                                                  .previous = head->previous,
                                                  .block_number = head->block_number,
                                                  .lanes_root = head->lanes_root,
                                                  .payout_root = head->payout_root,
                                                  .payout_total = head->payout_total_units,
                                                  .operator_set = head->operator_set,
                                                  .end_time = head->end_time_s};
    out->split = (struct pp_split_terms){
        (enum pp_policy)head->policy, narrow(head->protocol_basis_points), {.count = 0}};
    blend_take(head, &out->split.blend);
    out->received_total = pp_units(head->received_total_units);
    out->minimum_payout = pp_units(head->minimum_payout_units);
    out->refund_bound_basis_points = narrow(head->refund_bound_basis_points);
    out->before.forfeits = pp_units(head->forfeits_before_units);
    out->lanes = bundle->lanes.leaves;
    out->lane_count = bundle->lanes.count;
    rows_take(bundle, out);
}

/* ---- lanes ---- */

struct audit_line audit_lane_line(const struct audit_bundle *bundle, size_t i)
{
    struct audit_line line = {.kind = AUDIT_LANE};
    audit_lane_of(&bundle->lanes.leaves[i], &line.lane);
    line.lane.leaf = bundle->lanes.stated[i];
    line.lane.has_entries = bundle->lanes.has_entries[i];
    line.lane.last_day = bundle->lanes.last_day[i];
    return line;
}

static void leaves_check(struct audit_bundle *bundle)
{
    for (size_t i = 0; i < bundle->lanes.count; i++) {
        struct audit_line found = audit_lane_line(bundle, i), expected = found;
        enum pp_error error = pp_report_lane_check(&bundle->lanes.leaves[i]);
        pp_lane_leaf_hash(&bundle->lanes.leaves[i], &expected.lane.leaf);
        audit_compare(bundle, &expected, &found, i, "the leaf is not that of these numbers");
        if (error != PP_OK)
            audit_fault(bundle, &found, i, error, NULL, "such numbers cannot be");
        if (i > 0 && pp_report_lane_order(&bundle->lanes.leaves[i - 1], &bundle->lanes.leaves[i]) >= 0)
            audit_fault(bundle, &found, i, PP_BAD_FORMAT, "channel_id", "lanes must ascend, each once");
    }
}

static enum pp_error root_check(struct audit_bundle *bundle)
{
    const size_t count = bundle->lanes.count;
    struct pp_hash *nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *nodes);
    struct audit_line found = head_line(bundle), expected = found;
    struct pp_lane_tree tree;
    if (!nodes)
        return PP_NO_MEMORY;
    enum pp_error error = pp_lane_tree_build(bundle->lanes.leaves, count, nodes, &tree);
    if (error == PP_OK) {
        pp_lane_tree_root(&tree, &expected.head.lanes_root);
        audit_compare(bundle, &expected, &found, 0, "the root of all lanes");
    }
    free(nodes);
    return error;
}

/* ---- operators, shares, payouts ---- */

static void operator_set_check(struct audit_bundle *bundle, const struct pp_report *report)
{
    struct audit_line found = head_line(bundle), expected = found;
    enum pp_error error = pp_operators_check(report->operators, report->operator_count);
    if (error == PP_OK)
        error = pp_operators_hash(report->operators, report->operator_count, &expected.head.operator_set);
    if (error == PP_OK && report->operator_count == 0)
        error = PP_NO_OPERATORS;
    if (error != PP_OK)
        audit_fault(bundle, &found, 0, error, "operator_set", "the operators");
    else
        audit_compare(bundle, &expected, &found, 0, "the hash of the operators");
}

static void payouts_compare(struct audit_bundle *bundle, const struct pp_report *report)
{
    const size_t stated = bundle->line_counts[AUDIT_PAYOUT];
    for (size_t i = 0; i < stated && i < report->pool.count; i++) {
        const struct pp_pool_row *row = &report->pool.rows[i];
        struct audit_line expected = {.kind = AUDIT_PAYOUT}, found = expected;
        expected.payout = (struct audit_payout){row->node_id, row->payee, row->paid.raw};
        found.payout = bundle->payouts[i];
        audit_compare(bundle, &expected, &found, i, "what was paid before, and now");
    }
    if (stated != report->pool.count) {
        const struct audit_line head = head_line(bundle);
        audit_fault(bundle, &head, 0, PP_INVARIANT, NULL,
                    "there are not as many payouts as operators that ever were, and the treasury");
    }
}

static void shares_compare(struct audit_bundle *bundle, const struct pp_report *report)
{
    const size_t stated = bundle->line_counts[AUDIT_SHARE];
    struct audit_line expected = {.kind = AUDIT_SUMS}, found = expected;
    audit_sums_of(&report->shares.sums, &expected.sums);
    found.sums = bundle->sums;
    audit_compare(bundle, &expected, &found, 0, "the pool");
    for (size_t i = 0; i < stated && i < report->shares.line_count; i++) {
        const struct pp_pool_row *before = NULL;
        expected = (struct audit_line){.kind = AUDIT_SHARE};
        found = expected;
        if (pp_pool_find(&report->before, report->shares.lines[i].node_id, &before) != PP_OK)
            before = NULL;
        audit_share_of(&report->shares.lines[i], before, &expected.share);
        found.share = bundle->shares[i];
        audit_compare(bundle, &expected, &found, i, NULL);
    }
    if (stated != report->shares.line_count) {
        const struct audit_line head = head_line(bundle);
        audit_fault(bundle, &head, 0, PP_INVARIANT, NULL, "there are not as many shares as payouts");
    }
}

static void shares_check(struct audit_bundle *bundle, struct pp_report *report)
{
    const struct pp_pool_terms terms = {.epoch = report->fields.epoch,
                                        .split = report->split,
                                        .received_total = report->received_total,
                                        .minimum_payout = report->minimum_payout,
                                        .refund_bound_basis_points = report->refund_bound_basis_points,
                                        .treasury_payee = bundle->head.treasury,
                                        .operators = report->operators,
                                        .weights = report->weights,
                                        .operator_count = report->operator_count,
                                        .drawn = report->drawn,
                                        .drawn_count = report->drawn_count};
    const struct audit_line head = head_line(bundle);
    enum pp_error error = pp_pool_share(&terms, &report->before, report->lanes, report->lane_count,
                                        &report->pool, &report->shares);
    if (error != PP_OK) {
        audit_fault(bundle, &head, 0, error, NULL, "the shares cannot be computed");
        return;
    }
    shares_compare(bundle, report);
    payouts_compare(bundle, report);
}

/* Of the rows as they are stated: so a wrong row is told once, and a wrong root is. */
static void payout_root_check(struct audit_bundle *bundle, struct pp_report *report)
{
    struct audit_line found = head_line(bundle), expected = found;
    report->payouts.count = bundle->line_counts[AUDIT_PAYOUT];
    for (size_t i = 0; i < report->payouts.count; i++)
        report->payouts.rows[i] =
            (struct pp_payout){narrow(bundle->payouts[i].node_id), bundle->payouts[i].payee,
                               pp_units(bundle->payouts[i].amount_units)};
    pp_payout_root(&report->payouts, &expected.head.payout_root, &expected.head.payout_total_units);
    audit_compare(bundle, &expected, &found, 0, "the root and the total of the payouts");
}

/* ---- signatures ---- */

static enum pp_error signatures_check(struct audit_bundle *bundle, const struct pp_crypto *crypto,
                                      const struct pp_report *report)
{
    struct pp_domain domain;
    struct pp_hash digest;
    struct pp_quorum *quorum = malloc(sizeof *quorum);
    const struct audit_line head = head_line(bundle);
    if (!quorum)
        return PP_NO_MEMORY;
    pp_domain_init(&domain, bundle->head.chain_id, &bundle->head.contract);
    pp_report_digest(&domain, report, &digest);
    bundle->counts.report = digest;
    if (pp_quorum_init(quorum, report->operators, report->operator_count, &digest) == PP_OK) {
        for (size_t i = 0; i < report->signature_count; i++) {
            struct audit_line line = {.kind = AUDIT_SIGNATURE};
            line.signature = bundle->signatures[i];
            enum pp_error error = pp_quorum_add(quorum, crypto, report->signatures[i].node_id,
                                                &report->signatures[i].signature);
            if (error != PP_OK)
                audit_fault(bundle, &line, i, error, "signature", "not this operator's, of this report");
        }
        if (!pp_quorum_is_reached(quorum))
            audit_fault(bundle, &head, 0, PP_NO_QUORUM, NULL, "the signatures that verify");
    }
    free(quorum);
    return PP_OK;
}

/* ---- all of it ---- */

static enum pp_error recompute(struct audit_bundle *bundle, const struct pp_crypto *crypto)
{
    struct pp_report *report = calloc(1, sizeof *report);
    if (!report)
        return PP_NO_MEMORY;
    report_take(bundle, report);
    leaves_check(bundle);
    enum pp_error error = audit_entries_check(bundle);
    if (error == PP_OK)
        error = root_check(bundle);
    operator_set_check(bundle, report);
    shares_check(bundle, report);
    payout_root_check(bundle, report);
    if (error == PP_OK)
        error = signatures_check(bundle, crypto, report);
    bundle->counts.payout_total =
        pp_units(bundle->head.payout_total_units > UINT64_MAX ? UINT64_MAX
                                                              : (uint64_t)bundle->head.payout_total_units);
    bundle->counts.pool = report->shares.sums.pool;
    free(report);
    return error;
}

enum pp_error audit_run(const struct pp_crypto *crypto, FILE *in, audit_tell *tell, void *context,
                        struct audit_counts *out)
{
    struct audit_bundle *bundle = calloc(1, sizeof *bundle);
    bool whole;
    if (!bundle)
        return PP_NO_MEMORY;
    bundle->tell = tell;
    bundle->context = context;
    enum pp_error error = audit_bundle_read(in, bundle, &whole);
    if (error == PP_OK && whole)
        error = recompute(bundle, crypto);
    bundle->counts.lanes = bundle->lanes.count;
    for (size_t i = 0; i < bundle->lanes.count; i++)
        bundle->counts.lanes_with_entries += bundle->lanes.has_entries[i];
    bundle->counts.charges = bundle->line_counts[AUDIT_CHARGE];
    bundle->counts.refunds = bundle->line_counts[AUDIT_REFUND];
    bundle->counts.operators = bundle->line_counts[AUDIT_OPERATOR];
    bundle->counts.signatures = bundle->line_counts[AUDIT_SIGNATURE];
    bundle->counts.epoch = bundle->head.epoch;
    if (error == PP_OK)
        error = bundle->worst;
    *out = bundle->counts;
    audit_bundle_done(bundle);
    free(bundle);
    return error;
}
