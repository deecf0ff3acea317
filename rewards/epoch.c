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

static int lane_compare(const void *a, const void *b)
{
    const struct pp_lane_leaf *left = a, *right = b;
    int order = memcmp(left->channel_id.bytes, right->channel_id.bytes, sizeof left->channel_id.bytes);
    if (order != 0)
        return order;
    return (left->lane > right->lane) - (left->lane < right->lane);
}

/* REW-052: a lane that owes nothing has earned and refunded no more than was spent. */
static enum pp_error lane_check(const struct pp_lane_leaf *lane)
{
    struct pp_grains gone;
    if (!pp_grains_is_zero(lane->forfeited))
        return PP_BAD_KIND;
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
        PP_TRY(lane_check(&lanes[i]));
    if (count > 1)
        qsort(lanes, count, sizeof *lanes, lane_compare);
    for (size_t i = 1; i < count; i++)
        if (lane_compare(&lanes[i - 1], &lanes[i]) == 0)
            return PP_BAD_FORMAT;
    return PP_OK;
}

/* REW-054, REW-055: the pool is what was received and never paid out; every operator of the set has a row. */
static enum pp_error payouts_build(const struct pp_report_terms *terms, struct pp_payout_table *table)
{
    struct pp_units paid, pool;
    struct pp_distribution split;
    if (terms->paid)
        PP_TRY(pp_payout_table_check(terms->paid));
    pp_payout_table_init(table);
    if (terms->paid)
        *table = *terms->paid;
    PP_TRY(pp_payout_total(table, &paid));
    PP_TRY(pp_units_sub(terms->received_total, paid, &pool));
    PP_TRY(pp_distribute(terms->policy, terms->epoch, pool, terms->protocol_basis_points, terms->operators,
                         terms->operator_count, &split));
    PP_TRY(pp_payout_add(table, PP_TREASURY_NODE_ID, &terms->treasury_payee, split.protocol));
    for (size_t i = 0; i < terms->operator_count; i++)
        PP_TRY(pp_payout_add(table, terms->operators[i].node_id, &terms->operators[i].payee, split.parts[i]));
    PP_TRY(pp_payout_total(table, &paid));
    PP_ASSERT(paid.raw <= terms->received_total.raw);
    return PP_OK;
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
    struct pp_payout_table payouts;
    struct pp_lane_tree tree;
    if (terms->operator_count == 0)
        return PP_NO_OPERATORS;
    if (count > UINT32_MAX)
        return PP_TOO_MANY;
    PP_TRY(pp_operators_hash(terms->operators, terms->operator_count, &fields.operator_set));
    PP_TRY(payouts_build(terms, &payouts));
    pp_payout_root(&payouts, &fields.payout_root, &fields.payout_total);
    PP_TRY(lanes_sort(lanes, count));
    PP_TRY(pp_lane_tree_build(lanes, count, nodes, &tree));
    pp_lane_tree_root(&tree, &fields.lanes_root);

    out->fields = fields;
    out->lanes = lanes;
    out->lane_count = count;
    out->payouts = payouts;
    memcpy(out->operators, terms->operators, terms->operator_count * sizeof out->operators[0]);
    out->operator_count = terms->operator_count;
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
