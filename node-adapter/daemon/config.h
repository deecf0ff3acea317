/* config.h - what pennypostd is told: a file of lines `key = value`, and arguments `--key value` that replace them.
 *
 * Shape:  every key is a row of one table (config.c): its name, type, range, default and a sentence for --help.
 * Errors: BAD_CONFIG; out_reason names the file and the line, or the argument, and the key.
 * Source: specs/http.md (HTTP-090).
 */
#ifndef PP_DAEMON_CONFIG_H
#define PP_DAEMON_CONFIG_H

#include <pp/ids.h>
#include <pp/log.h>
#include <pp/rates.h>

#include <stdio.h>

#define PP_CONFIG_TEXT_MAX 512u
#define PP_CONFIG_LIST_MAX 4096u /* eight addresses of 512 characters */
#define PP_CONFIG_REASON_MAX 1024u

struct pp_daemon_config {
    char data_dir[PP_CONFIG_TEXT_MAX];
    char listen[PP_CONFIG_TEXT_MAX]; /* ADDRESS:PORT */
    char realm[PP_CONFIG_TEXT_MAX];  /* "": what it listens on */
    char rpc_url[PP_CONFIG_LIST_MAX]; /* several, separated by commas */
    char operator_key[PP_CONFIG_TEXT_MAX];
    char receipt_key[PP_CONFIG_TEXT_MAX];
    char passphrase_file[PP_CONFIG_TEXT_MAX];
    char rates_file[PP_CONFIG_TEXT_MAX];
    char clock_file[PP_CONFIG_TEXT_MAX]; /* "": the wall clock */
    char log_level[PP_CONFIG_TEXT_MAX];
    char peers_file[PP_CONFIG_TEXT_MAX]; /* "": no other operators */
    char shards[PP_CONFIG_TEXT_MAX]; /* "": one shard, in data_dir itself */
    struct pp_address contract, token, payee, treasury;
    uint64_t chain_id, start_block;
    uint64_t node_id, shard;
    uint64_t token_decimals;
    uint64_t epoch_seconds, freshness_seconds, clock_skew_seconds;
    uint64_t protocol_share_bps, retention_max_days;
    uint64_t bond_window_min_seconds, bond_window_max_seconds;
    char payout_policy[PP_CONFIG_TEXT_MAX];
    uint64_t payout_minimum_units, refund_bound_bps;
    uint64_t map_mib, lanes_max, verify_threads;
    uint64_t connections, poll_ms, tick_ms;
    uint64_t peers_poll_ms, peers_map_mib, replication_seconds, epoch_turn_ms;
    char tower[PP_CONFIG_TEXT_MAX];     /* on or off */
    char tower_key[PP_CONFIG_TEXT_MAX]; /* "": none */
    uint64_t tower_gas_gwei, tower_dust_units;
};

/* arguments: argv without the program's name: the file, and --key value or --key=value. */
PP_MUST_CHECK enum pp_error pp_daemon_config_load(int count, char *const *arguments,
                                                  struct pp_daemon_config *out,
                                                  char out_reason[PP_CONFIG_REASON_MAX]);
void pp_daemon_config_help(FILE *out);

/* Splits "127.0.0.1:8480" or "[::1]:8480". BAD_FORMAT. */
PP_MUST_CHECK enum pp_error pp_daemon_listen_parse(const char *text, char *out_address, size_t capacity,
                                                   uint16_t *out_port);
/* The rates of a file: {"rates":[{"version", "start_ms", "base", "storage", "congestion", "target_per_minute",
 * "bonds"}, ...]}, as /v1/terms shows them. */
PP_MUST_CHECK enum pp_error pp_daemon_rates_load(const char *path, struct pp_rate_table *out,
                                                 char out_reason[PP_CONFIG_REASON_MAX]);

#endif
