/* payment_quick.h - a voucher's credential as pp_credential_print writes it, read without a JSON tree.
 *
 * A node reads one with every single envelope, and a tree of thirty allocations costs more than the rest of the HTTP side
 * together. So a text of exactly that form, members in that order and nothing between, is read in one pass; anything else,
 * right or wrong, is left to the reader for all JSON, whose refusals name the member.
 */
#ifndef PP_PAYMENT_QUICK_H
#define PP_PAYMENT_QUICK_H

#include <pp/payment.h>

/* False: not of that form, or a value that the other reader would refuse; *out is then not to be used. True: *out is what
 * the other reader would have made. *out is zero on entry. */
bool pp_credential_quick(const char *json, size_t length, struct pp_credential *out);

/* The other reader, for tests to compare with. */
PP_MUST_CHECK enum pp_error pp_credential_slow(const char *json, size_t length, struct pp_credential *out,
                                               struct pp_refusal *out_refusal);

#endif
