/* Goal: a bundle says so itself when an entry of it was altered, and an auditor finds whatever does not follow, also when the liar
 * sealed it anew. Method: a report of three operators with debts, carries, forfeits and a blend; every field of every line altered,
 * one at a time, with and without new seals; lines taken away, doubled, exchanged; bytes at random. AUDIT-001 ... AUDIT-026 */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "audit.h"
#include "audit_export.h"

#include <pp/refund.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATORS 3u
#define LANES 5u
#define LINES_MAX 64u

static struct pp_crypto *crypto;
static struct pp_domain domain;
static struct pp_report report;
static struct pp_lane_leaf lanes[LANES];
static struct pp_hash nodes[PP_LANE_TREE_NODES(LANES)];
static struct pp_pool_table before;
static struct pp_operator operators[OPERATORS];
static struct pp_operator_weights weights[OPERATORS];
static struct pp_secret_key keys[OPERATORS];

/* Of the first lane, up to day 20,002. 1: 3 of 7 days, 142 each and 6 more by one: 130 + 429. 2: deleted on its second day of 10:
 * 100 + 200 earned, 800 back. 3: not stored. 4: a session's leaf without a root. R = 900, E = 859. */
static struct pp_charge_entry charges[] = {
    {.stamp_id = {{1}},
     .to.raw = 1130,
     .postage = {100, 1000, 30, 0},
     .retention_days = 7,
     .stored_day = 20000},
    {.stamp_id = {{2}},
     .from.raw = 1130,
     .to.raw = 2230,
     .postage = {100, 1000, 0, 0},
     .retention_days = 10,
     .stored_day = 20000},
    {.stamp_id = {{3}}, .from.raw = 2230, .to.raw = 2330, .postage = {100, 0, 0, 0}, .retention_days = 1},
    {.stamp_id = {{4}},
     .from.raw = 2500,
     .to.raw = 2600,
     .postage = {100, 0, 0, 0},
     .retention_days = 1,
     .stored_day = 20000,
     .is_unsigned = true},
};
static struct pp_refund_entry refunds[] = {
    {.stamp_id = {{2}}, .amount.raw = 800, .reason = PP_REFUND_EARLY_DELETE, .day = 20001},
    {.stamp_id = {{3}}, .amount.raw = 100, .reason = PP_REFUND_NOT_STORED, .day = 20001},
};
static struct pp_lane_days days[] = {{.last_day = 20002}};
static struct pp_entries entries = {.charges = charges,
                                    .refunds = refunds,
                                    .lanes = days,
                                    .charge_count = 4,
                                    .refund_count = 2,
                                    .lane_count = 1};

static void operators_make(void)
{
    static const struct pp_address payees[] = {{{1}}, {{2}}, {{3}}};
    for (uint32_t i = 0; i < OPERATORS; i++) {
        memset(keys[i].bytes, (int)i + 1, 32);
        operators[i] = (struct pp_operator){.node_id = 5 + i, .payee = payees[i]};
        ck_assert_ok(pp_secret_key_address(crypto, &keys[i], &operators[i].key));
        weights[i] = (struct pp_operator_weights){1000 + 100 * i, 77 * (i + 1)};
        before.rows[1 + i] = (struct pp_pool_row){.node_id = 5 + i,
                                                  .payee = payees[i],
                                                  .paid = pp_units(300 * i),
                                                  .carry = pp_units(40 + i),
                                                  .netted = pp_units(3 * i),
                                                  .took_grains = 10,
                                                  .refunded_grains = 1,
                                                  .byte_days = 1000 * i};
    }
    before.rows[0] = (struct pp_pool_row){.payee = {{9}}, .paid = pp_units(50)};
    before.count = 1 + OPERATORS;
    before.forfeits = pp_units(7);
}

static void lanes_make(void)
{
    for (uint32_t i = 0; i < LANES; i++)
        lanes[i] = (struct pp_lane_leaf){.channel_id = {{(uint8_t)(10 + i)}},
                                         .lane = pp_lane_make(5 + i % OPERATORS, 0),
                                         .spent = pp_grains(900000000 + i),
                                         .refunded = pp_grains(100 + i),
                                         .earned = pp_grains(700000000 + i),
                                         .forfeited = pp_grains(i == 2 ? 20 * PP_GRAINS_PER_UNIT : 0),
                                         .owed = pp_grains(i == 1 ? 90 * PP_GRAINS_PER_UNIT : 0)};
}

