#include <pp/amount.h>
#include <pp/assert.h>
#include <pp/limits.h>

#include <string.h>

#define GRAINS_BITS 96
#define UNIT_DECIMALS_MAX 18

/* The number, in 128 bits: sums and shifts of a field of 96 bits would stay within 96. */
static pp_u128 wide(struct pp_grains a)
{
    return a.raw;
}

static bool fits_grains(pp_u128 raw)
{
    return raw >> GRAINS_BITS == 0;
}

enum pp_error pp_grains_from_u128(pp_u128 raw, struct pp_grains *out)
{
    if (!fits_grains(raw))
        return PP_OVERFLOW;
    out->raw = raw;
    return PP_OK;
}

enum pp_error pp_grains_to_u64(struct pp_grains a, uint64_t *out)
{
    if (a.raw > UINT64_MAX)
        return PP_OVERFLOW;
    *out = (uint64_t)a.raw;
    return PP_OK;
}

enum pp_error pp_grains_add(struct pp_grains a, struct pp_grains b, struct pp_grains *out)
{
    return pp_grains_from_u128(wide(a) + wide(b), out);
}

enum pp_error pp_grains_sub(struct pp_grains a, struct pp_grains b, struct pp_grains *out)
{
    if (a.raw < b.raw)
        return PP_UNDERFLOW;
    out->raw = a.raw - b.raw;
    return PP_OK;
}

/* a * factor in 160 bits: low 64 in *low, the 96 above as the result. */
static pp_u128 product(struct pp_grains a, uint64_t factor, uint64_t *low)
{
    pp_u128 low_product = (pp_u128)(uint64_t)a.raw * factor;
    *low = (uint64_t)low_product;
    return (wide(a) >> 64) * factor + (low_product >> 64);
}

enum pp_error pp_grains_mul(struct pp_grains a, uint64_t factor, struct pp_grains *out)
{
    uint64_t low;
    pp_u128 high = product(a, factor, &low);
    if (high >> (GRAINS_BITS - 64) != 0)
        return PP_OVERFLOW;
    out->raw = high << 64 | low;
    return PP_OK;
}

/* MONEY-006, MONEY-007: the product is exact; only the quotient has to fit. */
static enum pp_error ratio(struct pp_grains a, uint64_t numerator, uint64_t denominator, bool up,
                           struct pp_grains *out)
{
    if (denominator == 0)
        return PP_DIVISION_BY_ZERO;
    uint64_t low;
    pp_u128 high = product(a, numerator, &low);
    pp_u128 high_quotient = high / denominator;
    if (high_quotient >> (GRAINS_BITS - 64) != 0)
        return PP_OVERFLOW;
    pp_u128 rest = (high % denominator) << 64 | low;
    pp_u128 quotient = (high_quotient << 64) + rest / denominator;
    if (up && rest % denominator != 0)
        quotient++;
    return pp_grains_from_u128(quotient, out);
}

enum pp_error pp_grains_ratio_floor(struct pp_grains a, uint64_t numerator, uint64_t denominator,
                                    struct pp_grains *out)
{
    return ratio(a, numerator, denominator, false, out);
}

enum pp_error pp_grains_ratio_ceil(struct pp_grains a, uint64_t numerator, uint64_t denominator,
                                   struct pp_grains *out)
{
    return ratio(a, numerator, denominator, true, out);
}

struct pp_grains pp_grains_add_checked(struct pp_grains a, struct pp_grains b)
{
    struct pp_grains sum;
    enum pp_error error = pp_grains_add(a, b, &sum);
    PP_ASSERT(error == PP_OK);
    return sum;
}

struct pp_grains pp_grains_sub_checked(struct pp_grains a, struct pp_grains b)
{
    struct pp_grains difference;
    enum pp_error error = pp_grains_sub(a, b, &difference);
    PP_ASSERT(error == PP_OK);
    return difference;
}

struct pp_grains pp_grains_sub_clamped(struct pp_grains a, struct pp_grains b)
{
    return a.raw > b.raw ? (struct pp_grains){a.raw - b.raw} : PP_GRAINS_ZERO;
}

struct pp_grains pp_grains_min(struct pp_grains a, struct pp_grains b)
{
    return a.raw < b.raw ? a : b;
}

struct pp_grains pp_grains_max(struct pp_grains a, struct pp_grains b)
{
    return a.raw > b.raw ? a : b;
}

int pp_grains_compare(struct pp_grains a, struct pp_grains b)
{
    return (a.raw > b.raw) - (a.raw < b.raw);
}

static enum pp_error units_from_u128(pp_u128 raw, struct pp_units *out)
{
    if (raw > UINT64_MAX)
        return PP_OVERFLOW;
    out->raw = (uint64_t)raw;
    return PP_OK;
}

enum pp_error pp_units_add(struct pp_units a, struct pp_units b, struct pp_units *out)
{
    return units_from_u128((pp_u128)a.raw + b.raw, out);
}

enum pp_error pp_units_sub(struct pp_units a, struct pp_units b, struct pp_units *out)
{
    if (a.raw < b.raw)
        return PP_UNDERFLOW;
    out->raw = a.raw - b.raw;
    return PP_OK;
}

enum pp_error pp_units_ratio_floor(struct pp_units a, uint64_t numerator, uint64_t denominator,
                                   struct pp_units *out)
{
    if (denominator == 0)
        return PP_DIVISION_BY_ZERO;
    return units_from_u128((pp_u128)a.raw * numerator / denominator, out);
}

struct pp_grains pp_units_to_grains(struct pp_units units)
{
    return (struct pp_grains){(pp_u128)units.raw * PP_GRAINS_PER_UNIT};
}

