#include "sim_rpc.h"

#include "pp_test.h"

#include <pp/hash.h>
#include <pp/limits.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAS_BASE 60000u
#define GAS_LIMIT "0x1c9c380" /* of a block: 30 million */
#define BLOOM_BYTES 256u
#define RICH "0x3635c9adc5dea00000" /* 1000 ether */

struct asked {
    struct sim_chain *chain;
    const struct sim_view *view;
    const json_t *params;
    json_t *error; /* set: the answer */
};

/* ---- values ---- */

static json_t *quantity(uint64_t value)
{
    return json_sprintf("0x%" PRIx64, value);
}

static json_t *hex(const uint8_t *bytes, size_t length)
{
    char *text = malloc(2 * length + 3);
    pp_expect(text != NULL);
    memcpy(text, "0x", 3);
    pp_hex_print(bytes, length, text + 2);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static uint64_t number_in(const json_t *value)
{
    const char *text = json_string_value(value);
    pp_expect(text && strncmp(text, "0x", 2) == 0);
    return strtoull(text + 2, NULL, 16);
}

static void bytes_in(const json_t *value, uint8_t *out, size_t length)
{
    pp_expect(json_is_string(value));
    pp_bytes_of(json_string_value(value), out, length);
}

static uint8_t *data_in(const json_t *value, size_t *out_length)
{
    const char *text = json_string_value(value);
    pp_expect(text && strncmp(text, "0x", 2) == 0);
    *out_length = (strlen(text) - 2) / 2;
    uint8_t *bytes = malloc(*out_length + 1);
    pp_expect(bytes && pp_hex_parse(text + 2, 2 * *out_length, bytes, *out_length) == PP_OK);
    return bytes;
}

static json_t *refuse(struct asked *asked, int code, const char *message, const struct sim_result *data)
{
    asked->error = json_pack("{s:i, s:s}", "code", code, "message", message);
    if (data)
        json_object_set_new(asked->error, "data", hex(data->bytes, data->length));
    return NULL;
}

/* ---- blocks ---- */

/* By tag or number; NULL: this node does not have it. */
static const struct sim_block *block_named(const struct asked *asked, const json_t *name)
{
    const char *text = json_string_value(name);
    if (json_is_object(name)) { /* EIP-1898 */
        struct pp_hash hash;
        bytes_in(json_object_get(name, "blockHash"), hash.bytes, 32);
        for (uint64_t i = asked->view->head + 1; i > 0; i--)
            if (pp_hash_eq(&asked->view->branch->blocks[i - 1]->block.hash, &hash))
                return asked->view->branch->blocks[i - 1];
        return NULL;
    }
    pp_expect(text != NULL);
    if (strcmp(text, "latest") == 0 || strcmp(text, "pending") == 0)
        return sim_view_head(asked->view);
    if (strcmp(text, "finalized") == 0 || strcmp(text, "safe") == 0)
        return sim_view_block(asked->view, asked->view->final);
    return sim_view_block(asked->view, number_in(name));
}

static void bloom_add(uint8_t bloom[BLOOM_BYTES], const uint8_t *item, size_t length)
{
    uint8_t hash[32];
    pp_keccak256(item, length, hash);
    for (unsigned i = 0; i < 6; i += 2) {
        const unsigned bit = ((unsigned)hash[i] << 8 | hash[i + 1]) % (8 * BLOOM_BYTES);
        bloom[BLOOM_BYTES - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

static json_t *bloom_json(const struct asked *asked, const struct sim_block *block)
{
    uint8_t bloom[BLOOM_BYTES] = {0};
    if (!asked->chain->profile.has_bloom)
        return json_null();
    for (uint32_t i = 0; i < block->log_count; i++) {
        bloom_add(bloom, asked->chain->terms.domain.contract.bytes, 20);
        for (unsigned k = 0; k < block->logs[i].topic_count; k++)
            bloom_add(bloom, block->logs[i].topics[k].bytes, 32);
    }
    return hex(bloom, sizeof bloom);
}

static json_t *block_json(const struct asked *asked, const struct sim_block *block)
{
    if (!block)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:[]}", "number", quantity(block->block.number),
                     "hash", hex(block->block.hash.bytes, 32), "parentHash",
                     hex(block->block.parent.bytes, 32), "timestamp", quantity(block->block.time_s),
                     "baseFeePerGas", quantity(block->base_fee), "logsBloom", bloom_json(asked, block),
                     "gasLimit", GAS_LIMIT, "transactions");
}

static json_t *chain_id(struct asked *asked)
{
    return quantity(asked->chain->terms.domain.chain_id);
}

static json_t *block_number(struct asked *asked)
{
    return quantity(asked->view->head);
}

static json_t *get_block(struct asked *asked)
{
    return block_json(asked, block_named(asked, json_array_get(asked->params, 0)));
}

static json_t *get_block_by_hash(struct asked *asked)
{
    json_t *name = json_pack("{s:O}", "blockHash", json_array_get(asked->params, 0));
    const struct sim_block *block = block_named(asked, name);
    json_decref(name);
    return block_json(asked, block);
}

/* ---- entries ---- */

static json_t *log_json(const struct asked *asked, const struct pp_chain_log *log)
{
    json_t *topics = json_array();
    for (size_t i = 0; i < log->topic_count; i++)
        json_array_append_new(topics, hex(log->topics[i].bytes, 32));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b}", "address",
                     hex(asked->chain->terms.domain.contract.bytes, 20), "topics", topics, "data",
                     hex(log->data, log->data_length), "blockNumber", quantity(log->block_number),
                     "blockHash", hex(log->block_hash.bytes, 32), "transactionHash",
                     hex(log->transaction.bytes, 32), "logIndex", quantity(log->index), "transactionIndex",
                     "0x0", "removed", 0);
}

