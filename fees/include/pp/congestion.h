/* pp/congestion.h - how busy the last five minutes were, as 0 to 100 units.
 *
 * Shape:  counts[0] is the current minute's, counts[4] that of four minutes ago. The load is the highest of the
 *         current minute, the previous one, and the average of the previous four weighted 4:3:2:1. The curve is a
 *         table of integers, so that two machines never disagree.
 * Own:    the caller owns the window; nothing is allocated. Time is an argument; going back changes nothing.
 * Errors: none.
 * Source: specs/fees.md (FEE-020 to FEE-025), DESIGN section 5.
 */
#ifndef PP_CONGESTION_H
#define PP_CONGESTION_H

#include <pp/error.h>
#include <pp/limits.h>
#include <pp/time.h>

#define PP_CONGESTION_MINUTES 5u

struct pp_congestion {
    uint64_t minute;                        /* of counts[0]; unix minutes */
    uint32_t counts[PP_CONGESTION_MINUTES]; /* messages; they saturate */
};

void pp_congestion_init(struct pp_congestion *window, uint64_t now_ms);
/* Moves the window on by the minutes that have passed. */
void pp_congestion_advance(struct pp_congestion *window, uint64_t now_ms);
/* Advances, then counts. Price first, count after: a message does not raise its own price. */
void pp_congestion_count(struct pp_congestion *window, uint64_t now_ms, uint32_t messages);

/* 4:3:2:1 over minutes 1 to 4, rounded down. */
uint32_t pp_congestion_average_floor(const struct pp_congestion *window);
/* Units of a load against a target: 0 up to and at the target, 100 from one and a half times the target on.
 * A target of zero means no congestion: 0. */
uint32_t pp_congestion_units_of(uint32_t load, uint32_t target_per_minute);
/* Units of the window as it stands: advance it first. */
uint32_t pp_congestion_units(const struct pp_congestion *window, uint32_t target_per_minute);

#endif
