#include <pp/quorum.h>

#include <pp/assert.h>

#include <string.h>

/* REW-090: strictly more than two thirds, by count. */
size_t pp_quorum_needed(size_t operator_count)
{
    return operator_count * 2 / 3 + 1;
}

enum pp_error pp_quorum_init(struct pp_quorum *quorum, const struct pp_operator *operators, size_t count,
                             const struct pp_hash *digest)
{
    if (count == 0)
        return PP_NO_OPERATORS;
    PP_TRY(pp_operators_check(operators, count));
    memset(quorum, 0, sizeof *quorum);
    quorum->operators = operators;
    quorum->operator_count = count;
    quorum->digest = *digest;
    return PP_OK;
}

enum pp_error pp_quorum_add(struct pp_quorum *quorum, const struct pp_crypto *crypto, uint32_t node_id,
                            const struct pp_signature *signature)
{
    size_t at = 0;
    while (at < quorum->operator_count && quorum->operators[at].node_id != node_id)
        at++;
    if (at == quorum->operator_count)
        return PP_NOT_FOUND;
    PP_TRY(pp_verify_address(crypto, signature, &quorum->digest, &quorum->operators[at].key, NULL));

    /* REW-091: an operator counts once, whatever it sends. */
    if (!quorum->has[at]) {
        quorum->has[at] = true;
        quorum->signatures[at] = *signature;
        quorum->signature_count++;
    }
    return PP_OK;
}

bool pp_quorum_is_reached(const struct pp_quorum *quorum)
{
    PP_ASSERT(quorum->signature_count <= quorum->operator_count);
    return quorum->signature_count >= pp_quorum_needed(quorum->operator_count);
}

enum pp_error pp_quorum_collect(const struct pp_quorum *quorum, struct pp_node_signature *out,
                                size_t *out_count)
{
    if (!pp_quorum_is_reached(quorum))
        return PP_NO_QUORUM;
    size_t count = 0;
    for (size_t i = 0; i < quorum->operator_count; i++)
        if (quorum->has[i])
            out[count++] = (struct pp_node_signature){quorum->operators[i].node_id, quorum->signatures[i]};
    PP_ASSERT(count == quorum->signature_count);
    *out_count = count;
    return PP_OK;
}