static void entries_make(void)
{
    entries.lane = lanes[0].lane;
    lanes[0].refunded = pp_grains(900);
    lanes[0].earned = pp_grains(859);
    days[0].channel_id = lanes[0].channel_id;
    for (unsigned i = 0; i < 4; i++)
        charges[i].channel_id = lanes[0].channel_id;
    for (unsigned i = 0; i < 2; i++)
        refunds[i].channel_id = lanes[0].channel_id;
}

/* Of 6 more is owed than was netted and drawn. */
static const struct pp_drawn drawn[] = {{6, {30}}};

static void report_make(void)
{
    const struct pp_report_terms terms = {.epoch = 12,
                                          .previous = {{3}},
                                          .block_number = 1000,
                                          .end_time_s = 5000,
                                          .received_total = pp_units(4000),
                                          .protocol_basis_points = 250,
                                          .policy = PP_POLICY_BLEND,
                                          .blend = {{{PP_POLICY_STAKE, 3000}, {PP_POLICY_WORK, 7000}}, 2},
                                          .minimum_payout = pp_units(700),
                                          .refund_bound_basis_points = 500,
                                          .treasury_payee = {{9}},
                                          .operators = operators,
                                          .weights = weights,
                                          .operator_count = OPERATORS,
                                          .drawn = drawn,
                                          .drawn_count = 1,
                                          .before = &before};
    struct pp_hash digest;
    if (!crypto)
        ck_assert_ok(pp_crypto_open(&crypto));
    pp_domain_init(&domain, 31337, &(struct pp_address){{7}});
    operators_make();
    lanes_make();
    entries_make();
    ck_assert_ok(pp_report_build(&terms, lanes, LANES, nodes, &report));
    pp_report_digest(&domain, &report, &digest);
    report.signature_count = OPERATORS;
    for (uint32_t i = 0; i < OPERATORS; i++) {
        report.signatures[i].node_id = 5 + i;
        ck_assert_ok(pp_sign(crypto, &keys[i], &digest, &report.signatures[i].signature));
    }
}

/* ---- bundles as text ---- */

struct text {
    char *lines[LINES_MAX];
    size_t count;
};

static void text_take(struct text *text, char *bytes)
{
    *text = (struct text){.count = 0};
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n")) {
        ck_assert_uint_lt(text->count, LINES_MAX);
        text->lines[text->count++] = strdup(line);
    }
}

static void text_make(struct text *text)
{
    char *bytes = NULL;
    size_t length;
    report_make();
    FILE *out = open_memstream(&bytes, &length);
    ck_assert_ok(audit_export(&domain, &report, &entries, out));
    fclose(out);
    text_take(text, bytes);
    free(bytes);
}

static void text_done(struct text *text)
{
    for (size_t i = 0; i < text->count; i++)
        free(text->lines[i]);
    text->count = 0;
}

static void text_copy(struct text *out, const struct text *text)
{
    out->count = text->count;
    for (size_t i = 0; i < text->count; i++)
        out->lines[i] = strdup(text->lines[i]);
}

/* What an auditor said of it. */
struct said {
    struct audit_finding first;
    char field[64];
    uint64_t lines[16]; /* of the first findings */
    uint64_t count;
    bool names_field; /* `wanted`, at line `wanted_line` */
    const char *wanted;
    uint64_t wanted_line;
};

static void say(void *context, const struct audit_finding *finding)
{
    struct said *said = context;
    if (said->count == 0) {
        said->first = *finding;
        snprintf(said->field, sizeof said->field, "%s", finding->field ? finding->field : "");
    }
    if (said->count < 16)
        said->lines[said->count] = finding->line;
    said->count++;
    if (said->wanted && finding->field && finding->line == said->wanted_line &&
        strcmp(finding->field, said->wanted) == 0)
        said->names_field = true;
}

static enum pp_error audit_bytes(char *bytes, size_t length, struct said *said)
{
    struct audit_counts counts;
    FILE *in = fmemopen(bytes, length ? length : 1, "rb");
    ck_assert_ptr_nonnull(in);
    if (length == 0)
        (void)fgetc(in);
    enum pp_error error = audit_run(crypto, in, say, said, &counts);
    fclose(in);
    ck_assert_uint_eq(counts.findings, said->count);
    return error;
}

