/* Goal: the XMTP network's fees to the last grain, and a named error where its arithmetic wraps. Method: every vector; the
 * edges of each limit; offers one grain short of a quote. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/price.h>

static struct pp_quote sample(void)
{
    return (struct pp_quote){.node_id = 1,
                             .rate_version = 1,
                             .base_grains = 100,
                             .storage_grains = 200,
                             .congestion_grains = 200,
                             .congestion_units = 26,
                             .bond_count = 2,
                             .bond_grains = {0, 5000},
                             .issued_ms = 1,
                             .expires_ms = 60001};
}

/* What ours is where theirs wraps or stops: FEE-002, FEE-012, FEE-013. */
static enum pp_error error_of(const char *why, const char *their_error)
{
    static const struct {
        const char *text;
        enum pp_error error;
    } table[] = {
        {"storage=2^63-1, message+storage WRAPS negative: no check on the final addition", PP_FEE_OVERFLOW},
        {"wraps to MinInt64", PP_FEE_OVERFLOW},
        {"max + 1 wraps", PP_FEE_OVERFLOW},
        {"3*x just below 2^63", PP_FEE_OVERFLOW},
        {"uint64 max on-chain rate reinterpreted as int64 -1", PP_NEGATIVE_RATE},
        {"storage rate int64 -1", PP_NEGATIVE_RATE},
        {"storage rate MinInt64", PP_NEGATIVE_RATE},
        {"storage fee calculation overflow", PP_FEE_OVERFLOW},
        {"messageSize must be greater than 0, got 0", PP_ZERO_SIZE},
        {"storageDurationDays must be greater than 0, got 0", PP_ZERO_RETENTION},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].text, their_error ? their_error : why) == 0)
            return table[i].error;
    return PP_OK;
}

/* FEE-010, FEE-011, FEE-012 */
START_TEST(price__every_base_fee_vector__equal_or_a_named_error)
{
    json_t *vectors = pp_vectors_load("xmtp/fees.json");
    const json_t *rows = pp_json_member(vectors, "baseFee");
    unsigned equal = 0, named = 0, unsigned_only = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *size = pp_json_text(row, "messageSize");
        const json_t *their_error = json_object_get(row, "error");
        if (size[0] == '-') { /* a size is unsigned: such text is refused before it is a number */
            struct pp_grains none;
            ck_assert_error(pp_grains_parse(size, strlen(size), &none), PP_BAD_FORMAT);
            unsigned_only++;
            continue;
        }
        const struct pp_quote quote = {.base_grains = pp_json_u64(row, "messageFee"),
                                       .storage_grains = pp_json_u64(row, "storageFee")};
        const struct pp_parcel parcel = {.size_bytes = pp_json_u64(row, "messageSize"),
                                         .retention_days = (uint32_t)pp_json_u64(row, "storageDurationDays")};
        struct pp_postage postage = {.base_grains = 77};
        struct pp_grains total;
        enum pp_error expected = error_of(pp_json_text(row, "why"), json_string_value(their_error));
        enum pp_error error = pp_price_unbounded(&quote, &parcel, &postage);
        ck_assert_msg(error == expected, "case %zu: %s, expected %s", i, pp_error_name(error),
                      pp_error_name(expected));
        if (error != PP_OK) {
            ck_assert_uint_eq(postage.base_grains, 77);
            named++;
            continue;
        }
        ck_assert_ok(pp_postage_total(&postage, &total));
        ck_assert(total.raw == pp_json_u128(row, "fee"));
        equal++;
    }
    ck_assert_uint_eq(equal + named + unsigned_only, 77);
    ck_assert_uint_eq(equal, 62);
    json_decref(vectors);
}
END_TEST

