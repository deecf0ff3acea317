/* Admission of the stamps of one request: first on a draft, then carried out. LANE-030 gives the order of the checks. */
#include <pp/assert.h>
#include <pp/lane.h>
#include <pp/voucher.h>

void pp_lane_draft_begin(struct pp_lane_draft *draft, const struct pp_lane *lane,
                         const struct pp_lane_request *request, const struct pp_holes_pool *pool)
{
    draft->lane = lane;
    draft->request = request;
    draft->lane_pool = pool;
    draft->spent = pp_grains_max(lane->spent, request->voucher->spent);
    draft->stamps_before = lane->stamps;
    draft->admitted = 0;
    pp_holes_pool_init(&draft->pool, &draft->block, 1);
    pp_intervals_init(&draft->consumed);
    enum pp_error error = pp_intervals_copy(&draft->consumed, &lane->consumed, &draft->pool);
    PP_ASSERT(error == PP_OK);
}

/* ---- refusals ---- */

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                            struct pp_value expected, struct pp_value actual)
{
    pp_refusal_init(refusal, error, field);
    refusal->expected = expected;
    refusal->actual = actual;
    return error;
}

static enum pp_error refuse_plainly(struct pp_refusal *refusal, enum pp_error error, const char *field)
{
    return refuse(refusal, error, field, (struct pp_value){0}, (struct pp_value){0});
}

/* ---- the checks, in the order of LANE-030 ---- */

static enum pp_error check_form(const struct pp_lane_draft *draft, const struct pp_lane_facts *facts,
                                struct pp_span *out_span, struct pp_refusal *refusal)
{
    const struct pp_lane_request *request = draft->request;
    const struct pp_voucher *voucher = request->voucher;
    const struct pp_leaf *leaf = facts->leaf;
    enum pp_error error = pp_stamp_kind_check(request->kind, request->count);
    if (error == PP_TOO_MANY_LEAVES)
        return refuse(refusal, error, "count", pp_value_number(PP_LEAVES_MAX),
                      pp_value_number(request->count));
    if (error != PP_OK)
        return refuse(refusal, error, "kind",
                      pp_value_number(request->count == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH),
                      pp_value_number(request->kind));
    if (voucher->lane != draft->lane->lane)
        return refuse(refusal, PP_UNKNOWN_LANE, "lane", pp_value_number(draft->lane->lane),
                      pp_value_number(voucher->lane));
    if (!pp_channel_id_eq(&leaf->channel_id, &voucher->channel_id))
        return refuse(refusal, PP_UNKNOWN_CHANNEL, "channel_id",
                      pp_value_bytes(voucher->channel_id.bytes, 32),
                      pp_value_bytes(leaf->channel_id.bytes, 32));
    if (leaf->lane != voucher->lane)
        return refuse(refusal, PP_UNKNOWN_LANE, "lane", pp_value_number(voucher->lane),
                      pp_value_number(leaf->lane));
    if (facts->content_error != PP_OK)
        return refuse_plainly(refusal, facts->content_error, "envelope");
    error = pp_leaf_check(leaf);
    if (error != PP_OK)
        return refuse_plainly(refusal, error, "leaf");
    out_span->from = leaf->from;
    error = pp_leaf_to(leaf, &out_span->to);
    PP_ASSERT(error == PP_OK);
    return PP_OK;
}

static enum pp_error check_state(const struct pp_lane_draft *draft, struct pp_refusal *refusal)
{
    enum pp_error error = pp_lane_admits(draft->lane);
    if (error == PP_OK && draft->request->view_stale)
        error = PP_LANE_FROZEN;
    if (error == PP_OK)
        return PP_OK;
    enum pp_lane_state state =
        error == PP_LANE_FROZEN ? PP_LANE_STATE_FROZEN : (enum pp_lane_state)draft->lane->state;
    refuse(refusal, error, "lane", pp_value_text(pp_lane_state_name(PP_LANE_STATE_ACTIVE)),
           pp_value_text(pp_lane_state_name(state)));
    if (error == PP_LANE_PENDING)
        refusal->retry_after_ms = PP_RETRY_PENDING_MS;
    if (error == PP_LANE_FROZEN)
        refusal->retry_after_ms = PP_RETRY_FROZEN_MS;
    return error;
}