static enum pp_error audit_text(const struct text *text, struct said *said)
{
    char *bytes = NULL;
    size_t length;
    FILE *out = open_memstream(&bytes, &length);
    for (size_t i = 0; i < text->count; i++)
        fprintf(out, "%s\n", text->lines[i]);
    fclose(out);
    enum pp_error error = audit_bytes(bytes, length, said);
    free(bytes);
    return error;
}

/* As a liar would: the same lines with seals that are right. */
static bool reseal(struct text *text)
{
    uint8_t read_seal[32] = {0}, seal[32] = {0};
    for (size_t i = 0; i < text->count; i++) {
        struct audit_line line;
        bool sealed;
        const char *field;
        if (audit_line_read(text->lines[i], strlen(text->lines[i]), read_seal, &line, &sealed, &field) !=
            PP_OK)
            return false; /* no value of the field's kind */
        free(text->lines[i]);
        text->lines[i] = audit_line_write(&line, seal);
    }
    return true;
}

static char *altered(const char *value)
{
    char *other = strdup(value);
    char *last = other + strlen(other) - 1;
    if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0) {
        free(other);
        return strdup(value[0] == 'y' ? "no" : "yes");
    }
    if (strchr("0123456789abcdef", *last) &&
        (strncmp(value, "0x", 2) == 0 || (value[0] >= '0' && value[0] <= '9'))) {
        *last = *last == '3' ? '4' : '3';
        return other;
    }
    free(other);
    return strdup(strcmp(value, "equal") == 0 ? "stake" : "equal");
}

static void line_alter(struct text *text, size_t i, const char *key)
{
    json_t *object = json_loads(text->lines[i], 0, NULL);
    char *value = altered(json_string_value(json_object_get(object, key)));
    json_object_set_new(object, key, json_string(value));
    free(value);
    free(text->lines[i]);
    text->lines[i] = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
}

static size_t keys_of(const char *line, char keys_out[40][48])
{
    json_t *object = json_loads(line, 0, NULL), *value;
    const char *key;
    size_t count = 0;
    json_object_foreach(object, key, value)
    {
        ck_assert_uint_lt(count, 40);
        snprintf(keys_out[count++], 48, "%s", key);
    }
    json_decref(object);
    return count;
}

/* ---- tests ---- */

START_TEST(audit__an_honest_bundle__nothing_disagrees)
{
    struct text text;
    struct said said = {.count = 0};
    text_make(&text);
    ck_assert_uint_eq(text.count, 1 + 3 + 1 + 4 + 1 + 4 + 4 + 3 + LANES + 4 + 2 + 1);
    ck_assert_ok(audit_text(&text, &said));
    ck_assert_uint_eq(said.count, 0);
    text_done(&text);
}
END_TEST

/* AUDIT-003: the first finding is the line that was altered, whatever the field; seals and kinds of entries, too. */
START_TEST(audit__every_field_of_every_line_altered__that_line_is_named)
{
    struct text text;
    unsigned fields = 0;
    text_make(&text);
    for (size_t i = 0; i < text.count; i++) {
        char keys_of_line[40][48];
        size_t count = keys_of(text.lines[i], keys_of_line);
        for (size_t k = 0; k < count; k++) {
            struct text other;
            struct said said = {.count = 0};
            text_copy(&other, &text);
            line_alter(&other, i, keys_of_line[k]);
            enum pp_error error = audit_text(&other, &said);
            ck_assert_msg(error == PP_CORRUPT, "line %zu, %s: %s", i + 1, keys_of_line[k],
                          pp_error_name(error));
            ck_assert_msg(said.first.line == i + 1, "line %zu, %s: named line %u", i + 1, keys_of_line[k],
                          (unsigned)said.first.line);
            ck_assert_ptr_nonnull(said.first.remark);
            text_done(&other);
            fields++;
        }
    }
    ck_assert_uint_gt(fields, 250);
    text_done(&text);
}
END_TEST

/* What leads to nothing that is stated: a bound or a least payout that decides no other way, what the payee was before the set named
 * one, the last day of a lane without entries, the name of a stamp that nobody refunded, how long one would have been kept that
 * earns nothing, the day on which one was not stored. */
static bool is_free(size_t line, const char *key)
{
#define IS(text) (strcmp(key, text) == 0)
    return IS("minimum_payout_units") || IS("refund_bound_basis_points") ||
           (IS("payee") && line >= 6 && line <= 9) || (IS("last_day") && line >= 23 && line <= 26) ||
           (IS("stamp_id") && (line == 27 || line == 30)) ||
           (IS("retention_days") && line >= 29 && line <= 30) || (IS("day") && line == 32);
#undef IS
}

