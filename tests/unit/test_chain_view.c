#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_view.h>

#define LANE 0x0501u
#define OTHER_LANE 0x0601u
#define EVENTS 64

struct world {
    struct pp_domain domain;
    struct pp_chain_view view;
    struct pp_chain_event events[EVENTS];
    size_t count;
    bool refuse; /* the sink does */
};

static enum pp_error take(void *context, const struct pp_chain_event *event)
{
    struct world *world = context;
    if (world->refuse)
        return PP_STORE_FULL;
    ck_assert_uint_lt(world->count, EVENTS);
    world->events[world->count++] = *event;
    return PP_OK;
}

static void world_init(struct world *world)
{
    struct pp_address contract = {{[19] = 0xcc}};
    *world = (struct world){0};
    pp_domain_init(&world->domain, 31337, &contract);
    ck_assert_ok(pp_chain_view_init(&world->view, &world->domain, LANE, 8));
}

static struct pp_channel_config config_of(uint64_t nonce)
{
    return (struct pp_channel_config){.payer = {{[0] = 1}}, .signer = {{[0] = 2}}, .nonce = nonce};
}

static struct pp_channel_id id_of(const struct world *world, uint64_t nonce)
{
    struct pp_channel_config config = config_of(nonce);
    struct pp_channel_fields fields = {config.payer, config.signer, config.nonce};
    struct pp_channel_id id;
    pp_channel_id_of(&world->domain, &fields, &id);
    return id;
}

static void learn(struct world *world, uint64_t nonce)
{
    struct pp_channel_config config = config_of(nonce);
    struct pp_channel_id id = id_of(world, nonce);
    ck_assert_ok(pp_chain_view_learn(&world->view, &id, &config));
}

/* A block of one of two histories: `fork` makes another hash. */
static struct pp_chain_block block_of(uint64_t number, uint8_t fork)
{
    struct pp_chain_block block = {.number = number, .time_s = 1000 + 10 * number};
    block.hash.bytes[0] = (uint8_t)number;
    block.hash.bytes[1] = fork;
    return block;
}

static void word_u64(uint8_t word[32], uint64_t value)
{
    memset(word, 0, 32);
    for (unsigned i = 0; i < 8; i++)
        word[31 - i] = (uint8_t)(value >> (8 * i));
}

static struct pp_chain_log log_of(const struct world *world, enum pp_abi_event kind, uint64_t nonce,
                                  uint64_t block, const uint64_t *words, size_t count)
{
    struct pp_chain_log log = {.topic_count = 2, .block_number = block, .time_s = 1000 + 10 * block};
    struct pp_channel_id id = id_of(world, nonce);
    pp_abi_topic(kind, &log.topics[0]);
    memcpy(log.topics[1].bytes, id.bytes, 32);
    for (size_t i = 0; i < count; i++)
        word_u64(log.data + 32 * i, words[i]);
    log.data_length = (uint16_t)(32 * count);
    return log;
}

static struct pp_chain_log cap_log(const struct world *world, uint64_t nonce, uint32_t lane, uint64_t block,
                                   uint64_t old_cap, uint64_t new_cap, uint64_t seq)
{
    const uint64_t words[] = {old_cap, new_cap, seq};
    struct pp_chain_log log = log_of(world, PP_LOG_LANE_CAP_CHANGED, nonce, block, words, 3);
    log.topic_count = 3;
    word_u64(log.topics[2].bytes, lane);
    return log;
}

static struct pp_chain_log close_log(const struct world *world, uint64_t nonce, uint64_t block)
{
    const uint64_t words[] = {5000};
    return log_of(world, PP_LOG_CLOSE_REQUESTED, nonce, block, words, 1);
}

static struct pp_chain_log closed_log(const struct world *world, uint64_t nonce, uint64_t block)
{
    const uint64_t words[] = {7, 3};
    struct pp_chain_log log = log_of(world, PP_LOG_CHANNEL_CLOSED, nonce, block, words, 2);
    log.topic_count = 3;
    log.topics[2].bytes[12] = 1;
    return log;
}

static struct pp_chain_log settled_log(const struct world *world, uint64_t nonce, uint64_t block,
                                       uint64_t vested)
{
    const uint64_t words[] = {900, 40, 800, vested, 0};
    struct pp_chain_log log = log_of(world, PP_LOG_LANE_SETTLED, nonce, block, words, 5);
    log.topic_count = 4;
    word_u64(log.topics[2].bytes, LANE);
    return log;
}

