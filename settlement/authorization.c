#include <pp/authorization.h>
#include <pp/hash.h>

#include "abi_words.h"

#define TERMS_MAX_BYTES ((8u + 2u * PP_AUTHORIZATION_LANES_MAX) * PP_ABI_WORD)

static void hash_text(const char *text, struct pp_hash *out)
{
    pp_keccak256((const uint8_t *)text, strlen(text), out->bytes);
}

enum pp_error pp_authorization_nonce(const struct pp_authorization_call *call, const struct pp_hash *salt,
                                     struct pp_hash *out)
{
    uint8_t terms[TERMS_MAX_BYTES];
    struct pp_hash tag;
    struct pp_writer w;
    size_t length;
    if (call->caps->count > PP_AUTHORIZATION_LANES_MAX)
        return PP_TOO_MANY;
    hash_text(call->opens ? "Pennypost.openWithAuthorization" : "Pennypost.topUpWithAuthorization", &tag);
    pp_writer_init(&w, terms, sizeof terms);
    pp_abi_write_authorization_terms(&w, &tag, &call->channel_id, call->amount, call->caps, salt);
    PP_TRY(pp_writer_finish(&w, &length));
    pp_keccak256(terms, length, out->bytes);
    return PP_OK;
}

enum pp_error pp_authorization_digest(const struct pp_authorization_call *call,
                                      const struct pp_abi_authorization *authorization,
                                      const struct pp_hash *separator, struct pp_hash *out)
{
    uint8_t words[7 * PP_ABI_WORD], typed[2 + 64] = {0x19, 0x01};
    struct pp_hash type, nonce;
    struct pp_writer w;
    size_t length;
    hash_text("ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 "
              "validBefore,bytes32 nonce)",
              &type);
    PP_TRY(pp_authorization_nonce(call, &authorization->salt, &nonce));
    pp_writer_init(&w, words, sizeof words);
    word_write_hash(&w, type.bytes);
    word_write_address(&w, &call->payer);
    word_write_address(&w, &call->contract);
    word_write(&w, call->amount.raw);
    word_write(&w, authorization->valid_after);
    word_write(&w, authorization->valid_before);
    word_write_hash(&w, nonce.bytes);
    PP_TRY(pp_writer_finish(&w, &length));
    memcpy(typed + 2, separator->bytes, 32);
    pp_keccak256(words, length, typed + 34);
    pp_keccak256(typed, sizeof typed, out->bytes);
    return PP_OK;
}
