/* sim_escrow.h - the escrow as a model in C: what the job, the watch and payers may do to it, without a chain.
 *
 * It takes calldata and gives results, entries and named errors as the contract does (specs/chain.md); one operator, one lane
 * a channel. Authorizations, delegates, stakes, thaws and changes of parameters are not in it.
 *
 * Own: the state is a plain value without pointers: a block keeps a copy, and a reorganization takes an older one.
 */
#ifndef SIM_ESCROW_H
#define SIM_ESCROW_H

#include <pp/abi.h>
#include <pp/sign.h>

#define SIM_CHANNELS_MAX 4u
#define SIM_REPORTS_MAX 64u
#define SIM_LOGS_MAX 24u      /* of one transaction */
#define SIM_RESULT_MAX 512u   /* of a view, or of an error */
#define SIM_CALL_LANES_MAX 8u /* more lanes than any channel here has */

/* What never changes. */
struct sim_terms {
    struct pp_domain domain;
    struct pp_crypto *crypto;
    struct pp_chain_timers timers;
    uint32_t node_id;
    struct pp_address operator_key, payee, treasury, token;
    uint16_t protocol_share_bps;
    uint8_t selectors[PP_ABI_FUNCTION_COUNT][4]; /* sim_terms_finish */
};
void sim_terms_finish(struct sim_terms *terms);

struct sim_channel {
    struct pp_channel_id id;
    struct pp_channel_config config;
    enum pp_channel_chain_state state;
    uint64_t deposit, allocated, credited;
    bool has_dust;
    uint64_t closable_at_s;
    uint32_t lane_id;
    struct pp_chain_lane lane;
    uint64_t returned; /* to the payer, when it closed */
};

struct sim_report {
    struct pp_hash hash;
    struct pp_chain_report chain;
};

struct sim_escrow {
    struct sim_channel channels[SIM_CHANNELS_MAX];
    uint32_t channel_count;
    struct sim_report reports[SIM_REPORTS_MAX];
    uint32_t report_count;
    struct pp_chain_report_head head;
    uint64_t received, claimed;
    uint64_t claimed_by_node, claimed_by_treasury;
    uint64_t balance; /* of the token */
};

struct sim_logs {
    struct pp_chain_log at[SIM_LOGS_MAX];
    uint32_t count;
};
struct sim_result {
    uint8_t bytes[SIM_RESULT_MAX];
    size_t length;
};
/* The block that a call runs in. */
struct sim_now {
    uint64_t number, time_s;
};

/* False: reverted; out_result is the error, the state is as it was. */
bool sim_escrow_call(const struct sim_terms *terms, struct sim_escrow *state, struct sim_now now,
                     const uint8_t *data, size_t length, struct sim_logs *logs,
                     struct sim_result *out_result);

/* What payers do. */
enum sim_deed {
    SIM_DEED_NONE, /* a transaction of somebody else */
    SIM_DEED_OPEN,
    SIM_DEED_TOP_UP, /* deposit and cap grow by the amount */
    SIM_DEED_REQUEST_CLOSE,
    SIM_DEED_CANCEL_CLOSE,
    SIM_DEED_FINALIZE_CLOSE,
};
struct sim_wish {
    enum sim_deed deed;
    struct pp_channel_config config;
    uint32_t lane_id;
    uint64_t amount;
};
bool sim_escrow_do(const struct sim_terms *terms, struct sim_escrow *state, struct sim_now now,
                   const struct sim_wish *wish, struct sim_logs *logs);

struct sim_channel *sim_escrow_channel(struct sim_escrow *state, const struct pp_channel_id *id);

#endif
