/* pp/authorization.h - opening and topping up without gas: what the payer signs, by EIP-3009 of the token.
 *
 * The authorization's nonce is a hash of every parameter of the call (CHAIN-091), so the signature over it is one over the call:
 * whoever carries it to the chain can change nothing, and use it once.
 * Source: specs/chain.md (CHAIN-090, CHAIN-091), EIP-3009.
 */
#ifndef PP_AUTHORIZATION_H
#define PP_AUTHORIZATION_H

#include <pp/abi.h>

struct pp_authorization_call {
    bool opens; /* else it tops up */
    struct pp_channel_id channel_id;
    struct pp_address payer, contract;
    struct pp_units amount;
    const struct pp_abi_caps *caps;
};

#define PP_AUTHORIZATION_LANES_MAX 64u
/* TOO_MANY: more lanes than that. */
PP_MUST_CHECK enum pp_error pp_authorization_nonce(const struct pp_authorization_call *call,
                                                   const struct pp_hash *salt, struct pp_hash *out);
/* What the payer signs. separator: the token's. */
PP_MUST_CHECK enum pp_error pp_authorization_digest(const struct pp_authorization_call *call,
                                                    const struct pp_abi_authorization *authorization,
                                                    const struct pp_hash *separator, struct pp_hash *out);

#endif
