/* A chain's node that lies, turn by turn: a named error, no event, and the next turn goes on. The honest chain is in
 * tests/integration/test_chain_watch.c. */
#define _GNU_SOURCE
#include "chain/chain_poll.h"
#include "fake_rpc.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdio.h>

#define LANE 0x0500u
#define HASHES "\"hash\":\"0x%064x\",\"parentHash\":\"0x%064x\""

/* What the node says; zero fields lie about nothing. */
struct lies {
    uint64_t chain_id;
    unsigned latest, finalized;  /* block numbers */
    unsigned latest_time;        /* of the latest block; 0: as the others */
    unsigned fork;               /* changes every hash */
    bool fork_between;           /* the latest block changes while it is read */
    const char *logs;            /* JSON */
    const char *nonsense_method; /* answers 7 */
    bool claimed_above;          /* the pool paid out more than it has */
    bool no_contract, other_code;
    bool down;
    bool blooms;       /* every header announces entries of everybody */
    bool pruned;       /* but no block has any */
    bool left_out;     /* the range has none, the block by its hash has */
    bool lane_has_cap; /* of any channel */
    unsigned asked_latest, asked_logs;
};

/* A bloom of ones but for its first bits: it announces everything, and is not one of those that say nothing. */
static void block_print(char *out, size_t capacity, const struct lies *lies, unsigned number, unsigned fork,
                        unsigned time)
{
    int length = snprintf(out, capacity, "{\"number\":\"0x%x\"," HASHES ",\"timestamp\":\"0x%x\"", number,
                          1 + number + 4096 * fork, number + 4096 * fork, time);
    if (lies->blooms) {
        length += snprintf(out + length, capacity - (size_t)length, ",\"logsBloom\":\"0x00");
        for (unsigned i = 1; i < 256; i++)
            length += snprintf(out + length, capacity - (size_t)length, "ff");
        length += snprintf(out + length, capacity - (size_t)length, "\"");
    }
    snprintf(out + length, capacity - (size_t)length, "}");
}

static struct pp_fake_answer answer_block(struct lies *lies, const struct pp_fake_question *question)
{
    char text[1024];
    const char *which = json_string_value(json_array_get(question->params, 0));
    bool latest = strcmp(which, "latest") == 0;
    unsigned number = latest                            ? lies->latest
                      : strcmp(which, "finalized") == 0 ? lies->finalized
                                                        : (unsigned)strtoul(which, NULL, 16);
    if (number > lies->latest && number > lies->finalized)
        return pp_fake_result(question, "null");
    unsigned fork =
        lies->fork + (lies->fork_between && !latest && number == lies->latest ? ++lies->asked_latest : 0);
    unsigned time = number == lies->latest && lies->latest_time ? lies->latest_time : 1000 + number;
    block_print(text, sizeof text, lies, number, fork, time);
    return pp_fake_result(question, text);
}

/* The hash of a block holds its number and fork. */
static struct pp_fake_answer answer_block_of(struct lies *lies, const struct pp_fake_question *question)
{
    char text[1024];
    unsigned hash = (unsigned)strtoul(json_string_value(json_array_get(question->params, 0)) + 50, NULL, 16);
    unsigned number = (hash - 1) % 4096, fork = (hash - 1) / 4096;
    if (fork != lies->fork || number > lies->latest || lies->fork_between)
        return pp_fake_result(question, "null");
    block_print(text, sizeof text, lies, number, fork, 1000 + number);
    return pp_fake_result(question, text);
}

static struct pp_fake_answer answer_call(struct lies *lies, const struct pp_fake_question *question)
{
    uint8_t selector[4];
    char prefix[11], text[1024] = "\"0x";
    unsigned words = 5;
    const char *data = json_string_value(json_object_get(json_array_get(question->params, 0), "data"));
    if (lies->no_contract)
        return pp_fake_result(question, "\"0x\"");
    static const struct {
        enum pp_abi_function function;
        unsigned words;
    } sizes[] = {{PP_ABI_TIMERS, 8},
                 {PP_ABI_TOKEN, 1},
                 {PP_ABI_POOL, 2},
                 {PP_ABI_LAST_REPORT, 4},
                 {PP_ABI_LANE_OF, 5}};
    bool is_lane = false;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pp_abi_selector(sizes[i].function, selector);
        snprintf(prefix, sizeof prefix, "0x%02x%02x%02x%02x", selector[0], selector[1], selector[2],
                 selector[3]);
        if (strncmp(prefix, data, 10) == 0) {
            words = sizes[i].words;
            is_lane = sizes[i].function == PP_ABI_LANE_OF;
        }
    }
    for (unsigned i = 0; i < words; i++) {
        unsigned word =
            (words == 2 && i == 1 && lies->claimed_above) || (is_lane && i == 2 && lies->lane_has_cap);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%064x", word);
    }
    strcat(text, "\"");
    return pp_fake_result(question, text);
}

