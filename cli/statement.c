#include "statement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS_PAGE 256u

/* ---- reading ---- */

struct reading {
    const struct pp_claims *claims;
    struct cli_statement *statement;
    struct pp_hash wanted; /* the report that the last row's names as the one before it */
    size_t most;
    struct cli_statement_row *rows; /* newest first */
    size_t count;
};

static enum pp_error epochs_read(const struct pp_claims *claims, uint64_t newest, uint64_t **out_epochs,
                                 size_t *out_count)
{
    uint64_t *epochs = NULL, after = 0;
    size_t count = 0, got = EPOCHS_PAGE;
    while (got == EPOCHS_PAGE) {
        uint64_t *grown = realloc(epochs, (count + EPOCHS_PAGE) * sizeof *epochs);
        enum pp_error error = grown ? PP_OK : PP_NO_MEMORY;
        epochs = grown ? grown : epochs;
        if (error == PP_OK)
            error = pp_claims_epochs(claims, after, epochs + count, EPOCHS_PAGE, &got);
        if (error != PP_OK) {
            free(epochs);
            return error;
        }
        count += got;
        after = count > 0 ? epochs[count - 1] : 0;
    }
    while (count > 0 && epochs[count - 1] > newest)
        count--;
    *out_epochs = epochs;
    *out_count = count;
    return PP_OK;
}

static const struct pp_pool_line *line_of(const struct pp_report *report, uint32_t node_id)
{
    for (size_t i = 0; i < report->shares.line_count; i++)
        if (report->shares.lines[i].node_id == node_id)
            return &report->shares.lines[i];
    return NULL;
}

/* The row before the oldest one that is shown. */
static void earlier_take(struct cli_statement *statement, const struct pp_report *report)
{
    const struct pp_pool_row *row;
    statement->earlier_paid = statement->earlier_carry = statement->earlier_netted = PP_UNITS_ZERO;
    if (pp_pool_find(&report->before, statement->node_id, &row) != PP_OK)
        return;
    statement->earlier_paid = row->paid;
    statement->earlier_carry = row->carry;
    statement->earlier_netted = row->netted;
}

/* False: this one and those before it do not know the payee. */
static bool row_take(struct reading *reading, const struct pp_claims_report *found)
{
    const struct pp_report *report = &found->report;
    struct cli_statement_row *row = &reading->rows[reading->count];
    const struct pp_pool_line *line = line_of(report, reading->statement->node_id);
    const struct pp_pool_row *after;
    if (pp_pool_find(&report->pool, reading->statement->node_id, &after) != PP_OK)
        return false;
    *row = (struct cli_statement_row){.epoch = report->fields.epoch,
                                      .report = found->hash,
                                      .version = report->version,
                                      .split = report->split,
                                      .cumulative = after->paid};
    if (line)
        row->line = *line;
    if (after->node_id == PP_TREASURY_NODE_ID)
        row->forfeits = report->shares.sums.forfeits;
    if (reading->count == 0) {
        reading->statement->netted = after->netted;
        reading->statement->payout = (struct pp_payout){after->node_id, after->payee, after->paid};
    }
    earlier_take(reading->statement, report);
    reading->wanted = report->fields.previous;
    reading->count++;
    return true;
}

static enum pp_error walk(struct reading *reading, const uint64_t *epochs, size_t count)
{
    bool more = true;
    for (size_t i = count; i-- > 0 && more && reading->count < reading->most;) {
        struct pp_claims_report *report;
        PP_TRY(pp_claims_report(reading->claims, epochs[i], &report));
        if (reading->count == 0 || pp_hash_eq(&report->hash, &reading->wanted))
            more = row_take(reading, report);
        pp_claims_report_done(report);
    }
    return reading->count > 0 ? PP_OK : PP_NOT_FOUND;
}

/* Oldest first; and what version 1 does not say, from the row before. */
static void rows_turn(struct reading *reading)
{
    struct cli_statement *statement = reading->statement;
    struct pp_units before = statement->earlier_paid;
    for (size_t i = 0; i < reading->count / 2; i++) {
        struct cli_statement_row held = reading->rows[i];
        reading->rows[i] = reading->rows[reading->count - 1 - i];
        reading->rows[reading->count - 1 - i] = held;
    }
    for (size_t i = 0; i < reading->count; i++) {
        struct cli_statement_row *row = &reading->rows[i];
        if (row->version == PP_REPORT_VERSION_WITHOUT_POOL)
            row->line.part.raw = row->line.paid.raw =
                row->cumulative.raw > before.raw ? row->cumulative.raw - before.raw : 0;
        before = row->cumulative;
    }
    statement->rows = reading->rows;
    statement->count = reading->count;
}

