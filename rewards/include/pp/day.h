/* pp/day.h - the UTC day of a time: storage is earned and refunded by it. Source: specs/rewards.md (REW-001). */
#ifndef PP_DAY_H
#define PP_DAY_H

#include <pp/time.h>

#include <stdint.h>

#define PP_DAY_NEVER UINT32_MAX

static inline uint32_t pp_day_of(uint64_t unix_ms)
{
    uint64_t day = unix_ms / PP_DAY_MS;
    return day < PP_DAY_NEVER ? (uint32_t)day : PP_DAY_NEVER - 1;
}

/* What a stamp paid for storage, and for when. Day 1 of its retention is stored_day, day n is stored_day + n - 1. */
struct pp_storage_term {
    uint64_t storage_grains;
    uint16_t retention_days; /* 1 to PP_RETENTION_MAX_DAYS */
    uint32_t stored_day;
};

#endif
