/* pp/amount.h - money. The one vocabulary for amounts; only base/amount.c computes with the fields.
 *
 * Shape:  grains: off-chain amounts, 10^-6 of a token base unit, always below 2^96.
 *         units:  token base units, as deposits, caps and payouts on chain; 64 bits.
 * Errors: OVERFLOW, UNDERFLOW, DIVISION_BY_ZERO; outputs untouched on error. No rounding but where the name says so.
 * Source: specs/money.md (MONEY-001 and following), DESIGN "grain".
 */
#ifndef PP_AMOUNT_H
#define PP_AMOUNT_H

#include <pp/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 pp_u128; /* the only typedef: a number, not a struct */

#define PP_GRAINS_PER_UNIT UINT32_C(1000000)

/* Twelve bytes, for there are ten of them in a lane. An expression of a field of 96 bits is computed in 96 bits: widen it to
 * pp_u128 before computing (base/amount.c alone does). */
struct pp_grains {
    pp_u128 raw : 96;
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct pp_grains) == 12, "96 bits");

struct pp_units {
    uint64_t raw;
};

#define PP_GRAINS_ZERO ((struct pp_grains){0})
#define PP_UNITS_ZERO ((struct pp_units){0})
#define PP_GRAINS_MAX ((struct pp_grains){(((pp_u128)1) << 96) - 1})

static inline struct pp_grains pp_grains(uint64_t raw)
{
    return (struct pp_grains){raw};
}

static inline struct pp_units pp_units(uint64_t raw)
{
    return (struct pp_units){raw};
}

/* Checked construction from 128 bits: OVERFLOW at 2^96 and above. */
PP_MUST_CHECK enum pp_error pp_grains_from_u128(pp_u128 raw, struct pp_grains *out);
/* OVERFLOW where it does not fit 64 bits. */
PP_MUST_CHECK enum pp_error pp_grains_to_u64(struct pp_grains a, uint64_t *out);

PP_MUST_CHECK enum pp_error pp_grains_add(struct pp_grains a, struct pp_grains b, struct pp_grains *out);
PP_MUST_CHECK enum pp_error pp_grains_sub(struct pp_grains a, struct pp_grains b, struct pp_grains *out);
PP_MUST_CHECK enum pp_error pp_grains_mul(struct pp_grains a, uint64_t factor, struct pp_grains *out);
/* a * numerator / denominator, with the product in as many bits as it needs; the quotient must fit. */
PP_MUST_CHECK enum pp_error pp_grains_ratio_floor(struct pp_grains a, uint64_t numerator,
                                                  uint64_t denominator, struct pp_grains *out);
PP_MUST_CHECK enum pp_error pp_grains_ratio_ceil(struct pp_grains a, uint64_t numerator, uint64_t denominator,
                                                 struct pp_grains *out);
/* For code that has just proved the bound: asserts instead of failing. */
struct pp_grains pp_grains_add_checked(struct pp_grains a, struct pp_grains b);
struct pp_grains pp_grains_sub_checked(struct pp_grains a, struct pp_grains b);
/* max(0, a - b). */
struct pp_grains pp_grains_sub_clamped(struct pp_grains a, struct pp_grains b);
struct pp_grains pp_grains_min(struct pp_grains a, struct pp_grains b);
struct pp_grains pp_grains_max(struct pp_grains a, struct pp_grains b);
/* -1, 0, 1. */
int pp_grains_compare(struct pp_grains a, struct pp_grains b);
static inline bool pp_grains_is_zero(struct pp_grains a)
{
    return a.raw == 0;
}
static inline bool pp_grains_eq(struct pp_grains a, struct pp_grains b)
{
    return a.raw == b.raw;
}
static inline bool pp_grains_lt(struct pp_grains a, struct pp_grains b)
{
    return a.raw < b.raw;
}

PP_MUST_CHECK enum pp_error pp_units_add(struct pp_units a, struct pp_units b, struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_units_sub(struct pp_units a, struct pp_units b, struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_units_ratio_floor(struct pp_units a, uint64_t numerator, uint64_t denominator,
                                                 struct pp_units *out);

/* Never overflows: 2^64 * 10^6 < 2^96. */
struct pp_grains pp_units_to_grains(struct pp_units units);
/* Whole units in an amount; the remainder stays where the amount was. OVERFLOW above 2^64 units. */
PP_MUST_CHECK enum pp_error pp_grains_to_units_floor(struct pp_grains grains, struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_grains_to_units_ceil(struct pp_grains grains, struct pp_units *out);

/* One weighted share of a split: floor of pool * weight / total, and the remainder of that division. */
struct pp_split_share {
    uint64_t weight;      /* in */
    struct pp_units part; /* out */
    uint8_t tie[32];      /* in: larger remainder first, then the smaller tie, byte by byte */
};
/* Largest remainder: the parts sum to the pool exactly; weight zero never receives.
 * NOT_FOUND when the weights sum to zero (the pool is carried over); TOO_MANY above PP_OPERATORS_MAX. */
PP_MUST_CHECK enum pp_error pp_units_split_by_weight(struct pp_units pool, struct pp_split_share *shares,
                                                     size_t count);

/* Decimal text. Printing writes at most 40 bytes with the final 0 and returns out. Parsing takes digits only. */
#define PP_AMOUNT_TEXT_MAX 40
char *pp_grains_print(struct pp_grains a, char out[PP_AMOUNT_TEXT_MAX]);
char *pp_units_print(struct pp_units a, char out[PP_AMOUNT_TEXT_MAX]);
char *pp_u128_print(pp_u128 number, char out[PP_AMOUNT_TEXT_MAX]); /* a sum of amounts */
PP_MUST_CHECK enum pp_error pp_grains_parse(const char *text, size_t length, struct pp_grains *out);
PP_MUST_CHECK enum pp_error pp_units_parse(const char *text, size_t length, struct pp_units *out);
/* "25.00" with the token's decimals: base units. BAD_FORMAT for more digits than decimals, signs, blanks. */
PP_MUST_CHECK enum pp_error pp_units_parse_decimal(const char *text, unsigned decimals, struct pp_units *out);
/* "25.000000": always all decimals. */
char *pp_units_print_decimal(struct pp_units a, unsigned decimals, char out[PP_AMOUNT_TEXT_MAX]);

#endif
