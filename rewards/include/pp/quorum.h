/* pp/quorum.h - more than two thirds of the operators, by count, signed the same digest.
 *
 * Shape:  the set is pinned when collecting starts: ascending node_id, 1 to PP_OPERATORS_MAX. needed = floor(2 n / 3) + 1.
 * Own:    borrows the operators until it is dropped.
 * Errors: NO_OPERATORS, BAD_FORMAT, TOO_MANY, NOT_FOUND (not of the set), BAD_SIGNATURE, SIGNATURE_NOT_LOW_S, NO_QUORUM.
 * Source: specs/rewards.md (REW-090 to REW-094).
 */
#ifndef PP_QUORUM_H
#define PP_QUORUM_H

#include <pp/distribution.h>
#include <pp/sign.h>

struct pp_node_signature {
    uint32_t node_id;
    struct pp_signature signature;
};

struct pp_quorum {
    const struct pp_operator *operators;
    size_t operator_count;
    struct pp_hash digest;
    size_t signature_count;
    bool has[PP_OPERATORS_MAX];
    struct pp_signature signatures[PP_OPERATORS_MAX]; /* in the operators' order */
};

size_t pp_quorum_needed(size_t operator_count);
PP_MUST_CHECK enum pp_error pp_quorum_init(struct pp_quorum *quorum, const struct pp_operator *operators,
                                           size_t count, const struct pp_hash *digest);
/* Verifies first. The same operator again, by a valid signature, changes nothing. */
PP_MUST_CHECK enum pp_error pp_quorum_add(struct pp_quorum *quorum, const struct pp_crypto *crypto,
                                          uint32_t node_id, const struct pp_signature *signature);
bool pp_quorum_is_reached(const struct pp_quorum *quorum);
/* In ascending order of node_id, as the contract wants them; room for PP_OPERATORS_MAX. NO_QUORUM when too few. */
PP_MUST_CHECK enum pp_error pp_quorum_collect(const struct pp_quorum *quorum, struct pp_node_signature *out,
                                              size_t *out_count);

#endif
