/* signers.h - the parsed public keys of the lanes that sent last: verifying with one costs less than recovering it.
 *
 * Shape:  sets of PP_SIGNER_WAYS places, found by slot; a new key takes the place after the one that was taken last. A key
 *         that is not here is recovered again, from a voucher that recovers to the lane's signer.
 * Own:    memory is mapped when it opens, and touched where it is used. Who reads and who writes is kept apart by the caller.
 * Limits: PP_SIGNERS_MAX keys: 9 MiB when all are used. More lanes than that which send at once cost a recovery now and then.
 */
#ifndef PP_SIGNERS_H
#define PP_SIGNERS_H

#include <pp/sign.h>

#define PP_SIGNERS_MAX (1u << 17)
#define PP_SIGNER_WAYS 4u

struct pp_signer_place {
    uint32_t slot; /* + 1; 0: empty */
    struct pp_public_key key;
};

struct pp_signers {
    struct pp_signer_place *places;
    uint8_t *next; /* by set */
};

PP_MUST_CHECK enum pp_error pp_signers_open(struct pp_signers *signers);
void pp_signers_close(struct pp_signers *signers);
bool pp_signers_find(const struct pp_signers *signers, uint32_t slot, struct pp_public_key *out);
/* The caller recovered it, and saw that it is the lane's. */
void pp_signers_add(struct pp_signers *signers, uint32_t slot, const struct pp_public_key *key);
/* Slots from here on are no longer those lanes: their group was undone. */
void pp_signers_drop_from(struct pp_signers *signers, uint32_t first, uint32_t end);

#endif
