/* lane_fixture.h - a lane with its pool, and stamps to offer to it. */
#ifndef LANE_FIXTURE_H
#define LANE_FIXTURE_H

#include <pp/lane.h>
#include <pp/voucher.h>

#define LANE_FIXTURE_ID (UINT32_C(7) << 8 | 1)
#define LANE_FIXTURE_NOW_MS UINT64_C(1700000000000)
#define LANE_FIXTURE_BLOCKS 8u

struct lane_fixture {
    struct pp_lane lane;
    struct pp_holes_pool pool;
    struct pp_holes blocks[LANE_FIXTURE_BLOCKS];
    struct pp_lane_draft draft;
    struct pp_voucher voucher;
    struct pp_lane_request request; /* single, verified, fresh, now; over `voucher` */
    struct pp_leaf leaf;
    struct pp_lane_facts facts; /* of `leaf`; the quote asks for one grain */
    struct pp_refusal refusal;
};

/* A lane of this cap, ACTIVE with sequence number 0. Not to be copied. */
void lane_fixture_init(struct lane_fixture *f, uint64_t cap_units);
/* The next offer: a leaf on [from, to) under a voucher of this spent. */
void lane_fixture_offer(struct lane_fixture *f, uint64_t from, uint64_t to, uint64_t spent);
/* Checks the offer on a new draft and carries it out if it is admitted. Other answers change nothing. */
enum pp_lane_answer lane_fixture_submit(struct lane_fixture *f);
/* Offer and submit; the answer must be ADMIT. */
void lane_fixture_admit(struct lane_fixture *f, uint64_t from, uint64_t to, uint64_t spent);
/* The same again must be refused with this error (not_known is set). */
void lane_fixture_refused(struct lane_fixture *f, enum pp_error expected);

#endif
