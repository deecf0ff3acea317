/* epoch/round.h - one epoch's agreement at one operator: who proposes when, what is answered, when to sign, when it is done.
 *
 * Shape:  step(state, input) -> actions: no clock, no network, no disk, no cryptography. Operators are places in the set that was
 *         pinned when the round began; reports are their digests; time comes in. The caller carries the actions out and says
 *         what became of them.
 *           asked, built, saved    as one of those who are asked to sign
 *           tick, told, drafted, answered    as the one whose turn it is
 *         A proposer first gathers where the journals stand, then asks everybody whether they compute the same, and only when
 *         more than two thirds do does it sign, as the first, and ask for signatures. Whoever has signed never signs another
 *         report of the epoch; a later proposer goes on with what somebody signed, as long as that can still be enough.
 * Own:    plain values; 100 KiB: the heap's.
 * Limits: PP_ROUND_*.
 * Source: specs/epochs.md (EPOCH-020 to EPOCH-039).
 */
#ifndef PP_EPOCH_ROUND_H
#define PP_EPOCH_ROUND_H

#include <pp/ids.h>
#include <pp/limits.h>
#include <pp/sign.h>

#define PP_ROUND_REPORTS_MAX 64u /* different ones of which something is known: proposals cost their maker a turn each */
#define PP_ROUND_PER_PROPOSER_MAX 4u /* of one proposer: drafts that were overtaken, and the newest */
#define PP_ROUND_VOTES_MAX 4u        /* different ones that somebody signed: more can only be of liars */
#define PP_ROUND_ACTIONS_MAX (2u * PP_OPERATORS_MAX + 16u)
#define PP_ROUND_GAP_MS 1000u /* between two different proposals of one proposer: each costs a report */

struct pp_round_times {
    uint32_t turn_ms;   /* how long a proposer has its turn */
    uint32_t gather_ms; /* how long it waits for journals that have not come */
    uint32_t retry_ms;  /* between two questions to one peer */
};

enum pp_round_verdict {
    PP_VERDICT_NONE,
    PP_VERDICT_WAITING, /* it is being computed */
    PP_VERDICT_HOLDS,
    PP_VERDICT_DIFFERS,
};

/* What one is told that asked for a signature. */
enum pp_round_reply {
    PP_REPLY_NONE,
    PP_REPLY_BUSY,         /* it is being computed, or others are: ask again */
    PP_REPLY_READY,        /* it holds; a signature comes when more than two thirds say so */
    PP_REPLY_SIGNED,
    PP_REPLY_DIFFERS,      /* REPORT_DIFFERS: something else was computed here */
    PP_REPLY_SIGNED_OTHER, /* REPORT_SIGNED */
    PP_REPLY_NOT_TURN,     /* NOT_ITS_TURN: a later proposer is at it */
};

enum pp_round_action_kind {
    PP_ACTION_ASK_STATE, /* of peer: what it holds, and what it knows of this epoch */
    PP_ACTION_DRAFT,     /* make a report from what is held */
    PP_ACTION_ADOPT,     /* propose digest, which holds here, under the own name */
    PP_ACTION_BUILD,     /* compute what digest's proposal is made from, and compare */
    PP_ACTION_ASK,       /* peer: digest, with all its signatures */
    PP_ACTION_SIGN,      /* digest: on disk first */
    PP_ACTION_FINISH,    /* digest has a quorum */
    PP_ACTION_CONVICT,   /* peer signed digest and other */
};

struct pp_round_action {
    enum pp_round_action_kind kind;
    uint32_t peer;
    struct pp_hash digest, other;
};

struct pp_round_actions {
    struct pp_round_action list[PP_ROUND_ACTIONS_MAX];
    size_t count;
};

/* A report of which something is known. */
struct pp_round_seen {
    struct pp_hash digest;
    uint32_t proposer;
    enum pp_round_verdict verdict;
    bool was_carried; /* when it was last computed */
    uint64_t at_ms;
};

struct pp_round_votes {
    struct pp_hash digest;
    bool has[PP_OPERATORS_MAX];
    struct pp_signature signatures[PP_OPERATORS_MAX];
    uint32_t count;
};

