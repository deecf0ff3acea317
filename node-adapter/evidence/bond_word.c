#include "evidence/bond_word.h"

#include <stddef.h>

_Static_assert(offsetof(struct pp_record_bond_returned, channel_id) ==
                   offsetof(struct pp_record_bond_forfeited, channel_id),
               "both ends of a bond begin alike");

static enum pp_error signed_by_key(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                   const struct pp_bond_term *term, bool forfeits,
                                   const struct pp_signature *signature)
{
    const struct pp_accept_fields accept = {term->channel_id, term->lane, term->stamp_id};
    const struct pp_complain_fields complain = {term->channel_id, term->lane, term->stamp_id};
    struct pp_hash digest;
    if (forfeits)
        pp_complain_digest(domain, &complain, &digest);
    else
        pp_accept_digest(domain, &accept, &digest);
    return pp_verify_address(crypto, signature, &digest, &term->accept_key, NULL) == PP_OK ? PP_OK
                                                                                           : PP_BOND_FORGED;
}

enum pp_error pp_bond_word_check(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                 const struct pp_bond_term *term, const struct pp_record *record,
                                 const struct pp_row_bond *row)
{
    const bool forfeits = record->type == PP_RECORD_TYPE_BOND_FORFEITED;
    if (!pp_channel_id_eq(&record->bond_returned.channel_id, &term->channel_id) ||
        !pp_stamp_id_eq(&row->stamp_id, &term->stamp_id) || row->amount != term->grains)
        return PP_BOND_FORGED;
    if (forfeits && record->time_ms > term->deadline_ms)
        return PP_BOND_FORGED;
    if (!forfeits && record->bond_returned.cause == PP_BOND_CAUSE_DEADLINE)
        return record->time_ms > term->deadline_ms ? PP_OK : PP_BOND_FORGED;
    return signed_by_key(crypto, domain, term, forfeits, &row->signature);
}