START_TEST(audit__every_field_altered_and_sealed_anew__found)
{
    struct text text;
    unsigned named = 0, fields = 0;
    text_make(&text);
    for (size_t i = 0; i < text.count; i++) {
        char keys_of_line[40][48];
        size_t count = keys_of(text.lines[i], keys_of_line);
        for (size_t k = 0; k < count; k++) {
            struct text other;
            struct said said = {.wanted = keys_of_line[k], .wanted_line = i + 1};
            bool fits;
            if (strcmp(keys_of_line[k], "entry") == 0 || strcmp(keys_of_line[k], "seal") == 0)
                continue;
            text_copy(&other, &text);
            line_alter(&other, i, keys_of_line[k]);
            fits = reseal(&other);
            enum pp_error error = audit_text(&other, &said);
            bool free_field = is_free(i + 1, keys_of_line[k]);
            ck_assert_msg(error != PP_OK || free_field, "line %zu: %s", i + 1, keys_of_line[k]);
            ck_assert_msg(said.count > 0 || free_field, "line %zu: %s", i + 1, keys_of_line[k]);
            named += said.names_field || !fits;
            fields++;
            text_done(&other);
        }
    }
    /* Numbers that follow from others are named themselves; those that others follow from by what no longer follows. */
    ck_assert_uint_gt(named, 100);
    text_done(&text);
}
END_TEST

/* A lie with good seals, and what is said of it. */
START_TEST(audit__some_lies__named_with_both_values)
{
    static const struct {
        size_t line;
        const char *key, *field;
        uint64_t said_line;
    } cases[] = {
        {23, "earned", "leaf", 23},
        {16, "amount_units", "amount_units", 16},
        {12, "part_units", "part_units", 12},
        {7, "carry_units", "pool_units", 10}, /* of a row before: the pool is another one */
        {1, "lanes_root", "lanes_root", 1},
        {1, "payout_root", "payout_root", 1},
        {1, "operator_set", "operator_set", 1},
        {1, "block_number", "signature", 19},
        {27, "storage", "to", 27},
        {31, "amount", "amount", 31},
        {32, "stamp_id", "stamp_id", 32},
        {31, "reason", "reason", 31},
        {27, "retention_days", "earned", 22},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text text;
        struct said said = {.count = 0};
        text_make(&text);
        line_alter(&text, cases[i].line - 1, cases[i].key);
        ck_assert(reseal(&text));
        (void)audit_text(&text, &said);
        ck_assert_msg(strcmp(said.field, cases[i].field) == 0, "case %zu: %s of line %u", i, said.field,
                      (unsigned)said.first.line);
        ck_assert_msg(said.first.line == cases[i].said_line, "case %zu: line %u", i,
                      (unsigned)said.first.line);
        text_done(&text);
    }
}
END_TEST

static void line_set(struct text *text, size_t line, const char *key, const char *value)
{
    json_t *object = json_loads(text->lines[line - 1], 0, NULL);
    json_object_set_new(object, key, json_string(value));
    free(text->lines[line - 1]);
    text->lines[line - 1] = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
}