/* FEE-017 */
START_TEST(price_congestion__every_vector__equal_or_a_named_error)
{
    json_t *vectors = pp_vectors_load("xmtp/fees.json");
    const json_t *rows = pp_json_member(vectors, "congestionFee");
    unsigned compared = 0;
    for (size_t i = 0; i < json_array_size(rows); i++, compared++) {
        const json_t *row = json_array_get(rows, i);
        uint64_t rate = pp_json_u64(row, "congestionFee"), fee = 77;
        /* -1 units cannot be expressed; the number with the same bits is refused as any other above 100. */
        uint32_t units = (uint32_t)json_integer_value(pp_json_member(row, "units"));
        enum pp_error error = pp_price_congestion(rate, units, &fee);
        if (rate >> 63) { /* theirs: a fee of -3 */
            ck_assert_int_eq(error, PP_NEGATIVE_RATE);
        } else if (units > 100) {
            ck_assert_int_eq(error, PP_OUT_OF_RANGE);
        } else if (json_object_get(row, "error")) {
            ck_assert_int_eq(error, PP_FEE_OVERFLOW);
        } else {
            ck_assert_int_eq(error, PP_OK);
            ck_assert_uint_eq(fee, pp_json_u64(row, "fee"));
            continue;
        }
        ck_assert_uint_eq(fee, 77);
    }
    ck_assert_uint_eq(compared, 10);
    json_decref(vectors);
}
END_TEST

/* Their expiry vectors: what wraps there is past our longest retention. FEE-014 */
START_TEST(price__retentions_that_wrap_elsewhere__too_long)
{
    json_t *vectors = pp_vectors_load("xmtp/fees.json");
    const json_t *rows = pp_json_member(pp_json_member(vectors, "expiry"), "cases");
    const struct pp_quote quote = sample();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const struct pp_parcel parcel = {.size_bytes = 1,
                                         .retention_days = (uint32_t)pp_json_u64(row, "retentionDays")};
        struct pp_postage postage;
        enum pp_error expected =
            parcel.retention_days <= PP_RETENTION_MAX_DAYS ? PP_OK : PP_RETENTION_TOO_LONG;
        ck_assert_error(pp_price(&quote, &parcel, &postage), expected);
        if (pp_json_bool(row, "overflowed"))
            ck_assert_int_eq(expected, PP_RETENTION_TOO_LONG);
    }
    json_decref(vectors);
}
END_TEST

/* The example of specs/fees.md. FEE-010, FEE-018 */
START_TEST(price__the_worked_example__12293300_grains)
{
    const struct pp_quote quote = sample();
    struct pp_postage postage;
    struct pp_grains total;
    ck_assert_ok(pp_price(&quote, &(struct pp_parcel){1024, 60, 0}, &postage));
    ck_assert_uint_eq(postage.base_grains, 100);
    ck_assert_uint_eq(postage.storage_grains, 12288000);
    ck_assert_uint_eq(postage.congestion_grains, 5200);
    ck_assert_uint_eq(postage.bond_grains, 0);
    ck_assert_ok(pp_postage_total(&postage, &total));
    ck_assert(total.raw == 12293300);
    ck_assert_ok(pp_price(&quote, &(struct pp_parcel){1024, 60, 1}, &postage));
    ck_assert_uint_eq(postage.bond_grains, 5000);
    ck_assert_ok(pp_price(&quote, &(struct pp_parcel){1024, 60, 2},
                          &postage)); /* a kind that the quote does not list */
    ck_assert_uint_eq(postage.bond_grains, 0);
}
END_TEST

/* FEE-013, FEE-014, FEE-018 */
START_TEST(price__each_limit__inside_and_outside)
{
    const struct {
        struct pp_parcel parcel;
        enum pp_error error;
    } cases[] = {
        {{1, 1, 0}, PP_OK},
        {{PP_ENVELOPE_MAX_BYTES, PP_RETENTION_MAX_DAYS, 7}, PP_OK},
        {{PP_ENVELOPE_MAX_BYTES + 1u, 1, 0}, PP_TOO_LONG},
        {{UINT64_MAX, 1, 0}, PP_TOO_LONG},
        {{1, PP_RETENTION_MAX_DAYS + 1, 0}, PP_RETENTION_TOO_LONG},
        {{1, UINT32_MAX, 0}, PP_RETENTION_TOO_LONG},
        {{0, 1, 0}, PP_ZERO_SIZE},
        {{1, 0, 0}, PP_ZERO_RETENTION},
        {{1, 1, PP_ENVELOPE_KINDS_MAX}, PP_OUT_OF_RANGE},
    };
    const struct pp_quote quote = sample();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_postage postage;
        ck_assert_error(pp_price(&quote, &cases[i].parcel, &postage), cases[i].error);
    }
}
END_TEST

