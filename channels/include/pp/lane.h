/* pp/lane.h - a lane at its node: the counters S, R, E, what is consumed of its line, and what may still be charged.
 *
 * Admission has two phases, for a single writer:
 *
 *     pp_lane_draft_begin(&draft, &lane, &request, &pool);
 *     for each leaf: switch (pp_lane_check(&draft, &facts, &refusal)) {
 *         case PP_LANE_ADMIT:    it is in the draft; later leaves of the request see its interval as consumed
 *         case PP_LANE_LOOK_UP:  its interval is (partly) consumed: look it up; the very same stamp gets its old receipt,
 *                                any other: set facts.not_known and check again
 *         case PP_LANE_REFUSE:   refusal says why; the lane and the draft are as before
 *     }
 *     if (draft.admitted > 0 && pp_lane_charge(&lane, &draft, &pool)) keep request.voucher as the lane's claim
 *
 * pp_lane_check changes only the draft. pp_lane_charge cannot fail. Nothing here allocates.
 *
 * Shape:  E + R <= consumed <= S, where consumed is the sum of the admitted intervals; a stamp is admitted only while
 *         to - R <= the cap, so consumed - R <= the cap of that moment.
 *         The highest voucher is not in here: keep a struct pp_claim (pp/voucher.h) per lane in an array beside.
 * Own:    a lane with holes owns one block of the pool. Lanes may be moved in memory, but not duplicated: see pp_lane_save.
 * Errors: in the order of LANE-030 (specs/lane.md), which is that of DESIGN section 9.
 * Source: specs/lane.md, DESIGN sections 2, 3, 8, 9.
 */
#ifndef PP_LANE_H
#define PP_LANE_H

#include <pp/channel_state.h>
#include <pp/interval.h>
#include <pp/postage.h>
#include <pp/refusal.h>
#include <pp/settle.h>
#include <pp/stamp.h>

struct pp_lane {
    struct pp_grains spent;    /* S: the highest spent of a voucher that admitted something */
    struct pp_grains refunded; /* R */
    struct pp_grains earned;   /* E, by the journal */
    struct pp_grains vested;   /* credited on chain */
    struct pp_intervals consumed;
    struct pp_units cap;     /* final on chain, of sequence number seq */
    struct pp_units low_cap; /* a lowering that is signed or seen, but not final ... */
    uint64_t stamps;         /* admitted so far */
    uint32_t lane;
    uint32_t seq;
    uint32_t low_until_seq; /* ... holds until a seq of at least this is final. 0: there is none */
    uint8_t state;          /* enum pp_lane_state */
};

/* PENDING, all counters zero. */
void pp_lane_init(struct pp_lane *lane, uint32_t lane_id);
void pp_lane_done(struct pp_lane *lane, struct pp_holes_pool *pool);

/* ---- admission ---- */

/* The session that a request's stamps are of (specs/sessions.md): kind session only. */
struct pp_lane_session {
    enum pp_error error; /* OK, SESSION_UNKNOWN, SESSION_EXPIRED: told after the lane's state */
    struct pp_span chunk;
    uint32_t unsigned_count; /* its leaves that no root covers yet */
    uint32_t room;           /* unsigned leaves that the node has room for */
    uint64_t not_after_ms;
};

/* What the leaves of one request have in common. */
struct pp_lane_request {
    const struct pp_voucher *voucher;
    uint8_t kind;    /* enum pp_stamp_kind */
    uint32_t count;  /* leaves under the voucher */
    uint64_t now_ms; /* the journal's clock */
    bool view_stale; /* the node's view of the chain is: as if the lane were FROZEN */
    bool verified;   /* context and signature were examined; false: only look whether it is worth it */
    enum pp_error voucher_error; /* verified: OK, CONTEXT_MISMATCH, BAD_SIGNATURE, SIGNATURE_NOT_LOW_S */
    const struct pp_lane_session
        *session; /* NULL unless kind is session; the voucher then is the opening's */
};

/* What the caller knows of one leaf. Zero errors mean: no fault found. */
struct pp_lane_facts {
    const struct pp_leaf *leaf;
    struct pp_postage quoted; /* what the quote asks for this envelope */
    enum pp_error
        content_error; /* CONTENT_MISMATCH, TOO_LONG, ZERO_SIZE ...: told before anything of the lane */
    enum pp_error
        quote_error; /* QUOTE_INVALID, QUOTE_EXPIRED, BOND_NOT_OFFERED, ...: told where the price is checked */
    enum pp_error mac_error; /* of a session's stamp: OK, BAD_MAC */
    bool not_known;          /* the caller looked: no admitted stamp is this one */
};

/* A request in the making. Big (a block of holes): one per writer, reused. Not to be copied. */
struct pp_lane_draft {
    const struct pp_lane *lane;
    const struct pp_lane_request *request;
    const struct pp_holes_pool *lane_pool;
    struct pp_grains spent; /* S with this voucher counted */
    struct pp_intervals consumed;
    uint64_t stamps_before; /* the lane's, to notice a change under the draft */
    uint32_t admitted;
    struct pp_holes_pool pool; /* of the one block below */
    struct pp_holes block;
};

enum pp_lane_answer {
    PP_LANE_ADMIT,
    PP_LANE_LOOK_UP,
    PP_LANE_REFUSE,
};

/* No block may be taken from the pool until the draft is charged or dropped. */
void pp_lane_draft_begin(struct pp_lane_draft *draft, const struct pp_lane *lane,
                         const struct pp_lane_request *request, const struct pp_holes_pool *pool);
