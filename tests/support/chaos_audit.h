/* chaos_audit.h - what senders asked for and were promised, and what must come of it: predicted from the inputs, with no code of
 * the ledger, the job or the contract.
 *
 * A stamp's base is earned when it is stored; of its storage, s = q n + r over n days, every day that begins earns q and the
 * first r days one more (REW-031). What was not earned when a lane ended is the payer's.
 */
#ifndef CHAOS_AUDIT_H
#define CHAOS_AUDIT_H

#include "node_fixture.h"

#define AUDIT_STAMPS_MAX 200u
#define AUDIT_NEVER UINT32_MAX

struct audit_stamp {
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    uint64_t at_once, storage;
    uint32_t days, stored_day, deleted_day; /* AUDIT_NEVER: not deleted */
};

struct audit_lane {
    struct audit_stamp stamps[AUDIT_STAMPS_MAX];
    size_t count;
    uint64_t refunded; /* deleted, or left behind */
    uint32_t stop_day; /* no later day earns */
};

void audit_lane_init(struct audit_lane *lane);
void audit_store(struct audit_lane *lane, const struct pp_leaf *leaf, const struct pp_stamp_id *id,
                 uint32_t day);
/* What the deletion of this stamp on this day gives back; counts it. */
uint64_t audit_delete(struct audit_lane *lane, size_t stamp, uint32_t day);
bool audit_may_delete(const struct audit_lane *lane, size_t stamp, uint32_t day);
uint64_t audit_spent(const struct audit_lane *lane);
/* Earned by the end of this day. */
uint64_t audit_earned(const struct audit_lane *lane, uint32_t day);

#endif
