/* pp/settle.h - what a lane is worth to whom: the pure function that C, Solidity and the model share.
 *
 *     net   = clamp(s_eff - r, 0, cap)
 *     pool  = max(vested, min(e, net))
 *     owed  = max(0, min(e, s_eff) - max(vested, net))
 *     payer = cap - floor(pool / 10^6)
 *
 * Errors: CAP_BELOW_VESTED when vested is above the cap, which the contract never lets happen. Nothing else fails.
 * Source: specs/lane.md (LANE-060 and following), DESIGN section 2.
 */
#ifndef PP_SETTLE_H
#define PP_SETTLE_H

#include <pp/amount.h>

struct pp_settle_input {
    struct pp_grains spent;    /* S_eff: the highest spent of a complete claim */
    struct pp_grains refunded; /* R */
    struct pp_grains earned;   /* E */
    struct pp_units cap;
    struct pp_grains vested; /* what earlier settlements credited */
};

struct pp_settlement {
    struct pp_grains pool;       /* the new vested */
    struct pp_grains owed;       /* by the lane's operator to the pool, when the lane is final */
    struct pp_units pool_units;  /* floor(pool / 10^6) */
    struct pp_units payer_units; /* pool_units + payer_units = cap */
};

PP_MUST_CHECK enum pp_error pp_settle(const struct pp_settle_input *input, struct pp_settlement *out);

#endif
