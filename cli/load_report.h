/* load_report.h - what a load measured, as rows, as a plot, and as JSON; and whether it may be believed.
 *
 * Source: specs/load.md (LOAD-001 and following).
 */
#ifndef CLI_LOAD_REPORT_H
#define CLI_LOAD_REPORT_H

#include "load_sender.h"
#include "output.h"

#define LOAD_STEPS_MAX 24u
#define LOAD_LAG_FLOOR_NS                                                                                    \
    1000000u               /* the generator may always be so late: what a busy machine's scheduler takes */
#define LOAD_LAG_SHARE 10u /* ... or by this part of the latency's p99 */

/* One rate of a search. */
struct load_step {
    uint64_t rate;
    uint64_t p99_ns, refused, unanswered;
    bool held;         /* it is sustained */
    bool by_generator; /* it is not, and the generator was what failed */
};

struct load_result {
    /* what was asked for */
    const char *target; /* the node's URL, or the engine's folder */
    bool in_process;    /* with connections: over HTTP on loopback */
    struct load_shape shape;
    const char *arrivals;
    uint64_t rate, seconds, seed;
    uint32_t lanes;
    unsigned threads, connections; /* all together; 0 connections: in process */
    unsigned decimals;
    /* what came */
    struct load_tally tally;
    uint64_t elapsed_ns; /* the rounds, from their starts to their last answers or last dues */
    uint64_t tail_ns;    /* the longest time from a round's last due to its last answer */
    uint64_t target_cpu_ns;
    bool has_target_cpu;
    uint32_t rounds;
    bool interrupted;
    bool out_of_money;        /* it ended early: the most that it may cost, or the caps */
    struct pp_grains postage; /* of what was admitted */
    /* a search */
    struct load_step steps[LOAD_STEPS_MAX];
    uint32_t steps_count;
    bool is_search;
    bool found; /* a rate that is sustained: the rest is of it */
};

/* Why its latencies must not be believed; 0: they may. */
enum load_fault {
    LOAD_FAULT_BEHIND = 1,     /* the generator was late */
    LOAD_FAULT_UNANSWERED = 2, /* requests without an answer, or never sent */
    LOAD_FAULT_RECEIPTS = 4,   /* a receipt that does not verify */
    LOAD_FAULT_NOTHING = 8,    /* nothing was admitted */
    LOAD_FAULT_ROOTS = 16,     /* leaves of a session that no root covers */
    LOAD_FAULT_TICKETS = 32,   /* tickets that could not be committed */
};
unsigned load_faults(const struct load_tally *tally);
/* The most that the generator's own p99 lag may be. */
uint64_t load_lag_limit_ns(const struct load_tally *tally);

/* "1.234 ms": four digits. */
#define LOAD_DURATION_MAX 24
char *load_duration_print(uint64_t ns, char out[LOAD_DURATION_MAX]);

/* Rows of two a power of two, at most 80 columns wide; bars by the logarithm of the count. */
void load_plot_print(const struct load_histogram *histogram, FILE *out);

/* To cli->out, and to report_path if there is one. Returns the exit status. */
int load_report_tell(struct cli *cli, const struct load_result *result, const char *report_path);

#endif