static enum pp_error turn_final(struct world *world, uint64_t upto, const struct pp_chain_log *logs,
                                size_t count)
{
    struct pp_chain_block block = block_of(upto, 0);
    world->count = 0;
    return pp_chain_view_final(&world->view, &block, logs, count, take, world);
}

static enum pp_error turn_recent(struct world *world, uint64_t latest, const struct pp_chain_log *logs,
                                 size_t count)
{
    struct pp_chain_block block = block_of(latest, 0);
    world->count = 0;
    pp_chain_view_recent_begin(&world->view);
    for (size_t i = 0; i < count; i++)
        PP_TRY(pp_chain_view_recent(&world->view, &block, logs + i, 1, take, world));
    return pp_chain_view_recent_end(&world->view, &block, take, world);
}

static void expect(const struct world *world, size_t at, enum pp_chain_event_kind kind, uint64_t nonce)
{
    struct pp_channel_id id = id_of(world, nonce);
    ck_assert_uint_lt(at, world->count);
    ck_assert_int_eq(world->events[at].kind, kind);
    ck_assert(pp_channel_id_eq(&world->events[at].channel_id, &id));
    ck_assert_uint_eq(world->events[at].lane, LANE);
}

/* Goal: a channel counts when it is final, and is only announced before (VIEW-001). Method: the same log, recent then
 * final. */
START_TEST(view__opening__seen_then_final)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log log = cap_log(&world, 1, LANE, 12, 0, 25, 0);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_recent(&world, 14, &log, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_SEEN, 1);
    ck_assert_ok(turn_recent(&world, 14, &log, 1));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 12, &log, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_FINAL, 1);
    ck_assert_uint_eq(world.events[0].cap.raw, 25);
    ck_assert_uint_eq(world.events[0].seq, 0);
    ck_assert_uint_eq(world.events[0].config.nonce, 1);
    ck_assert_uint_eq(world.events[0].time_s, 1120);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: a raised cap waits for finality, a lowered one does not (VIEW-001, VIEW-002). */
START_TEST(view__cap_changes__raised_final_lowered_at_once)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log logs[] = {cap_log(&world, 1, LANE, 5, 0, 25, 0),
                                  cap_log(&world, 1, LANE, 20, 25, 40, 1),
                                  cap_log(&world, 1, LANE, 21, 40, 30, 2)};
    ck_assert_ok(turn_final(&world, 10, logs, 1));
    ck_assert_ok(turn_recent(&world, 25, logs + 1, 2));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CAP_LOWERED, 1);
    ck_assert_uint_eq(world.events[0].cap.raw, 30);
    ck_assert_uint_eq(world.events[0].seq, 2);
    ck_assert_ok(turn_recent(&world, 25, logs + 1, 2));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 22, logs + 1, 2));
    ck_assert_uint_eq(world.count, 2);
    ck_assert_uint_eq(world.events[0].cap.raw, 40);
    ck_assert_uint_eq(world.events[1].cap.raw, 30);
    ck_assert_int_eq(world.events[1].kind, PP_CHAIN_LANE_FINAL);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: a close stops the lane at the latest block and is undone by a reorganization (VIEW-002, VIEW-003), but not once it
 * is final. */
START_TEST(view__close__at_once_and_undone)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log log = close_log(&world, 1, 20);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_ok(turn_recent(&world, 25, &log, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    ck_assert_uint_eq(world.events[0].time_s, 1200);
    ck_assert_ok(turn_recent(&world, 26, NULL, 0));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSE_UNDONE, 1);
    ck_assert_ok(turn_recent(&world, 26, NULL, 0));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_recent(&world, 27, &log, 1));
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    ck_assert_ok(turn_final(&world, 22, &log, 1));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_recent(&world, 30, NULL, 0));
    ck_assert_uint_eq(world.count, 0);
    struct pp_chain_log closed = closed_log(&world, 1, 40);
    ck_assert_ok(turn_recent(&world, 45, &closed, 1));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 42, &closed, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSED, 1);
    ck_assert(pp_chain_view_wants_state(&world.events[0]));
    pp_chain_view_done(&world.view);
}
END_TEST

static struct pp_chain_log thaw_log(const struct world *world, uint64_t nonce, uint64_t block,
                                    uint64_t target, uint64_t seq)
{
    const uint64_t words[] = {target, 9000, seq};
    struct pp_chain_log log = log_of(world, PP_LOG_THAW_REQUESTED, nonce, block, words, 3);
    log.topic_count = 3;
    word_u64(log.topics[2].bytes, LANE);
    return log;
}