/* A topic, one of several, or null: any. */
static bool topic_fits(const json_t *wanted, const struct pp_hash *topic)
{
    size_t index;
    const json_t *one;
    struct pp_hash hash;
    if (json_is_null(wanted) || (json_is_array(wanted) && json_array_size(wanted) == 0))
        return true;
    if (json_is_string(wanted)) {
        bytes_in(wanted, hash.bytes, 32);
        return pp_hash_eq(&hash, topic);
    }
    json_array_foreach(wanted, index, one)
    {
        bytes_in(one, hash.bytes, 32);
        if (pp_hash_eq(&hash, topic))
            return true;
    }
    return false;
}

static bool log_fits(const json_t *topics, const struct pp_chain_log *log)
{
    size_t index;
    const json_t *wanted;
    json_array_foreach(topics, index, wanted) if (index >= log->topic_count ||
                                                  !topic_fits(wanted, &log->topics[index])) return false;
    return true;
}

static void block_logs(const struct asked *asked, const struct sim_block *block, const json_t *topics,
                       json_t *out)
{
    for (uint32_t i = 0; block && i < block->log_count; i++)
        if (log_fits(topics, &block->logs[i]))
            json_array_append_new(out, log_json(asked, &block->logs[i]));
}

static json_t *get_logs(struct asked *asked)
{
    const json_t *filter = json_array_get(asked->params, 0), *topics = json_object_get(filter, "topics");
    json_t *out = json_array();
    if (json_object_get(filter, "blockHash")) {
        const struct sim_block *block = block_named(asked, filter);
        if (!block) {
            json_decref(out);
            return refuse(asked, -32000, "unknown block", NULL);
        }
        block_logs(asked, block, topics, out);
        return out;
    }
    const uint64_t from = number_in(json_object_get(filter, "fromBlock"));
    uint64_t to = number_in(json_object_get(filter, "toBlock"));
    to = to < asked->view->head ? to : asked->view->head;
    for (uint64_t i = from; i <= to; i++)
        block_logs(asked, sim_view_block(asked->view, i), topics, out);
    return out;
}

/* ---- calls ---- */

static bool call_run(struct asked *asked, const struct sim_block *block, const json_t *call,
                     size_t *out_length, struct sim_result *out)
{
    struct sim_escrow *escrow = malloc(sizeof *escrow);
    struct sim_logs *logs = malloc(sizeof *logs);
    size_t length;
    const json_t *given = json_object_get(call, "data");
    uint8_t *data = data_in(given ? given : json_object_get(call, "input"), &length);
    const struct sim_now now = {block->block.number, block->block.time_s};
    pp_expect(escrow && logs);
    *escrow = block->escrow;
    bool done = sim_escrow_call(&asked->chain->terms, escrow, now, data, length, logs, out);
    *out_length = length;
    free(data);
    free(escrow);
    free(logs);
    return done;
}

/* Like a node: the call runs in the block that it names, its time included. */
static json_t *eth_call(struct asked *asked)
{
    struct sim_result result;
    size_t length;
    const struct sim_block *block = block_named(asked, json_array_get(asked->params, 1));
    if (!block)
        return refuse(asked, -32000, "header not found", NULL);
    if (call_run(asked, block, json_array_get(asked->params, 0), &length, &result))
        return hex(result.bytes, result.length);
    return refuse(asked, 3, "execution reverted", &result);
}

static json_t *estimate(struct asked *asked)
{
    struct sim_result result;
    size_t length;
    if (call_run(asked, sim_view_head(asked->view), json_array_get(asked->params, 0), &length, &result))
        return quantity(GAS_BASE + 16 * length);
    return refuse(asked, 3, "execution reverted", &result);
}