enum pp_error cli_statement_read(const struct pp_claims *claims, uint64_t newest_epoch, uint32_t node_id,
                                 size_t most, struct cli_statement *out)
{
    struct cli_statement statement = {.node_id = node_id};
    struct reading reading = {.claims = claims, .statement = &statement, .most = most};
    uint64_t *epochs;
    size_t count;
    PP_TRY(epochs_read(claims, newest_epoch, &epochs, &count));
    reading.rows = calloc((count < most ? count : most) + 1, sizeof *reading.rows);
    enum pp_error error = reading.rows ? walk(&reading, epochs, count) : PP_NO_MEMORY;
    free(epochs);
    if (error != PP_OK) {
        free(reading.rows);
        return error;
    }
    rows_turn(&reading);
    *out = statement;
    return PP_OK;
}

void cli_statement_done(struct cli_statement *statement)
{
    free(statement->rows);
    statement->rows = NULL;
    statement->count = 0;
}

struct pp_units cli_statement_part_by(const struct cli_statement_row *row, enum pp_policy policy)
{
    if (row->version == PP_REPORT_VERSION_WITHOUT_POOL || row->line.node_id == PP_TREASURY_NODE_ID)
        return PP_UNITS_ZERO;
    if (row->split.policy != PP_POLICY_BLEND)
        return row->split.policy == policy ? row->line.part : PP_UNITS_ZERO;
    for (size_t k = 0; k < row->split.blend.count; k++)
        if (row->split.blend.parts[k].policy == policy)
            return row->line.by[k];
    return PP_UNITS_ZERO;
}

/* ---- telling ---- */

static const enum pp_policy columns[] = {
#define P(name, number, function, text) PP_POLICY_##name,
    PP_POLICIES(P)
#undef P
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void set_units(json_t *object, const char *key, struct pp_units units)
{
    char text[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, key, json_string(pp_units_print(units, text)));
}

static void set_u128(json_t *object, const char *key, pp_u128 number)
{
    char text[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, key, json_string(pp_u128_print(number, text)));
}

static json_t *row_json(const struct cli_statement_row *row)
{
    const struct pp_pool_line *line = &row->line;
    char hex[67] = "0x";
    json_t *object = json_object(), *parts = json_object();
    pp_hex_print(row->report.bytes, 32, hex + 2);
    json_object_set_new(object, "epoch", json_integer((json_int_t)row->epoch));
    json_object_set_new(object, "report", json_string(hex));
    json_object_set_new(object, "report_version", json_integer(row->version));
    for (size_t i = 0; i < COLUMNS; i++)
        if (cli_statement_part_by(row, columns[i]).raw)
            set_units(parts, pp_policy_name(columns[i]), cli_statement_part_by(row, columns[i]));
    json_object_set_new(object, "part_by_policy_units", parts);
    set_units(object, "part_units", line->part);
    set_units(object, "forfeits_units", row->forfeits);
    set_units(object, "given_back_units", line->given_back);
    set_units(object, "netted_of_carry_units", line->netted_of_carry);
    set_units(object, "netted_of_part_units", line->netted_of_part);
    set_units(object, "owed_units", line->owed);
    set_units(object, "paid_units", line->paid);
    set_units(object, "carry_units", line->carry);
    set_units(object, "cumulative_units", row->cumulative);
    set_u128(object, "took_grains", line->took_grains);
    set_u128(object, "refunded_grains", line->refunded_grains);
    json_object_set_new(object, "refunds_above_bound", json_boolean(line->is_inflated));
    return object;
}

json_t *cli_statement_json(const struct cli_statement *statement)
{
    json_t *object = json_object(), *rows = json_array();
    for (size_t i = 0; i < statement->count; i++)
        json_array_append_new(rows, row_json(&statement->rows[i]));
    set_units(object, "earlier_paid_units", statement->earlier_paid);
    set_units(object, "earlier_carry_units", statement->earlier_carry);
    set_units(object, "earlier_netted_units", statement->earlier_netted);
    json_object_set_new(object, "epochs", rows);
    return object;
}

void cli_statement_csv(const struct cli_statement *statement, FILE *out)
{
    char a[PP_AMOUNT_TEXT_MAX], b[PP_AMOUNT_TEXT_MAX], hex[65];
    fputs("epoch,report", out);
    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i] != PP_POLICY_BLEND)
            fprintf(out, ",%s_units", pp_policy_name(columns[i]));
    fputs(",part_units,forfeits_units,given_back_units,netted_of_carry_units,netted_of_part_units,owed_units,"
          "paid_units,carry_units,cumulative_units,took_grains,refunded_grains,refunds_above_bound\n",
          out);
    for (size_t i = 0; i < statement->count; i++) {
        const struct cli_statement_row *row = &statement->rows[i];
        const struct pp_pool_line *line = &row->line;
        fprintf(out, "%" PRIu64 ",0x%s", row->epoch, pp_hex_print(row->report.bytes, 32, hex));
        for (size_t k = 0; k < COLUMNS; k++)
            if (columns[k] != PP_POLICY_BLEND)
                fprintf(out, ",%" PRIu64, cli_statement_part_by(row, columns[k]).raw);
        fprintf(out,
                ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
                ",%" PRIu64 ",%" PRIu64 ",%s,%s,%s\n",
                line->part.raw, row->forfeits.raw, line->given_back.raw, line->netted_of_carry.raw,
                line->netted_of_part.raw, line->owed.raw, line->paid.raw, line->carry.raw,
                row->cumulative.raw, pp_u128_print(line->took_grains, a),
                pp_u128_print(line->refunded_grains, b), line->is_inflated ? "yes" : "no");
    }
}

