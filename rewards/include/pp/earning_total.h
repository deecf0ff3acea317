/* pp/earning_total.h - what all lanes together have earned, without looking at any of them when a day begins.
 *
 * Shape:  earnings add up: the sum of all rates, and by day the sum of all falls. So a new day costs one subtraction and one
 *         addition, however many lanes there are. A lane that stops behind a day falls to zero on the day after.
 * Use:    _turn when a day begins; _term beside every pp_earning_charge and _refund; _leave before and _join after a lane
 *         stops or resumes; _add for what a lane earned by a charge. Lanes are caught up to the total's day before.
 * Own:    a plain value: copy it to undo.
 * Limits: 128 bits: lanes below 2^32, each below 2^96.
 * Source: specs/rewards.md (REW-045 to REW-047).
 */
#ifndef PP_EARNING_TOTAL_H
#define PP_EARNING_TOTAL_H

#include <pp/earning.h>

#define PP_EARNING_TOTAL_DAYS (PP_RETENTION_MAX_DAYS + 1u)

struct pp_earning_total {
    pp_u128 earned; /* up to `day` */
    pp_u128 rate;
    uint32_t day;
    pp_u128 falls[PP_EARNING_TOTAL_DAYS]; /* of the coming days, by day modulo their number */
};

void pp_earning_total_init(struct pp_earning_total *total, uint32_t day);
void pp_earning_total_turn(struct pp_earning_total *total, uint32_t day);
/* At PP_GRAINS_MAX when it does not fit. */
struct pp_grains pp_earning_total_earned(const struct pp_earning_total *total);
void pp_earning_total_add(struct pp_earning_total *total, struct pp_grains more);
/* The coming days of a term that `lane` was just charged for, or got back. */
void pp_earning_total_charged(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                              const struct pp_storage_term *term);
void pp_earning_total_refunded(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                               const struct pp_storage_term *term);
/* All coming days of a lane. */
void pp_earning_total_leave(struct pp_earning_total *total, const struct pp_earning_book *book, uint32_t slot,
                            const struct pp_earning_lane *lane);
void pp_earning_total_join(struct pp_earning_total *total, const struct pp_earning_book *book, uint32_t slot,
                           const struct pp_earning_lane *lane);

/* For checkpoints: strict on reading. */
#define PP_EARNING_TOTAL_MAX_BYTES (16u * 2u + 4u + 2u + PP_EARNING_TOTAL_DAYS * 20u)
void pp_earning_total_write(struct pp_writer *w, const struct pp_earning_total *total);
void pp_earning_total_read(struct pp_reader *r, struct pp_earning_total *out);

#endif
