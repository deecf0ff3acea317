/* pp/bond.h - what an offered bond must be under a quote.
 *
 * Shape:  a bond is the refundable part of a postage. Whose acceptance returns it, and until when a complaint counts, the quote
 *         of the envelope's topic says; the leaf repeats both. So the key is the recipient's choice, never the sender's.
 * Errors: in this order: OUT_OF_RANGE (kind), BOND_TOPIC, BOND_NOT_OFFERED, BOND_KEY, BOND_DEADLINE. The amount is a part of the price (pp/price.h).
 * Source: specs/fees.md (FEE-016 to FEE-018, FEE-050 to FEE-054), DESIGN sections 5 and 6.
 */
#ifndef PP_BOND_H
#define PP_BOND_H

#include <pp/quote.h>
#include <pp/refusal.h>

/* What the leaf says, and the topic that the envelope has. */
struct pp_bond_offer {
    uint64_t grains;
    uint8_t envelope_kind;
    const struct pp_hash *topic; /* NULL: not known */
    const struct pp_address *accept_key;
    uint64_t deadline_ms;
};

/* `refusal` (may be NULL) names the field, and what was expected. */
PP_MUST_CHECK enum pp_error pp_bond_check(const struct pp_quote *quote, const struct pp_bond_offer *offer,
                                          struct pp_refusal *refusal);

#endif