/* Anywhere but at the escrow there is no code. */
static json_t *get_code(struct asked *asked)
{
    struct pp_address address;
    bytes_in(json_array_get(asked->params, 0), address.bytes, 20);
    return json_string(pp_address_eq(&address, &asked->chain->terms.domain.contract) ? "0x6001" : "0x");
}

/* ---- accounts and transactions ---- */

static json_t *get_count(struct asked *asked)
{
    const json_t *at = json_array_get(asked->params, 1);
    if (json_is_string(at) && strcmp(json_string_value(at), "pending") == 0)
        return quantity(sim_chain_pending(asked->chain, asked->view));
    const struct sim_block *block = block_named(asked, at);
    return block ? quantity(block->account_nonce) : refuse(asked, -32000, "header not found", NULL);
}

static json_t *get_balance(struct asked *asked)
{
    (void)asked;
    return json_string(RICH);
}

static json_t *priority_fee(struct asked *asked)
{
    (void)asked;
    return quantity(SIM_GWEI);
}

static json_t *gas_price(struct asked *asked)
{
    return quantity(sim_view_head(asked->view)->base_fee + SIM_GWEI);
}

static json_t *send_raw(struct asked *asked)
{
    struct pp_hash hash;
    size_t length;
    uint8_t *raw = data_in(json_array_get(asked->params, 0), &length);
    const char *refused = sim_chain_send(asked->chain, raw, length, &hash);
    free(raw);
    return refused ? refuse(asked, -32000, refused, NULL) : hex(hash.bytes, 32);
}

static const struct sim_tx *tx_named(const struct asked *asked, struct pp_hash *out_hash)
{
    bytes_in(json_array_get(asked->params, 0), out_hash->bytes, 32);
    return sim_chain_find(asked->chain, out_hash);
}

static json_t *get_transaction(struct asked *asked)
{
    struct pp_hash hash;
    size_t entry;
    const struct sim_tx *tx = tx_named(asked, &hash);
    if (!tx || (!sim_chain_pools(asked->chain, tx) && !sim_view_mined(asked->view, tx, &entry)))
        return json_null();
    return json_pack("{s:o, s:o}", "hash", hex(hash.bytes, 32), "nonce", quantity(tx->nonce));
}

static json_t *get_receipt(struct asked *asked)
{
    struct pp_hash hash;
    size_t at;
    const struct sim_tx *tx = tx_named(asked, &hash);
    const struct sim_block *block = tx ? sim_view_mined(asked->view, tx, &at) : NULL;
    if (!block)
        return json_null();
    const struct sim_entry *entry = &block->entries[at];
    json_t *logs = json_array();
    for (uint32_t i = 0; i < entry->logs_count; i++)
        json_array_append_new(logs, log_json(asked, &block->logs[entry->logs_at + i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "transactionHash", hex(hash.bytes, 32), "status",
                     quantity(entry->succeeded), "blockNumber", quantity(block->block.number), "blockHash",
                     hex(block->block.hash.bytes, 32), "gasUsed", quantity(entry->gas_used),
                     "effectiveGasPrice", quantity(entry->gas_price), "logs", logs);
}

/* ---- which question ---- */

static const struct {
    const char *name;
    json_t *(*answer)(struct asked *asked);
} methods[] = {
    {"eth_chainId", chain_id},
    {"eth_blockNumber", block_number},
    {"eth_getBlockByNumber", get_block},
    {"eth_getBlockByHash", get_block_by_hash},
    {"eth_getLogs", get_logs},
    {"eth_call", eth_call},
    {"eth_estimateGas", estimate},
    {"eth_getCode", get_code},
    {"eth_getTransactionCount", get_count},
    {"eth_getBalance", get_balance},
    {"eth_maxPriorityFeePerGas", priority_fee},
    {"eth_gasPrice", gas_price},
    {"eth_sendRawTransaction", send_raw},
    {"eth_getTransactionByHash", get_transaction},
    {"eth_getTransactionReceipt", get_receipt},
};

char *sim_rpc_answer(struct sim_chain *chain, const struct sim_view *view, const char *question,
                     const char **out_method)
{
    json_t *json = json_loads(question, 0, NULL), *result = NULL;
    const char *method = json_string_value(json_object_get(json, "method"));
    struct asked asked = {chain, view, json_object_get(json, "params"), NULL};
    size_t i = 0;
    while (i < sizeof methods / sizeof methods[0] && strcmp(methods[i].name, method) != 0)
        i++;
    ck_assert_msg(i < sizeof methods / sizeof methods[0], "the simulated node has no %s", method);
    result = methods[i].answer(&asked);
    json_t *answer = json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", json_object_get(json, "id"),
                               result ? "result" : "error", result ? result : asked.error);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    json_decref(json);
    pp_expect(text != NULL);
    *out_method = methods[i].name;
    return text;
}
