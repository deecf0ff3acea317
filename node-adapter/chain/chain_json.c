#include "chain/chain_json.h"

void chain_json_init(struct chain_json *j, const json_t *object)
{
    *j = (struct chain_json){object, json_is_object(object) ? NULL : "the object"};
}

void chain_json_fail(struct chain_json *j, const char *name)
{
    if (!j->field)
        j->field = name;
}

enum pp_error chain_json_finish(const struct chain_json *j)
{
    return j->field ? PP_CHAIN_NONSENSE : PP_OK;
}

static const char *hex_digits(const json_t *value, size_t *out_count)
{
    const char *text = json_string_value(value);
    size_t length = text ? json_string_length(value) : 0;
    if (length < 2 || text[0] != '0' || text[1] != 'x')
        return NULL;
    *out_count = length - 2;
    return text + 2;
}

bool chain_value_u128(const json_t *value, pp_u128 *out)
{
    size_t count;
    const char *digits = hex_digits(value, &count);
    if (!digits || count == 0 || count > 32 || (count > 1 && digits[0] == '0'))
        return false;
    pp_u128 number = 0;
    for (size_t i = 0; i < count; i++) {
        char c = digits[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return false;
        number = number << 4 | digit;
    }
    *out = number;
    return true;
}

bool chain_value_u64(const json_t *value, uint64_t *out)
{
    pp_u128 number;
    if (!chain_value_u128(value, &number) || number > UINT64_MAX)
        return false;
    *out = (uint64_t)number;
    return true;
}

bool chain_value_data(const json_t *value, uint8_t *out, size_t capacity, size_t *out_length)
{
    size_t count;
    const char *digits = hex_digits(value, &count);
    if (!digits || count % 2 != 0 || count / 2 > capacity)
        return false;
    if (pp_hex_parse(digits, count, out, count / 2) != PP_OK)
        return false;
    *out_length = count / 2;
    return true;
}

bool chain_value_bytes(const json_t *value, uint8_t *out, size_t length)
{
    size_t count;
    const char *digits = hex_digits(value, &count);
    return digits && count == 2 * length && pp_hex_parse(digits, count, out, length) == PP_OK;
}

static const json_t *member(const struct chain_json *j, const char *name)
{
    return j->field ? NULL : json_object_get(j->object, name);
}

uint64_t chain_json_u64(struct chain_json *j, const char *name)
{
    uint64_t value = 0;
    if (!chain_value_u64(member(j, name), &value))
        chain_json_fail(j, name);
    return value;
}

pp_u128 chain_json_u128(struct chain_json *j, const char *name)
{
    pp_u128 value = 0;
    if (!chain_value_u128(member(j, name), &value))
        chain_json_fail(j, name);
    return value;
}

void chain_json_bytes(struct chain_json *j, const char *name, uint8_t *out, size_t length)
{
    if (!chain_value_bytes(member(j, name), out, length)) {
        memset(out, 0, length);
        chain_json_fail(j, name);
    }
}

size_t chain_json_data(struct chain_json *j, const char *name, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    if (!chain_value_data(member(j, name), out, capacity, &length))
        chain_json_fail(j, name);
    return length;
}

const json_t *chain_json_array(struct chain_json *j, const char *name, size_t max)
{
    const json_t *array = member(j, name);
    if (json_is_array(array) && json_array_size(array) <= max)
        return array;
    chain_json_fail(j, name);
    return NULL;
}

bool chain_json_is_null(const struct chain_json *j, const char *name)
{
    const json_t *value = member(j, name);
    return !value || json_is_null(value);
}

void chain_json_block(struct chain_json *j, struct pp_rpc_block *out)
{
    out->block.number = chain_json_u64(j, "number");
    chain_json_bytes(j, "hash", out->block.hash.bytes, 32);
    chain_json_bytes(j, "parentHash", out->block.parent.bytes, 32);
    out->block.time_s = chain_json_u64(j, "timestamp");
    out->base_fee = chain_json_is_null(j, "baseFeePerGas") ? 0 : chain_json_u128(j, "baseFeePerGas");
    out->gas_limit = chain_json_is_null(j, "gasLimit") ? 0 : chain_json_u64(j, "gasLimit");
    out->has_bloom = !chain_json_is_null(j, "logsBloom");
    if (out->has_bloom)
        chain_json_bytes(j, "logsBloom", out->bloom.bytes, sizeof out->bloom.bytes);
}

static void log_topics(struct chain_json *j, struct pp_chain_log *out)
{
    const json_t *topics = chain_json_array(j, "topics", PP_LOG_TOPICS_MAX);
    out->topic_count = (uint8_t)json_array_size(topics);
    for (size_t i = 0; i < out->topic_count; i++)
        if (!chain_value_bytes(json_array_get(topics, i), out->topics[i].bytes, 32))
            chain_json_fail(j, "topics");
}

void chain_json_log(struct chain_json *j, struct pp_chain_log *out, struct pp_address *out_emitter)
{
    *out = (struct pp_chain_log){0};
    chain_json_bytes(j, "address", out_emitter->bytes, sizeof out_emitter->bytes);
    log_topics(j, out);
    out->data_length = (uint16_t)chain_json_data(j, "data", out->data, sizeof out->data);
    out->block_number = chain_json_u64(j, "blockNumber");
    chain_json_bytes(j, "blockHash", out->block_hash.bytes, 32);
    chain_json_bytes(j, "transactionHash", out->transaction.bytes, 32);
    uint64_t index = chain_json_u64(j, "logIndex");
    if (index > UINT32_MAX)
        chain_json_fail(j, "logIndex");
    out->index = (uint32_t)index;
    const json_t *removed = json_object_get(j->object, "removed");
    if (removed && !json_is_false(removed))
        chain_json_fail(j, "removed");
}
