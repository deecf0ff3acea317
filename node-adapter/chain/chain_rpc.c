#include "chain/chain_json.h"
#include "chain/chain_transport.h"

#include <pp/hash.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define QUANTITY_TEXT_MAX 20u

static const char *quantity(uint64_t value, char out[QUANTITY_TEXT_MAX])
{
    snprintf(out, QUANTITY_TEXT_MAX, "0x%" PRIx64, value);
    return out;
}

static const char *tag_text(enum pp_rpc_tag tag)
{
    return tag == PP_RPC_LATEST ? "latest" : tag == PP_RPC_FINALIZED ? "finalized" : "pending";
}

/* "0x" and hex; NULL without memory. */
static json_t *hex_json(const uint8_t *bytes, size_t length)
{
    char *text = malloc(2 * length + 3);
    if (!text)
        return NULL;
    memcpy(text, "0x", 3);
    pp_hex_print(bytes, length, text + 2);
    json_t *json = json_stringn_nocheck(text, 2 * length + 2);
    free(text);
    return json;
}

static enum pp_error nonsense(struct pp_rpc *rpc, const char *method, const char *field)
{
    return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: %s is not as it must be", method, field);
}

/* A method whose result is one number. */
static enum pp_error ask_u128(struct pp_rpc *rpc, const char *method, json_t *params, pp_u128 *out)
{
    json_t *result;
    PP_TRY(rpc_ask(rpc, method, params, &result));
    bool good = chain_value_u128(result, out);
    json_decref(result);
    return good ? PP_OK : nonsense(rpc, method, "the number");
}

static enum pp_error ask_u64(struct pp_rpc *rpc, const char *method, json_t *params, uint64_t *out)
{
    pp_u128 value;
    PP_TRY(ask_u128(rpc, method, params, &value));
    if (value > UINT64_MAX)
        return nonsense(rpc, method, "the number");
    *out = (uint64_t)value;
    return PP_OK;
}

enum pp_error pp_rpc_chain_id(struct pp_rpc *rpc, uint64_t *out)
{
    return ask_u64(rpc, "eth_chainId", json_array(), out);
}

enum pp_error pp_rpc_expect_chain(struct pp_rpc *rpc, uint64_t chain_id)
{
    return rpc_expect_chain(rpc, chain_id);
}

/* ---- blocks ---- */

static enum pp_error ask_block(struct pp_rpc *rpc, const char *method, const char *which,
                               struct pp_rpc_block *out)
{
    json_t *result;
    PP_TRY(rpc_ask(rpc, method, json_pack("[s, b]", which, 0), &result));
    if (json_is_null(result)) {
        json_decref(result);
        return rpc_fail(rpc, PP_NOT_FOUND, "%s: the node has no block %s", method, which);
    }
    struct chain_json j;
    struct pp_rpc_block block = {0};
    chain_json_init(&j, result);
    chain_json_block(&j, &block);
    json_decref(result);
    if (chain_json_finish(&j) != PP_OK)
        return nonsense(rpc, method, j.field);
    *out = block;
    return PP_OK;
}

enum pp_error pp_rpc_block(struct pp_rpc *rpc, enum pp_rpc_tag tag, struct pp_rpc_block *out)
{
    return ask_block(rpc, "eth_getBlockByNumber", tag_text(tag), out);
}

enum pp_error pp_rpc_block_at(struct pp_rpc *rpc, uint64_t number, struct pp_rpc_block *out)
{
    char which[QUANTITY_TEXT_MAX];
    struct pp_rpc_block block;
    PP_TRY(ask_block(rpc, "eth_getBlockByNumber", quantity(number, which), &block));
    if (block.block.number != number)
        return nonsense(rpc, "eth_getBlockByNumber", "number");
    *out = block;
    return PP_OK;
}

#define HASH_TEXT_MAX 67u

static const char *hash_text(const struct pp_hash *hash, char out[HASH_TEXT_MAX])
{
    memcpy(out, "0x", 3);
    pp_hex_print(hash->bytes, 32, out + 2);
    return out;
}

