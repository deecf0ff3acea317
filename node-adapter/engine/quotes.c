/* Quotes: issued at most once a second while nothing changes, and verified once each. The node keeps none across a start:
 * the sender brings the quote back. */
#include "engine/node.h"

#include <pp/assert.h>

#include <string.h>

#define REISSUE_MS 1000u

enum pp_error pp_quote_examine(struct pp_node *node, const uint8_t *bytes, size_t length, struct pp_quote *out,
                               struct pp_hash *out_id)
{
    struct pp_signed_quote quote;
    PP_TRY(pp_signed_quote_decode(bytes, length, &quote));
    pp_quote_id(&quote.quote, out_id);
    struct pp_quote_cache_entry *entry = &node->quotes[out_id->bytes[0] % PP_QUOTE_CACHE];
    pthread_mutex_lock(&node->quote_lock);
    bool known = entry->used && pp_hash_eq(&entry->id, out_id);
    pthread_mutex_unlock(&node->quote_lock);
    if (!known) {
        PP_TRY(pp_signed_quote_verify(&quote, node->config.node_id, &node->receipt_key));
        pthread_mutex_lock(&node->quote_lock);
        *entry = (struct pp_quote_cache_entry){.id = *out_id, .used = true};
        pthread_mutex_unlock(&node->quote_lock);
    }
    *out = quote.quote;
    return PP_OK;
}

/* Under quote_lock. */
static enum pp_error issue(struct pp_node *node, uint64_t now_ms)
{
    const struct pp_rates *rates;
    const struct pp_quote *last = &node->issued.quote;
    PP_TRY(pp_rate_table_at(&node->rates, now_ms, &rates));
    pp_congestion_advance(&node->load, now_ms);
    uint32_t units = pp_congestion_units(&node->load, rates->target_per_minute);
    if (node->issued_length > 0 && last->rate_version == rates->version && last->congestion_units == units &&
        now_ms >= last->issued_ms && now_ms - last->issued_ms < REISSUE_MS)
        return PP_OK;
    struct pp_quote quote;
    pp_quote_make(rates, node->config.node_id, units, now_ms, &quote);
    pp_quote_sign(&quote, &node->receipt_secret, &node->issued);
    return pp_signed_quote_encode(&node->issued, node->issued_bytes, sizeof node->issued_bytes, &node->issued_length);
}

/* FEE-050. Not kept: each is of a topic of its own. */
enum pp_error pp_node_topic_quote(struct pp_node *node, const struct pp_hash *topic, uint8_t out[PP_QUOTE_MAX_BYTES],
                                  size_t *out_length, struct pp_quote *out_quote)
{
    const struct pp_rates *rates;
    struct pp_topic_key registered;
    struct pp_signed_quote signed_quote;
    struct pp_quote quote;
    const uint64_t now_ms = pp_node_now(node);
    PP_TRY(pp_node_topic_key(node, topic, &registered));
    PP_TRY(pp_rate_table_at(&node->rates, now_ms, &rates));
    const struct pp_quote_topic of_topic = {*topic, registered.key, node->config.bond_window_min_ms,
                                            node->config.bond_window_max_ms};
    pthread_mutex_lock(&node->quote_lock);
    pp_congestion_advance(&node->load, now_ms);
    uint32_t units = pp_congestion_units(&node->load, rates->target_per_minute);
    pthread_mutex_unlock(&node->quote_lock);
    pp_quote_make(rates, node->config.node_id, units, now_ms, &quote);
    pp_quote_for_topic(&quote, &of_topic);
    pp_quote_sign(&quote, &node->receipt_secret, &signed_quote);
    *out_quote = quote;
    return pp_signed_quote_encode(&signed_quote, out, PP_QUOTE_MAX_BYTES, out_length);
}

enum pp_error pp_node_quote(struct pp_node *node, uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length,
                            struct pp_quote *out_quote)
{
    uint64_t now_ms = pp_node_now(node);
    pthread_mutex_lock(&node->quote_lock);
    enum pp_error error = issue(node, now_ms);
    if (error == PP_OK) {
        memcpy(out, node->issued_bytes, node->issued_length);
        *out_length = node->issued_length;
        *out_quote = node->issued.quote;
    }
    pthread_mutex_unlock(&node->quote_lock);
    return error;
}
