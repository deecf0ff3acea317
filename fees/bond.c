#include <pp/bond.h>

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                            struct pp_value expected, struct pp_value actual)
{
    if (refusal) {
        pp_refusal_init(refusal, error, field);
        refusal->expected = expected;
        refusal->actual = actual;
    }
    return error;
}

/* FEE-052: else the quote of a topic without a key would do for any. */
static bool topic_agrees(const struct pp_quote *quote, const struct pp_bond_offer *offer)
{
    if (quote->for_topic)
        return offer->topic && pp_hash_eq(&quote->topic, offer->topic);
    return quote->bond_grains[offer->envelope_kind] == 0;
}

enum pp_error pp_bond_check(const struct pp_quote *quote, const struct pp_bond_offer *offer,
                            struct pp_refusal *refusal)
{
    const struct pp_value none = {0};
    if (offer->envelope_kind >= PP_ENVELOPE_KINDS_MAX)
        return refuse(refusal, PP_OUT_OF_RANGE, "kind", pp_value_number(PP_ENVELOPE_KINDS_MAX - 1),
                      pp_value_number(offer->envelope_kind));
    if (!topic_agrees(quote, offer))
        return refuse(refusal, PP_BOND_TOPIC, "quote",
                      offer->topic ? pp_value_bytes(offer->topic->bytes, 32) : none,
                      quote->for_topic ? pp_value_bytes(quote->topic.bytes, 32) : none);
    if (offer->grains == 0) /* FEE-015: the price says what is missing */
        return PP_OK;
    if (quote->bond_grains[offer->envelope_kind] == 0) /* FEE-016, FEE-053 */
        return refuse(refusal, PP_BOND_NOT_OFFERED, "bond", pp_value_number(0),
                      pp_value_number(offer->grains));
    if (!pp_address_eq(offer->accept_key, &quote->accept_key))
        return refuse(refusal, PP_BOND_KEY, "accept_key", pp_value_bytes(quote->accept_key.bytes, 20),
                      pp_value_bytes(offer->accept_key->bytes, 20));
    if (offer->deadline_ms < quote->deadline_from_ms)
        return refuse(refusal, PP_BOND_DEADLINE, "accept_deadline_ms",
                      pp_value_number(quote->deadline_from_ms), pp_value_number(offer->deadline_ms));
    if (offer->deadline_ms > quote->deadline_to_ms)
        return refuse(refusal, PP_BOND_DEADLINE, "accept_deadline_ms", pp_value_number(quote->deadline_to_ms),
                      pp_value_number(offer->deadline_ms));
    return PP_OK;
}
