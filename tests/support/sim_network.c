#include "sim_network.h"

#include "pp_test.h"
#include "sim_rpc.h"

#include <stdlib.h>
#include <string.h>

#define LAG_MOST 4u

static const char *const fault_names[] = {
#define X(name) [SIM_##name] = #name,
    SIM_FAULTS(X)
#undef X
};

const char *sim_fault_name(enum sim_fault fault)
{
    return fault_names[fault];
}

void sim_network_init(struct sim_network *network, struct sim_chain *chain, uint64_t seed)
{
    *network = (struct sim_network){.chain = chain, .rtt_ms = 20, .timeout_ms = 10000};
    pp_rng_init(&network->rng, seed);
}

void sim_network_done(struct sim_network *network)
{
    free(network->earlier);
    network->earlier = NULL;
}

/* SIM_FAULT_COUNT: none. */
static enum sim_fault fault_draw(struct sim_network *network)
{
    unsigned draw = (unsigned)pp_rng_below(&network->rng, 1000);
    if (network->calm)
        return SIM_FAULT_COUNT;
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if (draw < network->faults_per_mille[i]) {
            network->happened[i]++;
            return (enum sim_fault)i;
        }
        draw -= network->faults_per_mille[i];
    }
    return SIM_FAULT_COUNT;
}

static void reply(struct pp_rpc_reply *out, int status, char *body)
{
    free(out->body);
    *out = (struct pp_rpc_reply){status, body, body ? strlen(body) : 0};
}

/* What the network makes of a good answer. */
static void answer_harm(struct sim_network *network, enum sim_fault fault, struct pp_rpc_reply *out)
{
    static const char *const pages[] = {"<html><body>Bad gateway</body></html>", "", "{}", "null",
                                        "{\"error\":\"rate limit\"}"};
    static const int busy[] = {429, 503, 502, 500};
    switch (fault) {
    case SIM_ANSWER_LOST:
        sim_chain_pass(network->chain, network->timeout_ms);
        reply(out, 0, NULL);
        return;
    case SIM_MIXED_UP:
        if (network->earlier)
            reply(out, 200, strdup(network->earlier));
        return;
    case SIM_CUT:
        out->length = pp_rng_below(&network->rng, out->length);
        return;
    case SIM_SPOILED: /* no byte that would be another well-formed answer: a lie is not the network's */
        out->body[pp_rng_below(&network->rng, out->length)] ^= (char)0x80;
        return;
    case SIM_HTML:
        reply(out, 200, strdup(pages[pp_rng_below(&network->rng, sizeof pages / sizeof pages[0])]));
        return;
    case SIM_BUSY:
        reply(out, busy[pp_rng_below(&network->rng, sizeof busy / sizeof busy[0])], strdup("slow down"));
        return;
    case SIM_QUESTION_LOST:
    case SIM_LATE:
    case SIM_DOUBLED:
    case SIM_STALE:
    case SIM_SIDE:
    case SIM_FAULT_COUNT:
        return;
    }
}

static struct sim_view view_of(struct sim_network *network, enum sim_fault fault)
{
    const uint64_t lag = fault == SIM_STALE ? 1 + pp_rng_below(&network->rng, LAG_MOST) : 0;
    return sim_chain_view(network->chain, lag, fault == SIM_SIDE);
}

static void carried(struct sim_network *network, enum sim_fault fault, const char *question,
                    struct pp_rpc_reply *out)
{
    const char *method;
    const struct sim_view view = view_of(network, fault);
    if (fault == SIM_DOUBLED)
        free(sim_rpc_answer(network->chain, &view, question, &method));
    char *answer = sim_rpc_answer(network->chain, &view, question, &method);
    reply(out, 200, answer);
    if (network->arrived)
        network->arrived(network->context, method);
    if (network->cut) {
        reply(out, 0, NULL);
        return;
    }
    char *kept = fault == SIM_FAULT_COUNT ? strdup(answer) : NULL;
    answer_harm(network, fault, out);
    if (kept) {
        free(network->earlier);
        network->earlier = kept;
    }
}

void sim_network_carry(void *context, const char *url, const char *question, struct pp_rpc_reply *out)
{
    struct sim_network *network = context;
    (void)url;
    if (network->cut)
        return; /* status 0: nobody answers the dead */
    network->questions++;
    const enum sim_fault fault = fault_draw(network);
    sim_chain_pass(network->chain, 1 + pp_rng_below(&network->rng, network->rtt_ms));
    if (fault == SIM_LATE)
        sim_chain_pass(network->chain, network->timeout_ms - 1);
    if (fault == SIM_QUESTION_LOST)
        sim_chain_pass(network->chain, network->timeout_ms);
    else
        carried(network, fault, question, out);
}
