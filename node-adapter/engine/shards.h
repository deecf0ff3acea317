/* shards.h - the inside of struct pp_shards, shared by shards.c and shards_report.c. */
#ifndef PP_SHARDS_INSIDE_H
#define PP_SHARDS_INSIDE_H

#include <pennypost_shards.h>

#define PP_FOLD_RETRY_MS 60000u /* after a report that could not be made: reading other folders is not free */

struct pp_shards {
    char *root;
    uint32_t node_id;
    struct pp_clock clock;
    size_t count;
    uint8_t numbers[PP_SHARDS_MAX];
    struct pp_node *nodes[PP_SHARDS_MAX];    /* by place */
    struct pp_node *by_shard[PP_SHARDS_MAX]; /* by number; NULL: not here */
    uint64_t fold_after_ms;                  /* ticks come from one thread */
};

/* NODE-105. Does nothing where shard 0 is not. */
PP_MUST_CHECK enum pp_error pp_shards_report(struct pp_shards *shards,
                                             char out_reason[PP_SHARDS_REASON_BYTES]);

#endif
