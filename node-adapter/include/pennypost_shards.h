/* pennypost_shards.h - several writers in one process: one node a shard, each over its own folder and its own lane.
 *
 * Shape:  ROOT/shard-000, ROOT/shard-001, ... are data folders as pp_node_open makes them; shard n writes the lane
 *         node_id << 8 | n. A process opens a list of them, other processes may have others of the same ROOT at the same
 *         time: who comes second to a shard is refused with LOCKED and told by whom it is held.
 *         Nothing is shared between shards: sequences, tickets, topics and the load for quotes are a shard's own, so
 *         whoever names one names the lane with it.
 *         All shards of one operator share one ROOT, for shard 0 reports for all of them: an operator that signed two
 *         reports for one epoch would contradict itself. So shard 0 must be there before any other is opened.
 * Own:    the configuration is copied; nodes belong to the shards, pp_shards_close closes them.
 * Threads: as pp_node. Of one process only one pp_shards may have a ROOT open.
 * Errors: those of pp_node_open, with the shard's folder in front of the reason; BAD_CONFIG; UNKNOWN_LANE.
 * Limits: PP_SHARDS_MAX, the width of a shard's number.
 * Source: specs/node.md (NODE-100 to NODE-110).
 */
#ifndef PENNYPOST_SHARDS_H
#define PENNYPOST_SHARDS_H

#include <pennypost.h>

#define PP_SHARDS_MAX 256u
#define PP_SHARDS_REASON_BYTES 512u

struct pp_shards;

/* node.data_dir is ROOT; node.shard is not looked at. node.verify_threads (0: one per core) is the sum over the shards:
 * each has its part, and at least one. map_bytes and lanes_max are each shard's. */
struct pp_shards_config {
    struct pp_node_config node;
    const uint8_t *shards; /* which of ROOT this process writes, ascending */
    size_t count;          /* at least 1 */
};

PP_MUST_CHECK enum pp_error pp_shards_open(const struct pp_shards_config *config, struct pp_shards **out,
                                           char out_reason[PP_SHARDS_REASON_BYTES]);
void pp_shards_close(struct pp_shards *shards);

/* The owner of a lane, at once. UNKNOWN_LANE: none of this process. */
PP_MUST_CHECK enum pp_error pp_shards_find(const struct pp_shards *shards, uint32_t lane, struct pp_node **out);
size_t pp_shards_count(const struct pp_shards *shards);
/* at < pp_shards_count, in the order of the shards' numbers. */
struct pp_node *pp_shards_node(const struct pp_shards *shards, size_t at);
uint32_t pp_shards_lane(const struct pp_shards *shards, size_t at);

/* As pp_node_submit, at the owner of request->lane. UNKNOWN_LANE: done is not called. */
PP_MUST_CHECK enum pp_error pp_shards_submit(struct pp_shards *shards, const struct pp_request *request,
                                             pp_submit_done *done, void *context);
/* Each event goes to the owner of its lane, what the chain says of itself (HEAD, CONFLICT) to all, after the events before
 * it. Events of lanes that are not here: UNKNOWN_LANE, without keeping out the others. */
PP_MUST_CHECK enum pp_error pp_shards_chain_events(struct pp_shards *shards, const struct pp_chain_event *events,
                                                   size_t count);
/* Ticks every node: all are tried, the first error is told. With shard 0 here, reports for all shards of ROOT when an epoch
 * is over: *out_report is what that came to (OK: nothing to report, or done), with out_reason (may be NULL). */
PP_MUST_CHECK enum pp_error pp_shards_tick(struct pp_shards *shards, enum pp_error *out_report,
                                           char out_reason[PP_SHARDS_REASON_BYTES]);
/* The sums; epoch and day are the lowest, flags and the chain's head those of the worst. */
void pp_shards_status(struct pp_shards *shards, struct pp_node_status *out);
/* As pp_node_open_tickets; leaf.lane says whose ticket it is. */
PP_MUST_CHECK enum pp_error pp_shards_open_tickets(struct pp_shards *shards,
                                                   bool (*visit)(void *context, const struct pp_open_ticket *ticket),
                                                   void *context);
/* A quote that every shard takes: that of the shard with the highest load. */
PP_MUST_CHECK enum pp_error pp_shards_quote(struct pp_shards *shards, uint8_t out[PP_QUOTE_MAX_BYTES],
                                            size_t *out_length, struct pp_quote *out_quote);

/* The same for a topic (pp_node_topic_quote). */
PP_MUST_CHECK enum pp_error pp_shards_topic_quote(struct pp_shards *shards, const struct pp_hash *topic,
                                                  uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length,
                                                  struct pp_quote *out_quote);
/* As pp_node_topic_register, with every shard here, in their order: what fails with one is asked again with the same words. */
PP_MUST_CHECK enum pp_error pp_shards_topic_register(struct pp_shards *shards,
                                                     const struct pp_topic_registration *registration,
                                                     struct pp_topic_key *out, struct pp_refusal *out_refusal);

/* ROOT/shard-NNN. BAD_CONFIG when it does not fit. */
PP_MUST_CHECK enum pp_error pp_shards_path(const char *root, uint8_t shard, char *out, size_t capacity);
/* Which shards have a journal under a folder, ascending; 0 of them: it is no ROOT. NOT_FOUND,
 * SYSTEM; BAD_CONFIG when the folder holds a shard by itself, too. */
PP_MUST_CHECK enum pp_error pp_shards_list(const char *root, uint8_t out[PP_SHARDS_MAX], size_t *out_count);
/* Whether every folder that is named as a shard has a journal: BAD_CONFIG and which has none, for its lanes would be left
 * out unseen. NOT_FOUND, SYSTEM. */
PP_MUST_CHECK enum pp_error pp_shards_whole(const char *root, char *out_reason, size_t capacity);

#endif