/* Without a filter there is an entry of somebody, unless the node lost them. */
static struct pp_fake_answer answer_logs(struct lies *lies, const struct pp_fake_question *question)
{
    const json_t *filter = json_array_get(question->params, 0);
    const char *block = json_string_value(json_object_get(filter, "blockHash"));
    char text[1024];
    lies->asked_logs++;
    if (!json_object_get(filter, "address"))
        return pp_fake_result(question, lies->pruned ? "[]" : "[{}]");
    if (!block || !lies->left_out)
        return pp_fake_result(question, lies->logs ? lies->logs : "[]");
    unsigned hash = (unsigned)strtoul(block + 50, NULL, 16);
    struct pp_hash topic;
    char topic_text[67];
    pp_abi_topic(PP_LOG_CLOSE_REQUESTED, &topic);
    pp_hex_print(topic.bytes, 32, topic_text);
    snprintf(
        text, sizeof text,
        "[{\"address\":\"0x%040x\",\"blockNumber\":\"0x%x\",\"blockHash\":\"%s\",\"transactionHash\":\"%s\","
        "\"logIndex\":\"0x0\",\"topics\":[\"0x%s\",\"0x%064x\"],\"data\":\"0x%064x\"}]",
        1u, hash - 1, block, block, topic_text, 7u, 9u);
    return pp_fake_result(question, text);
}

static struct pp_fake_answer answer(void *context, const struct pp_fake_question *question)
{
    struct lies *lies = context;
    char id[32];
    if (lies->down)
        return (struct pp_fake_answer){.status = 503};
    if (lies->nonsense_method && strcmp(question->method, lies->nonsense_method) == 0)
        return pp_fake_result(question, "7");
    snprintf(id, sizeof id, "\"0x%lx\"", (unsigned long)(lies->chain_id ? lies->chain_id : 31337));
    if (strcmp(question->method, "eth_chainId") == 0)
        return pp_fake_result(question, id);
    if (strcmp(question->method, "eth_getBlockByNumber") == 0)
        return answer_block(lies, question);
    if (strcmp(question->method, "eth_getBlockByHash") == 0)
        return answer_block_of(lies, question);
    if (strcmp(question->method, "eth_getLogs") == 0)
        return answer_logs(lies, question);
    if (strcmp(question->method, "eth_getCode") == 0)
        return pp_fake_result(question, lies->no_contract  ? "\"0x\""
                                        : lies->other_code ? "\"0x02\""
                                                           : "\"0x01\"");
    if (strcmp(question->method, "eth_call") == 0)
        return answer_call(lies, question);
    return pp_fake_error(question, -32601, "no such method", NULL);
}

struct rig {
    struct lies lies, others[2];
    struct pp_fake_rpc *fake, *other_fakes[2];
    struct chain_poll poll;
    unsigned heads, others_told;
    struct pp_chain_event last;
    enum pp_error take; /* what the sink answers */
};

static enum pp_error take(void *context, const struct pp_chain_event *events, size_t count)
{
    struct rig *rig = context;
    if (rig->take != PP_OK)
        return rig->take;
    for (size_t i = 0; i < count; i++) {
        rig->heads += events[i].kind == PP_CHAIN_HEAD;
        rig->others_told += events[i].kind != PP_CHAIN_HEAD;
        rig->last = events[i];
    }
    return PP_OK;
}

