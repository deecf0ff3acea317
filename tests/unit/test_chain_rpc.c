#define _GNU_SOURCE
#include "fake_rpc.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_rpc.h>

#include <stdio.h>
#include <stdlib.h>

#define HASH_1 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_2 "0x2222222222222222222222222222222222222222222222222222222222222222"
#define ADDRESS_A "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ADDRESS_B "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define BLOCK_REST "\"hash\":\"" HASH_1 "\",\"parentHash\":\"" HASH_2 "\",\"timestamp\":\"0x64\""
#define BLOCK "{\"number\":\"0x10\"," BLOCK_REST ",\"baseFeePerGas\":\"0x7\",\"more\":[1,2]}"

/* Answers every question with one thing. */
struct script {
    const char *result; /* of a well-formed answer */
    const char *body;   /* or the whole body */
    int error_code;     /* or a well-formed error */
    const char *message;
    const char *data;
    struct pp_fake_answer raw; /* or anything: status, hang, claimed */
    size_t huge;               /* or so many blanks */
};

static struct pp_fake_answer answer_by_script(void *context, const struct pp_fake_question *question)
{
    const struct script *script = context;
    struct pp_fake_answer answer = script->raw;
    if (script->result)
        return pp_fake_result(question, script->result);
    if (script->message)
        return pp_fake_error(question, script->error_code, script->message, script->data);
    if (script->huge) {
        answer.body = malloc(script->huge);
        ck_assert_ptr_nonnull(answer.body);
        memset(answer.body, ' ', script->huge);
        answer.length = script->huge;
    } else if (script->body) {
        answer.body = strdup(script->body);
    }
    return answer;
}

struct rig {
    struct pp_fake_rpc *fake;
    struct pp_rpc *rpc;
};

static struct rig rig_start(struct script *script)
{
    struct rig rig = {.fake = pp_fake_rpc_start(answer_by_script, script)};
    ck_assert_ok(pp_rpc_open(pp_fake_rpc_url(rig.fake), 5000, &rig.rpc));
    return rig;
}

static void rig_stop(struct rig *rig)
{
    pp_rpc_close(rig->rpc);
    pp_fake_rpc_stop(rig->fake);
}

static enum pp_error block_error(struct script script, const char *expected_reason)
{
    struct rig rig = rig_start(&script);
    struct pp_rpc_block block;
    enum pp_error error = pp_rpc_block(rig.rpc, PP_RPC_LATEST, &block);
    ck_assert_msg(!expected_reason || strstr(pp_rpc_reason(rig.rpc), expected_reason), "reason: %s",
                  pp_rpc_reason(rig.rpc));
    ck_assert_msg(!strstr(pp_rpc_reason(rig.rpc), "secret"), "the URL is shown"); /* RPC-004 */
    rig_stop(&rig);
    return error;
}

/* Goal: a right answer is read, with members that nobody asked for. Method: one block. */
START_TEST(rpc_block__right_answer__read)
{
    struct script script = {.result = BLOCK};
    struct rig rig = rig_start(&script);
    struct pp_rpc_block block;
    ck_assert_ok(pp_rpc_block(rig.rpc, PP_RPC_FINALIZED, &block));
    ck_assert_uint_eq(block.block.number, 16);
    ck_assert_uint_eq(block.block.time_s, 100);
    ck_assert(block.base_fee == 7);
    ck_assert_hex(block.block.parent.bytes, 32, HASH_2);
    ck_assert_str_eq(pp_rpc_reason(rig.rpc), "");
    ck_assert_ok(pp_rpc_block_at(rig.rpc, 16, &block));
    ck_assert_error(pp_rpc_block_at(rig.rpc, 17, &block), PP_CHAIN_NONSENSE);
    script.result = "{\"number\":\"0x10\"," BLOCK_REST "}";
    ck_assert_ok(pp_rpc_block(rig.rpc, PP_RPC_LATEST, &block));
    ck_assert(block.base_fee == 0);
    script.result = "null";
    ck_assert_error(pp_rpc_block_at(rig.rpc, 16, &block), PP_NOT_FOUND);
    rig_stop(&rig);
}
END_TEST

/* Goal: an answer of a wrong shape is nonsense, whatever is wrong (RPC-003). Method: a table of bodies. */
START_TEST(rpc_block__wrong_shape__nonsense)
{
    static const char *const bodies[] = {
        "<html>",
        "[]",
        "7",
        "{",
        "{}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":" BLOCK "}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":" BLOCK "}",
        "{\"jsonrpc\":\"2.0\",\"result\":" BLOCK "}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":" BLOCK "}",
        "{\"id\":1,\"result\":" BLOCK "}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" BLOCK ",\"error\":{\"code\":1}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"no\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" BLOCK "} x",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"result\":" BLOCK "}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        ck_assert_error(block_error((struct script){.body = bodies[i]}, NULL), PP_CHAIN_NONSENSE);
}
END_TEST