/* SESSION-022. */
static enum pp_error check_session(const struct pp_lane_draft *draft, struct pp_refusal *refusal)
{
    const struct pp_lane_session *session = draft->request->session;
    if (!session || session->error == PP_OK)
        return PP_OK;
    refuse_plainly(refusal, session->error, "session_id");
    if (session->error == PP_SESSION_EXPIRED) {
        refusal->expected = pp_value_number(draft->request->now_ms);
        refusal->actual = pp_value_number(session->not_after_ms);
    }
    return session->error;
}

static enum pp_error check_not_after(const struct pp_lane_draft *draft, const struct pp_leaf *leaf,
                                     struct pp_refusal *refusal)
{
    if (draft->request->now_ms <= leaf->not_after_ms)
        return PP_OK;
    return refuse(refusal, PP_STAMP_EXPIRED, "not_after", pp_value_number(draft->request->now_ms),
                  pp_value_number(leaf->not_after_ms));
}

static void name_consumed(const struct pp_lane_draft *draft, const struct pp_span *span,
                          struct pp_refusal *refusal)
{
    struct pp_span ranges[PP_REFUSAL_RANGES_MAX];
    uint32_t count = pp_intervals_touching(&draft->consumed, span, ranges, PP_REFUSAL_RANGES_MAX);
    for (uint32_t i = 0; i < count && i < PP_REFUSAL_RANGES_MAX; i++) {
        refusal->consumed[i].from = ranges[i].from;
        refusal->consumed[i].to = ranges[i].to;
        refusal->consumed_count = (uint8_t)(i + 1);
    }
}

/* SESSION-021. */
static enum pp_error check_chunk(const struct pp_lane_draft *draft, const struct pp_span *span,
                                 struct pp_refusal *refusal)
{
    const struct pp_lane_session *session = draft->request->session;
    if (!session ||
        (!pp_grains_lt(span->from, session->chunk.from) && !pp_grains_lt(session->chunk.to, span->to)))
        return PP_OK;
    return refuse(refusal, PP_SESSION_CHUNK, "from", pp_value_range(session->chunk.from, session->chunk.to),
                  pp_value_range(span->from, span->to));
}

static enum pp_error check_interval(const struct pp_lane_draft *draft, const struct pp_span *span,
                                    struct pp_refusal *refusal)
{
    /* A lane that has a block keeps it; one that has none needs one of its own pool when the draft is carried out. */
    const struct pp_holes_pool *pool = draft->lane->consumed.holes ? &draft->pool : draft->lane_pool;
    enum pp_error error = pp_intervals_check(&draft->consumed, span, pool);
    if (error == PP_OK)
        return PP_OK;
    refuse(refusal, error, "from", (struct pp_value){0}, pp_value_range(span->from, span->to));
    if (error == PP_INTERVAL_TAKEN) {
        name_consumed(draft, span, refusal);
    } else if (error == PP_TOO_MANY_HOLES) {
        struct pp_span hole = pp_intervals_hole(&draft->consumed, 0);
        refusal->expected = pp_value_range(hole.from, hole.to);
    } else if (error == PP_BUSY) {
        refusal->retry_after_ms = PP_RETRY_BUSY_MS;
    }
    return error;
}

/* LANE-020. */
static enum pp_error check_spent(const struct pp_lane_draft *draft, const struct pp_span *span,
                                 struct pp_refusal *refusal)
{
    if (!pp_grains_lt(draft->spent, span->to))
        return PP_OK;
    refuse(refusal, PP_OVER_SPENT, "spent", pp_value_grains(span->to), pp_value_grains(draft->spent));
    refusal->shortfall = pp_grains_sub_checked(span->to, draft->spent);
    return PP_OVER_SPENT;
}

