#include "output.h"

#include <pp/assert.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX 1024
#define VALUE_MAX 128

/* ---- errors ---- */

static void value_put(json_t *object, const char *key, const struct pp_value *value)
{
    char text[VALUE_MAX];
    if (value->kind != PP_VALUE_NONE)
        json_object_set_new(object, key, json_string(pp_value_print(value, text, sizeof text)));
}

json_t *cli_refusal_json(const struct pp_refusal *refusal)
{
    char text[PP_AMOUNT_TEXT_MAX];
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(pp_error_name(refusal->error)));
    json_object_set_new(object, "number", json_integer((json_int_t)refusal->error));
    json_object_set_new(object, "class", json_string(pp_error_class_name(pp_error_class(refusal->error))));
    json_object_set_new(object, "sentence", json_string(pp_error_sentence(refusal->error)));
    if (refusal->field)
        json_object_set_new(object, "field", json_string(refusal->field));
    value_put(object, "expected", &refusal->expected);
    value_put(object, "actual", &refusal->actual);
    if (!pp_grains_is_zero(refusal->shortfall))
        json_object_set_new(object, "shortfall", json_string(pp_grains_print(refusal->shortfall, text)));
    if (refusal->retry_after_ms)
        json_object_set_new(object, "retry_after_ms", json_integer(refusal->retry_after_ms));
    json_object_set_new(object, "next", json_string(pp_error_next(refusal->error)));
    return object;
}

static void object_print(struct cli *cli, json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    PP_ASSERT(text != NULL);
    fprintf(cli->out, "%s\n", text);
    free(text);
}

static void line_put(FILE *out, const char *label, const struct pp_value *value)
{
    char text[VALUE_MAX];
    if (value->kind != PP_VALUE_NONE)
        fprintf(out, "  %-9s %s\n", label, pp_value_print(value, text, sizeof text));
}

static void refusal_print(struct cli *cli, const struct pp_refusal *refusal, const char *detail)
{
    char text[PP_AMOUNT_TEXT_MAX];
    fprintf(cli->err, "pennypost%s%s: %s (%d): %s\n", cli->verb ? " " : "", cli->verb ? cli->verb->name : "",
            pp_error_name(refusal->error), (int)refusal->error, pp_error_sentence(refusal->error));
    if (detail)
        fprintf(cli->err, "  %-9s %s\n", "detail", detail);
    if (refusal->field)
        fprintf(cli->err, "  %-9s %s\n", "field", refusal->field);
    line_put(cli->err, "expected", &refusal->expected);
    line_put(cli->err, "actual", &refusal->actual);
    if (!pp_grains_is_zero(refusal->shortfall))
        fprintf(cli->err, "  %-9s %s grains\n", "shortfall", pp_grains_print(refusal->shortfall, text));
    if (refusal->retry_after_ms)
        fprintf(cli->err, "  %-9s after %u ms\n", "retry", (unsigned)refusal->retry_after_ms);
    fprintf(cli->err, "  %-9s %s\n", "next", pp_error_next(refusal->error));
}

static int problem_tell(struct cli *cli, const struct pp_refusal *refusal, const char *detail)
{
    if (!cli->json) {
        refusal_print(cli, refusal, detail);
        return CLI_FAILED;
    }
    json_t *error = cli_refusal_json(refusal);
    if (detail)
        json_object_set_new(error, "detail", json_string(detail));
    json_t *object = json_pack("{s:b, s:o}", "ok", 0, "error", error);
    object_print(cli, object);
    json_decref(object);
    return CLI_FAILED;
}

#define DETAIL_FORMAT(buffer, detail)                                                                        \
    do {                                                                                                     \
        va_list arguments_;                                                                                  \
        va_start(arguments_, detail);                                                                        \
        vsnprintf(buffer, sizeof(buffer), detail ? detail : "", arguments_);                                 \
        va_end(arguments_);                                                                                  \
    } while (0)

int cli_fail(struct cli *cli, enum pp_error error, const char *detail, ...)
{
    char text[DETAIL_MAX];
    struct pp_refusal refusal;
    DETAIL_FORMAT(text, detail);
    pp_refusal_init(&refusal, error, NULL);
    return problem_tell(cli, &refusal, detail ? text : NULL);
}

int cli_refuse(struct cli *cli, const struct pp_refusal *refusal, const char *detail, ...)
{
    char text[DETAIL_MAX];
    DETAIL_FORMAT(text, detail);
    return problem_tell(cli, refusal, detail ? text : NULL);
}

