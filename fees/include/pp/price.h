/* pp/price.h - the postage of an envelope under a quote.
 *
 * Shape:  base is flat; storage = rate x bytes x days; congestion = rate x units; bond by envelope kind. Each part and
 *         their sum are below 2^63 grains. Nothing is rounded: every number is a product or a sum.
 * Errors: in this order: TOO_LONG, RETENTION_TOO_LONG, ZERO_SIZE, ZERO_RETENTION, OUT_OF_RANGE (kind), NEGATIVE_RATE,
 *         OUT_OF_RANGE (units), FEE_OVERFLOW. pp_price_check also BOND_NOT_OFFERED, PRICE_TOO_LOW.
 * Source: specs/fees.md (FEE-010 to FEE-019), DESIGN section 5.
 */
#ifndef PP_PRICE_H
#define PP_PRICE_H

#include <pp/postage.h>
#include <pp/quote.h>
#include <pp/refusal.h>

/* What is asked for. */
struct pp_parcel {
    uint64_t size_bytes;     /* of the payload: 1 to PP_ENVELOPE_MAX_BYTES */
    uint32_t retention_days; /* 1 to PP_RETENTION_MAX_DAYS */
    uint8_t envelope_kind;   /* below PP_ENVELOPE_KINDS_MAX */
};

PP_MUST_CHECK enum pp_error pp_price(const struct pp_quote *quote, const struct pp_parcel *parcel,
                                     struct pp_postage *out);

/* Whether an offered postage satisfies a quote: each part at least the quote's, and a bond only where the quote has
 * one. On PRICE_TOO_LOW or BOND_NOT_OFFERED `refusal` (may be NULL) names the part, both amounts and the shortfall. */
PP_MUST_CHECK enum pp_error pp_price_check(const struct pp_quote *quote, const struct pp_parcel *parcel,
                                           const struct pp_postage *offered, struct pp_refusal *refusal);

/* The arithmetic alone, without the product's limits on size and days. */
PP_MUST_CHECK enum pp_error pp_price_unbounded(const struct pp_quote *quote, const struct pp_parcel *parcel,
                                               struct pp_postage *out);
PP_MUST_CHECK enum pp_error pp_price_storage(uint64_t storage_grains, uint64_t size_bytes,
                                             uint32_t retention_days, uint64_t *out_grains);
PP_MUST_CHECK enum pp_error pp_price_congestion(uint64_t congestion_grains, uint32_t units,
                                                uint64_t *out_grains);

#endif
