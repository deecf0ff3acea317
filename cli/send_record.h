/* send_record.h - a transaction of the payer on its way, in a file of its own.
 *
 * Shape:  JSON: version, what, note, account, nonce, to, data, gas, mined_is_enough, attempts: [{priority, most, hash, raw}]; the last attempt
 *         is the dearest. Amounts of wei are decimal strings.
 * Errors: NOT_FOUND, BAD_FORMAT, BAD_VERSION (not what was written), TOO_MANY, IO.
 */
#ifndef CLI_SEND_RECORD_H
#define CLI_SEND_RECORD_H

#include <pp/tx.h>

#define CLI_ATTEMPTS_MAX 8u
#define CLI_CALL_MAX 4096u /* calldata of the payer's calls: open with CLI_LANES_MAX lanes has 1348 bytes */
#define CLI_RAW_MAX (CLI_CALL_MAX + PP_TX_EXTRA_BYTES)

struct cli_attempt {
    struct pp_tx_fees fees;
    struct pp_hash hash;
    uint8_t raw[CLI_RAW_MAX];
    size_t length;
};

struct cli_send_record {
    char what[24];
    char note[64];
    struct pp_address account;
    struct pp_address to;
    uint64_t nonce;
    uint64_t gas;
    bool mined_is_enough;
    uint8_t data[CLI_CALL_MAX];
    size_t data_length;
    struct cli_attempt attempts[CLI_ATTEMPTS_MAX];
    size_t attempts_count;
};

PP_MUST_CHECK enum pp_error cli_send_record_write(const char *path, const struct cli_send_record *record);
PP_MUST_CHECK enum pp_error cli_send_record_read(const char *path, struct cli_send_record *out);

/* Wei, which may be above what other amounts hold. */
#define CLI_WEI_TEXT_MAX 40u
char *cli_wei_print(pp_u128 wei, char out[CLI_WEI_TEXT_MAX]);

#endif
