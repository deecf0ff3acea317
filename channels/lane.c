#include <pp/assert.h>
#include <pp/lane.h>

#include <string.h>

void pp_lane_init(struct pp_lane *lane, uint32_t lane_id)
{
    memset(lane, 0, sizeof *lane);
    lane->lane = lane_id;
    lane->state = PP_LANE_STATE_PENDING;
    pp_intervals_init(&lane->consumed);
}

void pp_lane_done(struct pp_lane *lane, struct pp_holes_pool *pool)
{
    pp_intervals_done(&lane->consumed, pool);
}

enum pp_error pp_lane_admits(const struct pp_lane *lane)
{
    switch ((enum pp_lane_state)lane->state) {
    case PP_LANE_STATE_ACTIVE:
        return PP_OK;
    case PP_LANE_STATE_PENDING:
        return PP_LANE_PENDING;
    case PP_LANE_STATE_FROZEN:
        return PP_LANE_FROZEN;
    case PP_LANE_STATE_DRAINING:
    case PP_LANE_STATE_CLAIMING:
        return PP_LANE_CLOSING;
    case PP_LANE_STATE_SETTLED:
        return PP_LANE_SETTLED;
    case PP_LANE_STATE_COUNT:
        break;
    }
    PP_ASSERT(!"a lane state out of range");
    return PP_BAD_EVENT;
}

/* ---- looking ---- */

struct pp_grains pp_lane_refundable(const struct pp_lane *lane)
{
    struct pp_grains consumed = pp_intervals_total(&lane->consumed);
    return pp_grains_sub_checked(pp_grains_sub_checked(consumed, lane->refunded), lane->earned);
}

struct pp_grains pp_lane_deferred(const struct pp_lane *lane)
{
    return pp_grains_sub_clamped(pp_grains_sub_clamped(lane->spent, lane->refunded), lane->earned);
}

struct pp_units pp_lane_cap(const struct pp_lane *lane)
{
    return lane->low_until_seq > 0 && lane->low_cap.raw < lane->cap.raw ? lane->low_cap : lane->cap;
}

struct pp_grains pp_lane_free(const struct pp_lane *lane)
{
    struct pp_grains held = pp_grains_sub_clamped(lane->consumed.head, lane->refunded);
    return pp_grains_sub_clamped(pp_units_to_grains(pp_lane_cap(lane)), held);
}

struct pp_units pp_lane_release_floor(const struct pp_lane *lane)
{
    struct pp_grains kept = pp_grains_sub_checked(pp_intervals_total(&lane->consumed), lane->refunded);
    struct pp_units units = {UINT64_MAX}; /* when it does not fit, no cap is high enough */
    if (pp_grains_to_units_ceil(pp_grains_max(kept, lane->vested), &units) != PP_OK)
        units.raw = UINT64_MAX;
    return units;
}

enum pp_error pp_lane_settlement(const struct pp_lane *lane, struct pp_settlement *out)
{
    const struct pp_settle_input input = {
        .spent = lane->spent,
        .refunded = lane->refunded,
        .earned = lane->earned,
        .cap = pp_lane_cap(lane),
        .vested = lane->vested,
    };
    return pp_settle(&input, out);
}

/* ---- money that moves otherwise ---- */

static enum pp_error raise_counter(struct pp_lane *lane, struct pp_grains *counter, struct pp_grains amount)
{
    if (lane->state == PP_LANE_STATE_SETTLED)
        return PP_LANE_SETTLED;
    if (pp_grains_lt(pp_lane_refundable(lane), amount))
        return PP_DEFERRED_EXCEEDED;
    *counter = pp_grains_add_checked(*counter, amount);
    return PP_OK;
}

/* LANE-050. */
enum pp_error pp_lane_refund(struct pp_lane *lane, struct pp_grains amount)
{
    return raise_counter(lane, &lane->refunded, amount);
}

/* LANE-051. */
enum pp_error pp_lane_earn(struct pp_lane *lane, struct pp_grains amount)
{
    return raise_counter(lane, &lane->earned, amount);
}

void pp_lane_vested(struct pp_lane *lane, struct pp_grains vested)
{
    lane->vested = pp_grains_max(lane->vested, vested);
}

/* ---- the chain ---- */

/* The one place where the state is set. */
static enum pp_error event_apply(struct pp_lane *lane, enum pp_lane_event event,
                                 enum pp_lane_action *out_action)
{
    enum pp_lane_state state = PP_LANE_STATE_PENDING;
    PP_TRY(pp_lane_state_next((enum pp_lane_state)lane->state, event, &state, out_action));
    lane->state = (uint8_t)state;
    return PP_OK;
}

