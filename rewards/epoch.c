#include <pp/epoch.h>

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

enum pp_error pp_epoch_of(uint64_t chain_time_s, uint64_t epoch_s, uint64_t *out_epoch)
{
    if (epoch_s == 0)
        return PP_OUT_OF_RANGE;
    *out_epoch = chain_time_s / epoch_s;
    return PP_OK;
}

int pp_report_lane_order(const struct pp_lane_leaf *left, const struct pp_lane_leaf *right)
{
    int order = memcmp(left->channel_id.bytes, right->channel_id.bytes, sizeof left->channel_id.bytes);
    if (order != 0)
        return order;
    return (left->lane > right->lane) - (left->lane < right->lane);
}

static int lane_compare(const void *a, const void *b)
{
    return pp_report_lane_order(a, b);
}

/* REW-052, REW-053: a lane that owes nothing has earned and refunded no more than was spent. */
enum pp_error pp_report_lane_check(const struct pp_lane_leaf *lane)
{
    struct pp_grains gone;
    if (pp_grains_lt(lane->earned, lane->forfeited))
        return PP_OUT_OF_RANGE;
    if (pp_grains_lt(lane->spent, lane->earned))
        return PP_DEFERRED_EXCEEDED;
    if (pp_grains_is_zero(lane->owed) &&
        (pp_grains_add(lane->earned, lane->refunded, &gone) != PP_OK || pp_grains_lt(lane->spent, gone)))
        return PP_DEFERRED_EXCEEDED;
    return PP_OK;
}

static enum pp_error lanes_sort(struct pp_lane_leaf *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PP_TRY(pp_report_lane_check(&lanes[i]));
    if (count > 1)
        qsort(lanes, count, sizeof *lanes, lane_compare);
    for (size_t i = 1; i < count; i++)
        if (lane_compare(&lanes[i - 1], &lanes[i]) == 0)
            return PP_BAD_FORMAT;
    return PP_OK;
}

static enum pp_error fields_build(const struct pp_report_terms *terms, struct pp_lane_leaf *lanes,
                                  size_t count, struct pp_hash *nodes, struct pp_epoch_report_fields *out)
{
    struct pp_lane_tree tree;
    PP_TRY(pp_operators_hash(terms->operators, terms->operator_count, &out->operator_set));
    PP_TRY(lanes_sort(lanes, count));
    PP_TRY(pp_lane_tree_build(lanes, count, nodes, &tree));
    pp_lane_tree_root(&tree, &out->lanes_root);
    return PP_OK;
}

/* REW-054, REW-055, REW-122: a report of version 1 shared the pool without looking at the lanes. */
static enum pp_error shares_build(const struct pp_report_terms *terms, const struct pp_lane_leaf *lanes,
                                  size_t count, struct pp_report *out)
{
    const struct pp_pool_terms pool = {.epoch = terms->epoch,
                                       .split = {terms->policy, terms->protocol_basis_points, terms->blend},
                                       .received_total = terms->received_total,
                                       .minimum_payout = terms->minimum_payout,
                                       .refund_bound_basis_points = terms->refund_bound_basis_points,
                                       .treasury_payee = terms->treasury_payee,
                                       .operators = terms->operators,
                                       .weights = terms->weights,
                                       .operator_count = terms->operator_count,
                                       .drawn = terms->drawn,
                                       .drawn_count = terms->drawn_count};
    const size_t lanes_seen = terms->version == PP_REPORT_VERSION_WITHOUT_POOL ? 0 : count;
    return pp_pool_share(&pool, terms->before, lanes, lanes_seen, &out->pool, &out->shares);
}

static void terms_keep(const struct pp_report_terms *terms, struct pp_report *out)
{
    const size_t count = terms->operator_count;
    out->version = terms->version ? terms->version : PP_REPORT_VERSION;
    out->split = (struct pp_split_terms){terms->policy, terms->protocol_basis_points, terms->blend};
    out->received_total = terms->received_total;
    out->minimum_payout = terms->minimum_payout;
    out->refund_bound_basis_points = terms->refund_bound_basis_points;
    if (terms->before)
        out->before = *terms->before;
    else
        pp_pool_table_init(&out->before);
    memcpy(out->operators, terms->operators, count * sizeof out->operators[0]);
    if (terms->weights)
        memcpy(out->weights, terms->weights, count * sizeof out->weights[0]);
    else
        memset(out->weights, 0, sizeof out->weights);
    out->operator_count = count;
    if (terms->drawn_count > 0)
        memcpy(out->drawn, terms->drawn, terms->drawn_count * sizeof out->drawn[0]);
    out->drawn_count = terms->drawn_count;
}

enum pp_error pp_report_build(const struct pp_report_terms *terms, struct pp_lane_leaf *lanes, size_t count,
                              struct pp_hash *nodes, struct pp_report *out)
{
    struct pp_epoch_report_fields fields = {
        .epoch = terms->epoch,
        .previous = terms->previous,
        .block_number = terms->block_number,
        .end_time = terms->end_time_s,
    };
    if (terms->version > PP_REPORT_VERSION)
        return PP_BAD_VERSION;
    if (terms->version != 0 && terms->version <= PP_REPORT_VERSION_WITHOUT_DRAWN && terms->drawn_count > 0)
        return PP_BAD_VERSION;
    if (terms->operator_count == 0)
        return PP_NO_OPERATORS;
    if (count > UINT32_MAX)
        return PP_TOO_MANY;
    PP_TRY(fields_build(terms, lanes, count, nodes, &fields));
    PP_TRY(shares_build(terms, lanes, count, out)); /* from here nothing can fail */
    terms_keep(terms, out);
    pp_pool_payouts(&out->pool, &out->payouts);
    pp_payout_root(&out->payouts, &fields.payout_root, &fields.payout_total);
    out->fields = fields;
    out->lanes = lanes;
    out->lane_count = count;
    out->signature_count = 0;
    return PP_OK;
}

void pp_report_digest(const struct pp_domain *domain, const struct pp_report *report, struct pp_hash *out)
{
    pp_epoch_report_digest(domain, &report->fields, out);
}

enum pp_error pp_report_lane(const struct pp_report *report, const struct pp_channel_id *channel_id,
                             uint32_t lane, const struct pp_lane_leaf **out)
{
    const struct pp_lane_leaf key = {.channel_id = *channel_id, .lane = lane};
    if (report->lane_count == 0)
        return PP_NOT_FOUND;
    const struct pp_lane_leaf *found =
        bsearch(&key, report->lanes, report->lane_count, sizeof *report->lanes, lane_compare);
    if (!found)
        return PP_NOT_FOUND;
    *out = found;
    return PP_OK;
}

/* REW-093 */
enum pp_error pp_report_verify(const struct pp_report *report, const struct pp_domain *domain,
                               const struct pp_crypto *crypto)
{
    struct pp_quorum quorum;
    struct pp_hash digest;
    pp_report_digest(domain, report, &digest);
    PP_TRY(pp_quorum_init(&quorum, report->operators, report->operator_count, &digest));
    for (size_t i = 0; i < report->signature_count; i++)
        PP_TRY(
            pp_quorum_add(&quorum, crypto, report->signatures[i].node_id, &report->signatures[i].signature));
    return pp_quorum_is_reached(&quorum) ? PP_OK : PP_NO_QUORUM;
}