/* Goal: a value of a wrong form is nonsense. Method: one field wrong at a time. */
START_TEST(rpc_block__wrong_field__nonsense_with_its_name)
{
    static const struct {
        const char *result, *field;
    } cases[] = {
        {"\"0x10\"", "the object"},
        {"[]", "the object"},
        {"{" BLOCK_REST "}", "number"},
        {"{\"number\":null," BLOCK_REST "}", "number"},
        {"{\"number\":16," BLOCK_REST "}", "number"},
        {"{\"number\":\"16\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x010\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x1g\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x-1\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x10000000000000000\"," BLOCK_REST "}", "number"},
        {"{\"number\":\"0x1\",\"hash\":\"0x11\",\"parentHash\":\"" HASH_2 "\",\"timestamp\":\"0x1\"}",
         "hash"},
        {"{\"number\":\"0x1\",\"hash\":\"" HASH_1 "11\",\"parentHash\":\"" HASH_2 "\",\"timestamp\":\"0x1\"}",
         "hash"},
        {"{\"number\":\"0x1\",\"hash\":\"" HASH_1 "\",\"parentHash\":7,\"timestamp\":\"0x1\"}", "parentHash"},
        {"{\"number\":\"0x1\",\"hash\":\"" HASH_1 "\",\"parentHash\":\"" HASH_2 "\"}", "timestamp"},
        {"{\"number\":\"0x1\"," BLOCK_REST ",\"baseFeePerGas\":\"x\"}", "baseFeePerGas"},
        {"{\"number\":\"0x1\"," BLOCK_REST ",\"baseFeePerGas\":\"0x100000000000000000000000000000000\"}",
         "baseFeePerGas"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_error(block_error((struct script){.result = cases[i].result}, cases[i].field),
                        PP_CHAIN_NONSENSE);
}
END_TEST

/* Goal: no answer is CHAIN_DOWN (RPC-002). Method: refused, closed, cut, an HTTP error, and silence. */
START_TEST(rpc_block__no_answer__down)
{
    ck_assert_error(block_error((struct script){.raw.status = 500}, "500"), PP_CHAIN_DOWN);
    ck_assert_error(block_error((struct script){.body = "slow down", .raw.status = 429}, "429"),
                    PP_CHAIN_DOWN);
    ck_assert_error(block_error((struct script){.result = NULL, .raw.status = 302}, "302"), PP_CHAIN_DOWN);
    ck_assert_error(block_error((struct script){.body = "{\"jsonrpc\"", .raw.claimed = 500}, NULL),
                    PP_CHAIN_DOWN);
    struct script script = {.raw.hang = true};
    struct rig rig = rig_start(&script);
    pp_rpc_close(rig.rpc);
    ck_assert_ok(pp_rpc_open(pp_fake_rpc_url(rig.fake), 100, &rig.rpc));
    uint64_t id;
    ck_assert_error(pp_rpc_chain_id(rig.rpc, &id), PP_CHAIN_DOWN);
    char url[128];
    snprintf(url, sizeof url, "%s", pp_fake_rpc_url(rig.fake));
    rig_stop(&rig);
    ck_assert_ok(pp_rpc_open(url, 1000, &rig.rpc));
    ck_assert_error(pp_rpc_chain_id(rig.rpc, &id), PP_CHAIN_DOWN);
    pp_rpc_close(rig.rpc);
}
END_TEST

/* Goal: an answer above the limit is broken off (RPC-001). Method: one byte more than the limit; and one that claims more. */
START_TEST(rpc_block__huge_answer__nonsense)
{
    ck_assert_error(block_error((struct script){.huge = PP_RPC_ANSWER_MAX_BYTES + 1}, "more than"),
                    PP_CHAIN_NONSENSE);
    ck_assert_error(block_error((struct script){.huge = PP_RPC_ANSWER_MAX_BYTES}, "not JSON"),
                    PP_CHAIN_NONSENSE);
}
END_TEST

/* Goal: a node's words cannot break a line of a log (RPC-008). Method: control characters in an error's message. */
START_TEST(rpc_block__error_with_control_bytes__printable_reason)
{
    ck_assert_error(
        block_error((struct script){.error_code = -32000, .message = "a\\nb\\u001b[31m"}, "a?b?[31m"),
        PP_CHAIN_REFUSED);
}
END_TEST

/* Goal: another chain is told by both numbers. Method: expect one, answer another (RPC-010). */
START_TEST(rpc_expect_chain__another__wrong_id)
{
    struct script script = {.result = "\"0x7a69\""};
    struct rig rig = rig_start(&script);
    ck_assert_ok(pp_rpc_expect_chain(rig.rpc, 31337));
    ck_assert_error(pp_rpc_expect_chain(rig.rpc, 1), PP_CHAIN_WRONG_ID);
    ck_assert_ptr_nonnull(strstr(pp_rpc_reason(rig.rpc), "31337"));
    script.result = "31337";
    ck_assert_error(pp_rpc_expect_chain(rig.rpc, 31337), PP_CHAIN_NONSENSE);
    rig_stop(&rig);
}
END_TEST

START_TEST(rpc_open__no_http_url__bad_config)
{
    struct pp_rpc *rpc;
    ck_assert_error(pp_rpc_open(NULL, 0, &rpc), PP_BAD_CONFIG);
    ck_assert_error(pp_rpc_open("file:///etc/passwd", 0, &rpc), PP_BAD_CONFIG);
    ck_assert_error(pp_rpc_open("127.0.0.1:8545", 0, &rpc), PP_BAD_CONFIG);
}
END_TEST

/* ---- logs ---- */

#define LOG(address, topic, number, index)                                                                   \
    "{\"address\":\"" address "\",\"topics\":[\"" topic "\"],\"data\":\"0x01\",\"blockNumber\":\"" number    \
    "\",\"blockHash\":\"" HASH_1 "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"" index               \
    "\",\"removed\":false}"

static struct pp_hash topic_1;

static enum pp_error logs_of(const char *result, size_t *out_count)
{
    struct script script = {.result = result};
    struct rig rig = rig_start(&script);
    topic_1 = pp_hash_of(HASH_1);
    struct pp_rpc_filter filter = {
        .contract = pp_address_of(ADDRESS_A), .topics = &topic_1, .topic_count = 1, .from = 5, .to = 5};
    struct pp_chain_log *logs = NULL;
    *out_count = 0;
    enum pp_error error = pp_rpc_logs(rig.rpc, &filter, &logs, out_count);
    free(logs);
    rig_stop(&rig);
    return error;
}

/* Goal: entries that were not asked for, or cannot be, are nonsense (RPC-005). Method: a table. */
START_TEST(rpc_logs__entries_not_asked_for__nonsense)
{
    size_t count;
    ck_assert_ok(logs_of("[]", &count));
    ck_assert_ok(logs_of(
        "[" LOG(ADDRESS_A, HASH_1, "0x5", "0x0") "," LOG(ADDRESS_A, HASH_1, "0x5", "0x3") "]", &count));
    ck_assert_uint_eq(count, 2);
    static const char *const wrong[] = {
        "{}",
        "null",
        "[7]",
        "[" LOG(ADDRESS_B, HASH_1, "0x5", "0x0") "]",
        "[" LOG(ADDRESS_A, HASH_2, "0x5", "0x0") "]",
        "[" LOG(ADDRESS_A, HASH_1, "0x4", "0x0") "]",
        "[" LOG(ADDRESS_A, HASH_1, "0x6", "0x0") "]",
        "[" LOG(ADDRESS_A, HASH_1, "0x5", "0x100000000") "]",
        "[" LOG(ADDRESS_A, HASH_1, "0x5", "0x1") "," LOG(ADDRESS_A, HASH_1, "0x5", "0x0") "]",
        "[" LOG(ADDRESS_A, HASH_1, "0x5", "0x1") "," LOG(ADDRESS_A, HASH_1, "0x5", "0x1") "]",
        "[{\"address\":\"" ADDRESS_A
        "\",\"topics\":[],\"data\":\"0x\",\"blockNumber\":\"0x5\",\"blockHash\":\"" HASH_1
        "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"0x0\"}]",
        "[{\"address\":\"" ADDRESS_A "\",\"topics\":[\"" HASH_1 "\",\"" HASH_1 "\",\"" HASH_1 "\",\"" HASH_1
        "\",\"" HASH_1 "\"],\"data\":\"0x\",\"blockNumber\":\"0x5\",\"blockHash\":\"" HASH_1
        "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"0x0\"}]",
        "[{\"address\":\"" ADDRESS_A "\",\"topics\":[\"" HASH_1
        "\"],\"data\":\"0x1\",\"blockNumber\":\"0x5\",\"blockHash\":\"" HASH_1
        "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"0x0\"}]",
        "[{\"address\":\"" ADDRESS_A "\",\"topics\":[\"" HASH_1
        "\"],\"data\":\"0x\",\"blockNumber\":\"0x5\",\"blockHash\":\"" HASH_1
        "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"0x0\",\"removed\":true}]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_error(logs_of(wrong[i], &count), PP_CHAIN_NONSENSE);
}
END_TEST

/* A node that takes ranges of at most four blocks, with an entry in every block. */
static struct pp_fake_answer answer_small_ranges(void *context, const struct pp_fake_question *question)
{
    (void)context;
    const json_t *filter = json_array_get(question->params, 0);
    unsigned long from = strtoul(json_string_value(json_object_get(filter, "fromBlock")), NULL, 16);
    unsigned long to = strtoul(json_string_value(json_object_get(filter, "toBlock")), NULL, 16);
    char text[4096] = "[";
    if (to - from > 3)
        return pp_fake_error(question, -32005, "range too large", NULL);
    for (unsigned long i = from; i <= to; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s{\"address\":\"" ADDRESS_A "\",\"topics\":[\"" HASH_1
                 "\"],\"data\":\"0x\",\"blockNumber\":\"0x%lx\","
                 "\"blockHash\":\"" HASH_1 "\",\"transactionHash\":\"" HASH_2 "\",\"logIndex\":\"0x0\"}",
                 i > from ? "," : "", i);
    strcat(text, "]");
    return pp_fake_result(question, text);
}

/* Goal: a range that the node finds too large is asked in parts, and nothing is lost or doubled (RPC-006). */
START_TEST(rpc_logs__range_too_large__asked_in_halves)
{
    struct rig rig = {.fake = pp_fake_rpc_start(answer_small_ranges, NULL)};
    ck_assert_ok(pp_rpc_open(pp_fake_rpc_url(rig.fake), 5000, &rig.rpc));
    topic_1 = pp_hash_of(HASH_1);
    struct pp_rpc_filter filter = {
        .contract = pp_address_of(ADDRESS_A), .topics = &topic_1, .topic_count = 1, .from = 3, .to = 40};
    struct pp_chain_log *logs;
    size_t count;
    ck_assert_ok(pp_rpc_logs(rig.rpc, &filter, &logs, &count));
    ck_assert_uint_eq(count, 38);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(logs[i].block_number, 3 + i);
    free(logs);
    rig_stop(&rig);
}
END_TEST

/* ---- calls ---- */

/* Goal: a revert is told with the contract's own words. Method: data, data in an object, a message only, other errors. */
START_TEST(rpc_call__revert__named_reason)
{
    static const struct {
        int code;
        const char *message, *data;
        enum pp_error error;
        const char *reason;
    } cases[] = {
        {3, "execution reverted",
         "0x60a1ea56"
         "0000000000000000000000000000000000000000000000000000000000000009"
         "0000000000000000000000000000000000000000000000000000000000000008",
         PP_CHAIN_REVERTED, "ReportNotVested(9, 8)"},
        {-32000, "execution reverted: no", NULL, PP_CHAIN_REVERTED, "execution reverted: no"},
        {3, "execution reverted", "zz", PP_CHAIN_REVERTED, "execution reverted"},
        {-32000, "insufficient funds for gas * price + value", NULL, PP_TX_FUNDS, "pay"},
        {-32601, "the method does not exist", NULL, PP_CHAIN_REFUSED, "does not exist"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script = {
            .error_code = cases[i].code, .message = cases[i].message, .data = cases[i].data};
        struct rig rig = rig_start(&script);
        struct pp_rpc_call call = {.to = pp_address_of(ADDRESS_A), .at = PP_RPC_AT_LATEST};
        uint8_t out[32];
        size_t length;
        ck_assert_error(pp_rpc_call(rig.rpc, &call, out, sizeof out, &length), cases[i].error);
        ck_assert_msg(strstr(pp_rpc_reason(rig.rpc), cases[i].reason), "%s", pp_rpc_reason(rig.rpc));
        rig_stop(&rig);
    }
}
END_TEST

/* ---- one block by its hash ---- */

/* A node that knows block 16 by HASH_1, refuses what is asked of its state, and has at 16 what `canonical` says. */
struct left {
    const char *canonical; /* JSON */
    const char *of_hash;   /* JSON */
    json_t *asked;         /* params of the first question */
};

static struct pp_fake_answer answer_left(void *context, const struct pp_fake_question *question)
{
    struct left *left = context;
    if (!left->asked)
        left->asked = json_deep_copy(question->params);
    if (strcmp(question->method, "eth_getBlockByHash") == 0)
        return pp_fake_result(question, left->of_hash);
    if (strcmp(question->method, "eth_getBlockByNumber") == 0)
        return pp_fake_result(question, left->canonical);
    return pp_fake_error(question, -32000, "something about a block", NULL);
}

/* Goal: a question names its block by hash, and a block that the chain left is told as such, whatever the node's words
 * (RPC-011). Method: calls, code and logs; the block is gone, is a side block, is canonical. */
START_TEST(rpc_at_hash__block_left__reorg)
{
#define OTHER                                                                                                \
    "{\"number\":\"0x10\",\"hash\":\"" HASH_2 "\",\"parentHash\":\"" HASH_2 "\",\"timestamp\":\"0x64\"}"
    static const struct {
        const char *of_hash, *canonical;
        enum pp_error error;
    } cases[] = {
        {"null", BLOCK, PP_CHAIN_REORG},  {BLOCK, OTHER, PP_CHAIN_REORG},   {BLOCK, "null", PP_CHAIN_REORG},
        {BLOCK, BLOCK, PP_CHAIN_REFUSED}, {OTHER, BLOCK, PP_CHAIN_REFUSED},
    };
    const struct pp_hash hash = pp_hash_of(HASH_1);
    for (size_t i = 0; i < 3 * sizeof cases / sizeof cases[0]; i++) {
        struct left left = {cases[i / 3].canonical, cases[i / 3].of_hash, NULL};
        struct rig rig = {.fake = pp_fake_rpc_start(answer_left, &left)};
        ck_assert_ok(pp_rpc_open(pp_fake_rpc_url(rig.fake), 5000, &rig.rpc));
        struct pp_address address = pp_address_of(ADDRESS_A);
        const struct pp_rpc_call call = {.to = address, .at_hash = &hash};
        const struct pp_rpc_filter filter = {address, NULL, 0, NULL, 16, 16, &hash};
        struct pp_chain_log *logs;
        struct pp_hash code;
        uint8_t out[32];
        size_t length;
        enum pp_error error = i % 3 == 0   ? pp_rpc_call(rig.rpc, &call, out, sizeof out, &length)
                              : i % 3 == 1 ? pp_rpc_code(rig.rpc, &address, &hash, &code, &length)
                                           : pp_rpc_logs(rig.rpc, &filter, &logs, &length);
        ck_assert_msg(error == cases[i / 3].error, "case %zu: %s: %s", i, pp_error_name(error),
                      pp_rpc_reason(rig.rpc));
        const json_t *where = i % 3 == 2 ? json_array_get(left.asked, 0) : json_array_get(left.asked, 1);
        ck_assert_str_eq(json_string_value(json_object_get(where, "blockHash")), HASH_1);
        json_decref(left.asked);
        rig_stop(&rig);
    }
}
END_TEST

/* Goal: an item is in a bloom exactly when its three bits are. Method: bits worked out with viem's Keccak-256. */
START_TEST(rpc_bloom__three_bits__all_needed)
{
    static const unsigned bits[] = {697, 1878, 1862};
    const struct pp_address address = pp_address_of(ADDRESS_A), other = pp_address_of(ADDRESS_B);
    struct pp_rpc_bloom bloom = {{0}};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(!pp_rpc_bloom_may_have(&bloom, address.bytes, 20));
        bloom.bytes[255 - bits[i] / 8] |= (uint8_t)(1u << bits[i] % 8);
    }
    ck_assert(pp_rpc_bloom_may_have(&bloom, address.bytes, 20));
    ck_assert(!pp_rpc_bloom_may_have(&bloom, other.bytes, 20));
}
END_TEST

/* Goal: a result longer than the room, or of odd digits, is nonsense. */
START_TEST(rpc_call__bad_result__nonsense)
{
    static const char *const wrong[] = {"\"0x1\"", "\"0x010203\"", "\"0102\"", "7", "null", "\"0xzz\""};
    struct script script = {.result = "\"0x0102\""};
    struct rig rig = rig_start(&script);
    struct pp_rpc_call call = {.to = pp_address_of(ADDRESS_A), .at = 3};
    uint8_t out[2];
    size_t length;
    ck_assert_ok(pp_rpc_call(rig.rpc, &call, out, sizeof out, &length));
    ck_assert_uint_eq(length, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        script.result = wrong[i];
        ck_assert_error(pp_rpc_call(rig.rpc, &call, out, sizeof out, &length), PP_CHAIN_NONSENSE);
    }
    rig_stop(&rig);
}
END_TEST

/* ---- transactions ---- */

/* Goal: what nodes say about a sent transaction is understood. Method: the words of several nodes (RPC-007). */
START_TEST(rpc_send__refusals__named)
{
    static const struct {
        const char *message;
        enum pp_error error;
    } cases[] = {
        {"already known", PP_OK},
        {"transaction already imported", PP_OK},
        {"nonce too low: next nonce 5, tx nonce 4", PP_TX_NONCE_LOW},
        {"insufficient funds for gas * price + value", PP_TX_FUNDS},
        {"replacement transaction underpriced", PP_TX_UNDERPRICED},
        {"max fee per gas less than block base fee", PP_TX_UNDERPRICED},
        {"something else", PP_TX_REFUSED},
    };
    struct pp_hash hash = pp_hash_of(HASH_1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script = {.error_code = -32000, .message = cases[i].message};
        struct rig rig = rig_start(&script);
        ck_assert_error(pp_rpc_send(rig.rpc, (const uint8_t *)"\x02", 1, &hash), cases[i].error);
        rig_stop(&rig);
    }
    struct script script = {.result = "\"" HASH_1 "\""};
    struct rig rig = rig_start(&script);
    ck_assert_ok(pp_rpc_send(rig.rpc, (const uint8_t *)"\x02", 1, &hash));
    script.result = "\"" HASH_2 "\"";
    ck_assert_error(pp_rpc_send(rig.rpc, (const uint8_t *)"\x02", 1, &hash), PP_CHAIN_NONSENSE);
    rig_stop(&rig);
}
END_TEST

#define RECEIPT(hash, status, logs)                                                                          \
    "{\"transactionHash\":\"" hash "\",\"status\":\"" status                                                 \
    "\",\"blockNumber\":\"0x5\",\"blockHash\":\"" HASH_2                                                     \
    "\",\"gasUsed\":\"0x5208\",\"effectiveGasPrice\":\"0x3\",\"logs\":[" logs "]}"

/* Goal: a receipt is read for what it is about, with the contract's entries only; wrong ones are nonsense. */
START_TEST(rpc_receipt__answers__read_or_nonsense)
{
    struct script script = {
        .result = RECEIPT(HASH_1, "0x1",
                          LOG(ADDRESS_B, HASH_1, "0x5", "0x0") "," LOG(ADDRESS_A, HASH_1, "0x5", "0x1"))};
    struct rig rig = rig_start(&script);
    struct pp_hash hash = pp_hash_of(HASH_1);
    struct pp_address contract = pp_address_of(ADDRESS_A);
    struct pp_rpc_receipt receipt;
    ck_assert_ok(pp_rpc_receipt(rig.rpc, &hash, &contract, &receipt));
    ck_assert(receipt.succeeded);
    ck_assert_uint_eq(receipt.block_number, 5);
    ck_assert_uint_eq(receipt.gas_used, 21000);
    ck_assert_uint_eq(receipt.log_count, 1);
    ck_assert_uint_eq(receipt.logs[0].index, 1);
    pp_rpc_receipt_done(&receipt);
    script.result = "null";
    ck_assert_error(pp_rpc_receipt(rig.rpc, &hash, &contract, &receipt), PP_NOT_FOUND);
    static const char *const wrong[] = {
        RECEIPT(HASH_2, "0x1", ""),
        RECEIPT(HASH_1, "0x2", ""),
        RECEIPT(HASH_1, "true", ""),
        RECEIPT(HASH_1, "0x1", "{\"address\":\"" ADDRESS_A "\"}"),
        "7",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        script.result = wrong[i];
        ck_assert_error(pp_rpc_receipt(rig.rpc, &hash, &contract, &receipt), PP_CHAIN_NONSENSE);
    }
    bool known;
    script.result = "null";
    ck_assert_ok(pp_rpc_knows(rig.rpc, &hash, &known));
    ck_assert(!known);
    script.result = "{\"hash\":\"" HASH_1 "\"}";
    ck_assert_ok(pp_rpc_knows(rig.rpc, &hash, &known));
    ck_assert(known);
    script.result = "{\"hash\":\"" HASH_2 "\"}";
    ck_assert_error(pp_rpc_knows(rig.rpc, &hash, &known), PP_CHAIN_NONSENSE);
    rig_stop(&rig);
}
END_TEST

/* Goal: a stop does not wait for a node that is silent. Method: interrupt, then ask a node that hangs. */
START_TEST(rpc_interrupt__then_ask__down_at_once)
{
    struct script script = {.raw.hang = true};
    struct rig rig = rig_start(&script);
    uint64_t id;
    pp_rpc_interrupt(rig.rpc);
    ck_assert_error(pp_rpc_chain_id(rig.rpc, &id), PP_CHAIN_DOWN);
    ck_assert_uint_eq(pp_fake_rpc_count(rig.fake), 0);
    rig_stop(&rig);
}
END_TEST

/* What the simulated network brings for any question. */
struct network {
    int status;
    const char *body;
    size_t huge;
    char question[256];
};

static void carry(void *context, const char *url, const char *question, struct pp_rpc_reply *out)
{
    struct network *network = context;
    ck_assert_str_eq(url, "http://simulated");
    snprintf(network->question, sizeof network->question, "%s", question);
    out->status = network->status;
    if (network->huge) {
        out->body = calloc(1, network->huge);
        out->length = network->huge;
    } else if (network->body) {
        out->body = strdup(network->body);
        out->length = strlen(network->body);
    }
}

/* Goal: what another carrier brings is checked like HTTP's answers (RPC-009). Method: one that brings each kind of answer. */
START_TEST(rpc_open_over__carrier__same_checks)
{
    static const struct {
        struct network network;
        enum pp_error error;
        const char *reason;
    } cases[] = {
        {{.status = 200, .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7\"}"}, PP_OK, ""},
        {{.status = 0}, PP_CHAIN_DOWN, "no answer"},
        {{.status = 503}, PP_CHAIN_DOWN, "503"},
        {{.status = 429, .body = "<html>slow down"}, PP_CHAIN_DOWN, "429"},
        {{.status = 200, .body = "<html>"}, PP_CHAIN_NONSENSE, "not JSON"},
        {{.status = 200, .body = "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":\"0x7\"}"},
         PP_CHAIN_NONSENSE,
         "another question"},
        {{.status = 200, .huge = PP_RPC_ANSWER_MAX_BYTES + 1}, PP_CHAIN_NONSENSE, "more than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network = cases[i].network;
        const struct pp_rpc_carrier carrier = {carry, &network};
        struct pp_rpc *rpc;
        uint64_t id = 0;
        ck_assert_ok(pp_rpc_open_over(&carrier, "http://simulated", 0, &rpc));
        ck_assert_error(pp_rpc_chain_id(rpc, &id), cases[i].error);
        ck_assert_ptr_nonnull(strstr(pp_rpc_reason(rpc), cases[i].reason));
        ck_assert_ptr_nonnull(strstr(network.question, "eth_chainId"));
        ck_assert_uint_eq(id, cases[i].error == PP_OK ? 7 : 0);
        pp_rpc_close(rpc);
    }
}
END_TEST

/* ---- several endpoints ---- */

/* One of two nodes: its chain, what it says of a transaction, and what it was asked. */
struct twin {
    const char *chain_id; /* JSON */
    const char *refusal;  /* of a transaction; NULL: taken */
    int status;
    unsigned chain_ids, blocks, sends;
};

static struct pp_fake_answer answer_twin(void *context, const struct pp_fake_question *question)
{
    struct twin *twin = context;
    bool sends = strcmp(question->method, "eth_sendRawTransaction") == 0;
    bool chain = strcmp(question->method, "eth_chainId") == 0;
    twin->chain_ids += chain;
    twin->sends += sends;
    twin->blocks += !chain && !sends;
    if (twin->status)
        return (struct pp_fake_answer){.status = twin->status};
    if (sends && twin->refusal)
        return pp_fake_error(question, -32000, twin->refusal, NULL);
    return pp_fake_result(question, chain ? twin->chain_id : sends ? "\"" HASH_1 "\"" : BLOCK);
}

struct twins {
    struct twin a, b;
    struct pp_fake_rpc *fakes[2];
    struct pp_rpc *rpc;
};

static void twins_start(struct twins *twins)
{
    char urls[256];
    *twins = (struct twins){.a = {.chain_id = "\"0x5\""}, .b = {.chain_id = "\"0x5\""}};
    twins->fakes[0] = pp_fake_rpc_start(answer_twin, &twins->a);
    twins->fakes[1] = pp_fake_rpc_start(answer_twin, &twins->b);
    snprintf(urls, sizeof urls, "%s,%s", pp_fake_rpc_url(twins->fakes[0]), pp_fake_rpc_url(twins->fakes[1]));
    ck_assert_ok(pp_rpc_open(urls, 5000, &twins->rpc));
}

static void twins_stop(struct twins *twins)
{
    pp_rpc_close(twins->rpc);
    pp_fake_rpc_stop(twins->fakes[0]);
    pp_fake_rpc_stop(twins->fakes[1]);
}

/* Goal: who does not answer is replaced, by nobody of another chain (RPC-012, RPC-013). */
START_TEST(rpc_ask__first_endpoint_down__next_of_the_same_chain)
{
    struct twins t;
    struct pp_rpc_block block;
    struct pp_rpc_endpoint health;
    twins_start(&t);
    ck_assert_ok(pp_rpc_expect_chain(t.rpc, 5));
    t.a.status = 503;
    ck_assert_ok(pp_rpc_block(t.rpc, PP_RPC_LATEST, &block));
    ck_assert_uint_eq(t.b.chain_ids, 1);
    ck_assert_uint_eq(t.b.blocks, 1);
    pp_rpc_endpoint(t.rpc, 0, &health);
    ck_assert_int_eq(health.error, PP_CHAIN_DOWN);
    ck_assert_ok(pp_rpc_block(t.rpc, PP_RPC_LATEST, &block));
    ck_assert_uint_eq(t.b.chain_ids, 1);
    t.b.status = 503;
    t.a.status = 0;
    t.a.chain_id = "\"0x6\"";
    unsigned asked = t.a.blocks;
    ck_assert_error(pp_rpc_block(t.rpc, PP_RPC_LATEST, &block), PP_CHAIN_WRONG_ID);
    ck_assert_uint_eq(t.a.blocks, asked);
    t.a.status = 503;
    ck_assert_error(pp_rpc_block(t.rpc, PP_RPC_LATEST, &block), PP_CHAIN_DOWN);
    ck_assert_msg(strstr(pp_rpc_reason(t.rpc), "(http://127.0.0.1:") &&
                      !strstr(pp_rpc_reason(t.rpc), "secret"),
                  "%s", pp_rpc_reason(t.rpc));
    twins_stop(&t);
}
END_TEST

/* Goal: a transaction goes to all of the chain, and one that takes it is enough (RPC-014). */
START_TEST(rpc_send__several__to_all_and_one_is_enough)
{
    static const struct {
        struct twin a, b;
        enum pp_error error;
        unsigned b_sends;
    } cases[] = {
        {{.chain_id = "\"0x5\""}, {.chain_id = "\"0x5\""}, PP_OK, 1},
        {{.chain_id = "\"0x5\"", .refusal = "nonce too low"}, {.chain_id = "\"0x5\""}, PP_OK, 1},
        {{.chain_id = "\"0x5\""}, {.chain_id = "\"0x5\"", .refusal = "nonce too low"}, PP_OK, 1},
        {{.chain_id = "\"0x5\"", .refusal = "nonce too low"},
         {.chain_id = "\"0x5\"", .refusal = "insufficient funds"},
         PP_TX_NONCE_LOW,
         1},
        {{.chain_id = "\"0x5\"", .refusal = "nonce too low"}, {.chain_id = "\"0x6\""}, PP_TX_NONCE_LOW, 0},
        {{.chain_id = "\"0x5\""}, {.status = 503}, PP_OK, 0},
    };
    struct pp_hash hash = pp_hash_of(HASH_1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct twins t;
        twins_start(&t);
        t.a = cases[i].a;
        t.b = cases[i].b;
        ck_assert_ok(pp_rpc_expect_chain(t.rpc, 5));
        ck_assert_error(pp_rpc_send(t.rpc, (const uint8_t *)"\x02", 1, &hash), cases[i].error);
        ck_assert_uint_eq(t.a.sends, 1);
        ck_assert_uint_eq(t.b.sends, cases[i].b_sends);
        ck_assert_uint_eq(pp_rpc_current(t.rpc), 0);
        twins_stop(&t);
    }
}
END_TEST

PP_TESTS("chain_rpc")
PP_TEST(rpc_ask__first_endpoint_down__next_of_the_same_chain)
PP_TEST(rpc_send__several__to_all_and_one_is_enough)
PP_TEST(rpc_block__right_answer__read)
PP_TEST(rpc_block__wrong_shape__nonsense)
PP_TEST(rpc_block__wrong_field__nonsense_with_its_name)
PP_TEST(rpc_block__no_answer__down)
PP_TEST(rpc_block__huge_answer__nonsense)
PP_TEST(rpc_block__error_with_control_bytes__printable_reason)
PP_TEST(rpc_expect_chain__another__wrong_id)
PP_TEST(rpc_open__no_http_url__bad_config)
PP_TEST(rpc_logs__entries_not_asked_for__nonsense)
PP_TEST(rpc_logs__range_too_large__asked_in_halves)
PP_TEST(rpc_call__revert__named_reason)
PP_TEST(rpc_at_hash__block_left__reorg)
PP_TEST(rpc_bloom__three_bits__all_needed)
PP_TEST(rpc_call__bad_result__nonsense)
PP_TEST(rpc_send__refusals__named)
PP_TEST(rpc_receipt__answers__read_or_nonsense)
PP_TEST(rpc_interrupt__then_ask__down_at_once)
PP_TEST(rpc_open_over__carrier__same_checks)
PP_TESTS_END
