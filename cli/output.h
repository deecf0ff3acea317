/* output.h - what the command says: a result (rows for people, or one JSON object), or an error.
 *
 * An answer is built field by field: each has a key (JSON) and a label (people), so the two never drift. With a NULL label
 * a field is for JSON only; with a NULL key for people only. Amounts in JSON are decimal strings, in grains or units as the key
 * says; people see token amounts.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "verbs.h"

#include <jansson.h>
#include <pp/amount.h>
#include <pp/refusal.h>

#define CLI_CELL_MAX 96
#define CLI_ROWS_MAX 64

/* The answer under construction. Made by _init, released by _print or _done. */
struct cli_answer {
    struct cli *cli;
    json_t *object;
    unsigned decimals; /* of the token, for people */
    struct {
        char label[40];
        char value[CLI_CELL_MAX];
    } rows[CLI_ROWS_MAX];
    size_t rows_count;
};

void cli_answer_init(struct cli_answer *answer, struct cli *cli);
void cli_answer_done(struct cli_answer *answer);
void cli_put_text(struct cli_answer *answer, const char *key, const char *label, const char *text);
void cli_put_number(struct cli_answer *answer, const char *key, const char *label, uint64_t number);
void cli_put_bool(struct cli_answer *answer, const char *key, const char *label, bool value);
void cli_put_bytes(struct cli_answer *answer, const char *key, const char *label, const uint8_t *bytes,
                   size_t length);
void cli_put_grains(struct cli_answer *answer, const char *key, const char *label, struct pp_grains grains);
void cli_put_units(struct cli_answer *answer, const char *key, const char *label, struct pp_units units);
/* JSON only; takes the reference. */
void cli_put_json(struct cli_answer *answer, const char *key, json_t *value);
/* People only: a heading or an empty line. */
void cli_put_line(struct cli_answer *answer, const char *text);
/* Prints "ok": true and all fields, or the rows; releases the answer. Returns CLI_OK. */
int cli_answer_print(struct cli_answer *answer);

/* A table with aligned columns, for people. Cells are copied and cut at CLI_CELL_MAX. Columns that start with '>' in the
 * header are right-aligned. */
struct cli_table;
struct cli_table *cli_table_new(const char *const *headers, size_t columns);
void cli_table_row(struct cli_table *table, const char *const *cells);
void cli_table_print(struct cli_table *table, FILE *out); /* and frees it */
void cli_table_free(struct cli_table *table);

/* Grains and units as token amounts: "24.999999999999", without needless zeros; at least two decimals. */
#define CLI_MONEY_MAX 64
char *cli_money_grains(struct pp_grains grains, unsigned decimals, char out[CLI_MONEY_MAX]);
char *cli_money_units(struct pp_units units, unsigned decimals, char out[CLI_MONEY_MAX]);
/* "1.5": whole token amount to grains. BAD_FORMAT, OUT_OF_RANGE (more decimals than a grain has), OVERFLOW. */
PP_MUST_CHECK enum pp_error cli_money_parse(const char *text, unsigned decimals, struct pp_grains *out);

/* Tells an error: name and number, sentence, detail, expected and actual, what to do next. Detail is printf-like and may be
 * NULL; it never holds a secret. Each returns CLI_FAILED (cli_usage: CLI_USAGE). */
int cli_fail(struct cli *cli, enum pp_error error, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
int cli_refuse(struct cli *cli, const struct pp_refusal *refusal, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
int cli_usage(struct cli *cli, const char *detail, ...) __attribute__((format(printf, 2, 3)));
/* NOT_DUE, as an answer. Returns CLI_NOT_DUE. */
int cli_not_due(struct cli *cli, const char *detail, ...) __attribute__((format(printf, 2, 3)));
/* To people on stderr, nothing with --json. */
void cli_note(struct cli *cli, const char *text, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(struct cli *cli, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* A refusal as JSON: {name, number, class, sentence, field, expected, actual, shortfall, retry_after_ms, next}. */
json_t *cli_refusal_json(const struct pp_refusal *refusal);

#endif
