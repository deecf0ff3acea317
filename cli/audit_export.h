/* audit_export.h - a report, and what it follows from, as an audit bundle.
 *
 * Own:    borrows everything.
 * Errors: BAD_VERSION (a report of version 1 does not say how its payouts came about), NO_MEMORY, IO.
 * Source: specs/audit.md.
 */
#ifndef CLI_AUDIT_EXPORT_H
#define CLI_AUDIT_EXPORT_H

#include "audit_lines.h"

#include <pp/claims.h>

#include <stdio.h>

/* Everything that a report follows from; `entries` are those of the lanes of one node, or NULL. */
PP_MUST_CHECK enum pp_error audit_export(const struct pp_domain *domain, const struct pp_report *report,
                                         const struct pp_entries *entries, FILE *out);

/* What a bundle says of a report: also what an auditor computes to compare with. */
void audit_head_of(const struct pp_domain *domain, const struct pp_report *report, struct audit_head *out);
void audit_sums_of(const struct pp_pool_sums *sums, struct audit_sums *out);
void audit_share_of(const struct pp_pool_line *line, const struct pp_pool_row *before,
                    struct audit_share *out);
void audit_lane_of(const struct pp_lane_leaf *leaf, struct audit_lane *out);

#endif