int cli_usage(struct cli *cli, const char *detail, ...)
{
    char text[DETAIL_MAX];
    const char *verb = cli->verb ? cli->verb->name : "";
    DETAIL_FORMAT(text, detail);
    if (cli->json) {
        json_t *object = json_pack("{s:b, s:{s:s, s:s, s:s+++}}", "ok", 0, "error", "name", "USAGE", "detail",
                                   text, "next", "pennypost ", verb, *verb ? " " : "", "--help");
        object_print(cli, object);
        json_decref(object);
    } else {
        fprintf(cli->err, "pennypost%s%s: %s\n  %-9s pennypost %s%s--help\n", *verb ? " " : "", verb, text,
                "next", verb, *verb ? " " : "");
    }
    return CLI_USAGE;
}

int cli_not_due(struct cli *cli, const char *detail, ...)
{
    char text[DETAIL_MAX];
    struct pp_refusal refusal;
    DETAIL_FORMAT(text, detail);
    pp_refusal_init(&refusal, PP_NOT_DUE, NULL);
    problem_tell(cli, &refusal, text);
    return CLI_NOT_DUE;
}

void cli_note(struct cli *cli, const char *text, ...)
{
    char line[DETAIL_MAX];
    DETAIL_FORMAT(line, text);
    if (!cli->json)
        fprintf(cli->err, "%s\n", line);
}

void cli_warn(struct cli *cli, const char *text, ...)
{
    char line[DETAIL_MAX];
    DETAIL_FORMAT(line, text);
    fprintf(cli->err, "pennypost%s%s: warning: %s\n", cli->verb ? " " : "", cli->verb ? cli->verb->name : "",
            line);
}

/* ---- answers ---- */

void cli_answer_init(struct cli_answer *answer, struct cli *cli)
{
    memset(answer, 0, sizeof *answer);
    answer->cli = cli;
    answer->decimals = 6;
    answer->object = json_object();
    PP_ASSERT(answer->object != NULL);
    json_object_set_new(answer->object, "ok", json_true());
}

void cli_answer_done(struct cli_answer *answer)
{
    json_decref(answer->object);
    answer->object = NULL;
}

void cli_put_json(struct cli_answer *answer, const char *key, json_t *value)
{
    int failed = json_object_set_new(answer->object, key, value);
    PP_ASSERT(failed == 0);
}

static void row_put(struct cli_answer *answer, const char *label, const char *value)
{
    if (!label)
        return;
    PP_ASSERT(answer->rows_count < CLI_ROWS_MAX);
    snprintf(answer->rows[answer->rows_count].label, sizeof answer->rows[0].label, "%s", label);
    snprintf(answer->rows[answer->rows_count].value, sizeof answer->rows[0].value, "%s", value);
    answer->rows_count++;
}

void cli_put_text(struct cli_answer *answer, const char *key, const char *label, const char *text)
{
    if (key)
        cli_put_json(answer, key, json_string(text));
    row_put(answer, label, text);
}

void cli_put_number(struct cli_answer *answer, const char *key, const char *label, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    if (key)
        cli_put_json(answer, key, json_integer((json_int_t)number));
    row_put(answer, label, text);
}

void cli_put_bool(struct cli_answer *answer, const char *key, const char *label, bool value)
{
    if (key)
        cli_put_json(answer, key, json_boolean(value));
    row_put(answer, label, value ? "yes" : "no");
}

void cli_put_bytes(struct cli_answer *answer, const char *key, const char *label, const uint8_t *bytes,
                   size_t length)
{
    char text[2 + 2 * 65 + 1] = "0x";
    PP_ASSERT(length <= 65);
    pp_hex_print(bytes, length, text + 2);
    cli_put_text(answer, key, label, text);
}

void cli_put_grains(struct cli_answer *answer, const char *key, const char *label, struct pp_grains grains)
{
    char digits[PP_AMOUNT_TEXT_MAX], money[CLI_MONEY_MAX];
    if (key)
        cli_put_json(answer, key, json_string(pp_grains_print(grains, digits)));
    row_put(answer, label, cli_money_grains(grains, answer->decimals, money));
}

void cli_put_units(struct cli_answer *answer, const char *key, const char *label, struct pp_units units)
{
    char digits[PP_AMOUNT_TEXT_MAX], money[CLI_MONEY_MAX];
    if (key)
        cli_put_json(answer, key, json_string(pp_units_print(units, digits)));
    row_put(answer, label, cli_money_units(units, answer->decimals, money));
}

void cli_put_line(struct cli_answer *answer, const char *text)
{
    row_put(answer, text, "");
}

int cli_answer_print(struct cli_answer *answer)
{
    int width = 0;
    if (answer->cli->json) {
        object_print(answer->cli, answer->object);
        cli_answer_done(answer);
        return CLI_OK;
    }
    for (size_t i = 0; i < answer->rows_count; i++)
        if (answer->rows[i].value[0] && (int)strlen(answer->rows[i].label) > width)
            width = (int)strlen(answer->rows[i].label);
    for (size_t i = 0; i < answer->rows_count; i++)
        if (answer->rows[i].value[0])
            fprintf(answer->cli->out, "%-*s  %s\n", width, answer->rows[i].label, answer->rows[i].value);
        else
            fprintf(answer->cli->out, "%s\n", answer->rows[i].label);
    cli_answer_done(answer);
    return CLI_OK;
}