static void rig_start_several(struct rig *rig, unsigned others)
{
    bool anew;
    char urls[512];
    struct pp_address contract = {{[19] = 1}};
    *rig = (struct rig){.lies = {.latest = 20, .finalized = 10}};
    rig->fake = pp_fake_rpc_start(answer, &rig->lies);
    int length = snprintf(urls, sizeof urls, "%s", pp_fake_rpc_url(rig->fake));
    for (unsigned i = 0; i < others; i++) {
        rig->others[i] = rig->lies;
        rig->other_fakes[i] = pp_fake_rpc_start(answer, &rig->others[i]);
        length += snprintf(urls + length, sizeof urls - (size_t)length, ",%s",
                           pp_fake_rpc_url(rig->other_fakes[i]));
    }
    struct pp_chain_watch_config config = {
        .rpc_url = urls,
        .lane = LANE,
        .lanes_max = 4,
        .start_block = 1,
        .timeout_ms = 5000,
        .events = take,
        .context = rig,
    };
    pp_domain_init(&config.domain, 31337, &contract);
    ck_assert_ok(chain_poll_init(&rig->poll, &config, &anew));
}

static void rig_start(struct rig *rig)
{
    rig_start_several(rig, 0);
}

static void rig_stop(struct rig *rig)
{
    for (unsigned i = 0; i < 2; i++)
        if (rig->other_fakes[i])
            pp_fake_rpc_stop(rig->other_fakes[i]);
    chain_poll_done(&rig->poll);
    pp_fake_rpc_stop(rig->fake);
}

/* Goal: every lie is a named error without an event, and after it the truth is taken (WATCH-001). Method: a table; an honest
 * turn before and after each. */
START_TEST(poll__lies__named_error_and_recovery)
{
    static const struct {
        struct lies lies;
        enum pp_error error;
    } cases[] = {
        {{.latest = 21, .finalized = 11, .chain_id = 1}, PP_CHAIN_WRONG_ID},
        {{.latest = 9, .finalized = 11}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .latest_time = 5}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .no_contract = true}, PP_CONTRACT_MISMATCH}, /* WATCH-030 */
        {{.latest = 21, .finalized = 11, .claimed_above = true}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .logs = "7"}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .logs = "[{}]"}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .nonsense_method = "eth_chainId"}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .nonsense_method = "eth_getBlockByNumber"}, PP_CHAIN_NONSENSE},
        {{.latest = 21, .finalized = 11, .nonsense_method = "eth_call"}, PP_CHAIN_NONSENSE},
        {{.latest = 8, .finalized = 7}, PP_CHAIN_STALE},
        {{.latest = 21, .finalized = 9}, PP_CHAIN_STALE},
        {{.latest = 21, .finalized = 11, .fork_between = true}, PP_CHAIN_REORG},
        {{.latest = 21, .finalized = 11, .blooms = true, .pruned = true}, PP_CHAIN_PRUNED},  /* WATCH-011 */
        {{.latest = 21, .finalized = 11, .blooms = true, .left_out = true}, PP_CHAIN_REORG}, /* WATCH-011 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig rig;
        rig_start(&rig);
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert_uint_eq(rig.heads, 1);
        rig.lies = cases[i].lies;
        enum pp_error error = chain_poll_turn(&rig.poll);
        ck_assert_msg(error == cases[i].error, "case %zu: %s (%s), not %s", i, pp_error_name(error),
                      pp_rpc_reason(rig.poll.contract.rpc), pp_error_name(cases[i].error));
        ck_assert_uint_eq(rig.heads, 1);
        ck_assert_uint_eq(rig.others_told, 0);
        rig.lies = (struct lies){.latest = 22, .finalized = 12};
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert_uint_eq(rig.heads, 2);
        ck_assert_uint_eq(rig.last.block_number, 22);
        rig_stop(&rig);
    }
}
END_TEST

/* Goal: a bloom that announces what is not there is looked into once a block, and an old block is asked for its entries before
 * history is believed to be empty (WATCH-011, WATCH-012). Method: questions for logs, counted. */
START_TEST(poll__blooms_and_history__looked_into_once)
{
    struct rig rig;
    rig_start(&rig);
    rig.lies.blooms = true;
    rig.lies.pruned = true;
    ck_assert_error(chain_poll_turn(&rig.poll), PP_CHAIN_PRUNED);
    ck_assert_ptr_nonnull(strstr(pp_rpc_reason(rig.poll.contract.rpc), "block 1 has entries"));
    rig.lies.pruned = false;
    rig.lies.asked_logs = 0;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_uint_eq(rig.lies.asked_logs,
                      1 + 1 + 1 + 2 * 10); /* history, final, recent, two for each of 11 to 20 */
    rig.lies.asked_logs = 0;
    rig.lies.latest = 21;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_uint_eq(rig.lies.asked_logs, 1 + 2);
    rig.lies.asked_logs = 0;
    rig.lies.finalized = 15;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_uint_eq(rig.lies.asked_logs, 2);
    rig_stop(&rig);
}
END_TEST

