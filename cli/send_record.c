#include "send_record.h"
#include "atomic_file.h"

#include <jansson.h>
#include <stdlib.h>

#define VERSION 1
#define FILE_MAX_BYTES (CLI_ATTEMPTS_MAX * 2u * CLI_RAW_MAX + 65536u)

char *cli_wei_print(pp_u128 wei, char out[CLI_WEI_TEXT_MAX])
{
    char digits[CLI_WEI_TEXT_MAX];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + (int)(wei % 10));
    while ((wei /= 10) > 0 && at > 0);
    memcpy(out, digits + at, sizeof digits - at);
    return out;
}

static enum pp_error wei_parse(const char *text, pp_u128 *out)
{
    struct pp_grains amount; /* digits below 2^96: above all the ether there is */
    PP_TRY(pp_grains_parse(text, strlen(text), &amount));
    *out = amount.raw;
    return PP_OK;
}

/* ---- writing ---- */

static json_t *bytes_json(const uint8_t *bytes, size_t length)
{
    char text[2 + 2 * CLI_RAW_MAX + 1] = "0x";
    pp_hex_print(bytes, length, text + 2);
    return json_string(text);
}

static json_t *attempt_json(const struct cli_attempt *attempt)
{
    char priority[CLI_WEI_TEXT_MAX], most[CLI_WEI_TEXT_MAX];
    return json_pack("{s:s, s:s, s:o, s:o}", "priority", cli_wei_print(attempt->fees.priority, priority),
                     "most", cli_wei_print(attempt->fees.most, most), "hash",
                     bytes_json(attempt->hash.bytes, 32), "raw", bytes_json(attempt->raw, attempt->length));
}

enum pp_error cli_send_record_write(const char *path, const struct cli_send_record *record)
{
    json_t *attempts = json_array();
    for (size_t i = 0; i < record->attempts_count; i++)
        json_array_append_new(attempts, attempt_json(&record->attempts[i]));
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:o, s:I, s:o, s:I, s:b, s:o, s:o}", "version", VERSION, "what",
                  record->what, "note", record->note, "account", bytes_json(record->account.bytes, 20),
                  "nonce", (json_int_t)record->nonce, "to", bytes_json(record->to.bytes, 20), "gas",
                  (json_int_t)record->gas, "mined_is_enough", (int)record->mined_is_enough, "data",
                  bytes_json(record->data, record->data_length), "attempts", attempts);
    char *text = object ? json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(object);
    if (!text)
        return PP_NO_MEMORY;
    enum pp_error error = cli_file_replace(path, text, strlen(text));
    free(text);
    return error;
}

/* ---- reading ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) && strlen(json_string_value(member)) == json_string_length(member)
               ? json_string_value(member)
               : NULL;
}

static enum pp_error text_take(const json_t *object, const char *name, char *out, size_t capacity)
{
    const char *text = text_of(object, name);
    if (!text || strlen(text) >= capacity)
        return PP_BAD_FORMAT;
    strcpy(out, text);
    return PP_OK;
}

static enum pp_error bytes_take(const json_t *object, const char *name, uint8_t *out, size_t capacity,
                                size_t *out_length)
{
    const char *text = text_of(object, name);
    size_t digits = text ? strlen(text) : 0;
    if (digits < 2 || digits % 2 != 0 || digits / 2 - 1 > capacity)
        return PP_BAD_FORMAT;
    PP_TRY(pp_hex_parse(text, digits, out, digits / 2 - 1));
    *out_length = digits / 2 - 1;
    return PP_OK;
}

static enum pp_error exact_take(const json_t *object, const char *name, uint8_t *out, size_t length)
{
    size_t actual;
    PP_TRY(bytes_take(object, name, out, length, &actual));
    return actual == length ? PP_OK : PP_BAD_FORMAT;
}

static enum pp_error number_take(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return PP_BAD_FORMAT;
    *out = (uint64_t)json_integer_value(member);
    return PP_OK;
}

static enum pp_error attempt_take(const json_t *object, struct cli_attempt *out)
{
    const char *priority = text_of(object, "priority"), *most = text_of(object, "most");
    if (!priority || !most)
        return PP_BAD_FORMAT;
    PP_TRY(wei_parse(priority, &out->fees.priority));
    PP_TRY(wei_parse(most, &out->fees.most));
    PP_TRY(exact_take(object, "hash", out->hash.bytes, sizeof out->hash.bytes));
    return bytes_take(object, "raw", out->raw, sizeof out->raw, &out->length);
}

static enum pp_error record_take(const json_t *object, struct cli_send_record *out)
{
    const json_t *attempts = json_object_get(object, "attempts");
    uint64_t version;
    PP_TRY(number_take(object, "version", &version));
    if (version != VERSION)
        return PP_BAD_VERSION;
    PP_TRY(text_take(object, "what", out->what, sizeof out->what));
    PP_TRY(text_take(object, "note", out->note, sizeof out->note));
    PP_TRY(exact_take(object, "account", out->account.bytes, sizeof out->account.bytes));
    PP_TRY(exact_take(object, "to", out->to.bytes, sizeof out->to.bytes));
    PP_TRY(number_take(object, "nonce", &out->nonce));
    PP_TRY(number_take(object, "gas", &out->gas));
    PP_TRY(bytes_take(object, "data", out->data, sizeof out->data, &out->data_length));
    if (!json_is_boolean(json_object_get(object, "mined_is_enough")))
        return PP_BAD_FORMAT;
    out->mined_is_enough = json_is_true(json_object_get(object, "mined_is_enough"));
    if (!json_is_array(attempts) || json_array_size(attempts) == 0)
        return PP_BAD_FORMAT;
    if (json_array_size(attempts) > CLI_ATTEMPTS_MAX)
        return PP_TOO_MANY;
    for (out->attempts_count = 0; out->attempts_count < json_array_size(attempts); out->attempts_count++)
        PP_TRY(
            attempt_take(json_array_get(attempts, out->attempts_count), &out->attempts[out->attempts_count]));
    return PP_OK;
}

enum pp_error cli_send_record_read(const char *path, struct cli_send_record *out)
{
    char *text;
    size_t length;
    PP_TRY(cli_file_read(path, FILE_MAX_BYTES, &text, &length));
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    enum pp_error error = json_is_object(object) ? record_take(object, out) : PP_BAD_FORMAT;
    json_decref(object);
    return error;
}
