#include <pp/postage.h>

#define LIMIT (UINT64_C(1) << 63)

enum pp_error pp_postage_total(const struct pp_postage *postage, struct pp_grains *out)
{
    pp_u128 sum = (pp_u128)postage->base_grains + postage->storage_grains + postage->congestion_grains +
                  postage->bond_grains;
    if (sum >= LIMIT) /* so no part reaches it either: MONEY-016 */
        return PP_FEE_OVERFLOW;
    out->raw = sum;
    return PP_OK;
}

bool pp_postage_covers(const struct pp_postage *offered, const struct pp_postage *quoted)
{
    return offered->base_grains >= quoted->base_grains && offered->storage_grains >= quoted->storage_grains &&
           offered->congestion_grains >= quoted->congestion_grains &&
           offered->bond_grains >= quoted->bond_grains;
}
