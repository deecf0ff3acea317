/* From the charges and refunds of a lane: that no money was spent twice or given back twice, and what R and E must be. E is computed
 * charge by charge, not by the book of falls that a node keeps: the two are independent. */
#include "audit_read.h"

#include <pp/refund.h>

#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

/* What a lane's entries add up to. */
struct tally {
    pp_u128 refunded, earned;
};

static struct audit_line charge_line(const struct audit_kept_charge *kept)
{
    struct audit_line line = {.kind = AUDIT_CHARGE};
    line.charge = kept->charge;
    return line;
}

static struct audit_line refund_line(const struct audit_kept_refund *kept)
{
    struct audit_line line = {.kind = AUDIT_REFUND};
    line.refund = kept->refund;
    return line;
}

static void charge_fault(struct audit_bundle *bundle, const struct audit_kept_charge *kept,
                         enum pp_error error, const char *field, const char *remark)
{
    const struct audit_line line = charge_line(kept);
    audit_fault(bundle, &line, kept->at, error, field, remark);
}

static void refund_fault(struct audit_bundle *bundle, const struct audit_kept_refund *kept,
                         enum pp_error error, const char *field, const char *remark)
{
    const struct audit_line line = refund_line(kept);
    audit_fault(bundle, &line, kept->at, error, field, remark);
}

/* ---- which lane ---- */