static struct pp_chain_log thaw_cancelled_log(const struct world *world, uint64_t nonce, uint64_t block,
                                              uint64_t cap, uint64_t seq)
{
    const uint64_t words[] = {cap, seq};
    struct pp_chain_log log = log_of(world, PP_LOG_THAW_CANCELLED, nonce, block, words, 2);
    log.topic_count = 3;
    word_u64(log.topics[2].bytes, LANE);
    return log;
}

/* Goal: a thaw limits admission from the latest block on, its withdrawal only when it is final (VIEW-004). */
START_TEST(view__thaw__lowers_at_once_and_a_cancelled_one_raises_when_final)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log logs[] = {cap_log(&world, 1, LANE, 5, 0, 25, 0), thaw_log(&world, 1, 20, 10, 1),
                                  thaw_cancelled_log(&world, 1, 21, 25, 2)};
    ck_assert_ok(turn_final(&world, 10, logs, 1));
    ck_assert_ok(turn_recent(&world, 25, logs + 1, 2));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CAP_LOWERED, 1);
    ck_assert_uint_eq(world.events[0].cap.raw, 10);
    ck_assert_uint_eq(world.events[0].seq, 1);
    ck_assert_ok(turn_recent(&world, 25, logs + 1, 2));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 22, logs + 1, 2));
    ck_assert_uint_eq(world.count, 2);
    expect(&world, 1, PP_CHAIN_LANE_FINAL, 1);
    ck_assert_uint_eq(world.events[0].cap.raw, 10);
    ck_assert_uint_eq(world.events[1].cap.raw, 25);
    ck_assert_uint_eq(world.events[1].seq, 2);
    struct pp_chain_log seq = thaw_log(&world, 1, 30, 10, UINT64_C(1) << 32);
    ck_assert_error(turn_final(&world, 31, &seq, 1), PP_CHAIN_NONSENSE);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: a cancelled close is undone when the cancellation is final, and a later close counts again (VIEW-005). */