/* FEE-012: each pair of parts, each below 2^63, whose sum is not. */
START_TEST(price__parts_that_only_together_are_too_high__fee_overflow)
{
    const uint64_t half = UINT64_C(1) << 62;
    for (unsigned first = 0; first < 4; first++)
        for (unsigned second = 0; second < first; second++) {
            struct pp_quote quote = {.congestion_units = 1, .bond_count = 1};
            uint64_t *const rates[] = {&quote.base_grains, &quote.storage_grains, &quote.congestion_grains,
                                       &quote.bond_grains[0]};
            struct pp_postage postage;
            *rates[first] = half;
            *rates[second] = half - 1;
            ck_assert_ok(pp_price(&quote, &(struct pp_parcel){1, 1, 0}, &postage));
            *rates[second] = half;
            ck_assert_error(pp_price(&quote, &(struct pp_parcel){1, 1, 0}, &postage), PP_FEE_OVERFLOW);
        }
}
END_TEST

/* FEE-012: the arithmetic alone, at the border. */
START_TEST(price_parts__a_product_of_2_63__fee_overflow)
{
    uint64_t out = 7;
    ck_assert_error(pp_price_storage(UINT64_C(1) << 62, 2, 1, &out), PP_FEE_OVERFLOW);
    ck_assert_error(pp_price_storage(UINT64_C(1) << 61, 2, 2, &out), PP_FEE_OVERFLOW);
    ck_assert_error(pp_price_storage(UINT64_C(1) << 62, 4, 1, &out),
                    PP_FEE_OVERFLOW); /* 2^64: zero, if it wrapped */
    ck_assert_error(pp_price_congestion(UINT64_C(1) << 62, 2, &out), PP_FEE_OVERFLOW);
    ck_assert_uint_eq(out, 7);
    ck_assert_ok(pp_price_storage(INT64_MAX, 1, 1, &out));
    ck_assert_uint_eq(out, INT64_MAX);
    ck_assert_ok(pp_price_congestion(UINT64_C(1) << 62, 1, &out));
    ck_assert_uint_eq(out, UINT64_C(1) << 62);
}
END_TEST

/* FEE-015 */
START_TEST(price_check__one_grain_short_in_any_part__refused_with_the_part_and_the_shortfall)
{
    static const char *const names[] = {"base", "storage", "congestion", "bond"};
    const struct pp_quote quote = sample();
    const struct pp_parcel parcel = {10, 3, 1};
    struct pp_postage exact;
    struct pp_refusal refusal;
    ck_assert_ok(pp_price(&quote, &parcel, &exact));
    ck_assert_ok(pp_price_check(&quote, &parcel, &exact, &refusal));
    for (unsigned part = 0; part < 4; part++) {
        struct pp_postage offered = exact;
        uint64_t *const parts[] = {&offered.base_grains, &offered.storage_grains, &offered.congestion_grains,
                                   &offered.bond_grains};
        uint64_t quoted = *parts[part];
        *parts[(part + 1) % 4] += 1000; /* another part does not stand in */
        *parts[part] = quoted - 1;
        ck_assert_error(pp_price_check(&quote, &parcel, &offered, &refusal), PP_PRICE_TOO_LOW);
        ck_assert_int_eq(refusal.error, PP_PRICE_TOO_LOW);
        ck_assert_str_eq(refusal.field, names[part]);
        ck_assert(refusal.expected.grains.raw == quoted);
        ck_assert(refusal.actual.grains.raw == quoted - 1);
        ck_assert(refusal.shortfall.raw == 1);
        ck_assert_error(pp_price_check(&quote, &parcel, &offered, NULL), PP_PRICE_TOO_LOW);
        *parts[part] = quoted + 1;
        ck_assert_ok(pp_price_check(&quote, &parcel, &offered, &refusal));
    }
}
END_TEST

