/* chain_transport.h - one JSON-RPC question, one answer, over HTTP: limits, time-outs, and the envelope's checks. */
#ifndef CHAIN_TRANSPORT_H
#define CHAIN_TRANSPORT_H

#include <pp/chain_rpc.h>

#include <jansson.h>

/* Says the reason of a failure; returns the error. */
enum pp_error rpc_fail(struct pp_rpc *rpc, enum pp_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether only the current endpoint is asked; returns what it was. */
bool rpc_pin(struct pp_rpc *rpc, bool is_turn);
/* The same with a reason that pp_rpc_reason gave before. */
enum pp_error rpc_fail_again(struct pp_rpc *rpc, enum pp_error error, const char *reason);
/* From now on nobody of another chain is asked; the current endpoint is at once. */
PP_MUST_CHECK enum pp_error rpc_expect_chain(struct pp_rpc *rpc, uint64_t chain_id);

/* Asks, and checks "jsonrpc", "id", and that there is exactly one of "result" and "error". params is taken over.
 * OK: *out_result is the caller's (json_decref). CHAIN_REFUSED: the node answered with an error, in rpc_refusal. */
PP_MUST_CHECK enum pp_error rpc_ask(struct pp_rpc *rpc, const char *method, json_t *params,
                                    json_t **out_result);

/* The error object of the last CHAIN_REFUSED. */
struct rpc_refusal {
    int64_t code;
    char message[PP_RPC_TEXT_MAX]; /* printable */
    uint8_t data[512];             /* what the call reverted with, as far as it fits */
    size_t data_length;
    bool has_data;
};
const struct rpc_refusal *rpc_refusal(const struct pp_rpc *rpc);

#endif
