/* pp/day.h - the UTC day of a time: storage is earned and refunded by it. Source: specs/rewards.md (REW-001). */
#ifndef PP_DAY_H
#define PP_DAY_H

#include <pp/time.h>

#define PP_DAY_NEVER UINT32_MAX
#define PP_DAY_LAST (PP_DAY_NEVER - 1000u) /* so that a day and a retention can be added */

/* In the width of the ledger; a time past PP_DAY_LAST is on that day. */
static inline uint32_t pp_day_of(uint64_t unix_ms)
{
    uint64_t day = pp_day_of_ms(unix_ms);
    return day < PP_DAY_LAST ? (uint32_t)day : PP_DAY_LAST;
}

/* What a stamp paid for storage, and for when. Day 1 of its retention is stored_day, day n is stored_day + n - 1. */
struct pp_storage_term {
    uint64_t storage_grains;
    uint16_t retention_days; /* 1 to PP_RETENTION_MAX_DAYS */
    uint32_t stored_day;
};

#endif
