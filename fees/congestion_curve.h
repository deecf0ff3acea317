/* congestion_curve.h - from which ratio of load to target on there are 1, 2, ... 100 units. Private to fees/. */
#ifndef PP_CONGESTION_CURVE_H
#define PP_CONGESTION_CURVE_H

#include <pp/limits.h>

#include <stdint.h>

#define PP_CONGESTION_RATIO_ONE UINT64_C(1000000000000000) /* ratios are in units of 10^-15 */

extern const uint64_t pp_congestion_curve[PP_CONGESTION_UNITS_MAX];

#endif
