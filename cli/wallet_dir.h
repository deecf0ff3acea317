/* wallet_dir.h - a sender's folder: its channels, and the nodes that it knows.
 *
 * Shape:  DIR/signer.key                              the signer's key file (pp/keyfile.h)
 *         DIR/nodes/CHAIN-CONTRACT-NODE.json          a node's terms as first seen: pinned
 *         DIR/channels/ID/channel.json                what the channel is; changes only by top-ups
 *         DIR/channels/ID/lane-N.log                  what was signed, acknowledged, refunded (lane_log.h)
 *         DIR/channels/ID/opening.json                an opening that was begun: the channel as it is to be
 * Own:    the folder is made with mode 0700, files with 0600. A file is replaced as a whole: written beside, synced,
 *         renamed, the folder synced. Writers of JSON files hold DIR/lock for the moment of writing.
 * Errors: NOT_FOUND (no such channel), EXISTS, BAD_FORMAT and CORRUPT (a file that is not what was written), LOCKED, IO,
 *         EXPOSED (the folder may be read by others), NODE_TOLD_OTHERWISE (a pinned key changed).
 * Source: specs/cli.md (FOLDER-001 and following).
 */
#ifndef CLI_WALLET_DIR_H
#define CLI_WALLET_DIR_H

#include <pp/chain_event.h>
#include <pp/eip712.h>
#include <pp/refusal.h>
#include <pp/sign.h>

#define CLI_LANES_MAX 16u
#define CLI_URL_MAX 256u
#define CLI_PATH_MAX 4096u

/* What a sender believes of a node, from the first time on. */
struct cli_node_terms {
    uint64_t chain_id;
    struct pp_address contract;
    uint32_t node_id;
    struct pp_address operator_address; /* signs refunds and releases */
    struct pp_receipt_key receipt_key;  /* signs receipts and quotes */
};

struct cli_channel_lane {
    uint32_t lane;
    struct pp_units cap;
    char node_url[CLI_URL_MAX]; /* where its node answers */
};

struct cli_channel {
    struct pp_channel_id id;
    struct pp_channel_config config; /* payer, signer, nonce */
    uint64_t chain_id;
    struct pp_address contract;
    uint8_t token_decimals;
    struct pp_units deposit;
    struct pp_hash open_transaction; /* zero when not known */
    size_t lanes_count;
    struct cli_channel_lane lanes[CLI_LANES_MAX];
};

struct cli_wallet; /* an open folder */

/* Makes the folder when make. NOT_FOUND otherwise. */
PP_MUST_CHECK enum pp_error cli_wallet_open(const char *dir, bool make, struct cli_wallet **out);
void cli_wallet_close(struct cli_wallet *wallet);
const char *cli_wallet_path(const struct cli_wallet *wallet);

/* First sight stores the terms; later they must be the same: NODE_TOLD_OTHERWISE, the field and both values in *out.
 * Persisted when it returns OK. */
PP_MUST_CHECK enum pp_error cli_wallet_pin(struct cli_wallet *wallet, const struct cli_node_terms *seen,
                                           struct pp_refusal *out_refusal, bool *out_first);
PP_MUST_CHECK enum pp_error cli_wallet_pinned(const struct cli_wallet *wallet, uint64_t chain_id,
                                              const struct pp_address *contract, uint32_t node_id,
                                              struct cli_node_terms *out);

/* Persisted when it returns OK. BAD_FORMAT when the id is not that of the config under chain and contract; EXISTS. */
PP_MUST_CHECK enum pp_error cli_wallet_channel_add(struct cli_wallet *wallet,
                                                   const struct cli_channel *channel);
/* As the chain has it now: the deposit only grows, caps go either way (an operator may release its own); nothing else changes
 * (asserted). */
PP_MUST_CHECK enum pp_error cli_wallet_channel_update(struct cli_wallet *wallet,
                                                      const struct cli_channel *channel);
/* By id in hex, or an unambiguous beginning of it; NULL: the only channel. NOT_FOUND, TOO_MANY (ambiguous). */
PP_MUST_CHECK enum pp_error cli_wallet_channel_find(const struct cli_wallet *wallet, const char *text,
                                                    struct cli_channel *out);
/* Calls visit for each channel, by id, until it returns false. */
PP_MUST_CHECK enum pp_error
cli_wallet_channels(const struct cli_wallet *wallet,
                    bool (*visit)(void *context, const struct cli_channel *channel), void *context);
/* DIR/channels/ID/lane-N.log. */
PP_MUST_CHECK enum pp_error cli_wallet_lane_path(const struct cli_wallet *wallet,
                                                 const struct pp_channel_id *id, uint32_t lane,
                                                 char out[CLI_PATH_MAX]);

/* DIR/channels/ID/NAME. */
void cli_wallet_channel_path(const struct cli_wallet *wallet, const struct pp_channel_id *id,
                             const char *name, char out[CLI_PATH_MAX]);

/* An opening is there from before anything is sent until the user was told that the channel is open. _put makes the channel's
 * folder, and replaces what was there. */
PP_MUST_CHECK enum pp_error cli_wallet_opening_put(struct cli_wallet *wallet,
                                                   const struct cli_channel *channel);
PP_MUST_CHECK enum pp_error cli_wallet_opening_drop(struct cli_wallet *wallet,
                                                    const struct pp_channel_id *id);
PP_MUST_CHECK enum pp_error
cli_wallet_openings(const struct cli_wallet *wallet,
                    bool (*visit)(void *context, const struct cli_channel *channel), void *context);

/* For verbs: opens the wallet of --wallet (or the default) and the channel that `text` names (or the only one). On a failure
 * it has told the user, and returns false. */
struct cli;
bool cli_wallet_dir_of(const struct cli *cli, char out[CLI_PATH_MAX]); /* false: there is no home folder */
bool cli_wallet_open_told(struct cli *cli, bool make, struct cli_wallet **out);
bool cli_channel_find_told(struct cli *cli, const struct cli_wallet *wallet, const char *text,
                           struct cli_channel *out);

#endif