/* Goal: another history below the finalized block is told once, and stops everything until the old one is back (VIEW-011). */
START_TEST(poll__another_history__conflict_until_it_is_back)
{
    struct rig rig;
    rig_start(&rig);
    ck_assert_ok(chain_poll_turn(&rig.poll));
    rig.lies.fork = 1;
    ck_assert_error(chain_poll_turn(&rig.poll), PP_CHAIN_REORG);
    ck_assert_error(chain_poll_turn(&rig.poll), PP_CHAIN_REORG);
    ck_assert_uint_eq(rig.others_told, 1);
    ck_assert_int_eq(rig.last.kind, PP_CHAIN_CONFLICT);
    ck_assert_uint_eq(rig.heads, 1);
    rig.lies.fork = 0;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_uint_eq(rig.heads, 2);
    rig_stop(&rig);
}
END_TEST

/* Goal: what the ledger did not take is handed over again, first. */
START_TEST(poll__ledger_refuses__handed_over_again)
{
    struct rig rig;
    rig_start(&rig);
    rig.take = PP_STORE_FULL;
    ck_assert_error(chain_poll_turn(&rig.poll), PP_STORE_FULL);
    rig.take = PP_OK;
    rig.lies.latest = 30;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_uint_eq(rig.heads, 2);
    ck_assert_uint_eq(rig.last.block_number, 30);
    rig_stop(&rig);
}
END_TEST

static void channel_make(const struct rig *rig, uint64_t nonce, struct pp_channel_id *id,
                         struct pp_channel_config *config)
{
    *config = (struct pp_channel_config){{{[19] = 2}}, {{[19] = 3}}, nonce};
    const struct pp_channel_fields fields = {config->payer, config->signer, nonce};
    pp_channel_id_of(&rig->poll.config.domain, &fields, id);
}

#define LOG_HEAD                                                                                             \
    "{\"address\":\"0x%040x\",\"blockNumber\":\"0x5\",\"blockHash\":\"0x%064x\",\"transactionHash\":\"0x%"   \
    "064x\","                                                                                                \
    "\"logIndex\":\"0x%x\",\"removed\":false,"

/* ChannelOpened and LaneCapChanged of one channel, in block 5. */
static void logs_print(const struct rig *rig, uint64_t nonce, char *out, size_t capacity)
{
    struct pp_hash opened, changed;
    struct pp_channel_id id;
    struct pp_channel_config config;
    char topics[2][67], channel[67];
    channel_make(rig, nonce, &id, &config);
    pp_abi_topic(PP_LOG_CHANNEL_OPENED, &opened);
    pp_abi_topic(PP_LOG_LANE_CAP_CHANGED, &changed);
    pp_hex_print(opened.bytes, 32, topics[0]);
    pp_hex_print(changed.bytes, 32, topics[1]);
    pp_hex_print(id.bytes, 32, channel);
    snprintf(out, capacity,
             "[" LOG_HEAD
             "\"topics\":[\"0x%s\",\"0x%s\",\"0x%064x\",\"0x%064x\"],\"data\":\"0x%064x%064x\"}," LOG_HEAD
             "\"topics\":[\"0x%s\",\"0x%s\",\"0x%064x\"],\"data\":\"0x%064x%064x%064x\"}]",
             1u, 6u, 9u, 0u, topics[0], channel, 2u, 3u, (unsigned)nonce, 7u, 1u, 6u, 9u, 1u, topics[1],
             channel, LANE, 0u, 7u, 0u);
}

/* Goal: who opens one channel too many does not stop the news of all others (WATCH-006). Method: the ledger has no place for
 * it, then the watch itself has none; the head must come. */