/* refusal: filled on REFUSE only. */
PP_MUST_CHECK enum pp_lane_answer
pp_lane_check(struct pp_lane_draft *draft, const struct pp_lane_facts *facts, struct pp_refusal *refusal);
/* Carries the draft out. The lane must not have changed since draft_begin, the request be verified and OK, and at least
 * one leaf admitted (asserted). True: the voucher is now the lane's highest. */
bool pp_lane_charge(struct pp_lane *lane, const struct pp_lane_draft *draft, struct pp_holes_pool *pool);
/* One admitted stamp as the journal has it, at recovery: what pp_lane_charge did for it. INVARIANT when that cannot have
 * been, BUSY; out_highest as there. */
PP_MUST_CHECK enum pp_error pp_lane_replay(struct pp_lane *lane, const struct pp_span *span,
                                           struct pp_grains voucher_spent, struct pp_holes_pool *pool,
                                           bool *out_highest);

/* A session's chunk is authorized up to `to`: S rises, nothing is consumed. The lane's state, then CAP_EXCEEDED. */
PP_MUST_CHECK enum pp_error pp_lane_authorize(struct pp_lane *lane, struct pp_grains to, bool *out_highest);

/* The refusal of a lane's state: OK when ACTIVE; LANE_PENDING, LANE_FROZEN, LANE_CLOSING, LANE_SETTLED. */
PP_MUST_CHECK enum pp_error pp_lane_admits(const struct pp_lane *lane);

/* ---- money that moves otherwise ---- */

/* R up by amount. DEFERRED_EXCEEDED when E + R would exceed what was consumed; LANE_SETTLED. */
PP_MUST_CHECK enum pp_error pp_lane_refund(struct pp_lane *lane, struct pp_grains amount);
/* E up by amount. The same errors. */
PP_MUST_CHECK enum pp_error pp_lane_earn(struct pp_lane *lane, struct pp_grains amount);
/* What the contract has credited: merged by maximum. */
void pp_lane_vested(struct pp_lane *lane, struct pp_grains vested);

/* S - R - E, clamped at zero: paid, not yet earned. */
struct pp_grains pp_lane_deferred(const struct pp_lane *lane);
/* consumed - E - R: what may still be refunded or earned. */
struct pp_grains pp_lane_refundable(const struct pp_lane *lane);
/* What may still be charged at the head of the line: cap + R - head. */
struct pp_grains pp_lane_free(const struct pp_lane *lane);
/* The cap that counts now: the lower of the final one and what is being lowered. */
struct pp_units pp_lane_cap(const struct pp_lane *lane);

/* ---- the chain ---- */

/* Opening or cap final, with its seq. A seq below the known one is stale and changes nothing; the known one again with
 * another cap: CHAIN_REORG. PENDING becomes ACTIVE. */
PP_MUST_CHECK enum pp_error pp_lane_funded(struct pp_lane *lane, struct pp_units cap, uint32_t seq);
/* A lowering seen in the latest block. */
void pp_lane_cap_lowered(struct pp_lane *lane, struct pp_units cap, uint32_t seq);
/* The chain took the lowerings back before they were final. Not for a lane with a signed release. */
void pp_lane_lowering_undone(struct pp_lane *lane);
/* Before signing LaneRelease{pp_lane_cap..., new_cap, lane->seq}: CAP_BELOW_VESTED when it is below what has vested or is
 * charged and not refunded; OUT_OF_RANGE when it is not lower. From here on only new_cap is admitted. */
PP_MUST_CHECK enum pp_error pp_lane_release(struct pp_lane *lane, struct pp_units new_cap);
/* The lowest cap that pp_lane_release takes: ceil(max(vested, consumed - R) / 10^6). */
struct pp_units pp_lane_release_floor(const struct pp_lane *lane);
/* Any event of the lane's machine but FUNDED (asserted). Refusals leave the lane as it is. */
PP_MUST_CHECK enum pp_error pp_lane_event(struct pp_lane *lane, enum pp_lane_event event,
                                          enum pp_lane_action *out_action);

/* What the chain would make of the lane, were it settled with all that is known here. */
PP_MUST_CHECK enum pp_error pp_lane_settlement(const struct pp_lane *lane, struct pp_settlement *out);

/* ---- undo, and checkpoints ---- */

/* A copy to go back to. A lane with holes takes one more block of the pool while it is saved: BUSY when there is none. */
struct pp_lane_save {
    struct pp_lane lane;
};
PP_MUST_CHECK enum pp_error pp_lane_save(const struct pp_lane *lane, struct pp_lane_save *out,
                                         struct pp_holes_pool *pool);
/* Either of them ends the save. */
void pp_lane_restore(struct pp_lane *lane, struct pp_lane_save *save, struct pp_holes_pool *pool);
void pp_lane_forget(struct pp_lane_save *save, struct pp_holes_pool *pool);

/* A checkpoint's record: versioned, at most PP_LANE_RECORD_MAX_BYTES; 99 without holes. Decoding checks every invariant:
 * BAD_VERSION, TRUNCATED, TRAILING_BYTES, OUT_OF_RANGE, BAD_FORMAT, INVARIANT; BUSY. */
#define PP_LANE_RECORD_MAX_BYTES (99u + PP_HOLES_MAX * 24u)
PP_MUST_CHECK enum pp_error pp_lane_encode(const struct pp_lane *lane, uint8_t *out, size_t capacity,
                                           size_t *out_length);
PP_MUST_CHECK enum pp_error pp_lane_decode(struct pp_lane *out, const uint8_t *bytes, size_t length,
                                           struct pp_holes_pool *pool);

/* INVARIANT, and in out_what (may be NULL) which one. For `verify`, tests, and decoding; the code itself asserts it after
 * every change. */
PP_MUST_CHECK enum pp_error pp_lane_check_invariants(const struct pp_lane *lane, const char **out_what);

#endif
