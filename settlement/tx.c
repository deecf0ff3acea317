#include <pp/hash.h>
#include <pp/tx.h>

#include "rlp.h"

#define TYPE_2 0x02u

/* r, s: 256-bit numbers without leading zeros, as RLP wants every number. */
static size_t skip_zeros(const uint8_t bytes[32])
{
    size_t skip = 0;
    while (skip < 32 && bytes[skip] == 0)
        skip++;
    return skip;
}

static size_t signature_size(const struct pp_signature *signature)
{
    const uint8_t *r = signature->bytes, *s = signature->bytes + 32;
    return rlp_number_size(signature->bytes[64] - 27u) +
           rlp_bytes_size(r + skip_zeros(r), 32 - skip_zeros(r)) +
           rlp_bytes_size(s + skip_zeros(s), 32 - skip_zeros(s));
}

static void write_signature(struct pp_writer *w, const struct pp_signature *signature)
{
    const uint8_t *r = signature->bytes, *s = signature->bytes + 32;
    rlp_number(w, signature->bytes[64] - 27u);
    rlp_bytes(w, r + skip_zeros(r), 32 - skip_zeros(r));
    rlp_bytes(w, s + skip_zeros(s), 32 - skip_zeros(s));
}

static size_t fields_size(const struct pp_tx *tx)
{
    return rlp_number_size(tx->chain_id) + rlp_number_size(tx->nonce) + rlp_number_size(tx->fees.priority) +
           rlp_number_size(tx->fees.most) + rlp_number_size(tx->gas) + rlp_bytes_size(tx->to.bytes, 20) +
           rlp_number_size(tx->value) + rlp_bytes_size(tx->data, tx->data_length) + 1;
}

static void write_fields(struct pp_writer *w, const struct pp_tx *tx)
{
    rlp_number(w, tx->chain_id);
    rlp_number(w, tx->nonce);
    rlp_number(w, tx->fees.priority);
    rlp_number(w, tx->fees.most);
    rlp_number(w, tx->gas);
    rlp_bytes(w, tx->to.bytes, 20);
    rlp_number(w, tx->value);
    rlp_bytes(w, tx->data, tx->data_length);
    rlp_list(w, 0);
}

/* The whole transaction; signature NULL: the bytes whose hash gets signed. */
static enum pp_error serialize(const struct pp_tx *tx, const struct pp_signature *signature, uint8_t *out,
                               size_t capacity, size_t *out_length)
{
    if (tx->data_length > PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES)
        return PP_TOO_LONG;
    if (tx->fees.priority > tx->fees.most)
        return PP_OUT_OF_RANGE;

    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, TYPE_2);
    rlp_list(&w, fields_size(tx) + (signature ? signature_size(signature) : 0));
    write_fields(&w, tx);
    if (signature)
        write_signature(&w, signature);
    return pp_writer_finish(&w, out_length);
}

enum pp_error pp_tx_digest(const struct pp_tx *tx, uint8_t *scratch, size_t capacity,
                           struct pp_hash *out_digest)
{
    size_t length;
    PP_TRY(serialize(tx, NULL, scratch, capacity, &length));
    pp_keccak256(scratch, length, out_digest->bytes);
    return PP_OK;
}

enum pp_error pp_tx_finish(const struct pp_tx *tx, const struct pp_signature *signature, uint8_t *out,
                           size_t capacity, size_t *out_length, struct pp_hash *out_hash)
{
    size_t length;
    PP_TRY(serialize(tx, signature, out, capacity, &length));
    pp_keccak256(out, length, out_hash->bytes);
    *out_length = length;
    return PP_OK;
}

enum pp_error pp_tx_sign(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                         const struct pp_tx *tx, uint8_t *out, size_t capacity, size_t *out_length,
                         struct pp_hash *out_hash)
{
    struct pp_hash digest;
    PP_TRY(pp_tx_digest(tx, out, capacity, &digest)); /* SETL-001 */
    struct pp_signature signature;
    PP_TRY(pp_sign(crypto, key, &digest, &signature));
    return pp_tx_finish(tx, &signature, out, capacity, out_length, out_hash);
}
