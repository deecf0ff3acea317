/* pp/chain_signer.h - signatures by a command of the owner's: for hardware and cloud keys that this process never sees.
 *
 *     struct pp_signer_command command = {"ledger-sign --account 3", address, 120000};
 *     const struct pp_chain_signer signer = pp_signer_command(&command);      -> pp_chain_job_config
 *
 * The command gets one JSON object on its standard input, the transaction and its digest, and answers with the signature in hex.
 *
 * Own:    the command and its text must stay as long as the signer. The child runs in a process group of its own, which is ended with
 *         SIGKILL when its time is up; its standard error is ours.
 * Errors: SIGNER_FAILED (not started, ended with another status than 0, too slow, or no signature), BAD_SIGNATURE (of another key).
 * Limits: PP_SIGNER_ANSWER_MAX_BYTES, timeout_ms.
 * Source: specs/cli.md (KEY-021 and following).
 */
#ifndef PP_CHAIN_SIGNER_H
#define PP_CHAIN_SIGNER_H

#include <pp/chain_job.h>

#define PP_SIGNER_ANSWER_MAX_BYTES 1024u /* a signature is 132 digits; the rest is for white space */
#define PP_SIGNER_TIMEOUT_MS 120000u     /* somebody has to press a button */

struct pp_signer_command {
    const char *command; /* as /bin/sh -c takes it */
    struct pp_address account;
    uint32_t timeout_ms; /* 0: PP_SIGNER_TIMEOUT_MS */
};
struct pp_chain_signer pp_signer_command(struct pp_signer_command *command);

/* What the command reads; free() it. NULL: no memory. */
char *pp_signer_question(const struct pp_address *account, const struct pp_tx *tx,
                         const struct pp_hash *digest);
/* 64 or 65 bytes in hex with white space around: r, s, and v as 0, 1, 27 or 28; v may be missing. Whose it is, is checked. */
PP_MUST_CHECK enum pp_error pp_signer_answer(const struct pp_crypto *crypto, const char *text, size_t length,
                                             const struct pp_address *account, const struct pp_hash *digest,
                                             struct pp_signature *out);

#endif
