#include <pp/time.h>

#include <inttypes.h>
#include <stdio.h>

#define YEAR_10000_MS UINT64_C(253402300800000)

enum pp_error pp_day_start_ms(uint64_t day, uint64_t *out)
{
    if (day > UINT64_MAX / PP_DAY_MS)
        return PP_OVERFLOW;
    *out = day * PP_DAY_MS;
    return PP_OK;
}

/* Days since 1970 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is the last
 * day of its year; 719468 days lie between 0000-03-01 and 1970-01-01, and 400 years have 146097. */
static void date_of_day(uint64_t day, unsigned *year, unsigned *month, unsigned *day_of_month)
{
    unsigned days = (unsigned)day + 719468;
    unsigned era = days / 146097;
    unsigned day_of_era = days % 146097;
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    *day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

/* count digits, and what stands behind them. (snprintf takes a microsecond for a time, and every receipt has one.) */
static char *digits(char *at, unsigned value, unsigned count, char behind)
{
    for (unsigned i = count; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    at[count] = behind;
    return at + count + 1;
}

char *pp_time_print(uint64_t unix_ms, char out[PP_TIME_TEXT_MAX])
{
    unsigned year, month, day;
    if (unix_ms >= YEAR_10000_MS) {
        snprintf(out, PP_TIME_TEXT_MAX, "%" PRIu64 "ms", unix_ms);
        return out;
    }
    date_of_day(pp_day_of_ms(unix_ms), &year, &month, &day);
    const unsigned ms = (unsigned)(unix_ms % PP_DAY_MS);
    char *at = out;
    at = digits(at, year, 4, '-');
    at = digits(at, month, 2, '-');
    at = digits(at, day, 2, 'T');
    at = digits(at, ms / 3600000, 2, ':');
    at = digits(at, ms / 60000 % 60, 2, ':');
    at = digits(at, ms / 1000 % 60, 2, '.');
    at = digits(at, ms % 1000, 3, 'Z');
    *at = '\0';
    return out;
}
