/* pp/time.h - spans of time and the days of the journal. Nothing here reads a clock: times are arguments.
 *
 * Shape:  unix milliseconds (the journal), unix seconds (the chain). A day is a UTC day, counted from 1970.
 */
#ifndef PP_TIME_H
#define PP_TIME_H

#include <pp/error.h>

#include <stddef.h>
#include <stdint.h>

#define PP_SECOND_MS UINT64_C(1000)
#define PP_MINUTE_MS (60 * PP_SECOND_MS)
#define PP_HOUR_MS (60 * PP_MINUTE_MS)
#define PP_DAY_MS (24 * PP_HOUR_MS)

static inline uint64_t pp_day_of_ms(uint64_t unix_ms)
{
    return unix_ms / PP_DAY_MS;
}

/* When the day begins; OVERFLOW for a day that no clock of 64 bits reaches. */
PP_MUST_CHECK enum pp_error pp_day_start_ms(uint64_t day, uint64_t *out);

/* "2025-11-21T06:33:07.042Z"; writes at most PP_TIME_TEXT_MAX bytes with the final 0 and returns out. Years past 9999
 * are printed as milliseconds. */
#define PP_TIME_TEXT_MAX 32
char *pp_time_print(uint64_t unix_ms, char out[PP_TIME_TEXT_MAX]);

#endif
