/* pp/chain_tower.h - a watchtower at work: looks at lanes on chain, posts what must be there, says what would be lost without it.
 *
 *     pp_tower_open(&config, &tower, reason);
 *     pp_tower_turn(tower);                   again and again; each asks, decides, sends as far as it gets, and waits for nothing
 *     pp_tower_status_get(tower, &status);
 *     pp_tower_close(tower);
 *
 * or on a thread of its own: pp_tower_run_open, _run_status, _run_close.
 *
 * Each lane is looked at in turn, those that an entry of the latest blocks names at once. What is due goes through the journal
 * of pp/chain_job.h, so a kill at any instruction and a reorganization lose nothing.
 *
 * Own:    the key is copied and wiped by _close; strings are copied; the source must stay.
 * Errors: those of the source, of the chain (CHAIN_*), of the journal (LOCKED: another tower has it), TX_*.
 * Limits: PP_TOWER_LANES_MAX; 64 bytes a lane.
 * Source: specs/watchtower.md (TOWER-020 and following).
 */
#ifndef PP_CHAIN_TOWER_H
#define PP_CHAIN_TOWER_H

#include <pp/chain_job.h>
#include <pp/tower.h>

struct pp_tower;

#define PP_TOWER_LANES_MAX (1u << 20) /* 64 MB: more than one account could post for in a challenge period */

/* Where evidence comes from. Called on the tower's thread. */
struct pp_tower_source {
    /* Looks at what there is now. Between two of them the lanes keep their places; out_moved: not over this one. */
    enum pp_error (*refresh)(void *context, size_t *out_count, bool *out_moved);
    enum pp_error (*lane)(void *context, size_t index, struct pp_tower_evidence *out);
    void *context;
};

/* What happened. POSTING: decided and in the journal. POSTED: final. REFUSED: it came to nothing, the reason says why.
 * CANNOT: it is due, and there is no key. */
#define PP_TOWER_WORDS(X) X(POSTING) X(POSTED) X(REFUSED) X(CANNOT)
enum pp_tower_word {
#define X(name) PP_TOWER_SAYS_##name,
    PP_TOWER_WORDS(X)
#undef X
};
const char *pp_tower_word_name(enum pp_tower_word word);
struct pp_tower_saying {
    enum pp_tower_word word;
    const char *label;               /* what: for people */
    const char *reason;              /* "" unless REFUSED */
    struct pp_tower_verdict verdict; /* POSTING, CANNOT */
    struct pp_hash transaction;      /* POSTED */
};

struct pp_tower_config {
    const char *rpc_url;
    uint32_t timeout_ms; /* of one question; 0: 10000 */
    struct pp_domain domain;
    struct pp_tower_source source;
    const struct pp_secret_key *key; /* pays for gas; NULL: it only looks, and says what it cannot do */
    const char *journal_dir;         /* with a key */
    struct pp_fee_policy fees;
    struct pp_units least; /* what is less is not worth a transaction */
    void (*say)(void *context, const struct pp_tower_saying *saying); /* may be NULL */
    /* For tests: as in pp_chain_job_config. */
    void (*step)(void *context, const char *next);
    void *context;
};

struct pp_tower_status {
    enum pp_error error; /* of the last turn */
    char reason[PP_RPC_TEXT_MAX];
    uint64_t turns;
    bool can_post;
    bool complete;            /* every lane was looked at */
    uint64_t lanes;           /* held */
    uint64_t due;             /* to be posted now, and not on chain yet */
    uint64_t on_way;          /* transactions that are not final */
    uint64_t posted, refused; /* since it was opened */
    uint64_t next_deadline_s; /* of what is due; 0: none */
    uint64_t settle_by_s;     /* a channel with income held is closing: settle before; 0: none */
    /* What would be lost if the tower were down for the challenge period (TOWER-010). */
    struct pp_units earnings_at_risk, refunds_at_risk;
    struct pp_chain_block latest;
    uint32_t challenge_s;
};

/* What one lane has at risk; for a report. */
struct pp_tower_lane_view {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_tower_verdict verdict;
};

PP_MUST_CHECK enum pp_error pp_tower_open(const struct pp_tower_config *config, struct pp_tower **out,
                                          char out_reason[PP_RPC_TEXT_MAX]);
void pp_tower_close(struct pp_tower *tower);
/* elapsed_ms: since the last one; decides how many lanes are looked at. UINT64_MAX: all of them. */
PP_MUST_CHECK enum pp_error pp_tower_turn(struct pp_tower *tower, uint64_t elapsed_ms);
/* How long to rest before the next turn: as long as the contract's timers allow, at least so long. */
uint64_t pp_tower_rest_ms(const struct pp_tower *tower, uint64_t least_ms);
void pp_tower_status_get(const struct pp_tower *tower, struct pp_tower_status *out);
const char *pp_tower_reason(const struct pp_tower *tower);
/* From any thread: questions in flight are broken off, and every later one. */
void pp_tower_interrupt(struct pp_tower *tower);
/* Asks about one lane anew. NOT_FOUND: no such index. */
PP_MUST_CHECK enum pp_error pp_tower_look(struct pp_tower *tower, size_t index,
                                          struct pp_tower_lane_view *out);

/* ---- on a thread ---- */

struct pp_tower_run;
/* `trouble` is told when an error begins, and with PP_OK when it is over. config.context is its context, too. */
PP_MUST_CHECK enum pp_error pp_tower_run_open(const struct pp_tower_config *config, uint32_t poll_ms,
                                              void (*trouble)(void *context, enum pp_error error,
                                                              const char *reason),
                                              struct pp_tower_run **out, char out_reason[PP_RPC_TEXT_MAX]);
void pp_tower_run_close(struct pp_tower_run *run);
void pp_tower_run_status(struct pp_tower_run *run, struct pp_tower_status *out);

/* ---- sources ---- */

/* A node's data folder, beside the node (pp/claims.h). */
struct pp_tower_folder;
PP_MUST_CHECK enum pp_error pp_tower_folder_open(const char *data_dir, struct pp_tower_folder **out,
                                                 char out_reason[256]);
void pp_tower_folder_close(struct pp_tower_folder *folder);
struct pp_tower_source pp_tower_folder_source(struct pp_tower_folder *folder);
void pp_tower_folder_domain(const struct pp_tower_folder *folder, struct pp_domain *out);

/* A file of evidence, or every file of a folder whose name ends in ".evidence"; read again when one changes. Records that do
 * not hold are left out and counted; those of another domain than the first one are, too. */
struct pp_tower_files;
PP_MUST_CHECK enum pp_error pp_tower_files_open(const char *path, struct pp_tower_files **out,
                                                char out_reason[256]);
void pp_tower_files_close(struct pp_tower_files *files);
struct pp_tower_source pp_tower_files_source(struct pp_tower_files *files);
void pp_tower_files_domain(const struct pp_tower_files *files, struct pp_domain *out);
uint64_t pp_tower_files_left_out(const struct pp_tower_files *files);

#endif