START_TEST(poll__one_channel_too_many__left_out_and_the_head_comes)
{
    for (unsigned round = 0; round < 2; round++) {
        struct rig rig;
        char logs[4096];
        rig_start(&rig);
        rig.lies.lane_has_cap = true;
        for (uint64_t nonce = 0; round == 1; nonce++) {
            struct pp_channel_id id;
            struct pp_channel_config config;
            channel_make(&rig, nonce, &id, &config);
            if (pp_chain_view_learn(&rig.poll.view, &id, &config) == PP_TOO_MANY_LANES)
                break;
        }
        logs_print(&rig, 99999, logs, sizeof logs);
        rig.lies.logs = logs;
        rig.take = round == 0 ? PP_TOO_MANY_LANES : PP_OK;
        rig.lies.finalized = 5;
        rig.lies.latest = 5;
        ck_assert_ok(chain_poll_turn(&rig.poll));
        rig.lies.logs = NULL;
        rig.lies.latest = 8;
        rig.take = PP_OK;
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert_uint_eq(rig.heads, round + 1);
        ck_assert_uint_eq(rig.others_told, 0);
        ck_assert_uint_eq(rig.last.block_number, 8);
        rig_stop(&rig);
    }
}
END_TEST

/* Goal: twice as long after every failure, up to a minute (WATCH-005). */
START_TEST(poll_wait__failures__doubled_to_a_minute)
{
    ck_assert_uint_eq(chain_poll_wait_ms(2000, 0), 2000);
    ck_assert_uint_eq(chain_poll_wait_ms(2000, 1), 4000);
    ck_assert_uint_eq(chain_poll_wait_ms(2000, 4), 32000);
    ck_assert_uint_eq(chain_poll_wait_ms(2000, 5), 60000);
    ck_assert_uint_eq(chain_poll_wait_ms(2000, UINT64_MAX), 60000);
    ck_assert_uint_eq(chain_poll_wait_ms(90000, 3), 90000);
    ck_assert_uint_eq(chain_poll_wait_ms(UINT32_MAX, 3), UINT32_MAX);
}
END_TEST

/* ---- several endpoints ---- */

static struct pp_rpc_endpoint health(const struct rig *rig, size_t at)
{
    struct pp_rpc_endpoint out;
    pp_rpc_endpoint(rig->poll.contract.rpc, at, &out);
    return out;
}

/* Goal: a failing endpoint is passed over in the same turn, rests, and is preferred again afterwards (WATCH-021, RPC-015).
 * Method: the first of two fails in each way that another may do better. */