/* LANE-021. */
static enum pp_error check_cap(const struct pp_lane_draft *draft, const struct pp_span *span,
                               struct pp_refusal *refusal)
{
    struct pp_grains cap = pp_units_to_grains(pp_lane_cap(draft->lane));
    struct pp_grains held = pp_grains_sub_clamped(span->to, draft->lane->refunded);
    if (!pp_grains_lt(cap, held))
        return PP_OK;
    refuse(refusal, PP_CAP_EXCEEDED, "cap", pp_value_grains(cap), pp_value_grains(held));
    refusal->shortfall = pp_grains_sub_checked(held, cap);
    return PP_CAP_EXCEEDED;
}

static uint64_t lacking(uint64_t offered, uint64_t quoted)
{
    return offered < quoted ? quoted - offered : 0;
}

/* LANE-022. */
static enum pp_error check_price(const struct pp_lane_facts *facts, struct pp_refusal *refusal)
{
    const struct pp_postage *offered = &facts->leaf->postage, *quoted = &facts->quoted;
    if (facts->quote_error != PP_OK)
        return refuse_plainly(refusal, facts->quote_error, "quote");
    if (pp_postage_covers(offered, quoted))
        return PP_OK;
    struct {
        const char *field;
        uint64_t offered, quoted;
    } parts[] = {
        {"base", offered->base_grains, quoted->base_grains},
        {"storage", offered->storage_grains, quoted->storage_grains},
        {"congestion", offered->congestion_grains, quoted->congestion_grains},
        {"bond", offered->bond_grains, quoted->bond_grains},
    };
    struct pp_grains shortfall = PP_GRAINS_ZERO;
    size_t first = 0, count = sizeof parts / sizeof parts[0];
    while (lacking(parts[first].offered, parts[first].quoted) == 0)
        first++;
    for (size_t i = first; i < count; i++)
        shortfall = pp_grains_add_checked(shortfall, pp_grains(lacking(parts[i].offered, parts[i].quoted)));
    refuse(refusal, PP_PRICE_TOO_LOW, parts[first].field, pp_value_grains(pp_grains(parts[first].quoted)),
           pp_value_grains(pp_grains(parts[first].offered)));
    refusal->shortfall = shortfall;
    return PP_PRICE_TOO_LOW;
}

/* LANE-023, LANE-024. */
static enum pp_error check_voucher(const struct pp_lane_draft *draft, struct pp_refusal *refusal)
{
    const struct pp_lane_request *request = draft->request;
    const struct pp_voucher *voucher = request->voucher;
    struct pp_grains refunded = draft->lane->refunded;
    if (pp_grains_lt(refunded, voucher->refund_ack)) {
        refuse(refusal, PP_REFUND_ACK_UNKNOWN, "refund_ack", pp_value_grains(refunded),
               pp_value_grains(voucher->refund_ack));
        refusal->shortfall = pp_grains_sub_checked(voucher->refund_ack, refunded);
        return PP_REFUND_ACK_UNKNOWN;
    }
    if (request->verified && request->voucher_error != PP_OK)
        return refuse_plainly(refusal, request->voucher_error, "signature");
    return PP_OK;
}

/* SESSION-023, SESSION-024, SESSION-026. */
static enum pp_error check_mac(const struct pp_lane_draft *draft, const struct pp_lane_facts *facts,
                               struct pp_refusal *refusal)
{
    const struct pp_lane_session *session = draft->request->session;
    if (!session)
        return PP_OK;
    if (session->unsigned_count + draft->admitted >= PP_SESSION_UNSIGNED_MAX)
        return refuse(refusal, PP_SESSION_UNSIGNED, "session_id", pp_value_number(PP_SESSION_UNSIGNED_MAX),
                      pp_value_number(session->unsigned_count + draft->admitted));
    if (draft->admitted >= session->room) {
        refuse(refusal, PP_BUSY, "session_id", pp_value_number(PP_SESSION_LEAVES_MAX),
               pp_value_number(PP_SESSION_LEAVES_MAX));
        refusal->retry_after_ms = PP_RETRY_BUSY_MS;
        return PP_BUSY;
    }
    return facts->mac_error == PP_OK ? PP_OK : refuse_plainly(refusal, facts->mac_error, "mac");
}

