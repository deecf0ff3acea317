/* Goal: a report's terms are those of one final block, or a named error and nothing. Method: a chain's node whose every answer the
 * test writes; the truth once, then one lie at a time. VIEW-101 to VIEW-107 */
#include "fake_rpc.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_terms.h>

#include <stdio.h>
#include <stdlib.h>

#define FINAL 500u
#define COUNT 3u
#define TEXT_MAX 4096u

struct world {
    struct pp_operator operators[COUNT];
    unsigned long states[COUNT], stakes[COUNT];
    struct pp_drawn drawn[3];
    size_t operator_count, drawn_count;
    struct pp_hash set_hash;
    unsigned long received, share;
    enum pp_abi_function silent; /* answers with another length */
    bool left;                   /* the chain left the block */
    unsigned elsewhere;          /* calls that did not name the block's hash */
};

static void words_put(char *text, const struct pp_writer *w)
{
    char hex[2 * TEXT_MAX + 1];
    snprintf(text, 2 * TEXT_MAX + 8, "\"0x%s\"", pp_hex_print(w->bytes, w->length, hex));
}

static void word(struct pp_writer *w, uint64_t value)
{
    static const uint8_t zero[24];
    pp_write_bytes(w, zero, 24);
    pp_write_u64(w, value);
}

static void address_word(struct pp_writer *w, const struct pp_address *address)
{
    static const uint8_t zero[12];
    pp_write_bytes(w, zero, 12);
    pp_write_bytes(w, address->bytes, 20);
}

static struct pp_fake_answer answer_block(const struct pp_fake_question *question)
{
    char text[2048], bloom[513];
    const char *which = json_string_value(json_array_get(question->params, 0));
    unsigned number = strcmp(which, "finalized") == 0 ? FINAL : (unsigned)strtoul(which, NULL, 16);
    memset(bloom, '0', 512);
    bloom[512] = '\0';
    snprintf(text, sizeof text,
             "{\"number\":\"0x%x\",\"hash\":\"0x%064x\",\"parentHash\":\"0x%064x\",\"timestamp\":\"0x%x\","
             "\"gasLimit\":\"0x1c9c380\",\"baseFeePerGas\":\"0x7\",\"logsBloom\":\"0x%s\"}",
             number, 0xb10c00 + number, 0xb10c00 + number - 1, 9000 + number, bloom);
    return pp_fake_result(question, text);
}

static size_t node_at(const struct world *world, const char *data)
{
    char digits[9];
    snprintf(digits, sizeof digits, "%.8s", data + 10 + 56);
    unsigned long id = strtoul(digits, NULL, 16);
    for (size_t i = 0; i < COUNT; i++)
        if (world->operators[i].node_id == id)
            return i;
    return COUNT;
}

static void call_answer(const struct world *world, enum pp_abi_function function, const char *data,
                        struct pp_writer *w)
{
    size_t at = function == PP_ABI_OPERATOR_OF || function == PP_ABI_STAKE_AT ? node_at(world, data) : 0;
    if (at == COUNT)
        return;
    switch ((int)function) {
    case PP_ABI_OPERATOR_SET:
        pp_write_bytes(w, world->set_hash.bytes, 32);
        word(w, 96);
        word(w, (4 + world->operator_count) * 32);
        word(w, world->operator_count);
        for (size_t i = 0; i < world->operator_count; i++)
            word(w, world->operators[i].node_id);
        word(w, world->operator_count);
        for (size_t i = 0; i < world->operator_count; i++)
            address_word(w, &world->operators[i].key);
        return;
    case PP_ABI_OPERATOR_OF:
        word(w, world->states[at]);
        address_word(w, &world->operators[at].key);
        address_word(w, &world->operators[at].payee);
        word(w, 0);
        return;
    case PP_ABI_STAKE_AT:
        word(w, world->stakes[at]);
        return;
    case PP_ABI_POOL:
        word(w, world->received);
        word(w, 11);
        return;
    case PP_ABI_PROTOCOL_SHARE:
        word(w, world->share);
        return;
    case PP_ABI_TREASURY:
        address_word(w, &(struct pp_address){{7, 7}});
        return;
    case PP_ABI_LAST_REPORT:
        for (unsigned i = 1; i <= 4; i++)
            word(w, i);
        return;
    case PP_ABI_STAKES_DRAWN:
        word(w, 64);
        word(w, (3 + world->drawn_count) * 32);
        word(w, world->drawn_count);
        for (size_t i = 0; i < world->drawn_count; i++)
            word(w, world->drawn[i].node_id);
        word(w, world->drawn_count);
        for (size_t i = 0; i < world->drawn_count; i++)
            word(w, world->drawn[i].units.raw);
        return;
    default:
        return;
    }
}

