/* pp_settle_cases --small | --random N --seed S: the settlement function's answers, for comparison with other
 * implementations. One case a line, decimals: spent refunded earned cap vested pool owed; cap in units, the rest in
 * grains, a million to the unit. */
#include "pp_fixture.h"

#include <pp/settle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_case(const struct pp_settle_input *input)
{
    char text[6][PP_AMOUNT_TEXT_MAX];
    struct pp_settlement settlement;
    enum pp_error error = pp_settle(input, &settlement);
    if (error != PP_OK) {
        fprintf(stderr, "pp_settle_cases: %s\n", pp_error_name(error));
        exit(1);
    }
    printf("%s %s %s %llu %s %s %s\n", pp_grains_print(input->spent, text[0]),
           pp_grains_print(input->refunded, text[1]), pp_grains_print(input->earned, text[2]),
           (unsigned long long)input->cap.raw, pp_grains_print(input->vested, text[3]),
           pp_grains_print(settlement.pool, text[4]), pp_grains_print(settlement.owed, text[5]));
}

static bool is_possible(const struct pp_settle_input *input)
{
    return !pp_grains_lt(pp_units_to_grains(input->cap), input->vested);
}

/* Every combination of amounts that lie at, and just beside, whole units. */
static void print_small(void)
{
    static const uint64_t amounts[] = {0, 1, 2, 999999, 1000000, 1000001, 1999999, 2000000, 2000001, 3000000};
    enum { COUNT = sizeof amounts / sizeof amounts[0], CAPS = 4 };
    for (size_t i = 0; i < (size_t)COUNT * COUNT * COUNT * COUNT * CAPS; i++) {
        size_t n = i;
        struct pp_settle_input input;
        input.spent = pp_grains(amounts[n % COUNT]);
        n /= COUNT;
        input.refunded = pp_grains(amounts[n % COUNT]);
        n /= COUNT;
        input.earned = pp_grains(amounts[n % COUNT]);
        n /= COUNT;
        input.vested = pp_grains(amounts[n % COUNT]);
        n /= COUNT;
        input.cap = pp_units(n);
        if (is_possible(&input))
            print_case(&input);
    }
}

/* A little beside an amount: where two of the compared numbers meet. */
static struct pp_grains near(struct pp_rng *rng, struct pp_grains amount)
{
    struct pp_grains distance = pp_grains(pp_rng_below(rng, 3)), sum;
    if (pp_rng_chance(rng, 2))
        return pp_grains_sub_clamped(amount, distance);
    return pp_grains_add(amount, distance, &sum) == PP_OK ? sum : amount;
}

static struct pp_grains draw(struct pp_rng *rng, struct pp_grains scale, const struct pp_grains *earlier,
                             size_t count)
{
    struct pp_grains sum;
    switch (pp_rng_below(rng, 5)) {
    case 0:
        return pp_rng_edge_grains(rng);
    case 1:
        return near(rng, PP_GRAINS_MAX);
    case 2:
        if (count > 0)
            return near(rng, earlier[pp_rng_below(rng, count)]);
        return near(rng, scale);
    case 3: /* the sum of two earlier ones: spent = refunded + cap, and such */
        if (count > 1 && pp_grains_add(earlier[count - 1], earlier[pp_rng_below(rng, count)], &sum) == PP_OK)
            return near(rng, sum);
        return near(rng, scale);
    default:
        if (pp_grains_ratio_floor(scale, pp_rng_below(rng, 4000), 2000, &sum) == PP_OK)
            return sum;
        return scale;
    }
}

static void print_random(unsigned long long count, uint64_t seed)
{
    struct pp_rng rng;
    pp_rng_init(&rng, seed);
    while (count > 0) {
        struct pp_settle_input input = {.cap = pp_units(pp_rng_edge_u64(&rng))};
        struct pp_grains cap = pp_units_to_grains(input.cap), drawn[5] = {cap};
        for (size_t i = 1; i < 5; i++)
            drawn[i] = draw(&rng, cap, drawn, i);
        input.refunded = drawn[1];
        input.spent = drawn[2];
        input.earned = drawn[3];
        input.vested = pp_rng_chance(&rng, 3) ? PP_GRAINS_ZERO : pp_grains_min(drawn[4], cap);
        print_case(&input);
        count--;
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--small") == 0) {
        print_small();
    } else if (argc == 5 && strcmp(argv[1], "--random") == 0 && strcmp(argv[3], "--seed") == 0) {
        print_random(strtoull(argv[2], NULL, 10), strtoull(argv[4], NULL, 10));
    } else {
        fprintf(stderr, "usage: pp_settle_cases --small | --random N --seed S\n");
        return 2;
    }
    return 0;
}