/* ---- money for people ---- */

/* A grain is 10^-6 of a unit, a unit 10^-decimals of a token. */
static char *money_print(const char *digits, unsigned decimals, char out[CLI_MONEY_MAX])
{
    size_t length = strlen(digits), whole = length > decimals ? length - decimals : 0, at = 0;
    PP_ASSERT(decimals >= 2 && length + decimals + 3 < CLI_MONEY_MAX);
    if (whole == 0)
        out[at++] = '0';
    memcpy(out + at, digits, whole);
    at += whole;
    out[at++] = '.';
    size_t point = at;
    for (size_t i = length; i < decimals; i++)
        out[at++] = '0';
    memcpy(out + at, digits + whole, length - whole);
    at += length - whole;
    while (at > point + 2 && out[at - 1] == '0')
        at--;
    out[at] = '\0';
    return out;
}

char *cli_money_grains(struct pp_grains grains, unsigned decimals, char out[CLI_MONEY_MAX])
{
    char digits[PP_AMOUNT_TEXT_MAX];
    return money_print(pp_grains_print(grains, digits), decimals + 6, out);
}

char *cli_money_units(struct pp_units units, unsigned decimals, char out[CLI_MONEY_MAX])
{
    char digits[PP_AMOUNT_TEXT_MAX];
    return money_print(pp_units_print(units, digits), decimals, out);
}

enum pp_error cli_money_parse(const char *text, unsigned decimals, struct pp_grains *out)
{
    char digits[CLI_MONEY_MAX];
    const char *point = strchr(text, '.');
    size_t whole = point ? (size_t)(point - text) : strlen(text), fraction = point ? strlen(point + 1) : 0;
    unsigned places = decimals + 6;
    if (whole == 0 || (point && fraction == 0))
        return PP_BAD_FORMAT;
    if (fraction > places)
        return PP_OUT_OF_RANGE;
    if (whole + places >= sizeof digits)
        return PP_OVERFLOW;
    memcpy(digits, text, whole);
    if (point)
        memcpy(digits + whole, point + 1, fraction);
    memset(digits + whole + fraction, '0', places - fraction);
    size_t zeros = 0;
    while (zeros + 1 < whole + places && digits[zeros] == '0')
        zeros++;
    return pp_grains_parse(digits + zeros, whole + places - zeros, out);
}

/* ---- tables ---- */

struct cli_table {
    size_t columns, rows;
    bool right[8];
    int widths[8];
    char (*cells)[CLI_CELL_MAX];
};

static void cell_set(struct cli_table *table, size_t row, size_t column, const char *text)
{
    char *cell = table->cells[row * table->columns + column];
    int length = snprintf(cell, CLI_CELL_MAX, "%s", text);
    if (length >= CLI_CELL_MAX)
        length = CLI_CELL_MAX - 1;
    if (length > table->widths[column])
        table->widths[column] = length;
}

static void cells_grow(struct cli_table *table)
{
    table->rows++;
    char(*grown)[CLI_CELL_MAX] = realloc(table->cells, table->rows * table->columns * sizeof *grown);
    PP_ASSERT(grown != NULL);
    table->cells = grown;
}

struct cli_table *cli_table_new(const char *const *headers, size_t columns)
{
    struct cli_table *table = calloc(1, sizeof *table);
    PP_ASSERT(table != NULL && columns > 0 && columns <= sizeof table->right);
    table->columns = columns;
    cells_grow(table);
    for (size_t i = 0; i < columns; i++) {
        table->right[i] = headers[i][0] == '>';
        cell_set(table, 0, i, headers[i] + table->right[i]);
    }
    return table;
}

void cli_table_row(struct cli_table *table, const char *const *cells)
{
    cells_grow(table);
    for (size_t i = 0; i < table->columns; i++)
        cell_set(table, table->rows - 1, i, cells[i]);
}

void cli_table_print(struct cli_table *table, FILE *out)
{
    for (size_t row = 0; row < table->rows; row++)
        for (size_t i = 0; i < table->columns; i++) {
            const char *cell = table->cells[row * table->columns + i];
            bool last = i + 1 == table->columns;
            int width = table->right[i] ? table->widths[i] : last ? 0 : -table->widths[i];
            fprintf(out, "%*s%s", width, cell, last ? "\n" : "  ");
        }
    cli_table_free(table);
}

void cli_table_free(struct cli_table *table)
{
    free(table->cells);
    free(table);
}