/* "equal 1.50, work 0.25"; what a report of version 1 does not know is "". */
static void parts_print(const struct cli_statement_row *row, unsigned decimals, char out[CLI_CELL_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COLUMNS; i++) {
        char money[CLI_MONEY_MAX];
        struct pp_units part = cli_statement_part_by(row, columns[i]);
        if (part.raw == 0 || at >= CLI_CELL_MAX)
            continue;
        at += (size_t)snprintf(out + at, CLI_CELL_MAX - at, "%s%s %s", at ? ", " : "",
                               pp_policy_name(columns[i]), cli_money_units(part, decimals, money));
    }
}

static void total_row(const struct cli_statement *statement, unsigned decimals, struct cli_table *table)
{
    struct pp_units part = PP_UNITS_ZERO, netted = PP_UNITS_ZERO, paid = PP_UNITS_ZERO;
    char money[3][CLI_MONEY_MAX];
    for (size_t i = 0; i < statement->count; i++) { /* parts of one amount: no sum is above what fits */
        part.raw += statement->rows[i].line.part.raw + statement->rows[i].forfeits.raw;
        netted.raw +=
            statement->rows[i].line.netted_of_carry.raw + statement->rows[i].line.netted_of_part.raw;
        paid.raw += statement->rows[i].line.paid.raw;
    }
    cli_table_row(table, (const char *const[]){"sum", cli_money_units(part, decimals, money[0]), "",
                                               cli_money_units(netted, decimals, money[1]), "",
                                               cli_money_units(paid, decimals, money[2]), ""});
}

void cli_statement_table(const struct cli_statement *statement, unsigned decimals, FILE *out)
{
    static const char *const headers[] = {">epoch",   ">part", "by policy", ">netted",
                                          ">carried", ">paid", "remark"};
    struct cli_table *table = cli_table_new(headers, 7);
    for (size_t i = 0; i < statement->count; i++) {
        const struct cli_statement_row *row = &statement->rows[i];
        char epoch[24], money[4][CLI_MONEY_MAX], parts[CLI_CELL_MAX], remark[CLI_CELL_MAX] = "",
                                                                      owed[CLI_MONEY_MAX];
        struct pp_units netted = {row->line.netted_of_carry.raw + row->line.netted_of_part.raw},
                        part = {row->line.part.raw + row->forfeits.raw};
        snprintf(epoch, sizeof epoch, "%" PRIu64, row->epoch);
        parts_print(row, decimals, parts);
        if (row->line.owed.raw)
            snprintf(remark, sizeof remark, "owes %s; ", cli_money_units(row->line.owed, decimals, owed));
        if (row->line.given_back.raw)
            snprintf(remark + strlen(remark), sizeof remark - strlen(remark), "given back %s; ",
                     cli_money_units(row->line.given_back, decimals, owed));
        if (row->line.is_inflated)
            strncat(remark, "refunds above the bound", sizeof remark - strlen(remark) - 1);
        cli_table_row(table,
                      (const char *const[]){epoch, cli_money_units(part, decimals, money[0]), parts,
                                            cli_money_units(netted, decimals, money[1]),
                                            cli_money_units(row->line.carry, decimals, money[2]),
                                            cli_money_units(row->line.paid, decimals, money[3]), remark});
    }
    total_row(statement, decimals, table);
    cli_table_print(table, out);
}
