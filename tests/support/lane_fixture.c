#include "lane_fixture.h"

#include "pp_test.h"

void lane_fixture_init(struct lane_fixture *f, uint64_t cap_units)
{
    memset(f, 0, sizeof *f);
    pp_holes_pool_init(&f->pool, f->blocks, LANE_FIXTURE_BLOCKS);
    pp_lane_init(&f->lane, LANE_FIXTURE_ID);
    ck_assert_ok(pp_lane_funded(&f->lane, pp_units(cap_units), 0));
    memset(f->voucher.channel_id.bytes, 0xc1, 32);
    f->voucher.lane = LANE_FIXTURE_ID;
    f->leaf.channel_id = f->voucher.channel_id;
    f->leaf.lane = LANE_FIXTURE_ID;
    f->leaf.size = 200;
    f->leaf.retention_days = 30;
    f->leaf.not_after_ms = LANE_FIXTURE_NOW_MS + 60000;
    f->request = (struct pp_lane_request){
        .voucher = &f->voucher,
        .kind = PP_STAMP_SINGLE,
        .count = 1,
        .now_ms = LANE_FIXTURE_NOW_MS,
        .verified = true,
    };
    f->facts = (struct pp_lane_facts){.leaf = &f->leaf, .quoted = {.base_grains = 1}};
}

void lane_fixture_offer(struct lane_fixture *f, uint64_t from, uint64_t to, uint64_t spent)
{
    f->leaf.from = pp_grains(from);
    f->leaf.postage = (struct pp_postage){.base_grains = to - from};
    f->voucher.spent = pp_grains(spent);
    f->facts.not_known = false;
}

enum pp_lane_answer lane_fixture_submit(struct lane_fixture *f)
{
    pp_lane_draft_begin(&f->draft, &f->lane, &f->request, &f->pool);
    enum pp_lane_answer answer = pp_lane_check(&f->draft, &f->facts, &f->refusal);
    if (answer == PP_LANE_ADMIT)
        pp_lane_charge(&f->lane, &f->draft, &f->pool);
    if (pp_lane_check_invariants(&f->lane, NULL) != PP_OK)
        ck_abort_msg("the lane broke an invariant");
    return answer;
}

void lane_fixture_admit(struct lane_fixture *f, uint64_t from, uint64_t to, uint64_t spent)
{
    lane_fixture_offer(f, from, to, spent);
    enum pp_lane_answer answer = lane_fixture_submit(f);
    if (answer != PP_LANE_ADMIT)
        ck_abort_msg("[%lu, %lu) under %lu was not admitted: %s", (unsigned long)from, (unsigned long)to,
                     (unsigned long)spent,
                     answer == PP_LANE_LOOK_UP ? "known?" : pp_error_name(f->refusal.error));
}

void lane_fixture_refused(struct lane_fixture *f, enum pp_error expected)
{
    f->facts.not_known = true;
    ck_assert_int_eq(lane_fixture_submit(f), PP_LANE_REFUSE);
    ck_assert_error(f->refusal.error, expected);
}