enum pp_error pp_rpc_block_of(struct pp_rpc *rpc, const struct pp_hash *hash, struct pp_rpc_block *out)
{
    char which[HASH_TEXT_MAX];
    struct pp_rpc_block block;
    PP_TRY(ask_block(rpc, "eth_getBlockByHash", hash_text(hash, which), &block));
    if (!pp_hash_eq(&block.block.hash, hash))
        return nonsense(rpc, "eth_getBlockByHash", "hash");
    *out = block;
    return PP_OK;
}

/* RPC-011: nodes have no common words for a block that they left, so they are asked for the block itself. */
static enum pp_error refused_of_block(struct pp_rpc *rpc, const struct pp_hash *hash, enum pp_error error)
{
    struct pp_rpc_block asked, canonical;
    char reason[PP_RPC_TEXT_MAX];
    if (error != PP_CHAIN_REFUSED || !hash)
        return error;
    snprintf(reason, sizeof reason, "%s", pp_rpc_reason(rpc));
    enum pp_error found = pp_rpc_block_of(rpc, hash, &asked);
    if (found == PP_OK)
        found = pp_rpc_block_at(rpc, asked.block.number, &canonical);
    if (found == PP_NOT_FOUND || (found == PP_OK && !pp_hash_eq(&canonical.block.hash, hash)))
        return rpc_fail(rpc, PP_CHAIN_REORG, "a block changed while it was read");
    return rpc_fail_again(rpc, error, reason);
}