/* FEE-016 */
START_TEST(price_check__a_bond_that_the_quote_does_not_have__not_offered)
{
    const struct pp_quote quote = sample();
    const struct pp_parcel parcel = {10, 3, 0};
    struct pp_postage offered;
    struct pp_refusal refusal;
    ck_assert_ok(pp_price(&quote, &parcel, &offered));
    offered.bond_grains = 1;
    ck_assert_error(pp_price_check(&quote, &parcel, &offered, &refusal), PP_BOND_NOT_OFFERED);
    ck_assert_str_eq(refusal.field, "bond");
    ck_assert(refusal.actual.grains.raw == 1);
    ck_assert(refusal.shortfall.raw == 0);
}
END_TEST

START_TEST(price_check__an_offer_or_a_parcel_out_of_range__its_own_error)
{
    const struct pp_quote quote = sample();
    const struct pp_postage high = {.base_grains = UINT64_C(1) << 63};
    struct pp_refusal refusal;
    ck_assert_error(pp_price_check(&quote, &(struct pp_parcel){1, 1, 0}, &high, &refusal), PP_FEE_OVERFLOW);
    ck_assert_int_eq(refusal.error, PP_FEE_OVERFLOW);
    ck_assert_error(pp_price_check(&quote, &(struct pp_parcel){0, 1, 0}, &high, NULL), PP_ZERO_SIZE);
}
END_TEST

/* Their roundings, as documentation: a lane rounds down once, like the second column; a fee never rounds. */
START_TEST(pico_to_micro__every_vector__our_named_conversions)
{
    json_t *vectors = pp_vectors_load("xmtp/fees.json");
    const json_t *rows = pp_json_member(vectors, "picoToMicro");
    unsigned too_large = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct pp_grains pico = pp_json_grains(row, "pico");
        struct pp_units down, up;
        if (pico.raw / PP_GRAINS_PER_UNIT > UINT64_MAX) {
            ck_assert_error(pp_grains_to_units_floor(pico, &down), PP_OVERFLOW);
            too_large++;
            continue;
        }
        ck_assert_ok(pp_grains_to_units_floor(pico, &down));
        ck_assert_ok(pp_grains_to_units_ceil(pico, &up));
        ck_assert(down.raw == pp_json_u128(row, "xmtpdToMicroDollarsTrunc"));
        ck_assert(up.raw == pp_json_u128(row, "onchainMicroCeil"));
    }
    ck_assert_uint_eq(too_large, 1);
    json_decref(vectors);
}
END_TEST

PP_TESTS("price")
PP_TEST(price__every_base_fee_vector__equal_or_a_named_error)
PP_TEST(price_congestion__every_vector__equal_or_a_named_error)
PP_TEST(price__retentions_that_wrap_elsewhere__too_long)
PP_TEST(price__the_worked_example__12293300_grains)
PP_TEST(price__each_limit__inside_and_outside)
PP_TEST(price__parts_that_only_together_are_too_high__fee_overflow)
PP_TEST(price_parts__a_product_of_2_63__fee_overflow)
PP_TEST(price_check__one_grain_short_in_any_part__refused_with_the_part_and_the_shortfall)
PP_TEST(price_check__a_bond_that_the_quote_does_not_have__not_offered)
PP_TEST(price_check__an_offer_or_a_parcel_out_of_range__its_own_error)
PP_TEST(pico_to_micro__every_vector__our_named_conversions)
PP_TESTS_END
