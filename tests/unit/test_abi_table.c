#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/abi.h>
#include <pp/hash.h>

#include <stdio.h>

/* The row whose second column is `signature`; its first column, or NULL. */
static const char *spec_find(const struct pp_spec_table *table, const char *signature)
{
    for (size_t row = 0; row < table->rows; row++)
        if (strcmp(pp_spec_cell(table, row, 1), signature) == 0)
            return pp_spec_cell(table, row, 0);
    return NULL;
}

/* Goal: the calls are those of the contract's specification. Method: its table, every row of ours (SETL-002). */
START_TEST(abi_function__every_row__selector_of_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("chain.md", "selector", &table);
    for (unsigned i = 0; i < PP_ABI_ERC20_APPROVE; i++) {
        const char *expected = spec_find(&table, pp_abi_function_signature((enum pp_abi_function)i));
        ck_assert_msg(expected != NULL, "%s", pp_abi_function_signature((enum pp_abi_function)i));
        uint8_t selector[4];
        pp_abi_selector((enum pp_abi_function)i, selector);
        ck_assert_hex(selector, 4, expected);
    }
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: the token's calls are ERC-20's. Method: the selectors that everybody knows. */
START_TEST(abi_function__erc20__known_selectors)
{
    uint8_t selector[4];
    pp_abi_selector(PP_ABI_ERC20_APPROVE, selector);
    ck_assert_hex(selector, 4, "095ea7b3");
    pp_abi_selector(PP_ABI_ERC20_ALLOWANCE, selector);
    ck_assert_hex(selector, 4, "dd62ed3e");
    pp_abi_selector(PP_ABI_ERC20_BALANCE_OF, selector);
    ck_assert_hex(selector, 4, "70a08231");
    pp_abi_selector(PP_ABI_ERC20_DECIMALS, selector);
    ck_assert_hex(selector, 4, "313ce567");
}
END_TEST

/* Goal: the events are those of the specification. Method: its table. */
START_TEST(abi_event__every_row__topic_of_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("chain.md", "topic 0", &table);
    for (unsigned i = 0; i < PP_LOG_COUNT; i++) {
        const char *expected = spec_find(&table, pp_abi_event_signature((enum pp_abi_event)i));
        ck_assert_msg(expected != NULL, "%s", pp_abi_event_signature((enum pp_abi_event)i));
        struct pp_hash topic;
        pp_abi_topic((enum pp_abi_event)i, &topic);
        ck_assert_hex(topic.bytes, 32, expected);
    }
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: every revert of the contract has its name here. Method: its table, both ways. */
START_TEST(abi_error__every_row__same_as_the_specification)
{
    json_t *vectors = pp_vectors_load("calldata.json"), *row;
    size_t index;
    json_array_foreach(pp_json_member(vectors, "errors"), index, row)
    {
        size_t length;
        uint8_t *data = pp_json_bytes_any(row, "data", &length);
        char text[PP_ABI_ERROR_TEXT_MAX];
        pp_abi_error_print(data, length, text, sizeof text);
        const char *name = pp_json_text(row, "error");
        ck_assert_msg(strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == '(', "%s: %s", name,
                      text);
        free(data);
    }
    unsigned count = 0;
    while (pp_abi_error_signature(count))
        count++;
    ck_assert_uint_eq(count, index);
    json_decref(vectors);
}
END_TEST

static void check_text(const char *hex, size_t capacity, const char *expected)
{
    uint8_t data[256];
    size_t length = strlen(hex) / 2;
    pp_bytes_of(hex, data, length);
    char text[PP_ABI_ERROR_TEXT_MAX];
    ck_assert_str_eq(pp_abi_error_print(data, length, text, capacity), expected);
}

#define WORD_5 "0000000000000000000000000000000000000000000000000000000000000005"
#define WORD_20 "0000000000000000000000000000000000000000000000000000000000000020"

/* Goal: a revert reads well, and hostile data neither overruns nor prints control characters. Method: cases. */
START_TEST(abi_error_print__reverts__text_for_people)
{
    check_text("", 256, "no reason given");
    check_text("deadbeef", 256, "unknown error 0xdeadbeef");
    check_text("60a1ea56" WORD_5 WORD_20, 256, "ReportNotVested(5, 32)");
    check_text("60a1ea56" WORD_5 WORD_20, 8, "ReportN");
    check_text("60a1ea56" WORD_5 "00", 256, "ReportNotVested(5)");
    check_text("08c379a0" WORD_20 WORD_5 "68656c0a6fff", 256, "hel?o");
    check_text("08c379a0" WORD_20 WORD_20 "6869", 256, "hi");
    check_text("fb8f41b2" WORD_5, 256, "ERC20InsufficientAllowance(5)");
}
END_TEST

PP_TESTS("abi_table")
PP_TEST(abi_function__every_row__selector_of_the_specification)
PP_TEST(abi_function__erc20__known_selectors)
PP_TEST(abi_event__every_row__topic_of_the_specification)
PP_TEST(abi_error__every_row__same_as_the_specification)
PP_TEST(abi_error_print__reverts__text_for_people)
PP_TESTS_END
