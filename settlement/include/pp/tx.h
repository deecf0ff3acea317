/* pp/tx.h - a type-2 (EIP-1559) transaction: built, signed, named by its hash.
 *
 * Shape:  always to a contract (no creation), with an empty access list. Fees and value in wei.
 * Own:    data is borrowed; the caller owns every buffer. Nothing is allocated.
 * Errors: TOO_LONG above PP_TX_MAX_BYTES, OVERFLOW when the buffer is too small, BAD_KEY, OUT_OF_RANGE when the
 *         priority fee is above the fee.
 * Limits: PP_TX_MAX_BYTES for the signed bytes; PP_TX_EXTRA_BYTES covers everything but data.
 * Source: specs/settlement.md (SETL-001 and following), EIP-2718, EIP-1559.
 */
#ifndef PP_TX_H
#define PP_TX_H

#include <pp/amount.h>
#include <pp/limits.h>
#include <pp/sign.h>

#define PP_TX_EXTRA_BYTES 256u

struct pp_tx_fees {
    pp_u128 priority; /* per gas, to the block's maker */
    pp_u128 most;     /* per gas, priority and base fee together */
};

struct pp_tx {
    uint64_t chain_id;
    uint64_t nonce;
    struct pp_tx_fees fees;
    uint64_t gas;
    struct pp_address to;
    pp_u128 value;
    const uint8_t *data;
    size_t data_length;
};

/* What gets signed. scratch has room for the data and PP_TX_EXTRA_BYTES. */
PP_MUST_CHECK enum pp_error pp_tx_digest(const struct pp_tx *tx, uint8_t *scratch, size_t capacity,
                                         struct pp_hash *out_digest);
/* With a signature over that digest, by whomever: the bytes for eth_sendRawTransaction, and the transaction's hash. */
PP_MUST_CHECK enum pp_error pp_tx_finish(const struct pp_tx *tx, const struct pp_signature *signature,
                                         uint8_t *out, size_t capacity, size_t *out_length,
                                         struct pp_hash *out_hash);
/* The bytes for eth_sendRawTransaction, and the transaction's hash. The same input gives the same bytes (RFC 6979). */
PP_MUST_CHECK enum pp_error pp_tx_sign(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                                       const struct pp_tx *tx, uint8_t *out, size_t capacity,
                                       size_t *out_length, struct pp_hash *out_hash);

#endif