static enum pp_error check_after_lookup(const struct pp_lane_draft *draft, const struct pp_lane_facts *facts,
                                        const struct pp_span *span, struct pp_refusal *refusal)
{
    PP_TRY(check_state(draft, refusal));
    PP_TRY(check_session(draft, refusal));
    PP_TRY(check_not_after(draft, facts->leaf, refusal));
    PP_TRY(check_chunk(draft, span, refusal));
    PP_TRY(check_interval(draft, span, refusal));
    PP_TRY(check_spent(draft, span, refusal));
    PP_TRY(check_cap(draft, span, refusal));
    PP_TRY(check_price(facts, refusal));
    PP_TRY(check_voucher(draft, refusal));
    return check_mac(draft, facts, refusal);
}

enum pp_lane_answer pp_lane_check(struct pp_lane_draft *draft, const struct pp_lane_facts *facts,
                                  struct pp_refusal *refusal)
{
    struct pp_span span;
    if (check_form(draft, facts, &span, refusal) != PP_OK)
        return PP_LANE_REFUSE;
    /* LANE-031: a stamp that was admitted gets its receipt, whatever else has changed since. */
    if (!facts->not_known && !pp_intervals_is_free(&draft->consumed, &span))
        return PP_LANE_LOOK_UP;
    if (check_after_lookup(draft, facts, &span, refusal) != PP_OK)
        return PP_LANE_REFUSE;
    enum pp_error error = pp_intervals_consume(&draft->consumed, &span, &draft->pool);
    PP_ASSERT(error == PP_OK);
    draft->admitted++;
    return PP_LANE_ADMIT;
}

/* ---- carrying it out ---- */

static bool raise_spent(struct pp_lane *lane, struct pp_grains voucher_spent)
{
    if (!pp_grains_lt(lane->spent, voucher_spent))
        return false;
    lane->spent = voucher_spent;
    return true;
}

bool pp_lane_charge(struct pp_lane *lane, const struct pp_lane_draft *draft, struct pp_holes_pool *pool)
{
    const struct pp_lane_request *request = draft->request;
    PP_ASSERT(draft->lane == lane && draft->lane_pool == pool && draft->admitted > 0);
    PP_ASSERT(lane->stamps == draft->stamps_before);
    PP_ASSERT(request->verified && request->voucher_error == PP_OK);
    enum pp_error error = pp_intervals_copy(&lane->consumed, &draft->consumed, pool);
    PP_ASSERT(error == PP_OK);
    lane->stamps += draft->admitted;
    bool highest = raise_spent(lane, request->voucher->spent);
    PP_ASSERT(!pp_grains_lt(lane->spent, lane->consumed.head));
    return highest;
}

enum pp_error pp_lane_replay(struct pp_lane *lane, const struct pp_span *span, struct pp_grains voucher_spent,
                             struct pp_holes_pool *pool, bool *out_highest)
{
    /* A checkpoint may have caught the lane FROZEN, and the view's return is no journal entry. */
    bool admits = lane->state == PP_LANE_STATE_ACTIVE || lane->state == PP_LANE_STATE_FROZEN;
    struct pp_grains cap = pp_units_to_grains(pp_lane_cap(lane));
    if (!admits || pp_grains_lt(pp_grains_max(lane->spent, voucher_spent), span->to) ||
        pp_grains_lt(cap, pp_grains_sub_clamped(span->to, lane->refunded)))
        return PP_INVARIANT;
    enum pp_error error = pp_intervals_consume(&lane->consumed, span, pool);
    if (error != PP_OK)
        return error == PP_BUSY ? PP_BUSY : PP_INVARIANT;
    lane->stamps++;
    *out_highest = raise_spent(lane, voucher_spent);
    return PP_OK;
}

/* A checkpoint may have caught the lane FROZEN: at recovery that is no reason. */
enum pp_error pp_lane_authorize(struct pp_lane *lane, struct pp_grains to, bool *out_highest)
{
    enum pp_error error = pp_lane_admits(lane);
    if (error != PP_OK && error != PP_LANE_FROZEN)
        return error;
    if (pp_grains_lt(pp_units_to_grains(pp_lane_cap(lane)), pp_grains_sub_clamped(to, lane->refunded)))
        return PP_CAP_EXCEEDED;
    *out_highest = raise_spent(lane, to);
    return PP_OK;
}
