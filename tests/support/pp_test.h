/* pp_test.h - what every unit test program shares.
 *
 * A program lists its tests once, between PP_TESTS and PP_TESTS_END; main runs them with Check, each in its own
 * process with a time-out, and prints Check's closing line.
 */
#ifndef PP_TEST_H
#define PP_TEST_H

#include <check.h>
#include <pp/error.h>

#define PP_TEST_TIMEOUT_S 120

#define PP_TESTS(name)                                                                                       \
    int main(void)                                                                                           \
    {                                                                                                        \
        static const char suite_name[] = name;                                                               \
        static const TTest *const *list[] = {
#define PP_TEST(test) &test,
#define PP_TESTS_END                                                                                         \
    }                                                                                                        \
    ;                                                                                                        \
    return pp_test_main(suite_name, list, sizeof list / sizeof list[0]);                                     \
    }

int pp_test_main(const char *name, const TTest *const *const *tests, unsigned count);

/* Check notes every assertion in a pipe, which costs a system call or two. The ones here do so only when they fail:
 * fit for loops of a million turns. */
#define pp_expect(condition)                                                                                 \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg("Assertion '%s' failed", #condition);                                               \
    } while (0)

#define ck_assert_ok(expression) ck_assert_error(expression, PP_OK)
#define ck_assert_error(expression, expected)                                                                \
    do {                                                                                                     \
        enum pp_error ck_error_ = (expression);                                                              \
        enum pp_error ck_expected_ = (expected);                                                             \
        if (ck_error_ != ck_expected_)                                                                       \
            ck_abort_msg("%s: %s, expected %s", #expression, pp_error_name(ck_error_),                       \
                         pp_error_name(ck_expected_));                                                       \
    } while (0)

#endif
