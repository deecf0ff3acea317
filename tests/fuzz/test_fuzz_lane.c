/* Goal: a lane's checkpoint record and a sender's wallet file, read from disk, are as untrusted as a message. */
#include "pp_fuzz.h"
#include "pp_test.h"

#include <pp/hash.h>
#include <pp/lane.h>
#include <pp/wallet.h>

/* ---- a lane's record ---- */

struct lane_state {
    struct pp_holes blocks[2];
    struct pp_holes_pool pool;
    struct pp_lane lane;
    bool loaded;
};

static void lane_drop(struct lane_state *state)
{
    if (state->loaded)
        pp_lane_done(&state->lane, &state->pool);
    state->loaded = false;
    pp_expect(state->pool.used == 0); /* a refused record keeps no block */
}

static size_t lane_make(void *context, struct pp_rng *rng, uint8_t *out)
{
    struct lane_state *state = context;
    struct pp_lane *lane = &state->lane;
    lane_drop(state);
    pp_lane_init(lane, 256 + (uint32_t)pp_rng_below(rng, 100000));
    state->loaded = true;
    ck_assert_ok(pp_lane_funded(lane, pp_units(1 + pp_rng_below(rng, UINT64_MAX)),
                                1 + (uint32_t)pp_rng_below(rng, 9)));
    struct pp_grains head = PP_GRAINS_ZERO;
    for (uint64_t stamps = pp_rng_below(rng, 30); stamps > 0; stamps--) {
        struct pp_span span = {head, head};
        span.from.raw += pp_rng_chance(rng, 3) ? 5 : 0;
        span.to.raw = span.from.raw + 1 + pp_rng_below(rng, 1000);
        head = span.to;
        bool highest;
        if (pp_lane_replay(lane, &span, head, &state->pool, &highest) != PP_OK)
            break; /* a cap so small that it is full */
    }
    struct pp_grains refundable = pp_lane_refundable(lane);
    ck_assert_ok(pp_lane_earn(lane, pp_grains((uint64_t)refundable.raw / 3)));
    ck_assert_ok(pp_lane_refund(lane, pp_grains((uint64_t)refundable.raw / 4)));
    size_t length = 0;
    ck_assert_ok(pp_lane_encode(lane, out, PP_LANE_RECORD_MAX_BYTES, &length));
    return length;
}

static enum pp_error lane_decode(void *context, const uint8_t *bytes, size_t length)
{
    struct lane_state *state = context;
    lane_drop(state);
    enum pp_error error = pp_lane_decode(&state->lane, bytes, length, &state->pool);
    state->loaded = error == PP_OK;
    if (!state->loaded)
        pp_expect(state->pool.used == 0);
    return error;
}

static size_t lane_encode(void *context, uint8_t *out, size_t capacity)
{
    struct lane_state *state = context;
    size_t length = 0;
    ck_assert_ok(pp_lane_check_invariants(&state->lane, NULL));
    ck_assert_ok(pp_lane_encode(&state->lane, out, capacity, &length));
    return length;
}

START_TEST(lane_record__mutated__refused_or_itself)
{
    static struct lane_state state;
    pp_holes_pool_init(&state.pool, state.blocks, 2);
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_LANE_RECORD_MAX_BYTES + 64,
                                          .state = &state,
                                          .make = lane_make,
                                          .decode = lane_decode,
                                          .encode = lane_encode},
                1, 30);
}
END_TEST

/* ---- a wallet's file ---- */

static size_t wallet_make(void *context, struct pp_rng *rng, uint8_t *out)
{
    static struct pp_wallet wallet;
    struct pp_wallet_config config;
    struct pp_span spans[30];
    size_t count = pp_rng_below(rng, 30), length = 0;
    (void)context;
    memset(&config, 0, sizeof config);
    pp_rng_bytes(rng, config.channel_id.bytes, 32);
    config.lane = 256 + (uint32_t)pp_rng_below(rng, 100000);
    pp_rng_bytes(rng, config.signer.bytes, 20);
    pp_rng_bytes(rng, config.operator_address.bytes, 20);
    pp_rng_bytes(rng, config.receipt_key.bytes, 32);
    config.cap = pp_units(1000000000 + pp_rng_below(rng, UINT32_MAX));
    config.max_postage = PP_GRAINS_MAX;
    pp_wallet_init(&wallet, &config);
    for (size_t i = 0; i < count; i++) {
        struct pp_postage postage = {.base_grains = 1 + pp_rng_below(rng, 1000)};
        ck_assert_ok(pp_wallet_reserve(&wallet, &postage, &spans[i]));
    }
    for (size_t i = 0; i < count; i += 3)
        ck_assert_ok(pp_wallet_give_back(&wallet, &spans[i]));
    wallet.spent = wallet.used.head;
    ck_assert_ok(pp_wallet_encode(&wallet, out, PP_WALLET_MAX_BYTES, &length));
    return length;
}

static enum pp_error wallet_decode(void *context, const uint8_t *bytes, size_t length)
{
    return pp_wallet_decode(context, bytes, length);
}

static size_t wallet_encode(void *context, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    ck_assert_ok(pp_wallet_encode(context, out, capacity, &length));
    return length;
}

static void wallet_seal(uint8_t *bytes, size_t length)
{
    uint8_t hash[32];
    if (length < 16)
        return;
    pp_blake2b_one("pp.wallet.v1", bytes, length - 16, hash);
    memcpy(bytes + length - 16, hash, 16);
}

START_TEST(wallet_file__mutated_and_sealed__refused_or_itself)
{
    static struct pp_wallet wallet;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_WALLET_MAX_BYTES + 64,
                                          .state = &wallet,
                                          .make = wallet_make,
                                          .decode = wallet_decode,
                                          .encode = wallet_encode,
                                          .seal = wallet_seal},
                2, 20);
}
END_TEST

PP_TESTS("fuzz_lane")
PP_TEST(lane_record__mutated__refused_or_itself)
PP_TEST(wallet_file__mutated_and_sealed__refused_or_itself)
PP_TESTS_END