static size_t lane_find(const struct audit_bundle *bundle, const struct pp_hash *channel_id, uint64_t lane)
{
    struct pp_lane_leaf key = {.lane = lane > UINT32_MAX ? 0 : (uint32_t)lane};
    size_t low = 0, high = bundle->lanes.count;
    memcpy(key.channel_id.bytes, channel_id->bytes, 32);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pp_report_lane_order(&bundle->lanes.leaves[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bundle->lanes.count && pp_report_lane_order(&bundle->lanes.leaves[low], &key) == 0 ? low
                                                                                                    : NONE;
}

/* AUDIT-020. A channel that has spent nothing has no leaf, and no entries. */
static void lanes_find(struct audit_bundle *bundle)
{
    for (size_t i = 0; i < bundle->charge_count; i++) {
        struct audit_kept_charge *kept = &bundle->charges[i];
        kept->lane = lane_find(bundle, &kept->charge.channel_id, kept->charge.lane);
        if (kept->lane == NONE || !bundle->lanes.has_entries[kept->lane])
            charge_fault(bundle, kept, PP_NOT_FOUND, "lane", "no lane of this bundle has such entries");
    }
    for (size_t i = 0; i < bundle->refund_count; i++) {
        struct audit_kept_refund *kept = &bundle->refunds[i];
        kept->lane = lane_find(bundle, &kept->refund.channel_id, kept->refund.lane);
        if (kept->lane == NONE || !bundle->lanes.has_entries[kept->lane])
            refund_fault(bundle, kept, PP_NOT_FOUND, "lane", "no lane of this bundle has such entries");
    }
}

/* ---- charges ---- */

static int by_line_of_money(const void *a, const void *b)
{
    const struct audit_kept_charge *left = a, *right = b;
    if (left->lane != right->lane)
        return left->lane < right->lane ? -1 : 1;
    return (left->charge.from > right->charge.from) - (left->charge.from < right->charge.from);
}

static int by_stamp(const void *a, const void *b)
{
    const struct audit_kept_charge *left = a, *right = b;
    int order = left->lane < right->lane ? -1 : left->lane > right->lane;
    return order ? order : memcmp(left->charge.stamp_id.bytes, right->charge.stamp_id.bytes, 32);
}

static int by_stamp_and_reason(const void *a, const void *b)
{
    const struct audit_kept_refund *left = a, *right = b;
    int order = left->lane < right->lane ? -1 : left->lane > right->lane;
    if (order == 0)
        order = memcmp(left->refund.stamp_id.bytes, right->refund.stamp_id.bytes, 32);
    return order
               ? order
               : (left->refund.reason > right->refund.reason) - (left->refund.reason < right->refund.reason);
}

static bool postage_of(const struct audit_charge *charge, struct pp_postage *out, pp_u128 *out_total)
{
    *out = (struct pp_postage){charge->base, charge->storage, charge->congestion, charge->bond};
    *out_total = (pp_u128)charge->base + charge->storage + charge->congestion + charge->bond;
    return charge->retention_days > 0 && charge->retention_days <= PP_RETENTION_MAX_DAYS &&
           charge->stored_day <= PP_DAY_LAST && charge->storage < UINT64_C(1) << 63;
}

/* AUDIT-021: intervals of a lane do not overlap, are as long as their parts, and end where S does or before. */
static void charges_check(struct audit_bundle *bundle)
{
    if (bundle->charge_count > 1)
        qsort(bundle->charges, bundle->charge_count, sizeof *bundle->charges, by_line_of_money);
    for (size_t i = 0; i < bundle->charge_count; i++) {
        const struct audit_kept_charge *kept = &bundle->charges[i], *last = i > 0 ? kept - 1 : NULL;
        struct pp_postage postage;
        pp_u128 total;
        if (kept->lane == NONE)
            continue;
        if (!postage_of(&kept->charge, &postage, &total))
            charge_fault(bundle, kept, PP_OUT_OF_RANGE, "retention_days", "such a charge cannot be");
        if (kept->charge.to < kept->charge.from || kept->charge.to - kept->charge.from != total)
            charge_fault(bundle, kept, PP_INVARIANT, "to", "the interval is not as long as the postage");
        if (last && last->lane == kept->lane && kept->charge.from < last->charge.to)
            charge_fault(bundle, kept, PP_INTERVAL_TAKEN, "from", "the interval begins within another one");
        if (kept->charge.to > bundle->lanes.leaves[kept->lane].spent.raw)
            charge_fault(bundle, kept, PP_OVER_SPENT, "to", "the interval ends above what the lane spent");
    }
}

/* AUDIT-022 */
static void stamps_check(struct audit_bundle *bundle)
{
    if (bundle->charge_count > 1)
        qsort(bundle->charges, bundle->charge_count, sizeof *bundle->charges, by_stamp);
    for (size_t i = 1; i < bundle->charge_count; i++)
        if (by_stamp(&bundle->charges[i - 1], &bundle->charges[i]) == 0)
            charge_fault(bundle, &bundle->charges[i], PP_INVARIANT, "stamp_id", "the stamp is charged twice");
}

/* ---- refunds ---- */

static const struct audit_kept_charge *charge_of(const struct audit_bundle *bundle,
                                                 const struct audit_kept_refund *refund)
{
    struct audit_kept_charge key = {.lane = refund->lane};
    key.charge.stamp_id = refund->refund.stamp_id;
    if (bundle->charge_count == 0)
        return NULL;
    return bsearch(&key, bundle->charges, bundle->charge_count, sizeof key, by_stamp);
}

/* What a refund of this charge for this reason must be: REW-011, REW-012. False: there is no such. */
static bool amount_of(const struct audit_charge *charge, const struct audit_refund *refund, pp_u128 *out)
{
    struct pp_postage postage;
    const struct pp_storage_term term = {charge->storage, (uint16_t)charge->retention_days,
                                         (uint32_t)charge->stored_day};
    uint64_t left;
    if (!postage_of(charge, &postage, out) || refund->day > PP_DAY_LAST)
        return false;
    switch (refund->reason) {
    case PP_REFUND_NOT_STORED:
    case PP_REFUND_NOT_REPLICATED:
        return true;
    case PP_REFUND_BOND_RETURNED:
        *out = charge->bond;
        return true;
    case PP_REFUND_EARLY_DELETE:
        if (charge->stored_day == 0 || pp_storage_left(&term, (uint32_t)refund->day, &left) != PP_OK)
            return false;
        *out = left;
        return true;
    default:
        return false;
    }
}

static void leaving_check(struct audit_bundle *bundle, const struct audit_kept_refund *kept)
{
    const struct pp_lane_leaf *leaf = &bundle->lanes.leaves[kept->lane];
    if ((pp_u128)leaf->earned.raw + leaf->refunded.raw != leaf->spent.raw)
        refund_fault(bundle, kept, PP_INVARIANT, "amount",
                     "a sender that leaves gets back all that is not earned");
}

/* AUDIT-023: of a stamp of the lane, once a reason, and just what the reason gives. */
static void refund_check(struct audit_bundle *bundle, const struct audit_kept_refund *kept)
{
    static const struct pp_hash whole_lane = {{0}};
    const struct audit_kept_charge *charge = charge_of(bundle, kept);
    struct audit_line found = refund_line(kept), expected = found;
    if (kept->refund.reason == PP_REFUND_LEAVING && pp_hash_eq(&kept->refund.stamp_id, &whole_lane)) {
        leaving_check(bundle, kept);
        return;
    }
    if (!charge)
        refund_fault(bundle, kept, PP_NOT_FOUND, "stamp_id", "the lane has no charge of this stamp");
    else if (!amount_of(&charge->charge, &kept->refund, &expected.refund.amount))
        refund_fault(bundle, kept, PP_BAD_KIND, "reason", "not a refund of this stamp on this day");
    else
        audit_compare(bundle, &expected, &found, kept->at, "what the reason gives back");
}

static void refunds_check(struct audit_bundle *bundle)
{
    if (bundle->refund_count > 1)
        qsort(bundle->refunds, bundle->refund_count, sizeof *bundle->refunds, by_stamp_and_reason);
    for (size_t i = 0; i < bundle->refund_count; i++) {
        const struct audit_kept_refund *kept = &bundle->refunds[i];
        if (kept->lane == NONE)
            continue;
        if (i > 0 && by_stamp_and_reason(kept - 1, kept) == 0)
            refund_fault(bundle, kept, PP_ALREADY_REFUNDED, "reason", "the same refund twice");
        refund_check(bundle, kept);
    }
}

/* ---- R and E ---- */

/* The refunds of a charge stand together; NULL: none. */
static const struct audit_kept_refund *refund_of(const struct audit_bundle *bundle,
                                                 const struct audit_kept_charge *charge, uint64_t reason)
{
    struct audit_kept_refund key = {.lane = charge->lane};
    key.refund.stamp_id = charge->charge.stamp_id;
    key.refund.reason = reason;
    if (bundle->refund_count == 0)
        return NULL;
    return bsearch(&key, bundle->refunds, bundle->refund_count, sizeof key, by_stamp_and_reason);
}

/* REW-030, REW-031: base and congestion once it is stored; of s = q n + r in d days q d + min(d, r). */
static pp_u128 earned_of(const struct audit_bundle *bundle, const struct audit_kept_charge *kept)
{
    const struct audit_charge *charge = &kept->charge;
    const struct audit_kept_refund *deleted = refund_of(bundle, kept, PP_REFUND_EARLY_DELETE);
    uint64_t last = bundle->lanes.last_day[kept->lane], days = 0;
    if (charge->stored_day == 0 || charge->retention_days == 0)
        return 0;
    if (deleted && deleted->refund.day < last)
        last = deleted->refund.day;
    if (last >= charge->stored_day)
        days = last - charge->stored_day + 1;
    if (days > charge->retention_days)
        days = charge->retention_days;
    const uint64_t each = charge->storage / charge->retention_days,
                   more = charge->storage % charge->retention_days;
    return (pp_u128)charge->base + charge->congestion + (pp_u128)each * days + (days < more ? days : more);
}

/* AUDIT-024, AUDIT-025 */
static void lane_compare(struct audit_bundle *bundle, const struct tally *tallies, size_t i)
{
    struct audit_line found = audit_lane_line(bundle, i), expected = found;
    const pp_u128 earned = tallies[i].earned + found.lane.forfeited;
    if (!found.lane.has_entries)
        return;
    expected.lane.refunded = tallies[i].refunded;
    expected.lane.earned = earned;
    audit_compare(bundle, &expected, &found, i, "what its charges and refunds add up to");
}

static bool tallies_make(struct audit_bundle *bundle, struct tally **out)
{
    struct tally *tallies = calloc(bundle->lanes.count + 1, sizeof *tallies);
    if (!tallies)
        return false;
    for (size_t i = 0; i < bundle->refund_count; i++)
        if (bundle->refunds[i].lane != NONE)
            tallies[bundle->refunds[i].lane].refunded += bundle->refunds[i].refund.amount;
    for (size_t i = 0; i < bundle->charge_count; i++)
        if (bundle->charges[i].lane != NONE)
            tallies[bundle->charges[i].lane].earned += earned_of(bundle, &bundle->charges[i]);
    *out = tallies;
    return true;
}

enum pp_error audit_entries_check(struct audit_bundle *bundle)
{
    struct tally *tallies;
    lanes_find(bundle);
    charges_check(bundle);
    stamps_check(bundle);
    refunds_check(bundle);
    if (!tallies_make(bundle, &tallies))
        return PP_NO_MEMORY;
    for (size_t i = 0; i < bundle->lanes.count; i++)
        lane_compare(bundle, tallies, i);
    free(tallies);
    return PP_OK;
}