/* AUDIT-020 ... AUDIT-026: money that is spent twice or given back twice. */
START_TEST(audit__entries_that_cannot_be_together__named)
{
    static const struct {
        size_t line;
        const char *key[3], *value[3];
        enum pp_error error;
        uint64_t said_line;
    } cases[] = {
        {28, {"from", "to"}, {"1129", "2229"}, PP_INTERVAL_TAKEN, 28},
        {30, {"from", "to"}, {"900000000", "900000100"}, PP_OVER_SPENT, 30},
        {32,
         {"stamp_id", "reason", "amount"},
         {"0x0200000000000000000000000000000000000000000000000000000000000000", "2", "800"},
         PP_ALREADY_REFUNDED,
         0},
        {32, {"reason"}, {"3"}, PP_BAD_KIND, 32},
        {32,
         {"stamp_id", "reason"},
         {"0x0000000000000000000000000000000000000000000000000000000000000000", "3"},
         PP_INVARIANT,
         32},
        {31, {"day"}, {"20010"}, PP_INVARIANT, 31}, /* its last day: nothing is left */
        {28,
         {"stamp_id"},
         {"0x0100000000000000000000000000000000000000000000000000000000000000"},
         PP_INVARIANT,
         0},
        {27, {"lane"}, {"1536"}, PP_NOT_FOUND, 27},
        {27, {"lane"}, {"18446744073709551615"}, PP_NOT_FOUND, 27},
        {27, {"retention_days"}, {"0"}, PP_OUT_OF_RANGE, 27},
        {27, {"retention_days"}, {"401"}, PP_OUT_OF_RANGE, 27},
        {27, {"stored_day"}, {"18446744073709551615"}, PP_OUT_OF_RANGE, 27},
        {27, {"storage", "to"}, {"18446744073709551615", "18446744073709551745"}, PP_OUT_OF_RANGE, 27},
        {22, {"has_entries"}, {"no"}, PP_NOT_FOUND, 27},
        {22, {"last_day"}, {"19999"}, PP_INVARIANT, 22},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text text;
        struct said said = {.count = 0};
        text_make(&text);
        for (unsigned k = 0; k < 3 && cases[i].key[k]; k++)
            line_set(&text, cases[i].line, cases[i].key[k], cases[i].value[k]);
        ck_assert(reseal(&text));
        (void)audit_text(&text, &said);
        ck_assert_msg(said.first.error == cases[i].error, "case %zu: %s", i, pp_error_name(said.first.error));
        if (cases[i].said_line)
            ck_assert_msg(said.first.line == cases[i].said_line, "case %zu: line %u", i,
                          (unsigned)said.first.line);
        text_done(&text);
    }
}
END_TEST

/* AUDIT-004, AUDIT-005 */
START_TEST(audit__lines_taken_away_doubled_or_exchanged__named)
{
    struct text text;
    text_make(&text);
    for (size_t i = 0; i < text.count; i++)
        for (unsigned how = 0; how < 3; how++) {
            struct text other = {.count = 0};
            struct said said = {.count = 0};
            for (size_t j = 0; j < text.count; j++) {
                if (how == 0 && j == i)
                    continue;
                size_t from = how == 2 && i + 1 < text.count && (j == i || j == i + 1) ? 2 * i + 1 - j : j;
                other.lines[other.count++] = text.lines[from];
                if (how == 1 && j == i)
                    other.lines[other.count++] = text.lines[from];
            }
            enum pp_error error = audit_text(&other, &said);
            if (how == 2 && i + 1 == text.count)
                continue; /* nothing to exchange with */
            ck_assert_msg(error == PP_CORRUPT || (error == PP_TRUNCATED && how == 0 && i + 1 == text.count),
                          "%zu, %u: %s", i, how, pp_error_name(error));
            ck_assert_uint_le(said.first.line, i + 2);
            ck_assert_uint_ge(said.first.line, i + (how == 1) - (how == 0 && i + 1 == text.count));
        }
    text_done(&text);
}
END_TEST

START_TEST(audit__cut_anywhere_or_changed_at_random__refused)
{
    char *bytes = NULL;
    size_t length;
    struct pp_rng rng;
    report_make();
    FILE *out = open_memstream(&bytes, &length);
    ck_assert_ok(audit_export(&domain, &report, &entries, out));
    fclose(out);
    for (size_t cut = 1; cut < length; cut += 61) {
        struct said said = {.count = 0};
        ck_assert(audit_bytes(bytes, cut, &said) != PP_OK && said.count > 0);
    }
    pp_rng_init(&rng, 12);
    char *other = malloc(length);
    for (unsigned round = 0; round < 2000; round++) {
        struct said said = {.count = 0};
        memcpy(other, bytes, length);
        for (uint64_t changes = 1 + pp_rng_below(&rng, 3); changes > 0; changes--) {
            size_t at = pp_rng_below(&rng, length);
            other[at] = (char)(other[at] ^ (1 + pp_rng_below(&rng, 255)));
        }
        enum pp_error error = audit_bytes(other, length, &said);
        ck_assert(error != PP_OK || memcmp(other, bytes, length) == 0);
    }
    free(other);
    free(bytes);
}
END_TEST

