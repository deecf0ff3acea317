#include "session_json.h"

#include <pp/ids.h>

static void put_hex(json_t *object, const char *name, const uint8_t *bytes, size_t length)
{
    char hex[2 + 2 * 65 + 1] = "0x";
    pp_hex_print(bytes, length, hex + 2);
    json_object_set_new(object, name, json_string(hex));
}

static void put_grains(json_t *object, const char *name, struct pp_grains grains)
{
    char digits[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, name, json_string(pp_grains_print(grains, digits)));
}

json_t *cli_session_open_json(const struct pp_session_open *open)
{
    const struct pp_session_opening *opening = &open->opening;
    json_t *body = json_object();
    put_hex(body, "node_key", opening->node_key.bytes, 32);
    put_hex(body, "sender_key", opening->sender_key.bytes, 32);
    put_grains(body, "from", opening->chunk.from);
    put_grains(body, "to", opening->chunk.to);
    json_object_set_new(body, "not_after_ms", json_integer((json_int_t)opening->not_after_ms));
    put_grains(body, "refund_ack", open->refund_ack);
    put_hex(body, "signature", open->signature.bytes, 65);
    return body;
}

json_t *cli_session_root_json(const struct pp_session_root *root)
{
    json_t *body = json_object();
    put_hex(body, "session_id", root->session_id.bytes, 32);
    json_object_set_new(body, "count", json_integer((json_int_t)root->count));
    put_grains(body, "spent", root->spent);
    put_grains(body, "refund_ack", root->refund_ack);
    put_hex(body, "context", root->context.bytes, 32);
    put_hex(body, "signature", root->signature.bytes, 65);
    return body;
}
