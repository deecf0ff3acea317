#include <pp/distribution.h>

#include "abi.h"

#include <pp/assert.h>
#include <pp/hash.h>

static bool is_zero(const struct pp_address *address)
{
    static const struct pp_address zero;
    return pp_address_eq(address, &zero);
}

/* REW-095: one key has one vote. */
enum pp_error pp_operators_check(const struct pp_operator *operators, size_t count)
{
    if (count > PP_OPERATORS_MAX)
        return PP_TOO_MANY;
    for (size_t i = 0; i < count; i++) {
        if (operators[i].node_id == 0 || operators[i].node_id >= UINT32_C(1) << 24)
            return PP_OUT_OF_RANGE;
        if (is_zero(&operators[i].key) || is_zero(&operators[i].payee))
            return PP_MISSING_FIELD;
        if (i > 0 && operators[i].node_id <= operators[i - 1].node_id)
            return PP_BAD_FORMAT;
        for (size_t j = 0; j < i; j++)
            if (pp_address_eq(&operators[i].key, &operators[j].key))
                return PP_BAD_FORMAT;
    }
    return PP_OK;
}

/* REW-096: two heads (offsets), then each array: its length and its items. */
enum pp_error pp_operators_hash(const struct pp_operator *operators, size_t count, struct pp_hash *out)
{
    uint8_t words[(4 + 2 * PP_OPERATORS_MAX) * PP_ABI_WORD_BYTES];
    if (count > PP_OPERATORS_MAX)
        return PP_TOO_MANY;
    uint8_t *at = pp_abi_number(words, 2 * PP_ABI_WORD_BYTES);
    at = pp_abi_number(at, (3 + count) * PP_ABI_WORD_BYTES);
    at = pp_abi_number(at, count);
    for (size_t i = 0; i < count; i++)
        at = pp_abi_number(at, operators[i].node_id);
    at = pp_abi_number(at, count);
    for (size_t i = 0; i < count; i++)
        at = pp_abi_address(at, &operators[i].key);
    pp_keccak256(words, (size_t)(at - words), out->bytes);
    return PP_OK;
}
