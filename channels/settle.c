#include <pp/assert.h>
#include <pp/settle.h>

/* LANE-060 ... LANE-064. */
enum pp_error pp_settle(const struct pp_settle_input *input, struct pp_settlement *out)
{
    struct pp_grains cap = pp_units_to_grains(input->cap);
    if (pp_grains_lt(cap, input->vested))
        return PP_CAP_BELOW_VESTED;
    struct pp_grains net = pp_grains_min(pp_grains_sub_clamped(input->spent, input->refunded), cap);
    struct pp_settlement result;
    result.pool = pp_grains_max(input->vested, pp_grains_min(input->earned, net));
    result.owed =
        pp_grains_sub_clamped(pp_grains_min(input->earned, input->spent), pp_grains_max(input->vested, net));
    /* pool <= cap, so both fit. */
    enum pp_error error = pp_grains_to_units_floor(result.pool, &result.pool_units);
    PP_ASSERT(error == PP_OK);
    error = pp_units_sub(input->cap, result.pool_units, &result.payer_units);
    PP_ASSERT(error == PP_OK);
    *out = result;
    return PP_OK;
}