enum pp_error pp_grains_to_units_floor(struct pp_grains grains, struct pp_units *out)
{
    return units_from_u128(wide(grains) / PP_GRAINS_PER_UNIT, out);
}

enum pp_error pp_grains_to_units_ceil(struct pp_grains grains, struct pp_units *out)
{
    return units_from_u128((wide(grains) + (PP_GRAINS_PER_UNIT - 1)) / PP_GRAINS_PER_UNIT, out);
}

/* The share that is next in line for one unit more: larger remainder, smaller tie, earlier place. */
static size_t next_in_line(const struct pp_split_share *shares, const pp_u128 *remainders, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (remainders[i] < remainders[best])
            continue;
        if (remainders[i] > remainders[best] ||
            memcmp(shares[i].tie, shares[best].tie, sizeof shares[i].tie) < 0)
            best = i;
    }
    return best;
}

/* MONEY-010 ... MONEY-013. */
enum pp_error pp_units_split_by_weight(struct pp_units pool, struct pp_split_share *shares, size_t count)
{
    pp_u128 remainders[PP_OPERATORS_MAX];
    pp_u128 total = 0;
    if (count > PP_OPERATORS_MAX)
        return PP_TOO_MANY;
    for (size_t i = 0; i < count; i++)
        total += shares[i].weight;
    if (total == 0)
        return PP_NOT_FOUND;

    uint64_t left = pool.raw;
    for (size_t i = 0; i < count; i++) {
        pp_u128 share = (pp_u128)pool.raw * shares[i].weight;
        shares[i].part.raw = (uint64_t)(share / total);
        remainders[i] = share % total;
        left -= shares[i].part.raw;
    }
    /* The remainders sum to left * total and each is below total, so more than `left` of them are above zero: each
     * share gets at most one unit more, and one whose weight is zero none. */
    for (; left > 0; left--) {
        size_t i = next_in_line(shares, remainders, count);
        PP_ASSERT(remainders[i] > 0);
        shares[i].part.raw++;
        remainders[i] = 0;
    }
    return PP_OK;
}

static char *decimal_print(pp_u128 value, char out[PP_AMOUNT_TEXT_MAX])
{
    char digits[PP_AMOUNT_TEXT_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    out[count] = '\0';
    return out;
}

/* MONEY-014: digits only, no leading zero, at most limit. */
static enum pp_error decimal_parse(const char *text, size_t length, pp_u128 limit, pp_u128 *out)
{
    if (length == 0 || (length > 1 && text[0] == '0'))
        return PP_BAD_FORMAT;
    pp_u128 value = 0;
    bool over = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return PP_BAD_FORMAT;
        value = value * 10 + (unsigned)(text[i] - '0');
        over = over || value > limit;
        if (over)
            value = 0; /* the rest is only looked at for its form */
    }
    if (over)
        return PP_OVERFLOW;
    *out = value;
    return PP_OK;
}

char *pp_grains_print(struct pp_grains a, char out[PP_AMOUNT_TEXT_MAX])
{
    return decimal_print(a.raw, out);
}

char *pp_units_print(struct pp_units a, char out[PP_AMOUNT_TEXT_MAX])
{
    return decimal_print(a.raw, out);
}

char *pp_u128_print(pp_u128 number, char out[PP_AMOUNT_TEXT_MAX])
{
    return decimal_print(number, out);
}

enum pp_error pp_grains_parse(const char *text, size_t length, struct pp_grains *out)
{
    pp_u128 value;
    PP_TRY(decimal_parse(text, length, wide(PP_GRAINS_MAX), &value));
    out->raw = value;
    return PP_OK;
}

enum pp_error pp_units_parse(const char *text, size_t length, struct pp_units *out)
{
    pp_u128 value;
    PP_TRY(decimal_parse(text, length, UINT64_MAX, &value));
    out->raw = (uint64_t)value;
    return PP_OK;
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    PP_ASSERT(exponent <= UNIT_DECIMALS_MAX);
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* The digits behind the point, filled up with zeros to `decimals` of them. */
static enum pp_error fraction_parse(const char *text, unsigned decimals, uint64_t *out)
{
    size_t length = strlen(text);
    uint64_t value = 0;
    if (length == 0 || length > decimals)
        return PP_BAD_FORMAT;
    for (unsigned i = 0; i < decimals; i++) {
        if (i < length && (text[i] < '0' || text[i] > '9'))
            return PP_BAD_FORMAT;
        value = value * 10 + (i < length ? (unsigned)(text[i] - '0') : 0);
    }
    *out = value;
    return PP_OK;
}

enum pp_error pp_units_parse_decimal(const char *text, unsigned decimals, struct pp_units *out)
{
    uint64_t one = power_of_ten(decimals);
    const char *point = strchr(text, '.');
    uint64_t fraction = 0;
    pp_u128 whole;
    if (point)
        PP_TRY(fraction_parse(point + 1, decimals, &fraction));
    PP_TRY(decimal_parse(text, point ? (size_t)(point - text) : strlen(text), UINT64_MAX, &whole));
    return units_from_u128(whole * one + fraction, out);
}

char *pp_units_print_decimal(struct pp_units a, unsigned decimals, char out[PP_AMOUNT_TEXT_MAX])
{
    uint64_t one = power_of_ten(decimals);
    decimal_print(a.raw / one, out);
    if (decimals == 0)
        return out;
    size_t length = strlen(out);
    uint64_t fraction = a.raw % one;
    out[length] = '.';
    for (unsigned i = decimals; i > 0; i--) {
        out[length + i] = (char)('0' + (int)(fraction % 10));
        fraction /= 10;
    }
    out[length + decimals + 1] = '\0';
    return out;
}
