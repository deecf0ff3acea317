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

/* An entry of a lane, with its place among its kind. */
struct audit_kept_charge {
    struct audit_charge charge;
    size_t at, lane; /* lane: its place in audit_lanes; SIZE_MAX: of none */
};
struct audit_kept_refund {
    struct audit_refund refund;
    size_t at, lane;
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
    struct audit_drawn drawn[PP_PAYOUTS_MAX];
    struct audit_before before[PP_PAYOUTS_MAX];
    struct audit_sums sums;
    struct audit_share shares[PP_PAYOUTS_MAX];
    struct audit_payout payouts[PP_PAYOUTS_MAX];
    struct audit_signature signatures[PP_OPERATORS_MAX];
    struct audit_lanes lanes;
    struct audit_kept_charge *charges;
    struct audit_kept_refund *refunds;
    size_t charge_count, charge_room, refund_count, refund_room;
};

/* Reads all lines. What is wrong with one is told; false: nothing can be recomputed of what was read. */
PP_MUST_CHECK enum pp_error audit_bundle_read(FILE *in, struct audit_bundle *bundle, bool *out_whole);
void audit_bundle_done(struct audit_bundle *bundle);
/* AUDIT-020 to AUDIT-026: intervals, refunds, R and E of the lanes that have entries. */
PP_MUST_CHECK enum pp_error audit_entries_check(struct audit_bundle *bundle);
/* Tells each field that differs; `at`: the line's place among its kind. */
void audit_compare(struct audit_bundle *bundle, const struct audit_line *expected,
                   const struct audit_line *found, size_t at, const char *remark);
void audit_fault(struct audit_bundle *bundle, const struct audit_line *line, size_t at, enum pp_error error,
                 const char *field, const char *remark);
struct audit_line audit_lane_line(const struct audit_bundle *bundle, size_t i);
void audit_find(struct audit_bundle *bundle, const struct audit_finding *finding);

#endif
