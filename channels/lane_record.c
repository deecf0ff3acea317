/* The lane as a checkpoint keeps it. */
#include <pp/lane.h>
#include <pp/wire.h>

#define RECORD_VERSION 1

enum pp_error pp_lane_encode(const struct pp_lane *lane, uint8_t *out, size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    uint32_t holes = pp_intervals_holes(&lane->consumed);
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, RECORD_VERSION);
    pp_write_u32(&w, lane->lane);
    pp_write_u8(&w, lane->state);
    pp_write_grains(&w, lane->spent);
    pp_write_grains(&w, lane->refunded);
    pp_write_grains(&w, lane->earned);
    pp_write_grains(&w, lane->vested);
    pp_write_u64(&w, lane->cap.raw);
    pp_write_u32(&w, lane->seq);
    pp_write_u64(&w, lane->low_cap.raw);
    pp_write_u32(&w, lane->low_until_seq);
    pp_write_u64(&w, lane->stamps);
    pp_write_grains(&w, lane->consumed.head);
    pp_write_u8(&w, (uint8_t)holes);
    for (uint32_t i = 0; i < holes; i++) {
        struct pp_span hole = pp_intervals_hole(&lane->consumed, i);
        pp_write_grains(&w, hole.from);
        pp_write_grains(&w, hole.to);
    }
    return pp_writer_finish(&w, out_length);
}

static void read_counters(struct pp_reader *r, struct pp_lane *lane)
{
    lane->lane = pp_read_u32(r);
    lane->state = pp_read_u8(r);
    lane->spent = pp_read_grains(r);
    lane->refunded = pp_read_grains(r);
    lane->earned = pp_read_grains(r);
    lane->vested = pp_read_grains(r);
    lane->cap = pp_units(pp_read_u64(r));
    lane->seq = pp_read_u32(r);
    lane->low_cap = pp_units(pp_read_u64(r));
    lane->low_until_seq = pp_read_u32(r);
    lane->stamps = pp_read_u64(r);
}

enum pp_error pp_lane_decode(struct pp_lane *out, const uint8_t *bytes, size_t length,
                             struct pp_holes_pool *pool)
{
    struct pp_span holes[PP_HOLES_MAX];
    struct pp_lane lane;
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_lane_init(&lane, 0);
    uint8_t version = pp_read_u8(&r);
    if (r.error == PP_OK && version != RECORD_VERSION)
        return PP_BAD_VERSION;
    read_counters(&r, &lane);
    struct pp_grains head = pp_read_grains(&r);
    uint32_t count = pp_read_u8(&r);
    if (count > PP_HOLES_MAX)
        pp_reader_fail(&r, PP_OUT_OF_RANGE);
    for (uint32_t i = 0; i < count && r.error == PP_OK; i++) {
        holes[i].from = pp_read_grains(&r);
        holes[i].to = pp_read_grains(&r);
    }
    if (lane.state >= PP_LANE_STATE_COUNT)
        pp_reader_fail(&r, PP_OUT_OF_RANGE);
    PP_TRY(pp_reader_finish(&r));

    PP_TRY(pp_intervals_load(&lane.consumed, head, holes, count, pool));
    enum pp_error error = pp_lane_check_invariants(&lane, NULL);
    if (error != PP_OK) {
        pp_lane_done(&lane, pool);
        return error;
    }
    *out = lane;
    return PP_OK;
}