START_TEST(audit__lines_that_cannot_be__named_errors)
{
    static const struct {
        const char *line;
        enum pp_error error;
    } cases[] = {
        {"", PP_BAD_FORMAT},
        {"[]", PP_BAD_FORMAT},
        {"{}", PP_MISSING_FIELD},
        {"{\"entry\":\"thing\"}", PP_BAD_KIND},
        {"{\"entry\":\"end\"}", PP_MISSING_FIELD},
        {"{\"entry\":\"end\",\"lines\":3}", PP_BAD_TYPE},
        {"{\"entry\":\"end\",\"lines\":\"03\"}", PP_BAD_FORMAT},
        {"{\"entry\":\"end\",\"lines\":\"\"}", PP_BAD_FORMAT},
        {"{\"entry\":\"end\",\"lines\":\"3\\u0000\"}", PP_BAD_FORMAT},
        {"{\"entry\":\"end\",\"lines\":\"18446744073709551616\"}", PP_OVERFLOW},
        {"{\"entry\":\"end\",\"lines\":\"3\"}", PP_UNKNOWN_FIELD}, /* fewer than with a seal */
        {"{\"entry\":\"end\",\"lines\":\"3\",\"seal\":\"00\"}", PP_BAD_FORMAT},
        {"{\"entry\":\"end\",\"lines\":\"3\",\"more\":\"00\",\"seal\":\"00\"}", PP_UNKNOWN_FIELD},
        {"{\"entry\":\"end\",\"entry\":\"end\",\"lines\":\"3\"}", PP_BAD_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct audit_line line;
        uint8_t seal[32] = {0};
        bool sealed;
        const char *field;
        enum pp_error error =
            audit_line_read(cases[i].line, strlen(cases[i].line), seal, &line, &sealed, &field);
        ck_assert_msg(error == cases[i].error, "case %zu: %s", i, pp_error_name(error));
        ck_assert(!sealed);
    }
}
END_TEST

/* The table of specs/audit.md, entry by entry. AUDIT-001, AUDIT-002 */
START_TEST(entries__table_of_the_specification__equal)
{
    struct pp_spec_table table;
    pp_spec_table_load("audit.md", "entry", &table);
    ck_assert_uint_eq(table.rows, AUDIT_KIND_COUNT);
    for (size_t i = 0; i < table.rows; i++) {
        struct audit_line line;
        char keys_of_line[40][48], fields[1024] = "";
        uint8_t seal[32] = {0};
        memset(&line, 0, sizeof line);
        line.kind = (enum audit_kind)i;
        char *text = audit_line_write(&line, seal);
        size_t count = keys_of(text, keys_of_line);
        ck_assert_str_eq(keys_of_line[0], "entry");
        ck_assert_str_eq(keys_of_line[count - 1], "seal");
        for (size_t k = 1; k + 1 < count; k++) {
            strcat(fields, k > 1 ? " " : "");
            strcat(fields, keys_of_line[k]);
        }
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), audit_kind_name((enum audit_kind)i));
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), fields);
        free(text);
    }
    pp_spec_table_done(&table);
}
END_TEST

/* A million lanes would not fit in a test; of many it says the one. */
START_TEST(audit__a_line_too_long__refused)
{
    struct said said = {.count = 0};
    char *bytes = malloc(2 * AUDIT_LINE_MAX_BYTES);
    memset(bytes, ' ', 2 * AUDIT_LINE_MAX_BYTES);
    ck_assert_error(audit_bytes(bytes, 2 * AUDIT_LINE_MAX_BYTES, &said), PP_TOO_LONG);
    free(bytes);
}
END_TEST

START_TEST(export__a_report_of_version_1__refused)
{
    char *bytes = NULL;
    size_t length;
    report_make();
    report.version = PP_REPORT_VERSION_WITHOUT_POOL;
    FILE *out = open_memstream(&bytes, &length);
    ck_assert_error(audit_export(&domain, &report, &entries, out), PP_BAD_VERSION);
    fclose(out);
    free(bytes);
}
END_TEST

PP_TESTS("audit")
PP_TEST(audit__an_honest_bundle__nothing_disagrees)
PP_TEST(audit__every_field_of_every_line_altered__that_line_is_named)
PP_TEST(audit__every_field_altered_and_sealed_anew__found)
PP_TEST(audit__some_lies__named_with_both_values)
PP_TEST(audit__entries_that_cannot_be_together__named)
PP_TEST(audit__lines_taken_away_doubled_or_exchanged__named)
PP_TEST(audit__cut_anywhere_or_changed_at_random__refused)
PP_TEST(audit__lines_that_cannot_be__named_errors)
PP_TEST(entries__table_of_the_specification__equal)
PP_TEST(audit__a_line_too_long__refused)
PP_TEST(export__a_report_of_version_1__refused)
PP_TESTS_END
