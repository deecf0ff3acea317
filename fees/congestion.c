#include <pp/congestion.h>

#include "congestion_curve.h"

#include <pp/amount.h>

#include <string.h>

static uint64_t minute_of(uint64_t now_ms)
{
    return now_ms / PP_MINUTE_MS;
}

void pp_congestion_init(struct pp_congestion *window, uint64_t now_ms)
{
    memset(window, 0, sizeof *window);
    window->minute = minute_of(now_ms);
}

void pp_congestion_advance(struct pp_congestion *window, uint64_t now_ms)
{
    uint64_t minute = minute_of(now_ms);
    if (minute <= window->minute) /* FEE-020: time that goes back changes nothing */
        return;
    uint64_t passed = minute - window->minute;
    window->minute = minute;
    for (unsigned i = PP_CONGESTION_MINUTES; i-- > 0;)
        window->counts[i] = i >= passed ? window->counts[i - passed] : 0;
}

void pp_congestion_count(struct pp_congestion *window, uint64_t now_ms, uint32_t messages)
{
    pp_congestion_advance(window, now_ms);
    uint32_t room = UINT32_MAX - window->counts[0];
    window->counts[0] += messages < room ? messages : room;
}

uint32_t pp_congestion_average_floor(const struct pp_congestion *window)
{
    uint64_t sum = 0;
    for (unsigned i = 1; i < PP_CONGESTION_MINUTES; i++)
        sum += (uint64_t)(PP_CONGESTION_MINUTES - i) * window->counts[i];
    return (uint32_t)(sum / 10);
}

uint32_t pp_congestion_units_of(uint32_t load, uint32_t target_per_minute)
{
    if (target_per_minute == 0)
        return 0;
    pp_u128 scaled_load = (pp_u128)load * PP_CONGESTION_RATIO_ONE;
    uint32_t low = 0, high = PP_CONGESTION_UNITS_MAX; /* the answer is within, both ends included */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (scaled_load >= (pp_u128)target_per_minute * pp_congestion_curve[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t pp_congestion_units(const struct pp_congestion *window, uint32_t target_per_minute)
{
    uint32_t load = pp_congestion_average_floor(window);
    for (unsigned i = 0; i < 2; i++)
        if (window->counts[i] > load)
            load = window->counts[i];
    return pp_congestion_units_of(load, target_per_minute);
}
