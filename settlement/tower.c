#include <pp/assert.h>
#include <pp/settle.h>
#include <pp/tower.h>

#define REFUND_LEAD_PARTS 4u /* of a report's window the last quarter: all its refunds in one posting */

const char *pp_tower_cause_name(enum pp_tower_cause cause)
{
    static const char *const names[] = {
#define X(upper, sentence) [PP_TOWER_##upper] = #upper,
        PP_TOWER_CAUSES(X)
#undef X
    };
    return cause < PP_TOWER_CAUSE_COUNT ? names[cause] : "unknown";
}

const char *pp_tower_cause_sentence(enum pp_tower_cause cause)
{
    static const char *const sentences[] = {
#define X(upper, sentence) [PP_TOWER_##upper] = sentence,
        PP_TOWER_CAUSES(X)
#undef X
    };
    return cause < PP_TOWER_CAUSE_COUNT ? sentences[cause] : "unknown";
}

static bool is_none(const struct pp_signature *signature)
{
    return signature->bytes[64] == 0;
}

/* ---- what counts, with what is held and without it ---- */

struct counters {
    struct pp_grains spent, refunded;
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* CHAIN-082: until when the contract takes what the delegate signed. */
static uint64_t delegate_until(const struct pp_tower_input *input)
{
    uint64_t until = add_saturating(input->evidence->delegation.not_after, input->timers.challenge);
    uint64_t revoked = input->chain->revoked_until_s;
    return revoked != 0 && revoked < until ? revoked : until;
}

/* TOWER-003: a voucher counts only with the refund that it acknowledges, and only above what is on chain. */
static bool counts(const struct pp_tower_input *input, const struct pp_abi_voucher *voucher,
                   struct pp_grains refunded)
{
    return !is_none(&voucher->signature) && pp_grains_lt(input->chain->lane.spent, voucher->spent) &&
           pp_grains_compare(voucher->refund_ack, refunded) <= 0;
}

static bool delegated_counts(const struct pp_tower_input *input, struct pp_grains refunded)
{
    const struct pp_tower_evidence *held = input->evidence;
    return counts(input, &held->delegated, refunded) && held->delegation.lane == held->lane &&
           pp_grains_compare(held->delegated.spent, held->delegation.max_spent) <= 0 &&
           input->now_s <= delegate_until(input);
}

/* The most that can be claimed with what is held. out_post: which voucher it takes. */
static struct counters best(const struct pp_tower_input *input, enum pp_tower_post *out_post)
{
    const struct pp_tower_evidence *held = input->evidence;
    struct counters most = {input->chain->lane.spent, input->chain->lane.refunded};
    *out_post = PP_TOWER_POST_NOTHING;
    if (!is_none(&held->refund.signature))
        most.refunded = pp_grains_max(most.refunded, held->refund.refunded);
    if (counts(input, &held->voucher, most.refunded)) {
        most.spent = held->voucher.spent;
        *out_post = PP_TOWER_POST_VOUCHER;
    }
    if (delegated_counts(input, most.refunded) && pp_grains_lt(most.spent, held->delegated.spent)) {
        most.spent = held->delegated.spent;
        *out_post = PP_TOWER_POST_DELEGATED;
    }
    return most;
}

/* What the pool would get of the lane, in whole units; cap < vested is what the contract never lets happen: nothing. */
static struct pp_units pool_of(const struct pp_tower_input *input, struct pp_grains spent,
                               struct pp_grains refunded, struct pp_grains earned)
{
    const struct pp_settle_input lane = {.spent = spent,
                                         .refunded = refunded,
                                         .earned = earned,
                                         .cap = input->chain->lane.cap,
                                         .vested = input->chain->lane.vested};
    struct pp_settlement settlement;
    return pp_settle(&lane, &settlement) == PP_OK ? settlement.pool_units : PP_UNITS_ZERO;
}

static struct pp_units less(struct pp_units a, struct pp_units b)
{
    return pp_units(a.raw > b.raw ? a.raw - b.raw : 0);
}

/* TOWER-010. Operators lose what only the voucher held brings them; the payer loses a refund that is not posted while the
 * voucher is. */
static void stakes(const struct pp_tower_input *input, const struct counters *most, struct pp_grains earned,
                   struct pp_units *out_earnings, struct pp_units *out_refunds)
{
    const struct pp_chain_lane *lane = &input->chain->lane;
    struct pp_units with = pool_of(input, most->spent, most->refunded, earned);
    *out_earnings = less(with, pool_of(input, lane->spent, most->refunded, earned));
    *out_refunds = less(pool_of(input, most->spent, lane->refunded, earned), with);
}

/* CHAIN-072. */
static struct pp_units thawed_cap(const struct pp_tower_input *input, struct pp_grains spent,
                                  struct pp_grains refunded)
{
    const struct pp_chain_lane *lane = &input->chain->lane;
    struct pp_grains net =
        pp_grains_min(pp_grains_sub_clamped(spent, refunded), pp_units_to_grains(lane->cap));
    struct pp_units least;
    if (pp_grains_to_units_ceil(pp_grains_max(net, lane->vested), &least) != PP_OK)
        return lane->cap;
    if (least.raw < input->chain->thaw.target.raw)
        least = input->chain->thaw.target;
    return least.raw < lane->cap.raw ? least : lane->cap;
}

/* ---- the causes: each says whether it concerns the lane, from when on and until when ---- */

struct due {
    enum pp_tower_cause cause;
    uint64_t at_s, deadline_s;
    bool voucher, refund; /* which of the two it asks for */
};

/* TOWER-004. */
static bool close_due(const struct pp_tower_input *input, struct due *out)
{
    const struct pp_chain_channel *channel = &input->chain->channel;
    *out = (struct due){PP_TOWER_CLOSE, 0, channel->closable_at_s, true, true};
    return channel->state == PP_CHANNEL_CHAIN_CLOSING;
}

/* TOWER-005: only if the cap would be another one. */
static bool thaw_due(const struct pp_tower_input *input, const struct counters *most, struct due *out)
{
    const struct pp_chain_lane *lane = &input->chain->lane;
    *out = (struct due){PP_TOWER_THAW, 0, input->chain->thaw.thaw_at_s, true, true};
    return input->chain->thaw.thaw_at_s != 0 && thawed_cap(input, most->spent, most->refunded).raw !=
                                                    thawed_cap(input, lane->spent, lane->refunded).raw;
}

/* TOWER-006. */
static bool report_due(const struct pp_tower_input *input, struct due *out)
{
    uint64_t lead = input->timers.vesting / REFUND_LEAD_PARTS;
    uint64_t from = input->vests_at_s > lead ? input->vests_at_s - lead : 0;
    *out = (struct due){PP_TOWER_REPORT, from, input->vests_at_s, !input->evidence->own, true};
    return input->vests_at_s > input->now_s;
}

/* TOWER-007. */
static bool delegate_due(const struct pp_tower_input *input, enum pp_tower_post post, struct due *out)
{
    bool revoked = input->chain->revoked_until_s != 0;
    *out = (struct due){PP_TOWER_DELEGATE, revoked ? 0 : input->evidence->delegation.not_after,
                        delegate_until(input), true, false};
    return post == PP_TOWER_POST_DELEGATED;
}

/* TOWER-008. */
static bool operator_due(const struct pp_tower_input *input, struct due *out)
{
    const struct pp_chain_operator *operator= & input->chain->operator;
    *out = (struct due){PP_TOWER_OPERATOR, 0, operator->change_at_s, true, true};
    return operator->state == PP_OPERATOR_CHAIN_REMOVING || operator->state == PP_OPERATOR_CHAIN_REMOVED;
}

/* The first of two; a cause without a deadline comes last. */
static bool is_before(const struct due *a, const struct due *b, uint64_t now_s)
{
    bool a_now = a->at_s <= now_s, b_now = b->at_s <= now_s;
    if (a_now != b_now)
        return a_now;
    uint64_t a_end = a->deadline_s ? a->deadline_s : UINT64_MAX;
    uint64_t b_end = b->deadline_s ? b->deadline_s : UINT64_MAX;
    return a_now ? a_end < b_end : a->at_s < b->at_s;
}

/* What this cause asks to be posted, of what is worth it. A voucher takes the refund with it. */
static enum pp_tower_post wanted(const struct pp_tower_input *input, const struct due *due,
                                 enum pp_tower_post voucher, const struct pp_tower_verdict *worth)
{
    uint64_t least = input->least.raw > 0 ? input->least.raw : 1;
    if (due->voucher && voucher != PP_TOWER_POST_NOTHING && worth->earnings.raw >= least)
        return voucher;
    if (due->refund && worth->refunds.raw >= least)
        return PP_TOWER_POST_REFUND;
    return PP_TOWER_POST_NOTHING;
}

/* A thaw takes from what is signed beyond its target, in cap and not in income: that decides instead. */
static enum pp_tower_post wanted_by_thaw(const struct pp_tower_input *input, const struct counters *most,
                                         enum pp_tower_post voucher)
{
    const struct pp_chain_lane *lane = &input->chain->lane;
    uint64_t least = input->least.raw > 0 ? input->least.raw : 1;
    struct pp_units with = thawed_cap(input, most->spent, most->refunded);
    struct pp_units without = thawed_cap(input, lane->spent, most->refunded);
    if (voucher != PP_TOWER_POST_NOTHING && less(with, without).raw >= least)
        return voucher;
    return less(thawed_cap(input, most->spent, lane->refunded), with).raw >= least ? PP_TOWER_POST_REFUND
                                                                                   : PP_TOWER_POST_NOTHING;
}

static void consider(const struct pp_tower_input *input, const struct due *due, enum pp_tower_post post,
                     struct due *first, enum pp_tower_post *first_post)
{
    if (post == PP_TOWER_POST_NOTHING)
        return;
    if (*first_post != PP_TOWER_POST_NOTHING && !is_before(due, first, input->now_s))
        return;
    *first = *due;
    *first_post = post;
}

/* Whether a settlement would credit the pool with more than it has. */
static bool is_owing(const struct pp_tower_input *input, const struct counters *most)
{
    const struct pp_tower_evidence *held = input->evidence;
    struct pp_grains earned = held->own ? held->earned : PP_GRAINS_MAX;
    struct pp_units pool = pool_of(input, most->spent, most->refunded, earned);
    return pool.raw > pool_of(input, PP_GRAINS_ZERO, PP_GRAINS_ZERO, PP_GRAINS_ZERO).raw;
}

void pp_tower_judge(const struct pp_tower_input *input, struct pp_tower_verdict *out)
{
    const struct pp_chain_channel *channel = &input->chain->channel;
    struct due due, first = {PP_TOWER_NONE, 0, 0, false, false};
    enum pp_tower_post voucher, post = PP_TOWER_POST_NOTHING;
    struct pp_tower_verdict worth = {.post = PP_TOWER_POST_NOTHING};
    *out = worth;
    if (channel->state != PP_CHANNEL_CHAIN_OPEN && channel->state != PP_CHANNEL_CHAIN_CLOSING)
        return; /* TOWER-002: nothing counts any more */
    const struct counters most = best(input, &voucher);
    /* E may still grow until what is posted is settled, so for a posting it is no bound. */
    stakes(input, &most, PP_GRAINS_MAX, &worth.earnings, &worth.refunds);
    if (close_due(input, &due))
        consider(input, &due, wanted(input, &due, voucher, &worth), &first, &post);
    if (thaw_due(input, &most, &due))
        consider(input, &due, wanted_by_thaw(input, &most, voucher), &first, &post);
    if (report_due(input, &due))
        consider(input, &due, wanted(input, &due, voucher, &worth), &first, &post);
    if (delegate_due(input, voucher, &due))
        consider(input, &due, wanted(input, &due, voucher, &worth), &first, &post);
    if (operator_due(input, &due))
        consider(input, &due, wanted(input, &due, voucher, &worth), &first, &post);
    stakes(input, &most, input->evidence->own ? input->evidence->earned : PP_GRAINS_MAX, &out->earnings,
           &out->refunds);
    out->cause = first.cause;
    out->due_at_s = first.at_s;
    out->deadline_s = first.deadline_s;
    out->post = first.at_s <= input->now_s ? post : PP_TOWER_POST_NOTHING;
    if (channel->state == PP_CHANNEL_CHAIN_CLOSING && is_owing(input, &most))
        out->settle_by_s = channel->closable_at_s;
}
