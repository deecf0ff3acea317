#include "envelope.h"

#include <inttypes.h>
#include <pp/fields.h>

static enum pp_error leaf_take(const struct cli_exchange *exchange, struct cli_envelope *out)
{
    uint8_t bytes[PP_LEAF_BYTES];
    struct pp_reader r;
    size_t length;
    const char *text = cli_exchange_header(exchange, CLI_HEADER_LEAF);
    PP_TRY(pp_base64_parse(text, strlen(text), bytes, sizeof bytes, &length));
    pp_reader_init(&r, bytes, length);
    pp_leaf_read(&r, &out->leaf);
    PP_TRY(pp_reader_finish(&r));
    pp_leaf_id(&out->leaf, &out->id);
    text = cli_exchange_header(exchange, CLI_HEADER_TOPIC);
    return pp_base64_parse(text, strlen(text), out->topic, sizeof out->topic, &out->topic_length);
}

enum pp_error cli_envelope_get(struct cli_exchange *exchange, uint32_t lane, uint64_t sequence,
                               struct cli_envelope *out, struct cli_problem *problem)
{
    char path[64];
    struct pp_hash hash;
    const struct cli_request request = {.method = "GET", .path = path};
    if (lane != 0)
        snprintf(path, sizeof path, "/v1/envelopes/%" PRIu64 "?lane=%" PRIu32, sequence, lane);
    else
        snprintf(path, sizeof path, "/v1/envelopes/%" PRIu64, sequence);
    PP_TRY(cli_exchange_run(exchange, &request, problem));
    if (leaf_take(exchange, out) != PP_OK)
        return cli_problem_set(problem, PP_NODE_NONSENSE,
                               "number %" PRIu64 ": the leaf or the topic beside it", sequence);
    out->payload = cli_exchange_body(exchange, &out->payload_length);
    pp_envelope_hash(out->topic, out->topic_length, out->payload, out->payload_length, &hash);
    if (!pp_hash_eq(&hash, &out->leaf.envelope_hash) || out->payload_length != out->leaf.size) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_CONTENT_MISMATCH, "envelope_hash");
        refusal.expected = pp_value_bytes(out->leaf.envelope_hash.bytes, 32);
        refusal.actual = pp_value_bytes(hash.bytes, 32);
        return cli_problem_refusal(problem, &refusal, "number %" PRIu64 ", as the node sent it", sequence);
    }
    return PP_OK;
}