static struct pp_fake_answer answer_call(struct world *world, const struct pp_fake_question *question)
{
    static const enum pp_abi_function known[] = {PP_ABI_OPERATOR_SET, PP_ABI_OPERATOR_OF,    PP_ABI_STAKE_AT,
                                                 PP_ABI_POOL,         PP_ABI_PROTOCOL_SHARE, PP_ABI_TREASURY,
                                                 PP_ABI_LAST_REPORT,  PP_ABI_STAKES_DRAWN};
    uint8_t bytes[TEXT_MAX], selector[4];
    char text[2 * TEXT_MAX + 8], prefix[11];
    struct pp_writer w;
    const char *data = json_string_value(json_object_get(json_array_get(question->params, 0), "data"));
    const char *hash = json_string_value(json_object_get(json_array_get(question->params, 1), "blockHash"));
    if (!hash || strtoul(hash + 60, NULL, 16) % 0x1000000 < 0xc00)
        world->elsewhere++;
    if (world->left)
        return pp_fake_error(question, -32000, "hash is not currently canonical", NULL);
    pp_writer_init(&w, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pp_abi_selector(known[i], selector);
        snprintf(prefix, sizeof prefix, "0x%02x%02x%02x%02x", selector[0], selector[1], selector[2],
                 selector[3]);
        if (strncmp(prefix, data, 10) != 0)
            continue;
        call_answer(world, known[i], data, &w);
        if (world->silent == known[i])
            pp_write_u8(&w, 1);
    }
    words_put(text, &w);
    return pp_fake_result(question, text);
}

static struct pp_fake_answer answer(void *context, const struct pp_fake_question *question)
{
    if (strcmp(question->method, "eth_getBlockByNumber") == 0)
        return answer_block(question);
    if (strcmp(question->method, "eth_getBlockByHash") == 0) /* asked when a call at a hash was refused */
        return pp_fake_result(question, "null");
    if (strcmp(question->method, "eth_call") == 0)
        return answer_call(context, question);
    return pp_fake_error(question, -32601, "no such method", NULL);
}

static struct world truth(void)
{
    struct world world = {
        .operator_count = COUNT,
        .states = {PP_OPERATOR_CHAIN_ACTIVE, PP_OPERATOR_CHAIN_REMOVING, PP_OPERATOR_CHAIN_ACTIVE},
        .stakes = {1000, 0, 77},
        .drawn = {{9, {5}}, {2, {40}}, {3, {6}}},
        .drawn_count = 3,
        .received = 60,
        .share = 250,
        .silent = PP_ABI_FUNCTION_COUNT};
    for (uint32_t i = 0; i < COUNT; i++)
        world.operators[i] = (struct pp_operator){2 + i, {{1, (uint8_t)i}}, {{2, (uint8_t)i}}};
    ck_assert_ok(pp_operators_hash(world.operators, COUNT, &world.set_hash));
    return world;
}

struct rig {
    struct world world;
    struct pp_fake_rpc *fake;
    struct pp_rpc *rpc;
    struct pp_contract contract;
};

static void rig_start(struct rig *rig)
{
    *rig = (struct rig){.world = truth()};
    rig->fake = pp_fake_rpc_start(answer, &rig->world);
    ck_assert_ok(pp_rpc_open(pp_fake_rpc_url(rig->fake), 5000, &rig->rpc));
    rig->contract = (struct pp_contract){rig->rpc, {{[19] = 1}}, NULL};
}

static void rig_stop(struct rig *rig)
{
    pp_rpc_close(rig->rpc);
    pp_fake_rpc_stop(rig->fake);
}

static struct pp_chain_terms terms, other;

/* VIEW-101 ... VIEW-105 */
START_TEST(terms__honest_node__what_the_chain_says)
{
    struct rig rig;
    struct pp_report_terms report = {.epoch = 3, .policy = PP_POLICY_STAKE};
    rig_start(&rig);
    ck_assert_ok(pp_chain_terms_read(&rig.contract, PP_TERMS_AT_FINALIZED, &terms));
    ck_assert_uint_eq(terms.block.number, FINAL);
    ck_assert_ok(pp_chain_terms_read(&rig.contract, FINAL - 20, &terms));
    ck_assert_uint_eq(terms.block.number, FINAL - 20);
    ck_assert_uint_eq(terms.block.time_s, 9000 + FINAL - 20);
    ck_assert_uint_eq(rig.world.elsewhere, 0);
    ck_assert_uint_eq(terms.received.raw, 60);
    ck_assert_uint_eq(terms.protocol_basis_points, 250);
    ck_assert_uint_eq(terms.treasury.bytes[1], 7);
    ck_assert_uint_eq(terms.last_report.epoch, 2);
    ck_assert_uint_eq(terms.operator_count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(terms.operators[i].node_id, 2 + i);
        ck_assert(pp_address_eq(&terms.operators[i].payee, &rig.world.operators[i].payee));
        ck_assert_uint_eq(terms.weights[i].stake_units, rig.world.stakes[i]);
    }
    ck_assert_uint_eq(terms.drawn_count, 3); /* put in order, and with one that left */
    ck_assert_uint_eq(terms.drawn[0].node_id, 2);
    ck_assert_uint_eq(terms.drawn[0].units.raw, 40);
    ck_assert_uint_eq(terms.drawn[2].node_id, 9);
    pp_chain_terms_put(&terms, &report);
    ck_assert_uint_eq(report.epoch, 3);
    ck_assert_uint_eq(report.block_number, FINAL - 20);
    ck_assert_uint_eq(report.operator_count, COUNT);
    ck_assert_uint_eq(report.drawn_count, 3);
    rig_stop(&rig);
}
END_TEST