START_TEST(view__close_cancelled__undone_when_final)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log logs[] = {close_log(&world, 1, 20),
                                  log_of(&world, PP_LOG_CLOSE_CANCELLED, 1, 21, NULL, 0),
                                  close_log(&world, 1, 30)};
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_ok(turn_recent(&world, 25, logs, 2));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    ck_assert_ok(turn_final(&world, 20, logs, 1));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_recent(&world, 25, logs + 1, 1));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 22, logs + 1, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSE_UNDONE, 1);
    ck_assert_ok(turn_recent(&world, 31, logs + 2, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: a close that needs no waiting takes the money at once: admission stops with the latest block. */
START_TEST(view__close_at_once__closing_then_closed)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log closed = closed_log(&world, 1, 20);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_ok(turn_recent(&world, 25, &closed, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    ck_assert_ok(turn_final(&world, 22, &closed, 1));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSED, 1);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: what was settled counts when final; nothing of other lanes, and no close of other channels, gets through. */
START_TEST(view__settled_and_foreign_logs__only_ours)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log logs[] = {settled_log(&world, 1, 5, 777), cap_log(&world, 1, OTHER_LANE, 6, 0, 9, 0),
                                  close_log(&world, 2, 7)};
    struct pp_channel_id asked;
    ck_assert_int_eq(pp_chain_view_interest(&world.view, &logs[0], &asked), PP_VIEW_YES);
    ck_assert_int_eq(pp_chain_view_interest(&world.view, &logs[1], &asked), PP_VIEW_NO);
    ck_assert_int_eq(pp_chain_view_interest(&world.view, &logs[2], &asked), PP_VIEW_ASK);
    struct pp_channel_id second = id_of(&world, 2);
    ck_assert(pp_channel_id_eq(&asked, &second));
    ck_assert_ok(turn_final(&world, 4, NULL, 0));
    ck_assert_ok(turn_recent(&world, 9, logs, 3));
    ck_assert_uint_eq(world.count, 0);
    ck_assert_ok(turn_final(&world, 8, logs, 3));
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_SETTLED, 1);
    ck_assert(world.events[0].vested.raw == 777);
    ck_assert(world.events[0].refunded.raw == 40);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: blocks that cannot be are nonsense; a final block that changed is a conflict, told once; a node that is behind is
 * stale (VIEW-010 to VIEW-012). */
START_TEST(view_check__blocks__ok_nonsense_reorg_stale)
{
    struct world world;
    world_init(&world);
    struct pp_chain_block ten = block_of(10, 0), ten_forked = block_of(10, 1), twelve = block_of(12, 0),
                          twelve_forked = block_of(12, 1), nine = block_of(9, 0), late = block_of(12, 0);
    late.time_s = 1;
    ck_assert_ok(pp_chain_view_check(&world.view, &twelve, &ten, NULL, take, &world));
    ck_assert_error(pp_chain_view_check(&world.view, &ten, &twelve, NULL, take, &world), PP_CHAIN_NONSENSE);
    ck_assert_error(pp_chain_view_check(&world.view, &late, &ten, NULL, take, &world), PP_CHAIN_NONSENSE);
    ck_assert_error(pp_chain_view_check(&world.view, &twelve, &twelve_forked, NULL, take, &world),
                    PP_CHAIN_NONSENSE);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_ok(pp_chain_view_check(&world.view, &twelve, &ten, &ten, take, &world));
    ck_assert_error(pp_chain_view_check(&world.view, &twelve, &nine, &ten, take, &world), PP_CHAIN_STALE);
    ck_assert_uint_eq(world.count, 0);
    ck_assert_error(pp_chain_view_check(&world.view, &twelve, &ten, &ten_forked, take, &world),
                    PP_CHAIN_REORG);
    ck_assert_error(pp_chain_view_check(&world.view, &twelve, &ten, &ten_forked, take, &world),
                    PP_CHAIN_REORG);
    ck_assert_uint_eq(world.count, 1);
    ck_assert_int_eq(world.events[0].kind, PP_CHAIN_CONFLICT);
    ck_assert_ok(pp_chain_view_check(&world.view, &twelve, &ten, &ten, take, &world));
    ck_assert(!world.view.conflict);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: entries that lie are nonsense, and a config that does not make the id is (VIEW-013). */
START_TEST(view__lying_logs__nonsense)
{
    struct world world;
    world_init(&world);
    struct pp_channel_config config = config_of(1);
    struct pp_channel_id wrong = id_of(&world, 2);
    ck_assert_error(pp_chain_view_learn(&world.view, &wrong, &config), PP_CHAIN_NONSENSE);
    learn(&world, 1);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    struct pp_chain_log old = cap_log(&world, 1, LANE, 10, 0, 25, 0),
                        later = cap_log(&world, 1, LANE, 21, 0, 25, 0);
    struct pp_chain_log seq = cap_log(&world, 1, LANE, 15, 0, 25, UINT64_C(1) << 32),
                        damaged = close_log(&world, 1, 15);
    damaged.data_length--;
    ck_assert_error(turn_final(&world, 20, &old, 1), PP_CHAIN_NONSENSE);
    ck_assert_error(turn_final(&world, 20, &later, 1), PP_CHAIN_NONSENSE);
    ck_assert_error(turn_final(&world, 20, &seq, 1), PP_CHAIN_NONSENSE);
    ck_assert_error(turn_final(&world, 20, &damaged, 1), PP_CHAIN_NONSENSE);
    ck_assert_error(turn_recent(&world, 20, &later, 1), PP_CHAIN_NONSENSE);
    ck_assert_uint_eq(world.view.final.number, 10);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: an event that was not taken is given again. Method: a sink that refuses once, for each kind of turn. */
START_TEST(view__sink_refuses__given_again)
{
    struct world world;
    world_init(&world);
    learn(&world, 1);
    struct pp_chain_log cap = cap_log(&world, 1, LANE, 5, 0, 25, 0), close = close_log(&world, 1, 20);
    world.refuse = true;
    ck_assert_error(turn_final(&world, 10, &cap, 1), PP_STORE_FULL);
    world.refuse = false;
    ck_assert(!world.view.has_final);
    ck_assert_ok(turn_final(&world, 10, &cap, 1));
    ck_assert_uint_eq(world.count, 1);
    world.refuse = true;
    ck_assert_error(turn_recent(&world, 25, &close, 1), PP_STORE_FULL);
    world.refuse = false;
    ck_assert_ok(turn_recent(&world, 25, &close, 1));
    expect(&world, 0, PP_CHAIN_CLOSING, 1);
    world.refuse = true;
    ck_assert_error(turn_recent(&world, 25, NULL, 0), PP_STORE_FULL);
    world.refuse = false;
    ck_assert_ok(turn_recent(&world, 25, NULL, 0));
    expect(&world, 0, PP_CHAIN_CLOSE_UNDONE, 1);
    pp_chain_view_done(&world.view);
}
END_TEST

START_TEST(view__more_channels_than_room__too_many)
{
    struct world world;
    world_init(&world);
    uint64_t nonce = 0;
    enum pp_error error = PP_OK;
    for (; error == PP_OK && nonce < 100; nonce++) {
        struct pp_channel_config config = config_of(nonce);
        struct pp_channel_id id = id_of(&world, nonce);
        error = pp_chain_view_learn(&world.view, &id, &config);
    }
    ck_assert_error(error, PP_TOO_MANY_LANES);
    ck_assert_uint_gt(nonce, 8);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: HEAD says what the daemon needs; a pool that paid out more than it got is nonsense. */
START_TEST(view_head__facts__in_the_event)
{
    struct world world;
    world_init(&world);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    struct pp_chain_block latest = block_of(14, 0);
    struct pp_chain_pool pool = {pp_units(90), pp_units(20)};
    struct pp_chain_report_head report = {.hash = {{9}}, .epoch = 4, .block_number = 8, .end_time_s = 1070};
    ck_assert_ok(pp_chain_view_head(&world.view, &latest, &pool, &report, take, &world));
    const struct pp_chain_event *event = &world.events[0];
    ck_assert_int_eq(event->kind, PP_CHAIN_HEAD);
    ck_assert_uint_eq(event->block_number, 14);
    ck_assert_uint_eq(event->time_s, 1140);
    ck_assert_uint_eq(event->finalized_number, 10);
    ck_assert_uint_eq(event->finalized_time_s, 1100);
    ck_assert_uint_eq(event->received_total.raw, 90);
    ck_assert_uint_eq(event->last_report_epoch, 4);
    pool.claimed = pp_units(91);
    ck_assert_error(pp_chain_view_head(&world.view, &latest, &pool, &report, take, &world),
                    PP_CHAIN_NONSENSE);
    pp_chain_view_done(&world.view);
}
END_TEST

/* Goal: a view goes on from its mark: what was given and is not final can still be undone. Every flip of a bit, every
 * truncation, and another domain are refused. */
START_TEST(view_mark__store_and_resume__goes_on)
{
    struct world world, again;
    uint8_t mark[PP_VIEW_MARK_BYTES(1)];
    size_t length;
    world_init(&world);
    learn(&world, 1);
    learn(&world, 2);
    struct pp_chain_log log = close_log(&world, 1, 20);
    ck_assert_ok(turn_final(&world, 10, NULL, 0));
    ck_assert_ok(turn_recent(&world, 25, &log, 1));
    ck_assert_ok(pp_chain_view_encode(&world.view, mark, sizeof mark, &length));
    ck_assert_uint_eq(length, sizeof mark);
    ck_assert_error(pp_chain_view_encode(&world.view, mark, sizeof mark - 1, &length), PP_OVERFLOW);
    ck_assert_ok(pp_chain_view_encode(&world.view, mark, sizeof mark, &length));

    world_init(&again);
    ck_assert_ok(pp_chain_view_decode(&again.view, mark, length));
    ck_assert_uint_eq(again.view.final.number, 10);
    ck_assert_ok(turn_recent(&again, 26, NULL, 0));
    ck_assert_uint_eq(again.count, 1);
    expect(&again, 0, PP_CHAIN_CLOSE_UNDONE, 1);
    pp_chain_view_done(&again.view);

    for (size_t bit = 0; bit < 8 * length; bit++) {
        world_init(&again);
        mark[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_chain_view_decode(&again.view, mark, length),
                        bit < 8 ? PP_BAD_VERSION : PP_CORRUPT);
        mark[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_chain_view_done(&again.view);
    }
    for (size_t cut = 0; cut < length; cut++) {
        world_init(&again);
        ck_assert_error(pp_chain_view_decode(&again.view, mark, cut), PP_CORRUPT);
        pp_chain_view_done(&again.view);
    }
    struct pp_address other = {{[0] = 1}};
    world_init(&again);
    pp_domain_init(&again.view.domain, 31337, &other);
    ck_assert_error(pp_chain_view_decode(&again.view, mark, length), PP_WRONG_DOMAIN);
    pp_chain_view_done(&again.view);
    pp_chain_view_done(&world.view);
}
END_TEST

PP_TESTS("chain_view")
PP_TEST(view__opening__seen_then_final)
PP_TEST(view__cap_changes__raised_final_lowered_at_once)
PP_TEST(view__close__at_once_and_undone)
PP_TEST(view__close_at_once__closing_then_closed)
PP_TEST(view__thaw__lowers_at_once_and_a_cancelled_one_raises_when_final)
PP_TEST(view__close_cancelled__undone_when_final)
PP_TEST(view__settled_and_foreign_logs__only_ours)
PP_TEST(view_check__blocks__ok_nonsense_reorg_stale)
PP_TEST(view__lying_logs__nonsense)
PP_TEST(view__sink_refuses__given_again)
PP_TEST(view__more_channels_than_room__too_many)
PP_TEST(view_head__facts__in_the_event)
PP_TEST(view_mark__store_and_resume__goes_on)
PP_TESTS_END