START_TEST(poll__endpoint_fails__next_one_is_read)
{
    static const struct {
        struct lies lies;
        enum pp_error error;
    } cases[] = {
        {{.latest = 21, .finalized = 11, .down = true}, PP_CHAIN_DOWN},
        {{.latest = 21, .finalized = 11, .nonsense_method = "eth_getBlockByNumber"}, PP_CHAIN_NONSENSE},
        {{.latest = 8, .finalized = 7}, PP_CHAIN_STALE},
        {{.latest = 21, .finalized = 11, .blooms = true, .pruned = true}, PP_CHAIN_PRUNED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig rig;
        rig_start_several(&rig, 1);
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert(health(&rig, 0).is_current);
        rig.lies = cases[i].lies;
        rig.others[0] = (struct lies){.latest = 22, .finalized = 12};
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert_uint_eq(rig.heads, 2);
        ck_assert_uint_eq(rig.last.block_number, 22);
        ck_assert(health(&rig, 1).is_current);
        ck_assert_int_eq(health(&rig, 0).error, cases[i].error);
        ck_assert_uint_eq(health(&rig, 0).rests, 2);
        rig.lies = (struct lies){.latest = 23, .finalized = 13};
        rig.others[0] = rig.lies;
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert(health(&rig, 1).is_current);
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert(health(&rig, 0).is_current);
        ck_assert_int_eq(health(&rig, 0).error, PP_OK);
        ck_assert_uint_eq(health(&rig, 0).latest, 23);
        rig_stop(&rig);
    }
}
END_TEST

/* Goal: two endpoints that say different things about what is final freeze the lanes, once, and say which two said what,
 * without what may be secret; nothing final is taken, and silence is no agreement (WATCH-020, WATCH-022, RPC-004). */
START_TEST(poll__endpoints_disagree__conflict_until_both_agree)
{
    static const struct {
        struct lies lies;
        const char *reason;
    } cases[] = {
        {{.latest = 22, .finalized = 12, .fork = 1}, "the final block 12 has hash 0x"},
        {{.latest = 22, .finalized = 12, .chain_id = 5}, "chain 31337, chain 5"},
        {{.latest = 22, .finalized = 12, .other_code = true}, "code"},
        {{.latest = 22, .finalized = 12, .no_contract = true}, "(0 bytes)"},
        {{.latest = 22, .finalized = 12, .logs = ""}, "0, 1 entries in the final blocks 11 to 12"},
    };
    const struct lies truth = {.latest = 22, .finalized = 12};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig rig;
        char log[1024];
        struct pp_hash topic;
        char topic_text[67];
        pp_abi_topic(PP_LOG_CLOSE_REQUESTED, &topic);
        pp_hex_print(topic.bytes, 32, topic_text);
        rig_start_several(&rig, 2);
        if (i != 2 && i != 3) /* code is compared once */
            ck_assert_ok(chain_poll_turn(&rig.poll));
        unsigned heads = rig.heads;
        rig.lies = rig.others[0] = truth;
        rig.others[1] = cases[i].lies;
        snprintf(log, sizeof log,
                 "[{\"address\":\"0x%040x\",\"blockNumber\":\"0xc\",\"blockHash\":\"0x%064x\","
                 "\"transactionHash\":\"0x%064x\",\"logIndex\":\"0x0\",\"topics\":[\"0x%s\",\"0x%064x\"],"
                 "\"data\":\"0x%064x\"}]",
                 1u, 13u, 5u, topic_text, 7u, 9u);
        if (cases[i].lies.logs)
            rig.others[1].logs = log;
        for (unsigned round = 0; round < 2; round++) {
            ck_assert_error(chain_poll_turn(&rig.poll), PP_ENDPOINTS_DISAGREE);
            const char *reason = pp_rpc_reason(rig.poll.contract.rpc);
            ck_assert_msg(strstr(reason, cases[i].reason) && strstr(reason, "endpoint 1 (http://127.0.0.1") &&
                              strstr(reason, "endpoint 3 (http://127.0.0.1") && !strstr(reason, "secret"),
                          "%s", reason);
        }
        rig.others[1].down = true;
        ck_assert_error(chain_poll_turn(&rig.poll), PP_ENDPOINTS_DISAGREE);
        rig.others[1] = truth;
        rig.others[1].down = true;
        ck_assert_error(chain_poll_turn(&rig.poll), PP_ENDPOINTS_DISAGREE);
        ck_assert_uint_eq(rig.heads, heads);
        ck_assert_uint_eq(rig.others_told, 1);
        ck_assert_int_eq(rig.last.kind, PP_CHAIN_CONFLICT);
        ck_assert_uint_lt(rig.poll.view.final.number, 12);
        rig.others[1] = truth;
        ck_assert_ok(chain_poll_turn(&rig.poll));
        ck_assert_uint_eq(rig.heads, heads + 1);
        rig_stop(&rig);
    }
}
END_TEST

/* Goal: an endpoint that is behind is no disagreement, and is passed over when it is far behind (WATCH-023). */
START_TEST(poll__endpoint_behind__no_disagreement_and_passed_over)
{
    struct rig rig;
    rig_start_several(&rig, 1);
    rig.others[0] = (struct lies){.latest = 9, .finalized = 5};
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert_int_eq(health(&rig, 1).error, PP_CHAIN_STALE);
    ck_assert_ok(chain_poll_turn(&rig.poll));
    rig.others[0] = (struct lies){.latest = 20 + 121, .finalized = 12};
    rig.lies.finalized = 11;
    ck_assert_ok(chain_poll_turn(&rig.poll));
    ck_assert(health(&rig, 1).is_current);
    ck_assert_int_eq(health(&rig, 0).error, PP_CHAIN_STALE);
    ck_assert_uint_eq(rig.last.block_number, 141);
    rig_stop(&rig);
}
END_TEST

PP_TESTS("chain_poll")
PP_TEST(poll__endpoint_fails__next_one_is_read)
PP_TEST(poll__endpoints_disagree__conflict_until_both_agree)
PP_TEST(poll__endpoint_behind__no_disagreement_and_passed_over)
PP_TEST(poll__lies__named_error_and_recovery)
PP_TEST(poll__blooms_and_history__looked_into_once)
PP_TEST(poll__another_history__conflict_until_it_is_back)
PP_TEST(poll__ledger_refuses__handed_over_again)
PP_TEST(poll__one_channel_too_many__left_out_and_the_head_comes)
PP_TEST(poll_wait__failures__doubled_to_a_minute)
PP_TESTS_END
