/* statement.h - what one payee's payout is made of: a row an epoch, back to the first report or as far as is asked.
 *
 * Shape:  the newest report, the one that its `previous` names, and so on: reports that were never posted or were revoked are not
 *         among them. Row 0 is the oldest. A report of version 1 knows no more than what was paid in all.
 * Own:    cli_statement_done frees the rows.
 * Errors: NOT_FOUND (no report, or no such row in the newest), those of pp/claims.h.
 * Source: specs/cli.md (PAYOUT-001 and following).
 */
#ifndef CLI_STATEMENT_H
#define CLI_STATEMENT_H

#include "output.h"

#include <pp/claims.h>

struct cli_statement_row {
    uint64_t epoch;
    struct pp_hash report;
    uint8_t version;
    struct pp_split_terms split; /* what the line's columns are; of version 2 */
    struct pp_pool_line line;    /* of version 1: `paid` only */
    struct pp_units forfeits;    /* the treasury's: of bonds, beside its part */
    struct pp_units cumulative;
};

struct cli_statement {
    uint32_t node_id;
    struct cli_statement_row *rows;
    size_t count;
    struct pp_units earlier_paid, earlier_carry, earlier_netted; /* before row 0 */
    struct pp_units netted;                                      /* in all */
    struct pp_payout payout;                                     /* of the newest report */
};

/* At most `most` rows, above zero. */
PP_MUST_CHECK enum pp_error cli_statement_read(const struct pp_claims *claims, uint64_t newest_epoch,
                                               uint32_t node_id, size_t most, struct cli_statement *out);
void cli_statement_done(struct cli_statement *statement);

/* What the policies of a row gave, by a policy other than blend. */
struct pp_units cli_statement_part_by(const struct cli_statement_row *row, enum pp_policy policy);

json_t *cli_statement_json(const struct cli_statement *statement);
/* A header and a line a row; amounts in units, refunds in grains. */
void cli_statement_csv(const struct cli_statement *statement, FILE *out);
void cli_statement_table(const struct cli_statement *statement, unsigned decimals, FILE *out);

#endif
