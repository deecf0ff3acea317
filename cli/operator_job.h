/* operator_job.h - what the operator's verbs share: the node's folder, its claims, the job and its journal, and the telling.
 *
 * Own:    the verb's struct, zeroed; cli_operator_job_run opens and closes what it needs.
 * Errors: told to the user; an exit status comes back.
 * Source: specs/settlement.md (JOB-001, PLAN-001 and following).
 */
#ifndef CLI_OPERATOR_JOB_H
#define CLI_OPERATOR_JOB_H

#include "options.h"
#include "output.h"
#include "signer.h"

#include <pp/chain_settle.h>

struct cli_operator_job {
    struct cli *cli;
    const char *data_dir, *job_dir, *metrics_file;
    uint64_t dust, gas_limit, gas_price_gwei, patience_s, stuck_blocks, coin_units, profit_times, urgent_s;
    bool dry, payouts_only, take_over;
    struct cli_signer signer;
    uint64_t until_ms;
    struct pp_claims *claims; /* borrowed from the verb */
    struct pp_claims_head head;
    char left_out[256]; /* NODE-115: a shard's folder without a journal; "": all shards are here */
    struct pp_chain_job *job;
    struct pp_settle_result result;
    uint64_t decimals;
    enum pp_error failed; /* what stopped it; OK: nothing did */
    bool has_balance;
    pp_u128 balance_wei;
};

#define CLI_OPERATOR_JOB_DEFAULTS                                                                            \
    .dust = 1, .gas_limit = PP_TX_GAS_MAX, .gas_price_gwei = 200, .patience_s = 1800, .stuck_blocks = 10,    \
    .profit_times = 2, .urgent_s = 21600, .signer = CLI_SIGNER_DEFAULTS
#define CLI_OPERATOR_JOB_OPTIONS(o)                                                                          \
    CLI_SIGNER_OPTIONS((o)->signer),                                                                         \
        {"take-over",                                                                                        \
         NULL,                                                                                               \
         CLI_FLAG,                                                                                           \
         &(o)->take_over,                                                                                    \
         0,                                                                                                  \
         0,                                                                                                  \
         "no other machine and no other program uses this journal and account: replace what is in the way",  \
         NULL},                                                                                              \
        {"data",                                                                                             \
         "DIR",                                                                                              \
         CLI_TEXT,                                                                                           \
         &(o)->data_dir,                                                                                     \
         0,                                                                                                  \
         0,                                                                                                  \
         "the node's data folder, of all its shards; it may run",                                            \
         NULL},                                                                                              \
        {"journal",                                                                                          \
         "DIR",                                                                                              \
         CLI_TEXT,                                                                                           \
         &(o)->job_dir,                                                                                      \
         0,                                                                                                  \
         0,                                                                                                  \
         "the job's own journal (default: settlement in the data folder)",                                   \
         NULL},                                                                                              \
        {"dust", "UNITS", CLI_NUMBER, &(o)->dust, 1, UINT64_MAX, "less than this is left for later (1)",     \
         NULL},                                                                                              \
        {"gas-limit",                                                                                        \
         "GAS",                                                                                              \
         CLI_NUMBER,                                                                                         \
         &(o)->gas_limit,                                                                                    \
         100000,                                                                                             \
         PP_TX_GAS_MAX,                                                                                      \
         "the most gas of one transaction; batches are cut to it (15000000)",                                \
         NULL},                                                                                              \
        {"max-gas-price",                                                                                    \
         "GWEI",                                                                                             \
         CLI_NUMBER,                                                                                         \
         &(o)->gas_price_gwei,                                                                               \
         1,                                                                                                  \
         1000000,                                                                                            \
         "the most that may be paid per gas (200)",                                                          \
         NULL},                                                                                              \
        {"coin-units",                                                                                       \
         "UNITS",                                                                                            \
         CLI_NUMBER,                                                                                         \
         &(o)->coin_units,                                                                                   \
         1,                                                                                                  \
         UINT64_MAX,                                                                                         \
         "what one coin of the chain is worth, in units: gas is weighed",                                    \
         NULL},                                                                                              \
        {"profit",                                                                                           \
         "TIMES",                                                                                            \
         CLI_NUMBER,                                                                                         \
         &(o)->profit_times,                                                                                 \
         1,                                                                                                  \
         1000,                                                                                               \
         "with --coin-units: send what is worth so many times its cost (2)",                                 \
         NULL},                                                                                              \
        {"urgent",                                                                                           \
         "SECONDS",                                                                                          \
         CLI_NUMBER,                                                                                         \
         &(o)->urgent_s,                                                                                     \
         0,                                                                                                  \
         864000,                                                                                             \
         "with --coin-units: pay more, so long before a deadline (21600)",                                   \
         NULL},                                                                                              \
        {"metrics",                                                                                          \
         "FILE",                                                                                             \
         CLI_TEXT,                                                                                           \
         &(o)->metrics_file,                                                                                 \
         0,                                                                                                  \
         0,                                                                                                  \
         "write the run's numbers for Prometheus' textfile collector",                                       \
         NULL},                                                                                              \
        {"chain-wait",                                                                                       \
         "SECONDS",                                                                                          \
         CLI_NUMBER,                                                                                         \
         &(o)->patience_s,                                                                                   \
         0,                                                                                                  \
         864000,                                                                                             \
         "how long to wait until all is final (1800)",                                                       \
         NULL},                                                                                              \
        {"stuck-blocks",                                                                                     \
         "N",                                                                                                \
         CLI_NUMBER,                                                                                         \
         &(o)->stuck_blocks,                                                                                 \
         1,                                                                                                  \
         100000,                                                                                             \
         "blocks without being mined before the fee is raised (10)",                                         \
         NULL},                                                                                              \
    {                                                                                                        \
        "dry-run", NULL, CLI_FLAG, &(o)->dry, 0, 0,                                                          \
            "say what would be sent, its cost and why; send and write nothing", NULL                         \
    }

/* Opens the claims of data_dir. False: told. */
bool cli_operator_claims_open(struct cli_operator_job *o);
void cli_operator_claims_close(struct cli_operator_job *o);
/* Asks for the key, runs the job into o->result, writes the metrics. *out_status in any case; false: it was told. */
bool cli_operator_job_run(struct cli_operator_job *o, int *out_status);
/* The exit status that goes with the result. */
int cli_operator_status(const struct cli_operator_job *o);
void cli_operator_job_free(struct cli_operator_job *o);
/* False: told. */
bool cli_operator_metrics(const struct cli_operator_job *o, int status);
/* done, waiting, the pool. */
void cli_put_operator_job(const struct cli_operator_job *o, struct cli_answer *answer);

#endif
