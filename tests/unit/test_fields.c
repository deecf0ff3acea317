/* Goal: a reader takes an object apart member by member, and refuses whatever it was not told to expect.
 * Method: small objects; the first fault sticks, names its member, and later reads give nothing. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/fields.h>

#include <sodium.h>

static json_t *load(const char *text)
{
    struct pp_refusal refusal;
    json_t *object = pp_json_load(text, strlen(text), &refusal);
    ck_assert_msg(object != NULL, "%s: %s", text, pp_error_name(refusal.error));
    return object;
}

/* HTTP-030 HTTP-031 HTTP-032 HTTP-033 */
START_TEST(fields__every_kind__read)
{
    struct pp_refusal refusal = {PP_OK};
    struct pp_fields f;
    uint8_t bytes[8];
    json_t *object =
        load("{\"n\":9007199254740991,\"b\":true,\"g\":\"79228162514264337593543950335\","
             "\"u\":\"18446744073709551615\",\"p\":\"9223372036854775807\",\"h\":\"0xABcd\",\"x\":\"-_8\","
             "\"t\":\"text\",\"o\":{},\"a\":[1,2]}");
    pp_fields_init(&f, object, "body", &refusal, NULL);
    ck_assert_uint_eq(pp_fields_number(&f, "n", 0, (UINT64_C(1) << 53) - 1), (UINT64_C(1) << 53) - 1);
    ck_assert(pp_fields_bool(&f, "b"));
    ck_assert(pp_grains_eq(pp_fields_grains(&f, "g"), PP_GRAINS_MAX));
    ck_assert_uint_eq(pp_fields_units(&f, "u").raw, UINT64_MAX);
    ck_assert_uint_eq(pp_fields_part(&f, "p"), INT64_MAX);
    pp_fields_hex(&f, "h", bytes, 2);
    ck_assert_mem_eq(bytes, "\xab\xcd", 2);
    ck_assert_uint_eq(pp_fields_base64(&f, "x", bytes, sizeof bytes), 2);
    ck_assert_mem_eq(bytes, "\xfb\xff", 2);
    ck_assert_str_eq(pp_fields_text(&f, "t", 4), "text");
    ck_assert_ptr_nonnull(pp_fields_object(&f, "o"));
    ck_assert_uint_eq(json_array_size(pp_fields_array(&f, "a", 2)), 2);
    ck_assert_ok(pp_fields_finish(&f));
    json_decref(object);
}
END_TEST

/* HTTP-034 */
START_TEST(fields__first_fault__sticks)
{
    struct pp_refusal refusal = {PP_OK};
    struct pp_fields f;
    json_t *object = load("{\"a\":1,\"b\":\"x\"}");
    pp_fields_init(&f, object, "body", &refusal, NULL);
    ck_assert_uint_eq(pp_fields_number(&f, "a", 2, 3), 0);
    ck_assert_str_eq(pp_fields_text(&f, "b", 1), "");
    ck_assert_uint_eq(pp_fields_number(&f, "missing", 0, 1), 0);
    ck_assert_error(pp_fields_finish(&f), PP_OUT_OF_RANGE);
    ck_assert_str_eq(refusal.field, "a");
    ck_assert_uint_eq(refusal.expected.number, 2);
    ck_assert_uint_eq(refusal.actual.number, 1);
    json_decref(object);
}
END_TEST

