/* evidence/bond_word.h - whether a bond's end has what it needs: its key's word in time, or its deadline.
 *
 * Shape:  the stamp's leaf names key and deadline; the record that ends the bond has the signed word, and its time.
 * Errors: BOND_FORGED.
 * Source: specs/evidence.md (EVID-056).
 */
#ifndef PP_EVIDENCE_BOND_WORD_H
#define PP_EVIDENCE_BOND_WORD_H

#include "ledger/records.h"

#include <pp/eip712.h>
#include <pp/sign.h>

/* What the leaf says. */
struct pp_bond_term {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_stamp_id stamp_id;
    uint64_t grains;
    struct pp_address accept_key;
    uint64_t deadline_ms;
};

/* BOND_RETURNED or BOND_FORFEITED. */
static inline bool pp_record_ends_bonds(const struct pp_record *record)
{
    return record->type == PP_RECORD_TYPE_BOND_RETURNED || record->type == PP_RECORD_TYPE_BOND_FORFEITED;
}

/* The record is one of the two; the row is one of its own. */
PP_MUST_CHECK enum pp_error pp_bond_word_check(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                               const struct pp_bond_term *term,
                                               const struct pp_record *record, const struct pp_row_bond *row);

#endif
