#include "chaos_audit.h"

#include "pp_test.h"

void audit_lane_init(struct audit_lane *lane)
{
    *lane = (struct audit_lane){.stop_day = AUDIT_NEVER};
}

void audit_store(struct audit_lane *lane, const struct pp_leaf *leaf, const struct pp_stamp_id *id,
                 uint32_t day)
{
    pp_expect(lane->count < AUDIT_STAMPS_MAX);
    lane->stamps[lane->count++] = (struct audit_stamp){
        .leaf = *leaf,
        .id = *id,
        .at_once = leaf->postage.base_grains + leaf->postage.congestion_grains,
        .storage = leaf->postage.storage_grains,
        .days = leaf->retention_days,
        .stored_day = day,
        .deleted_day = AUDIT_NEVER,
    };
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t stamp_earned(const struct audit_lane *lane, const struct audit_stamp *stamp, uint32_t day)
{
    const uint32_t until = least(day, least(lane->stop_day, stamp->deleted_day));
    const uint32_t begun = until < stamp->stored_day ? 1 : least(until - stamp->stored_day + 1, stamp->days);
    uint64_t sum = stamp->at_once;
    for (uint32_t i = 1; i <= begun; i++)
        sum += stamp->storage / stamp->days + (i <= stamp->storage % stamp->days);
    return sum;
}

bool audit_may_delete(const struct audit_lane *lane, size_t at, uint32_t day)
{
    const struct audit_stamp *stamp = &lane->stamps[at];
    return lane->stop_day == AUDIT_NEVER && stamp->deleted_day == AUDIT_NEVER &&
           day - stamp->stored_day + 1 < stamp->days;
}

uint64_t audit_delete(struct audit_lane *lane, size_t at, uint32_t day)
{
    struct audit_stamp *stamp = &lane->stamps[at];
    stamp->deleted_day = day;
    const uint64_t back = stamp->at_once + stamp->storage - stamp_earned(lane, stamp, day);
    lane->refunded += back;
    return back;
}

uint64_t audit_spent(const struct audit_lane *lane)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < lane->count; i++)
        sum += lane->stamps[i].at_once + lane->stamps[i].storage;
    return sum;
}

uint64_t audit_earned(const struct audit_lane *lane, uint32_t day)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < lane->count; i++)
        sum += stamp_earned(lane, &lane->stamps[i], day);
    return sum;
}