enum pp_error pp_lane_event(struct pp_lane *lane, enum pp_lane_event event, enum pp_lane_action *out_action)
{
    PP_ASSERT(event != PP_LANE_ON_FUNDED);
    return event_apply(lane, event, out_action);
}

/* LANE-040, LANE-041, LANE-043. */
enum pp_error pp_lane_funded(struct pp_lane *lane, struct pp_units cap, uint32_t seq)
{
    /* A lane that waits for its first cap: PENDING, or closed before it was funded. */
    bool first = lane->seq == 0 && lane->cap.raw == 0;
    enum pp_lane_action action;
    if (!first && seq < lane->seq)
        return PP_OK;
    if (!first && seq == lane->seq && cap.raw != lane->cap.raw)
        return PP_CHAIN_REORG;
    PP_TRY(event_apply(lane, PP_LANE_ON_FUNDED, &action));
    lane->cap = cap;
    lane->seq = seq;
    if (seq >= lane->low_until_seq) {
        lane->low_cap = PP_UNITS_ZERO;
        lane->low_until_seq = 0;
    }
    return PP_OK;
}

/* The lower of two lowerings, until the later of the two is final: never admits more than either allows. */
static void lower_until(struct pp_lane *lane, struct pp_units cap, uint32_t until_seq)
{
    if (lane->low_until_seq == 0 || cap.raw < lane->low_cap.raw)
        lane->low_cap = cap;
    if (lane->low_until_seq < until_seq)
        lane->low_until_seq = until_seq;
}

/* LANE-045. */
void pp_lane_lowering_undone(struct pp_lane *lane)
{
    lane->low_cap = PP_UNITS_ZERO;
    lane->low_until_seq = 0;
}

/* LANE-042. */
void pp_lane_cap_lowered(struct pp_lane *lane, struct pp_units cap, uint32_t seq)
{
    if (seq > lane->seq)
        lower_until(lane, cap, seq);
}

/* LANE-043, LANE-044. */
enum pp_error pp_lane_release(struct pp_lane *lane, struct pp_units new_cap)
{
    if (lane->state == PP_LANE_STATE_SETTLED)
        return PP_LANE_SETTLED;
    if (new_cap.raw >= pp_lane_cap(lane).raw || lane->seq == UINT32_MAX)
        return PP_OUT_OF_RANGE;
    if (new_cap.raw < pp_lane_release_floor(lane).raw)
        return PP_CAP_BELOW_VESTED;
    lower_until(lane, new_cap, lane->seq + 1);
    return PP_OK;
}

/* ---- undo ---- */

enum pp_error pp_lane_save(const struct pp_lane *lane, struct pp_lane_save *out, struct pp_holes_pool *pool)
{
    struct pp_intervals copy;
    pp_intervals_init(&copy);
    PP_TRY(pp_intervals_copy(&copy, &lane->consumed, pool));
    out->lane = *lane;
    out->lane.consumed = copy;
    return PP_OK;
}

void pp_lane_restore(struct pp_lane *lane, struct pp_lane_save *save, struct pp_holes_pool *pool)
{
    pp_lane_done(lane, pool);
    *lane = save->lane;
    pp_intervals_init(&save->lane.consumed);
}

void pp_lane_forget(struct pp_lane_save *save, struct pp_holes_pool *pool)
{
    pp_lane_done(&save->lane, pool);
}

/* ---- invariants ---- */

enum pp_error pp_lane_check_invariants(const struct pp_lane *lane, const char **out_what)
{
    const char *what = NULL;
    struct pp_grains consumed = pp_intervals_total(&lane->consumed), gone;
    if (lane->state >= PP_LANE_STATE_COUNT)
        what = "the state is one of the machine's";
    else if (pp_grains_lt(lane->spent, lane->consumed.head))
        what = "LANE-002: nothing above S is consumed";
    else if (pp_grains_add(lane->earned, lane->refunded, &gone) != PP_OK || pp_grains_lt(consumed, gone))
        what = "LANE-003: E + R is at most what was consumed";
    else if ((lane->stamps == 0) != pp_grains_is_zero(consumed))
        what = "something is consumed if and only if a stamp was admitted";
    else if (lane->low_until_seq > 0 ? lane->low_until_seq <= lane->seq : lane->low_cap.raw > 0)
        what = "LANE-042: a lowering waits for a later sequence number";
    else
        return PP_OK;
    if (out_what)
        *out_what = what;
    return PP_INVARIANT;
}