enum pp_round_phase {
    PP_PHASE_IDLE,
    PP_PHASE_GATHERING,
    PP_PHASE_DRAFTING,
    PP_PHASE_CHECKING,
    PP_PHASE_SIGNING,
    PP_PHASE_COLLECTING,
};

struct pp_round_peer {
    enum pp_round_reply reply; /* to what is asked now */
    bool told;                 /* its state, in this gathering */
    bool is_done;              /* it knows the quorum */
    bool under_way;            /* a question */
    uint64_t due_ms;
};

struct pp_round {
    uint64_t epoch;
    uint32_t self, count; /* places in the set */
    uint64_t began_ms;
    struct pp_round_times times;
    struct pp_round_seen seen[PP_ROUND_REPORTS_MAX];
    size_t seen_count;
    struct pp_round_votes votes[PP_ROUND_VOTES_MAX];
    size_t votes_count;
    uint32_t promised; /* no proposal of an earlier attempt is answered with yes */
    bool has_signed, is_signing;
    struct pp_hash signed_digest; /* also of what is being signed */
    bool is_done;
    struct pp_hash done_digest;
    /* as the proposer */
    enum pp_round_phase phase;
    uint32_t attempt;
    uint64_t gather_until_ms, redraft_at_ms;
    struct pp_hash mine;
    struct pp_round_peer peers[PP_OPERATORS_MAX];
};

void pp_round_begin(struct pp_round *round, uint64_t epoch, uint32_t self, uint32_t count, uint64_t now_ms,
                    const struct pp_round_times *times);
/* After a start: this was signed before. */
void pp_round_resume(struct pp_round *round, const struct pp_hash *digest,
                     const struct pp_signature *signature, struct pp_round_actions *out);

uint32_t pp_round_needed(uint32_t count);
/* EPOCH-020 */
uint32_t pp_round_proposer(uint64_t epoch, uint32_t attempt, uint32_t count);
uint32_t pp_round_attempt(const struct pp_round *round, uint64_t now_ms);

/* ---- as one who is asked ---- */
/* A proposal whose form, network and proposer's signature are good. */
struct pp_round_ask {
    struct pp_hash digest;
    uint32_t proposer, attempt;
};
enum pp_round_reply pp_round_asked(struct pp_round *round, uint64_t now_ms, const struct pp_round_ask *ask,
                                   struct pp_round_actions *out);
void pp_round_built(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest, bool holds,
                    struct pp_round_actions *out);
/* What PP_ACTION_SIGN led to; refused: nothing was signed, and nothing will be. */
void pp_round_saved(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest,
                    const struct pp_signature *signature, struct pp_round_actions *out);
void pp_round_unsaved(struct pp_round *round, const struct pp_hash *digest);
/* A signature of a report, verified. */
void pp_round_vote(struct pp_round *round, const struct pp_hash *digest, uint32_t peer,
                   const struct pp_signature *signature, struct pp_round_actions *out);

/* The caller learned what a report that somebody signed was made from. */
void pp_round_known(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest, uint32_t proposer,
                    struct pp_round_actions *out);

/* ---- as the one whose turn it is, perhaps ---- */
/* caught_up: the journals stand where the peers say, and at the epoch's end. */
void pp_round_tick(struct pp_round *round, uint64_t now_ms, bool caught_up, struct pp_round_actions *out);
/* The answer to ASK_STATE; votes that were in it came by pp_round_vote. reached: false: no answer. */
void pp_round_told(struct pp_round *round, uint64_t now_ms, uint32_t peer, bool reached);
/* The outcome of DRAFT or ADOPT. NULL: it cannot be made now. */
void pp_round_drafted(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest);
/* The answer to ASK. */
void pp_round_answered(struct pp_round *round, uint64_t now_ms, uint32_t peer, const struct pp_hash *digest,
                       enum pp_round_reply reply, bool is_done, struct pp_round_actions *out);

/* EPOCH-017: more than a third have signed, so one who is honest has: what it leaves out of a lane waits for the next epoch. */
bool pp_round_is_carried(const struct pp_round *round, const struct pp_hash *digest);
/* NULL: nobody signed it. */
const struct pp_round_votes *pp_round_votes_of(const struct pp_round *round, const struct pp_hash *digest);
enum pp_round_verdict pp_round_verdict_of(const struct pp_round *round, const struct pp_hash *digest);

#endif
