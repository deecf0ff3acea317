/* pp/earning.h - when postage becomes revenue: base and congestion at once, storage each day when it begins.
 *
 * Shape:  for s grains over n days, s = q n + r: every day earns q, and the first r days one more. A lane holds what it
 *         earns on each coming day (rate); the book holds, per (lane slot, day), by how much the rate falls when that day
 *         begins. A charge or a refund touches at most two of the book's entries. The sum of a lane's coming falls is its rate.
 * Use:    before a group: pp_earning_reserve(book, events), pp_earning_begin(book), and a copy of every lane before it is
 *         touched. After a failed commit: pp_earning_undo(book) and the copies put back. Catching up changes only the lane.
 * Own:    the book owns its table: _open allocates, _reserve may; nothing else does. Lanes are plain values of the caller.
 *         One writer.
 * Errors: NO_MEMORY (_open, _reserve), TOO_MANY (more changes than reserved), ZERO_RETENTION, RETENTION_TOO_LONG, OUT_OF_RANGE,
 *         INVARIANT (a refund of what was not charged).
 * Source: specs/rewards.md (REW-030 to REW-044), DESIGN section 7.
 */
#ifndef PP_EARNING_H
#define PP_EARNING_H

#include <pp/amount.h>
#include <pp/day.h>
#include <pp/error.h>
#include <pp/limits.h>
#include <pp/wire.h>

struct pp_earning_lane {
    struct pp_grains rate;           /* earned on the next day, before that day's fall */
    struct pp_grains earned;         /* up to last_day, as if it never stopped */
    struct pp_grains earned_at_stop; /* while stop_day is set: what counts */
    uint32_t last_day;               /* the newest day that is in `earned` */
    uint32_t stop_day;               /* PP_DAY_NEVER: not stopping */
};

struct pp_earning_entry {
    uint32_t slot;
    uint32_t day; /* zero: an empty place */
    struct pp_grains fall;
};

struct pp_earning_book {
    struct pp_earning_entry *entries; /* open addressing; capacity is a power of two */
    size_t capacity;
    size_t count;
    struct pp_earning_entry *changes; /* since _begin: what the entry was before */
    size_t change_count;
    size_t change_capacity;
    uint32_t floor_day; /* entries up to here are of no more use */
    uint32_t swept_day; /* becomes the floor with the next _begin, when no undo can need them */
};

/* Room for `entries` (lane, day) pairs; it grows in _reserve. */
PP_MUST_CHECK enum pp_error pp_earning_open(struct pp_earning_book *book, size_t entries);
void pp_earning_close(struct pp_earning_book *book);

/* Makes room for that many charges and refunds; the only call that may allocate. */
PP_MUST_CHECK enum pp_error pp_earning_reserve(struct pp_earning_book *book, size_t events);
/* From here on, changes to the book can be undone, until the next _begin. */
void pp_earning_begin(struct pp_earning_book *book);
void pp_earning_undo(struct pp_earning_book *book);
/* Every lane is caught up to this day: entries up to it may go when the book next grows. Undone with the group. */
void pp_earning_sweep(struct pp_earning_book *book, uint32_t day);

void pp_earning_lane_init(struct pp_earning_lane *lane, uint32_t day);
/* Earns every day up to `day`. A day in the past changes nothing. */
void pp_earning_catch_up(const struct pp_earning_book *book, uint32_t slot, struct pp_earning_lane *lane,
                         uint32_t day);

/* An envelope is stored: at_once (base + congestion) and the first day are earned; the rest as its days begin.
 * Catches up to term->stored_day; OUT_OF_RANGE when that is before the lane's last day. */
PP_MUST_CHECK enum pp_error pp_earning_charge(struct pp_earning_book *book, uint32_t slot,
                                              struct pp_earning_lane *lane, struct pp_grains at_once,
                                              const struct pp_storage_term *term);
/* The same for an envelope that was stored on term->stored_day and begins to earn only on `today`: what it would have earned
 * until then is earned at once, but no day that began after the lane's stop. */
PP_MUST_CHECK enum pp_error pp_earning_charge_late(struct pp_earning_book *book, uint32_t slot,
                                                   struct pp_earning_lane *lane, struct pp_grains at_once,
                                                   const struct pp_storage_term *term, uint32_t today);
/* An envelope is deleted on `today`: its days after today are not earned. Catches up to today; the amount given back
 * is what pp_storage_left says. The caller makes sure that the term was charged, and is refunded once. */
PP_MUST_CHECK enum pp_error pp_earning_refund(struct pp_earning_book *book, uint32_t slot,
                                              struct pp_earning_lane *lane,
                                              const struct pp_storage_term *term, uint32_t today,
                                              uint64_t *out_grains);
/* Earned by another cause: a forfeited bond. */
void pp_earning_add(struct pp_earning_lane *lane, struct pp_grains amount);

/* Nothing that begins after `day` is earned any more (a close was requested, or the sender leaves). A day that was earned
 * already stays earned. */
void pp_earning_stop(struct pp_earning_lane *lane, uint32_t day);
/* The stop never happened: the days that began meanwhile are earned. */
void pp_earning_resume(struct pp_earning_lane *lane);

/* E: catch up first. */
struct pp_grains pp_earning_earned(const struct pp_earning_lane *lane);
/* What is still to come after last_day, if nothing is deleted and nothing stops. */
struct pp_grains pp_earning_expected(const struct pp_earning_book *book, uint32_t slot,
                                     const struct pp_earning_lane *lane);
/* INVARIANT unless the coming falls sum to the rate. */
PP_MUST_CHECK enum pp_error pp_earning_check(const struct pp_earning_book *book, uint32_t slot,
                                             const struct pp_earning_lane *lane);

/* For checkpoints. A lane with its coming falls: strict on reading, TOO_MANY when the book has no room (reserve
 * PP_RETENTION_MAX_DAYS first). */
#define PP_EARNING_LANE_MAX_BYTES (12u * 3u + 4u * 2u + 2u + PP_RETENTION_MAX_DAYS * 16u)
void pp_earning_lane_write(struct pp_writer *w, const struct pp_earning_book *book, uint32_t slot,
                           const struct pp_earning_lane *lane);
void pp_earning_lane_read(struct pp_reader *r, struct pp_earning_book *book, uint32_t slot,
                          struct pp_earning_lane *out);

#endif
