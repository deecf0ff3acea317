/* xmtp-equal: number for number what the XMTP network's contract pays. Source: specs/policies/xmtp-equal.md. */
#include "policies/policy.h"

/* POL-041: the protocol's share rounds up, each part down, and what is left over is the protocol's, too. */
enum pp_error pp_policy_xmtp_equal(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    struct pp_units rest, part, paid = PP_UNITS_ZERO;
    const uint32_t operators_basis_points = PP_BASIS_POINTS - split_case->terms.protocol_basis_points;
    PP_TRY(pp_units_ratio_floor(split_case->pool, operators_basis_points, PP_BASIS_POINTS, &rest));
    PP_TRY(pp_units_ratio_floor(rest, 1, split_case->count, &part));
    for (size_t i = 0; i < split_case->count; i++) {
        out->parts[i] = out->by[0][i] = part;
        PP_TRY(pp_units_add(paid, part, &paid));
    }
    return pp_units_sub(split_case->pool, paid, &out->protocol);
}
