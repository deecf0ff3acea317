/* load_bench.h - a load from its first quote to its result: rounds of requests that are signed, then sent; and the search for the
 * highest rate that is sustained.
 *
 * A quote binds for a minute, and memory is bounded: what does not fit one round comes in further ones. Between two rounds the node
 * rests; the rounds' times are added up.
 * Errors: *problem says them.
 * Source: specs/load.md.
 */
#ifndef CLI_LOAD_BENCH_H
#define CLI_LOAD_BENCH_H

#include "load_engine.h"
#include "load_http.h"
#include "load_payers.h"
#include "load_report.h"
#include "load_schedule.h"
#include "load_sessions.h"
#include "load_signals.h"

#define LOAD_ROUND_SECONDS_MAX 20u /* signing, sending and waiting end before the quote does */
#define LOAD_TAIL_SHARE 20u        /* who answers the last request by this part of the time later keeps up */
#define LOAD_SEARCH_CLOSE 20u      /* a search ends when it knows the rate to one part in so many */

struct load_bench {
    struct cli *cli;
    struct load_shape shape;
    enum load_arrivals arrivals;
    uint64_t seed;
    unsigned threads, check_percent;
    uint64_t target_pid; /* 0: not known */
    _Atomic bool stop;
    struct load_lane *lanes;
    uint32_t lanes_count; /* a multiple of threads */
    const struct pp_domain *domain;
    const struct cli_node_terms *terms;
    uint64_t session_life_ms;      /* about as long as all of it takes */
    struct load_sessions sessions; /* of kind SESSION: load_bench_sessions made room */
    struct load_place *place;      /* in process; NULL: the money is real */
    /* over HTTP; NULL: into the engine */
    struct load_node *node;
    struct cli_exchange *exchange;
    /* real money */
    struct load_payers *payers;
    struct pp_grains budget; /* what may still be spent */
};

/* Of kind SESSION, when the lanes are known, and before anything else; node_key was checked (SESSION-002). load_sessions_done is
 * the caller's. */
PP_MUST_CHECK enum pp_error load_bench_sessions(struct load_bench *bench,
                                                const struct pp_session_public *node_key);
PP_MUST_CHECK enum pp_error load_bench_quote(struct load_bench *bench, struct cli_quote *out,
                                             struct cli_problem *problem);
/* Of one stamp, under this quote. */
PP_MUST_CHECK enum pp_error load_bench_postage(const struct load_bench *bench, const struct cli_quote *quote,
                                               struct pp_grains *out);
/* Sends rate x seconds requests at this rate. Adds to *result. */
PP_MUST_CHECK enum pp_error load_bench_run(struct load_bench *bench, uint64_t rate, uint64_t seconds,
                                           struct load_result *result, struct cli_problem *problem);
/* p99_limit_ns 0: only refusals and keeping up count. The result is that of the best rate, or of the last one tried. */
PP_MUST_CHECK enum pp_error load_bench_search(struct load_bench *bench, uint64_t start_rate, uint64_t seconds,
                                              uint64_t p99_limit_ns, struct load_result *result,
                                              struct cli_problem *problem);

#endif
