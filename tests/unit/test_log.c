#include "pp_test.h"

#include <pp/log.h>

#include <stdlib.h>

struct sink {
    char *text;
    size_t length;
    struct pp_log log;
};

static uint64_t some_time(void *context)
{
    return *(const uint64_t *)context;
}

static void sink_init(struct sink *sink)
{
    sink->log = (struct pp_log){.out = open_memstream(&sink->text, &sink->length), .level = PP_LOG_INFO};
    ck_assert_ptr_nonnull(sink->log.out);
}

static void sink_done(struct sink *sink)
{
    fclose(sink->log.out);
    free(sink->text);
}

/* Goal: one line of key=value, with the time when there is a clock. */
START_TEST(log__each_kind_of_field__one_line)
{
    struct sink sink;
    uint64_t now = UINT64_C(1763706787042);
    const uint8_t bytes[] = {0xab, 0xcd};
    struct pp_value none = {PP_VALUE_NONE};
    sink_init(&sink);
    pp_log(&sink.log, PP_LOG_INFO, "started");
    ck_assert_str_eq(sink.text, "level=info event=started\n");
    rewind(sink.log.out);
    sink.log.now_ms = some_time;
    sink.log.context = &now;
    pp_log(&sink.log, PP_LOG_WARN, "lane frozen", pp_log_number("lane", 256),
           pp_log_grains("cap", PP_GRAINS_MAX), pp_log_bytes("channel", bytes, 2),
           pp_log_text("file", "/a/b-c.d"), pp_log_text("empty", ""), pp_log_text("null", NULL),
           pp_log_value("absent", &none), pp_log_error(PP_STORE_FULL));
    ck_assert_str_eq(sink.text,
                     "time=2025-11-21T06:33:07.042Z level=warn event=\"lane frozen\" lane=256 "
                     "cap=79228162514264337593543950335 channel=0xabcd file=/a/b-c.d empty=\"\" null=\"\" "
                     "error=STORE_FULL\n");
    sink_done(&sink);
}
END_TEST

/* Goal: a value from outside cannot end its line or add a field (ERR-006). */
START_TEST(log__hostile_text__quoted_and_escaped)
{
    struct sink sink;
    sink_init(&sink);
    pp_log(&sink.log, PP_LOG_ERROR, "e", pp_log_text("t", "a\nlevel=info \"\\\x7f\xc3\x1b[31m"));
    ck_assert_str_eq(sink.text, "level=error event=e t=\"a\\x0alevel=info \\\"\\\\\\x7f\\xc3\\x1b[31m\"\n");
    sink_done(&sink);
}
END_TEST

/* Goal: every length around the limit gives one whole line below it. */
START_TEST(log__text_around_the_limit__one_line_marked_as_cut)
{
    static char text[PP_LOG_LINE_MAX + 100];
    for (size_t length = PP_LOG_LINE_MAX - 100; length < sizeof text; length++) {
        struct sink sink;
        memset(text, 'x', length);
        text[length] = '\0';
        sink_init(&sink);
        pp_log(&sink.log, PP_LOG_INFO, "e", pp_log_text("k", text), pp_log_text("after", "y"));
        ck_assert_uint_le(sink.length, PP_LOG_LINE_MAX);
        ck_assert_ptr_eq(strchr(sink.text, '\n'), sink.text + sink.length - 1);
        bool whole = strstr(sink.text, " after=y\n") != NULL;
        bool cut = strstr(sink.text, " cut=1\n") != NULL;
        ck_assert(whole != cut);
        sink_done(&sink);
    }
}
END_TEST

/* Goal: less important lines are left out, and a log without an output writes nothing. */
START_TEST(log__below_the_level__nothing)
{
    struct sink sink;
    struct pp_log silent = {.level = PP_LOG_DEBUG};
    sink_init(&sink);
    pp_log(&sink.log, PP_LOG_DEBUG, "e");
    fflush(sink.log.out);
    ck_assert_uint_eq(sink.length, 0);
    pp_log(&silent, PP_LOG_ERROR, "e");
    sink_done(&sink);
}
END_TEST

START_TEST(log_refusal__with_both_values__says_what_disagreed)
{
    struct sink sink;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_PRICE_TOO_LOW, "base");
    refusal.expected = pp_value_number(5);
    refusal.actual = pp_value_number(4);
    sink_init(&sink);
    pp_log_refusal(&sink.log, PP_LOG_INFO, "refused", &refusal);
    ck_assert_str_eq(sink.text,
                     "level=info event=refused error=PRICE_TOO_LOW sentence=\"a part of the postage is "
                     "below the quote\" field=base expected=5 actual=4\n");
    sink_done(&sink);
}
END_TEST

START_TEST(log_level_parse__each_name__its_level)
{
    enum pp_log_level level = PP_LOG_WARN;
    ck_assert_error(pp_log_level_parse("loud", &level), PP_BAD_FORMAT);
    ck_assert_error(pp_log_level_parse("", &level), PP_BAD_FORMAT);
    ck_assert_int_eq(level, PP_LOG_WARN);
    ck_assert_ok(pp_log_level_parse("debug", &level));
    ck_assert_int_eq(level, PP_LOG_DEBUG);
    ck_assert_ok(pp_log_level_parse("error", &level));
    ck_assert_int_eq(level, PP_LOG_ERROR);
}
END_TEST

PP_TESTS("log")
PP_TEST(log__each_kind_of_field__one_line)
PP_TEST(log__hostile_text__quoted_and_escaped)
PP_TEST(log__text_around_the_limit__one_line_marked_as_cut)
PP_TEST(log__below_the_level__nothing)
PP_TEST(log_refusal__with_both_values__says_what_disagreed)
PP_TEST(log_level_parse__each_name__its_level)
PP_TESTS_END