/* The yellow paper's M3:2048: three bits, each by eleven bits of the item's Keccak-256. */
bool pp_rpc_bloom_may_have(const struct pp_rpc_bloom *bloom, const uint8_t *item, size_t length)
{
    uint8_t hash[32];
    pp_keccak256(item, length, hash);
    for (unsigned i = 0; i < 6; i += 2) {
        unsigned bit = (unsigned)(hash[i] << 8 | hash[i + 1]) % (8 * PP_RPC_BLOOM_BYTES);
        if (!(bloom->bytes[PP_RPC_BLOOM_BYTES - 1 - bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}

/* ---- logs ---- */

struct log_list {
    struct pp_chain_log *logs;
    size_t count;
    size_t capacity;
};

static enum pp_error list_reserve(struct log_list *list, size_t more)
{
    if (more > PP_CHAIN_LOGS_MAX - list->count)
        return PP_TOO_MANY;
    if (list->count + more <= list->capacity)
        return PP_OK;
    size_t capacity = list->count + more;
    struct pp_chain_log *grown = realloc(list->logs, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    list->logs = grown;
    list->capacity = capacity;
    return PP_OK;
}

static json_t *filter_json(const struct pp_rpc_filter *filter, uint64_t from, uint64_t to)
{
    char from_text[QUANTITY_TEXT_MAX], to_text[QUANTITY_TEXT_MAX];
    json_t *alternatives = json_array(), *topics = json_array();
    for (size_t i = 0; i < filter->topic_count; i++)
        json_array_append_new(alternatives, hex_json(filter->topics[i].bytes, 32));
    json_array_append_new(topics, alternatives);
    if (filter->channel)
        json_array_append_new(topics, hex_json(filter->channel->bytes, 32));
    json_t *address = hex_json(filter->contract.bytes, 20);
    if (filter->block)
        return json_pack("[{s:o, s:o, s:o}]", "address", address, "blockHash",
                         hex_json(filter->block->bytes, 32), "topics", topics);
    return json_pack("[{s:o, s:s, s:s, s:o}]", "address", address, "fromBlock", quantity(from, from_text),
                     "toBlock", quantity(to, to_text), "topics", topics);
}

static bool log_is_before(const struct pp_chain_log *a, const struct pp_chain_log *b)
{
    return a->block_number < b->block_number || (a->block_number == b->block_number && a->index < b->index);
}

static bool log_fits(const struct pp_rpc_filter *filter, const struct pp_chain_log *log)
{
    if (log->topic_count == 0 || (filter->block && !pp_hash_eq(&log->block_hash, filter->block)))
        return false;
    if (filter->channel &&
        (log->topic_count < 2 || memcmp(log->topics[1].bytes, filter->channel->bytes, 32) != 0))
        return false;
    for (size_t i = 0; i < filter->topic_count; i++)
        if (pp_hash_eq(&filter->topics[i], &log->topics[0]))
            return true;
    return filter->topic_count == 0;
}

/* RPC-005: what was not asked for is nonsense: another contract's entries, other blocks, other topics, another order. */
static enum pp_error logs_read(struct pp_rpc *rpc, const struct pp_rpc_filter *filter, uint64_t from,
                               uint64_t to, const json_t *result, struct log_list *list)
{
    static const char method[] = "eth_getLogs";
    if (!json_is_array(result))
        return nonsense(rpc, method, "the list");
    enum pp_error error = list_reserve(list, json_array_size(result));
    if (error != PP_OK)
        return rpc_fail(rpc, error, "%s: %zu entries", method, json_array_size(result));
    for (size_t i = 0; i < json_array_size(result); i++) {
        struct chain_json j;
        struct pp_address emitter;
        struct pp_chain_log *log = &list->logs[list->count];
        chain_json_init(&j, json_array_get(result, i));
        chain_json_log(&j, log, &emitter);
        if (chain_json_finish(&j) != PP_OK)
            return nonsense(rpc, method, j.field);
        if (!pp_address_eq(&emitter, &filter->contract) || log->block_number < from ||
            log->block_number > to || !log_fits(filter, log))
            return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: an entry that was not asked for", method);
        if (list->count > 0 && !log_is_before(log - 1, log))
            return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the entries are out of order", method);
        list->count++;
    }
    return PP_OK;
}

/* RPC-006: a range that the node finds too large, or whose answer is too large, is asked again in halves. */
static enum pp_error logs_ask(struct pp_rpc *rpc, const struct pp_rpc_filter *filter, uint64_t from,
                              uint64_t to, struct log_list *list)
{
    while (from <= to) {
        json_t *result;
        uint64_t upto = to;
        enum pp_error error = rpc_ask(rpc, "eth_getLogs", filter_json(filter, from, upto), &result);
        while ((error == PP_CHAIN_REFUSED || error == PP_CHAIN_NONSENSE) && upto > from) {
            upto = from + (upto - from) / 2;
            error = rpc_ask(rpc, "eth_getLogs", filter_json(filter, from, upto), &result);
        }
        PP_TRY(error);
        error = logs_read(rpc, filter, from, upto, result, list);
        json_decref(result);
        PP_TRY(error);
        if (upto == UINT64_MAX)
            break;
        from = upto + 1;
    }
    return PP_OK;
}

enum pp_error pp_rpc_logs(struct pp_rpc *rpc, const struct pp_rpc_filter *filter, struct pp_chain_log **out,
                          size_t *out_count)
{
    struct log_list list = {0};
    enum pp_error error =
        refused_of_block(rpc, filter->block, logs_ask(rpc, filter, filter->from, filter->to, &list));
    if (error != PP_OK) {
        free(list.logs);
        return error;
    }
    *out = list.logs;
    *out_count = list.count;
    return PP_OK;
}

enum pp_error pp_rpc_block_entries(struct pp_rpc *rpc, const struct pp_hash *block, size_t *out_count)
{
    static const char method[] = "eth_getLogs";
    json_t *result;
    enum pp_error error =
        rpc_ask(rpc, method, json_pack("[{s:o}]", "blockHash", hex_json(block->bytes, 32)), &result);
    PP_TRY(refused_of_block(rpc, block, error));
    bool good = json_is_array(result);
    *out_count = json_array_size(result);
    json_decref(result);
    return good ? PP_OK : nonsense(rpc, method, "the list");
}

/* ---- calls ---- */

static json_t *call_json(const struct pp_rpc_call *call)
{
    json_t *object = json_pack("{s:o, s:o}", "to", hex_json(call->to.bytes, 20), "data",
                               hex_json(call->data, call->data_length));
    if (object && call->from)
        json_object_set_new(object, "from", hex_json(call->from->bytes, 20));
    return object;
}

/* What nodes say of a call that no block has room for (geth, erigon, nethermind, reth, anvil). */
static bool is_too_much_gas(const struct rpc_refusal *refusal)
{
    static const char *const known[] = {"gas required exceeds", "exceeds block gas limit", "out of gas",
                                        "OutOfGas", "intrinsic gas too high"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(refusal->message, known[i]))
            return true;
    return false;
}

/* The block that a question is about (EIP-1898). */
static json_t *block_json(uint64_t at, const struct pp_hash *hash)
{
    char text[QUANTITY_TEXT_MAX];
    if (hash)
        return json_pack("{s:o, s:b}", "blockHash", hex_json(hash->bytes, 32), "requireCanonical", 1);
    return json_string(at == PP_RPC_AT_LATEST ? "latest" : quantity(at, text));
}

/* Nodes report a revert as an error with the code 3, or with other codes and the data. */
static enum pp_error reverted(struct pp_rpc *rpc, const char *method, enum pp_error error)
{
    const struct rpc_refusal *refusal = rpc_refusal(rpc);
    if (error != PP_CHAIN_REFUSED)
        return error;
    if (!refusal->has_data && is_too_much_gas(refusal))
        return rpc_fail(rpc, PP_TX_GAS_LIMIT, "%s: %.200s", method, refusal->message);
    if (refusal->code != 3 && !refusal->has_data && !strstr(refusal->message, "revert"))
        return strstr(refusal->message, "insufficient funds")
                   ? rpc_fail(rpc, PP_TX_FUNDS, "%s: the account cannot pay", method)
                   : error;
    char text[PP_ABI_ERROR_TEXT_MAX];
    if (refusal->has_data)
        return rpc_fail(rpc, PP_CHAIN_REVERTED, "%.200s",
                        pp_abi_error_print(refusal->data, refusal->data_length, text, sizeof text));
    return rpc_fail(rpc, PP_CHAIN_REVERTED, "%.200s", refusal->message);
}

enum pp_error pp_rpc_call(struct pp_rpc *rpc, const struct pp_rpc_call *call, uint8_t *out, size_t capacity,
                          size_t *out_length)
{
    json_t *result;
    json_t *params = json_pack("[o, o]", call_json(call), block_json(call->at, call->at_hash));
    enum pp_error error = reverted(rpc, "eth_call", rpc_ask(rpc, "eth_call", params, &result));
    PP_TRY(refused_of_block(rpc, call->at_hash, error));
    bool good = chain_value_data(result, out, capacity, out_length);
    json_decref(result);
    return good ? PP_OK : nonsense(rpc, "eth_call", "the result");
}

#define CODE_MAX_BYTES (256u << 10) /* EIP-170 allows 24 KiB; some chains allow more */

enum pp_error pp_rpc_code(struct pp_rpc *rpc, const struct pp_address *address, const struct pp_hash *at_hash,
                          struct pp_hash *out_hash, size_t *out_length)
{
    static const char method[] = "eth_getCode";
    json_t *result;
    json_t *params = json_pack("[o, o]", hex_json(address->bytes, 20), block_json(PP_RPC_AT_LATEST, at_hash));
    PP_TRY(refused_of_block(rpc, at_hash, rpc_ask(rpc, method, params, &result)));
    uint8_t *code = malloc(CODE_MAX_BYTES);
    bool good = code && chain_value_data(result, code, CODE_MAX_BYTES, out_length);
    if (good)
        pp_keccak256(code, *out_length, out_hash->bytes);
    json_decref(result);
    free(code);
    return good ? PP_OK : code ? nonsense(rpc, method, "the code") : PP_NO_MEMORY;
}

enum pp_error pp_rpc_estimate(struct pp_rpc *rpc, const struct pp_rpc_call *call, uint64_t *out_gas)
{
    return reverted(rpc, "eth_estimateGas",
                    ask_u64(rpc, "eth_estimateGas", json_pack("[o]", call_json(call)), out_gas));
}

/* ---- accounts ---- */

enum pp_error pp_rpc_nonce(struct pp_rpc *rpc, const struct pp_address *account, enum pp_rpc_tag tag,
                           uint64_t *out)
{
    return ask_u64(rpc, "eth_getTransactionCount",
                   json_pack("[o, s]", hex_json(account->bytes, 20), tag_text(tag)), out);
}

enum pp_error pp_rpc_balance(struct pp_rpc *rpc, const struct pp_address *account, pp_u128 *out)
{
    return ask_u128(rpc, "eth_getBalance", json_pack("[o, s]", hex_json(account->bytes, 20), "latest"), out);
}

enum pp_error pp_rpc_priority_fee(struct pp_rpc *rpc, pp_u128 *out)
{
    return ask_u128(rpc, "eth_maxPriorityFeePerGas", json_array(), out);
}

/* ---- transactions ---- */

/* The words that nodes use (geth, reth, nethermind, erigon, anvil); they have no common codes. */
static enum pp_error send_refused(struct pp_rpc *rpc)
{
    static const struct {
        const char *words;
        enum pp_error error;
    } known[] = {
        {"already known", PP_OK},
        {"already imported", PP_OK},
        {"AlreadyKnown", PP_OK},
        {"known transaction", PP_OK},
        {"nonce too low", PP_TX_NONCE_LOW},
        {"OldNonce", PP_TX_NONCE_LOW},
        {"insufficient funds", PP_TX_FUNDS},
        {"Insufficient funds", PP_TX_FUNDS},
        {"underpriced", PP_TX_UNDERPRICED},
        {"fee too low", PP_TX_UNDERPRICED},
        {"FeeTooLow", PP_TX_UNDERPRICED},
        {"less than block base fee", PP_TX_UNDERPRICED},
        {"lower than the block base fee", PP_TX_UNDERPRICED},
    };
    const struct rpc_refusal *refusal = rpc_refusal(rpc);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(refusal->message, known[i].words))
            return known[i].error;
    return PP_TX_REFUSED;
}

static enum pp_error send_one(struct pp_rpc *rpc, const uint8_t *raw, size_t length, const struct pp_hash *hash)
{
    static const char method[] = "eth_sendRawTransaction";
    json_t *result;
    enum pp_error error = rpc_ask(rpc, method, json_pack("[o]", hex_json(raw, length)), &result);
    if (error == PP_CHAIN_REFUSED)
        return send_refused(rpc);
    PP_TRY(error);
    struct pp_hash told;
    bool good = chain_value_bytes(result, told.bytes, 32) && pp_hash_eq(&told, hash);
    json_decref(result);
    return good ? PP_OK : nonsense(rpc, method, "the hash");
}

/* RPC-014: one that took it is enough; else what the first said counts. */
enum pp_error pp_rpc_send(struct pp_rpc *rpc, const uint8_t *raw, size_t length, const struct pp_hash *hash)
{
    size_t first = pp_rpc_current(rpc), count = pp_rpc_endpoints(rpc);
    char reason[PP_RPC_TEXT_MAX];
    bool was_turn = rpc_pin(rpc, true);
    enum pp_error outcome = send_one(rpc, raw, length, hash);
    snprintf(reason, sizeof reason, "%s", pp_rpc_reason(rpc));
    for (size_t i = 1; i < count; i++) {
        pp_rpc_use(rpc, (first + i) % count);
        if (send_one(rpc, raw, length, hash) == PP_OK)
            outcome = PP_OK;
    }
    pp_rpc_use(rpc, first);
    (void)rpc_pin(rpc, was_turn);
    return outcome == PP_OK ? PP_OK : rpc_fail_again(rpc, outcome, reason);
}

void pp_rpc_receipt_done(struct pp_rpc_receipt *receipt)
{
    free(receipt->logs);
    receipt->logs = NULL;
    receipt->log_count = 0;
}

/* A token may write what it likes into its own entries: they are not looked into. */
static bool is_from(const json_t *entry, const struct pp_address *contract)
{
    struct pp_address emitter;
    return chain_value_bytes(json_object_get(entry, "address"), emitter.bytes, sizeof emitter.bytes) &&
           pp_address_eq(&emitter, contract);
}

static enum pp_error receipt_logs(struct chain_json *j, const struct pp_address *contract,
                                  struct pp_rpc_receipt *receipt)
{
    const json_t *logs = chain_json_array(j, "logs", PP_CHAIN_LOGS_MAX);
    size_t count = json_array_size(logs);
    if (count == 0)
        return PP_OK;
    receipt->logs = calloc(count, sizeof *receipt->logs);
    if (!receipt->logs)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct chain_json entry;
        struct pp_address emitter;
        if (!is_from(json_array_get(logs, i), contract))
            continue;
        chain_json_init(&entry, json_array_get(logs, i));
        chain_json_log(&entry, &receipt->logs[receipt->log_count++], &emitter);
        if (entry.field)
            chain_json_fail(j, entry.field);
    }
    return PP_OK;
}

static enum pp_error receipt_read(struct chain_json *j, const struct pp_hash *transaction,
                                  const struct pp_address *contract, struct pp_rpc_receipt *receipt)
{
    struct pp_hash hash;
    chain_json_bytes(j, "transactionHash", hash.bytes, 32);
    if (!pp_hash_eq(&hash, transaction))
        chain_json_fail(j, "transactionHash");
    uint64_t status = chain_json_u64(j, "status");
    if (status > 1)
        chain_json_fail(j, "status");
    receipt->succeeded = status == 1;
    receipt->block_number = chain_json_u64(j, "blockNumber");
    chain_json_bytes(j, "blockHash", receipt->block_hash.bytes, 32);
    receipt->gas_used = chain_json_u64(j, "gasUsed");
    receipt->gas_price = chain_json_u128(j, "effectiveGasPrice");
    return receipt_logs(j, contract, receipt);
}

enum pp_error pp_rpc_receipt(struct pp_rpc *rpc, const struct pp_hash *transaction,
                             const struct pp_address *contract, struct pp_rpc_receipt *out)
{
    static const char method[] = "eth_getTransactionReceipt";
    json_t *result;
    PP_TRY(rpc_ask(rpc, method, json_pack("[o]", hex_json(transaction->bytes, 32)), &result));
    if (json_is_null(result)) {
        json_decref(result);
        return rpc_fail(rpc, PP_NOT_FOUND, "%s: not mined", method);
    }
    struct chain_json j;
    struct pp_rpc_receipt receipt = {0};
    chain_json_init(&j, result);
    enum pp_error error = receipt_read(&j, transaction, contract, &receipt);
    json_decref(result);
    if (error == PP_OK && chain_json_finish(&j) != PP_OK)
        error = nonsense(rpc, method, j.field);
    if (error != PP_OK) {
        pp_rpc_receipt_done(&receipt);
        return error;
    }
    *out = receipt;
    return PP_OK;
}

enum pp_error pp_rpc_knows(struct pp_rpc *rpc, const struct pp_hash *transaction, bool *out)
{
    static const char method[] = "eth_getTransactionByHash";
    json_t *result;
    PP_TRY(rpc_ask(rpc, method, json_pack("[o]", hex_json(transaction->bytes, 32)), &result));
    struct chain_json j;
    struct pp_hash hash;
    bool known = !json_is_null(result);
    chain_json_init(&j, result);
    if (known)
        chain_json_bytes(&j, "hash", hash.bytes, 32);
    json_decref(result);
    if (known && (chain_json_finish(&j) != PP_OK || !pp_hash_eq(&hash, transaction)))
        return nonsense(rpc, method, "hash");
    *out = known;
    return PP_OK;
}
