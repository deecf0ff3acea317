#include <pp/price.h>

#include <pp/assert.h>

#define FEE_LIMIT (UINT64_C(1) << 63)

/* FEE-012: one checked product; the factors of a fee fit 64, 64 and 32 bits. */
static enum pp_error product(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t value;
    if (__builtin_mul_overflow(a, b, &value) || value >= FEE_LIMIT)
        return PP_FEE_OVERFLOW;
    *out = value;
    return PP_OK;
}

enum pp_error pp_price_storage(uint64_t storage_grains, uint64_t size_bytes, uint32_t retention_days,
                               uint64_t *out_grains)
{
    if (size_bytes == 0)
        return PP_ZERO_SIZE;
    if (retention_days == 0)
        return PP_ZERO_RETENTION;
    if (storage_grains >= FEE_LIMIT)
        return PP_NEGATIVE_RATE;
    uint64_t per_day, total;
    PP_TRY(product(storage_grains, size_bytes, &per_day));
    PP_TRY(product(per_day, retention_days, &total));
    *out_grains = total;
    return PP_OK;
}

enum pp_error pp_price_congestion(uint64_t congestion_grains, uint32_t units, uint64_t *out_grains)
{
    if (units > PP_CONGESTION_UNITS_MAX)
        return PP_OUT_OF_RANGE;
    if (congestion_grains >= FEE_LIMIT)
        return PP_NEGATIVE_RATE;
    return product(congestion_grains, units, out_grains);
}

enum pp_error pp_price_unbounded(const struct pp_quote *quote, const struct pp_parcel *parcel,
                                 struct pp_postage *out)
{
    if (parcel->size_bytes == 0)
        return PP_ZERO_SIZE;
    if (parcel->retention_days == 0)
        return PP_ZERO_RETENTION;
    if (parcel->envelope_kind >= PP_ENVELOPE_KINDS_MAX)
        return PP_OUT_OF_RANGE;
    uint64_t bond_grains = quote->bond_grains[parcel->envelope_kind];
    if (quote->base_grains >= FEE_LIMIT || bond_grains >= FEE_LIMIT)
        return PP_NEGATIVE_RATE;

    struct pp_postage postage = {.base_grains = quote->base_grains, .bond_grains = bond_grains};
    PP_TRY(
        pp_price_congestion(quote->congestion_grains, quote->congestion_units, &postage.congestion_grains));
    PP_TRY(pp_price_storage(quote->storage_grains, parcel->size_bytes, parcel->retention_days,
                            &postage.storage_grains));
    struct pp_grains total;
    PP_TRY(pp_postage_total(&postage, &total));
    *out = postage;
    return PP_OK;
}

enum pp_error pp_price(const struct pp_quote *quote, const struct pp_parcel *parcel, struct pp_postage *out)
{
    if (parcel->size_bytes > PP_ENVELOPE_MAX_BYTES)
        return PP_TOO_LONG;
    if (parcel->retention_days > PP_RETENTION_MAX_DAYS)
        return PP_RETENTION_TOO_LONG;
    return pp_price_unbounded(quote, parcel, out);
}

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *part,
                            uint64_t quoted, uint64_t offered)
{
    if (refusal) {
        pp_refusal_init(refusal, error, part);
        refusal->expected = pp_value_grains(pp_grains(quoted));
        refusal->actual = pp_value_grains(pp_grains(offered));
        refusal->shortfall = pp_grains_sub_clamped(pp_grains(quoted), pp_grains(offered));
    }
    return error;
}

/* FEE-015: part by part, so that a high storage fee cannot stand in for a missing bond. */
enum pp_error pp_price_check(const struct pp_quote *quote, const struct pp_parcel *parcel,
                             const struct pp_postage *offered, struct pp_refusal *refusal)
{
    struct pp_grains total;
    struct pp_postage quoted;
    enum pp_error error = pp_price(quote, parcel, &quoted);
    if (error == PP_OK)
        error = pp_postage_total(offered, &total);
    if (error != PP_OK) {
        if (refusal)
            pp_refusal_init(refusal, error, NULL);
        return error;
    }
    if (quoted.bond_grains == 0 && offered->bond_grains != 0)
        return refuse(refusal, PP_BOND_NOT_OFFERED, "bond", 0, offered->bond_grains);

    const struct {
        const char *part;
        uint64_t quoted, offered;
    } parts[] = {
        {"base", quoted.base_grains, offered->base_grains},
        {"storage", quoted.storage_grains, offered->storage_grains},
        {"congestion", quoted.congestion_grains, offered->congestion_grains},
        {"bond", quoted.bond_grains, offered->bond_grains},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].offered < parts[i].quoted)
            return refuse(refusal, PP_PRICE_TOO_LOW, parts[i].part, parts[i].quoted, parts[i].offered);
    return PP_OK;
}