/* VIEW-101 ... VIEW-106 */
START_TEST(terms__each_lie__named_error_and_nothing_used)
{
    struct rig rig;
    rig_start(&rig);
    memset(&other, 0x5a, sizeof other);
#define LIE(change, error)                                                                                   \
    do {                                                                                                     \
        rig.world = truth();                                                                                 \
        change;                                                                                              \
        terms = other;                                                                                       \
        ck_assert_error(pp_chain_terms_read(&rig.contract, FINAL, &terms), error);                           \
        ck_assert_mem_eq(&terms, &other, sizeof terms);                                                      \
    } while (0)
    LIE(rig.world.set_hash.bytes[0] ^= 1, PP_CHAIN_NONSENSE);
    LIE(rig.world.operator_count = 0, PP_NO_OPERATORS);
    LIE(rig.world.operator_count = 2, PP_CHAIN_NONSENSE); /* one left out, the hash as it is */
    LIE(rig.world.operators[1].node_id = 2, PP_CHAIN_NONSENSE);
    LIE(rig.world.operators[1].key = rig.world.operators[0].key, PP_CHAIN_NONSENSE);
    LIE(rig.world.operators[1].payee = (struct pp_address){{0}}, PP_CHAIN_NONSENSE);
    LIE(rig.world.states[1] = PP_OPERATOR_CHAIN_REMOVED, PP_CHAIN_NONSENSE);
    LIE(rig.world.states[1] = 77, PP_CHAIN_NONSENSE);
    LIE(rig.world.share = 10001, PP_CHAIN_NONSENSE);
    LIE(rig.world.received = 50, PP_CHAIN_NONSENSE); /* 51 were drawn */
    LIE(rig.world.drawn[1].node_id = 9, PP_CHAIN_NONSENSE);
    LIE(rig.world.drawn[1].units.raw = 0, PP_CHAIN_NONSENSE);
    LIE(rig.world.drawn[1].node_id = 0, PP_CHAIN_NONSENSE);
    LIE(rig.world.left = true, PP_CHAIN_REORG);
    static const enum pp_abi_function all[] = {PP_ABI_OPERATOR_SET, PP_ABI_OPERATOR_OF,    PP_ABI_STAKE_AT,
                                               PP_ABI_POOL,         PP_ABI_PROTOCOL_SHARE, PP_ABI_TREASURY,
                                               PP_ABI_LAST_REPORT,  PP_ABI_STAKES_DRAWN};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        LIE(rig.world.silent = all[i], PP_CHAIN_NONSENSE);
#undef LIE
    rig.world = truth();
    ck_assert_error(pp_chain_terms_read(&rig.contract, FINAL + 1, &terms), PP_CHAIN_STALE);
    ck_assert_ok(pp_chain_terms_read(&rig.contract, FINAL, &terms));
    rig_stop(&rig);
}
END_TEST

/* VIEW-107 */
START_TEST(terms__two_readings__the_first_that_differs)
{
    struct rig rig;
    rig_start(&rig);
    ck_assert_ok(pp_chain_terms_read(&rig.contract, FINAL, &terms));
#define DIFFERS(change, name)                                                                                \
    do {                                                                                                     \
        other = terms;                                                                                       \
        ck_assert_ptr_null(pp_chain_terms_differ(&terms, &other));                                           \
        change;                                                                                              \
        ck_assert_str_eq(pp_chain_terms_differ(&terms, &other), name);                                       \
    } while (0)
    DIFFERS(other.block.hash.bytes[3] ^= 1, "block");
    DIFFERS(other.last_report.hash.bytes[3] ^= 1, "last report");
    DIFFERS(other.received.raw++, "received");
    DIFFERS(other.protocol_basis_points++, "protocol share");
    DIFFERS(other.treasury.bytes[0] ^= 1, "treasury");
    DIFFERS(other.operators[1].payee.bytes[0] ^= 1, "operators");
    DIFFERS(other.operator_count--, "operators");
    DIFFERS(other.weights[2].stake_units++, "stakes");
    DIFFERS(other.drawn[0].units.raw++, "drawn");
    DIFFERS(other.drawn_count--, "drawn");
#undef DIFFERS
    rig_stop(&rig);
}
END_TEST

PP_TESTS("chain_terms")
PP_TEST(terms__honest_node__what_the_chain_says)
PP_TEST(terms__each_lie__named_error_and_nothing_used)
PP_TEST(terms__two_readings__the_first_that_differs)
PP_TESTS_END
