/* pp/chain_terms.h - what the chain says at one block that a report follows from: every operator reads the same.
 *
 * Shape:  the block is named first, by its hash, and everything is asked at that hash; so an answer of another block, or of a
 *         node that left the chain, is an error and never a mixture.
 * Own:    a pp_chain_terms is about 40 KiB: the heap's.
 * Errors: CHAIN_STALE (the block is not final at this node), CHAIN_REORG (the chain left it meanwhile), CHAIN_NONSENSE (an answer
 *         that does not decode, a set that is not in order or has another hash, an operator of the set with another key),
 *         NO_OPERATORS, TOO_MANY, OVERFLOW, NO_MEMORY, those of pp/chain_contract.h.
 * Source: specs/settlement.md (VIEW-101 and following), DESIGN section 7.
 */
#ifndef PP_CHAIN_TERMS_H
#define PP_CHAIN_TERMS_H

#include <pp/chain_contract.h>
#include <pp/epoch.h>

struct pp_chain_terms {
    struct pp_chain_block block;
    struct pp_chain_report_head
        last_report; /* by that block: what `previous` names, if nothing was posted since */
    struct pp_units received;
    uint32_t protocol_basis_points;
    struct pp_address treasury;
    struct pp_hash operator_set;
    struct pp_operator operators[PP_OPERATORS_MAX]; /* ascending */
    struct pp_operator_weights
        weights[PP_OPERATORS_MAX]; /* stakes; byte-days are zero: the chain does not know them */
    size_t operator_count;
    struct pp_drawn drawn[PP_PAYOUTS_MAX]; /* ascending; of operators that left, too */
    size_t drawn_count;
};

/* block: a number, at most the finalized one; PP_TERMS_AT_FINALIZED: that one. */
#define PP_TERMS_AT_FINALIZED UINT64_MAX
PP_MUST_CHECK enum pp_error pp_chain_terms_read(const struct pp_contract *contract, uint64_t block,
                                                struct pp_chain_terms *out);
/* VIEW-107: two answers to one question, for whoever asks more than one node: the first term that differs, for people; NULL:
 * none. */
const char *pp_chain_terms_differ(const struct pp_chain_terms *a, const struct pp_chain_terms *b);
/* Into a report's terms; what the chain does not know stays: epoch, policy, byte-days, the account before. The arrays are
 * borrowed. */
void pp_chain_terms_put(const struct pp_chain_terms *chain, struct pp_report_terms *out);

#endif
