/* audit_read.h - a bundle as it was read, for audit.c. */
#ifndef CLI_AUDIT_READ_H
#define CLI_AUDIT_READ_H

#include "audit.h"

#include <pp/epoch.h>

struct audit_lanes {
    struct pp_lane_leaf *leaves;
    struct pp_hash *stated; /* the leaves' hashes as the bundle states them */
    bool *has_entries;
    uint32_t *last_day;
    size_t count, room;
};

struct audit_bundle {
    audit_tell *tell;
    void *context;
    struct audit_counts counts;
    enum pp_error worst; /* the first finding's */
    uint8_t seal[32];
    enum audit_kind kind;                  /* of the line last read: kinds ascend */
    uint64_t first_line[AUDIT_KIND_COUNT]; /* of each kind; 0: none */
    size_t line_counts[AUDIT_KIND_COUNT];
    struct audit_head head;
    struct audit_operator operators[PP_OPERATORS_MAX];
    struct audit_before before[PP_PAYOUTS_MAX];
    struct audit_sums sums;
    struct audit_share shares[PP_PAYOUTS_MAX];
    struct audit_payout payouts[PP_PAYOUTS_MAX];
    struct audit_signature signatures[PP_OPERATORS_MAX];
    struct audit_lanes lanes;
};

/* Reads all lines. What is wrong with one is told; false: nothing can be recomputed of what was read. */
PP_MUST_CHECK enum pp_error audit_bundle_read(FILE *in, struct audit_bundle *bundle, bool *out_whole);
void audit_bundle_done(struct audit_bundle *bundle);
void audit_find(struct audit_bundle *bundle, const struct audit_finding *finding);

#endif