START_TEST(fields__one_fault_each__named)
{
    static const struct {
        const char *json;
        char kind;
        enum pp_error expected;
    } cases[] = {
        {"{}", 'n', PP_MISSING_FIELD},
        {"{\"v\":\"1\"}", 'n', PP_BAD_TYPE},
        {"{\"v\":1.0}", 'n', PP_BAD_TYPE},
        {"{\"v\":null}", 'n', PP_BAD_TYPE},
        {"{\"v\":-1}", 'n', PP_OUT_OF_RANGE},
        {"{\"v\":11}", 'n', PP_OUT_OF_RANGE},
        {"{\"v\":0}", 'b', PP_BAD_TYPE},
        {"{}", 'b', PP_MISSING_FIELD},
        {"{\"v\":\"long!\"}", 't', PP_TOO_LONG},
        {"{\"v\":\"0xab\"}", 'h', PP_TRUNCATED},
        {"{\"v\":\"0xababab\"}", 'h', PP_TOO_LONG},
        {"{\"v\":\"abcdab\"}", 'h', PP_BAD_FORMAT},
        {"{\"v\":\"0xabcg\"}", 'h', PP_BAD_FORMAT},
        {"{\"v\":\"AAAA\"}", 'x', PP_TOO_LONG},
        {"{\"v\":\"A\"}", 'x', PP_BAD_FORMAT},
        {"{\"v\":\"AB\"}", 'x', PP_BAD_FORMAT},
        {"{\"v\":\"A=\"}", 'x', PP_BAD_FORMAT},
        {"{\"v\":\"A/\"}", 'x', PP_BAD_FORMAT},
        {"{\"v\":\"18446744073709551616\"}", 'u', PP_OUT_OF_RANGE},
        {"{\"v\":\"9223372036854775808\"}", 'p', PP_OUT_OF_RANGE},
        {"{\"v\":\"18446744073709551616\"}", 'p', PP_OUT_OF_RANGE},
        {"{\"v\":[1,2,3]}", 'a', PP_TOO_MANY},
        {"{\"v\":{}}", 'a', PP_BAD_TYPE},
        {"{\"v\":[]}", 'o', PP_BAD_TYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_refusal refusal = {PP_OK};
        struct pp_fields f;
        uint8_t bytes[2];
        json_t *object = load(cases[i].json);
        pp_fields_init(&f, object, "body", &refusal, NULL);
        switch (cases[i].kind) {
        case 'n':
            pp_fields_number(&f, "v", 0, 10);
            break;
        case 'b':
            pp_fields_bool(&f, "v");
            break;
        case 't':
            pp_fields_text(&f, "v", 4);
            break;
        case 'h':
            pp_fields_hex(&f, "v", bytes, 2);
            break;
        case 'x':
            pp_fields_base64(&f, "v", bytes, 2);
            break;
        case 'u':
            pp_fields_units(&f, "v");
            break;
        case 'p':
            pp_fields_part(&f, "v");
            break;
        case 'a':
            pp_fields_array(&f, "v", 2);
            break;
        default:
            pp_fields_object(&f, "v");
        }
        ck_assert_msg(pp_fields_finish(&f) == cases[i].expected && refusal.error == cases[i].expected,
                      "%s: %s", cases[i].json, pp_error_name(f.error));
        ck_assert_str_eq(refusal.field, "v");
        json_decref(object);
    }
}
END_TEST

START_TEST(fields__unknown_member__named)
{
    struct pp_refusal refusal = {PP_OK};
    struct pp_fields f;
    char name[PP_FIELD_NAME_MAX];
    json_t *object =
        load("{\"known\":1,\"a name that is so long that it is cut before its very end is reached\":2}");
    pp_fields_init(&f, object, "body", &refusal, name);
    pp_fields_number(&f, "known", 0, 1);
    ck_assert_error(pp_fields_finish(&f), PP_UNKNOWN_FIELD);
    ck_assert_str_eq(refusal.actual.text, "a name that is so long that it is cut before it");
    json_decref(object);
    pp_fields_init(&f, NULL, "inner", &refusal, NULL);
    ck_assert_error(pp_fields_finish(&f), PP_BAD_TYPE);
    ck_assert_str_eq(refusal.field, "inner");
}
END_TEST

START_TEST(json__in_another_form__refused)
{
    static const struct {
        const char *text;
        enum pp_error expected;
    } cases[] = {
        {"", PP_BAD_FORMAT},
        {"{", PP_BAD_FORMAT},
        {"{}x", PP_BAD_FORMAT},
        {"{}{}", PP_BAD_FORMAT},
        {"[]", PP_BAD_TYPE},
        {"null", PP_BAD_FORMAT},
        {"{\"a\":1,\"a\":1}", PP_BAD_FORMAT},
        {"{a:1}", PP_BAD_FORMAT},
        {"{\"a\":01}", PP_BAD_FORMAT},
        {"{\"a\":NaN}", PP_BAD_FORMAT},
        {"{\"a\":1,}", PP_BAD_FORMAT},
        {"// c\n{}", PP_BAD_FORMAT},
        {"{\"a\":\"\\ud800\"}", PP_BAD_FORMAT},
        {"{\"a\":99999999999999999999}", PP_BAD_FORMAT},
    };
    struct pp_refusal refusal;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(pp_json_load(cases[i].text, strlen(cases[i].text), &refusal) == NULL, "%s",
                      cases[i].text);
        ck_assert_msg(refusal.error == cases[i].expected, "%s: %s", cases[i].text,
                      pp_error_name(refusal.error));
    }
    /* Depth is bounded by the library: no stack is used up. */
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    ck_assert_ptr_null(pp_json_load(deep, sizeof deep, &refusal));
}
END_TEST

START_TEST(base64__every_length__back_again)
{
    uint8_t bytes[70], back[70];
    char text[100];
    size_t length;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        memset(bytes, (int)(0xf7 - n), n);
        ck_assert_uint_eq(pp_base64_print(bytes, n, text), PP_BASE64_LENGTH(n));
        ck_assert_ok(pp_base64_parse(text, strlen(text), back, n, &length));
        ck_assert_uint_eq(length, n);
        ck_assert_mem_eq(bytes, back, n);
        if (n > 0)
            ck_assert_error(pp_base64_parse(text, strlen(text), back, n - 1, &length), PP_TOO_LONG);
    }
}
END_TEST

/* Another implementation's text, byte for byte. */
START_TEST(base64_print__random_bytes__as_libsodium)
{
    struct pp_rng rng;
    uint8_t bytes[200];
    char text[300], expected[300];
    pp_rng_init(&rng, 7);
    for (unsigned i = 0; i < 2000; i++) {
        const size_t n = pp_rng_below(&rng, sizeof bytes);
        pp_rng_bytes(&rng, bytes, n);
        sodium_bin2base64(expected, sizeof expected, bytes, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        ck_assert_uint_eq(pp_base64_print(bytes, n, text), strlen(expected));
        ck_assert_str_eq(text, expected);
    }
}
END_TEST

PP_TESTS("fields")
PP_TEST(base64_print__random_bytes__as_libsodium)
PP_TEST(fields__every_kind__read)
PP_TEST(fields__first_fault__sticks)
PP_TEST(fields__one_fault_each__named)
PP_TEST(fields__unknown_member__named)
PP_TEST(json__in_another_form__refused)
PP_TEST(base64__every_length__back_again)
PP_TESTS_END
