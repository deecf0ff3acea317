/* When a sender that was not told which kind of stamp to use chooses a session. */
#include "pp_test.h"

#include "send_parts.h"

static bool wanted(struct sender *s, size_t count)
{
    const struct slot slot = {.count = count};
    return cli_send_session_is_wanted(s, &slot);
}

/* SESSION-060. */
START_TEST(choice__by_what_is_at_hand_and_the_rate)
{
    struct cli_sender_config config = {.stamp = CLI_STAMP_AUTO};
    struct sender s = {.config = &config};
    cli_send_session_count(&s, 4095, 1000000);
    ck_assert(!wanted(&s, 64)); /* one short */
    cli_send_session_count(&s, 1, 1009999);
    ck_assert(wanted(&s, 64));
    ck_assert(!wanted(&s, 1)); /* one alone */
    s.source_ended = true;     /* nothing more waits */
    ck_assert(!wanted(&s, 64));
    s.source_ended = false;
    cli_send_session_count(&s, 64, 1010000); /* a new window: the one before counts still */
    ck_assert(wanted(&s, 64));
    cli_send_session_count(&s, 64, 1020001);
    ck_assert(!wanted(&s, 64));                /* 64 in ten seconds */
    cli_send_session_count(&s, 4096, 1050001); /* a pause, and then as many as before */
    ck_assert(wanted(&s, 64));
    cli_send_session_count(&s, 2, 1090000);
    ck_assert(!wanted(&s, 64));
}
END_TEST

START_TEST(choice__told_which__that_one)
{
    struct cli_sender_config config = {.stamp = CLI_STAMP_SESSION};
    struct sender s = {.config = &config, .source_ended = true};
    ck_assert(wanted(&s, 1));
    config.stamp = CLI_STAMP_BATCH;
    s.source_ended = false;
    cli_send_session_count(&s, 100000, 1000000);
    ck_assert(!wanted(&s, 64));
    config.stamp = CLI_STAMP_SINGLE;
    ck_assert(!wanted(&s, 64));
}
END_TEST

PP_TESTS("send_session")
PP_TEST(choice__by_what_is_at_hand_and_the_rate)
PP_TEST(choice__told_which__that_one)
PP_TESTS_END
