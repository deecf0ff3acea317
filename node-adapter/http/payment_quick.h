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

/* The beginning of a credential's base64 text that its challenge makes. One challenge comes with many envelopes, as the same
 * half of their credentials' text: what was read once is compared and not read again. */
#define PP_CHALLENGE_SEEN_MAX 4096u /* the longest challenge takes some 3200 characters */

struct pp_challenge_seen {
    char text[PP_CHALLENGE_SEEN_MAX];
    size_t text_length; /* 0: nothing was seen */
    char rest[2];       /* the challenge's last bytes, whose characters depend on what follows */
    size_t rest_length;
};

/* text: of a credential that was read. One that the quick reader does not take leaves *out as it is. */
void pp_challenge_see(const char *text, size_t length, struct pp_challenge_seen *out);
/* False: another challenge, or not to be read quickly. True: *out is what pp_credential_quick would have made of this text,
 * but for its challenge, which is the one that was seen. *out is zero on entry. */
bool pp_credential_seen(const struct pp_challenge_seen *seen, const char *text, size_t length,
                        struct pp_credential *out);

/* The value of Authorization: the base64 behind "Payment ". BAD_FORMAT. */
PP_MUST_CHECK enum pp_error pp_credential_text(const char *value, size_t length, const char **out,
                                               size_t *out_length);

/* The other reader, for tests to compare with. */
PP_MUST_CHECK enum pp_error pp_credential_slow(const char *json, size_t length, struct pp_credential *out,
                                               struct pp_refusal *out_refusal);

#endif
