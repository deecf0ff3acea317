/* Goal: a wallet's file gives back the wallet, and a damaged one is never taken for another. */
#include "pp_test.h"

#include <pp/wallet.h>

static void make(struct pp_wallet *wallet)
{
    struct pp_wallet_config config = {.lane = 1793, .cap = pp_units(25), .max_postage = pp_grains(999)};
    struct pp_span spans[3];
    memset(config.channel_id.bytes, 1, 32);
    memset(config.signer.bytes, 2, 20);
    memset(config.operator_address.bytes, 3, 20);
    memset(config.receipt_key.bytes, 4, 32);
    pp_wallet_init(wallet, &config);
    for (size_t i = 0; i < 3; i++) {
        const struct pp_postage postage = {.base_grains = 100};
        ck_assert_ok(pp_wallet_reserve(wallet, &postage, &spans[i]));
    }
    ck_assert_ok(pp_wallet_give_back(wallet, &spans[1]));
    wallet->spent = pp_grains(300);
    wallet->refunded = pp_grains(10);
    memset(wallet->refund_reasons.bytes, 5, 32);
    memset(wallet->refund_signature.bytes, 6, 65);
    wallet->receipted = pp_grains(200);
    wallet->receipts = 2;
}

START_TEST(file__there_and_back__the_same_wallet)
{
    static struct pp_wallet wallet, read;
    uint8_t bytes[PP_WALLET_MAX_BYTES], again[PP_WALLET_MAX_BYTES];
    size_t length, length_again;
    make(&wallet);
    ck_assert_ok(pp_wallet_encode(&wallet, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, PP_WALLET_MIN_BYTES + 24);
    ck_assert_ok(pp_wallet_decode(&read, bytes, length));
    ck_assert_ok(pp_wallet_encode(&read, again, sizeof again, &length_again));
    ck_assert_uint_eq(length, length_again);
    ck_assert_mem_eq(bytes, again, length);
    ck_assert(pp_intervals_eq(&read.used, &wallet.used));
    ck_assert_uint_eq(read.receipts, 2);
    const struct pp_postage postage = {.base_grains = 100};
    struct pp_span span;
    ck_assert_ok(pp_wallet_reserve(&read, &postage, &span)); /* it works on, hole first */
    ck_assert(pp_grains_eq(span.from, pp_grains(100)));
    for (size_t capacity = 0; capacity < length; capacity++)
        ck_assert_error(pp_wallet_encode(&wallet, again, capacity, &length_again), PP_OVERFLOW);
}
END_TEST

START_TEST(file__sixty_four_holes__fits)
{
    static struct pp_wallet wallet, read;
    uint8_t bytes[PP_WALLET_MAX_BYTES];
    size_t length;
    struct pp_span holes[PP_HOLES_MAX];
    make(&wallet);
    for (uint64_t i = 0; i < PP_HOLES_MAX; i++)
        holes[i] = (struct pp_span){pp_grains(10 * i), pp_grains(10 * i + 5)};
    ck_assert_ok(pp_intervals_load(&wallet.used, pp_grains(5000), holes, PP_HOLES_MAX, &wallet.pool));
    ck_assert_ok(pp_wallet_encode(&wallet, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, PP_WALLET_MAX_BYTES);
    ck_assert_ok(pp_wallet_decode(&read, bytes, length));
    ck_assert(pp_intervals_eq(&read.used, &wallet.used));
}
END_TEST

/* SENDER-009. */
START_TEST(file__any_bit_or_length__refused)
{
    static struct pp_wallet wallet, read;
    uint8_t bytes[PP_WALLET_MAX_BYTES + 1] = {0};
    size_t length;
    make(&wallet);
    ck_assert_ok(pp_wallet_encode(&wallet, bytes, sizeof bytes, &length));
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= 1u << bit % 8;
        ck_assert_error(pp_wallet_decode(&read, bytes, length), bit < 8 ? PP_BAD_VERSION : PP_CORRUPT);
        bytes[bit / 8] ^= 1u << bit % 8;
    }
    for (size_t cut = 0; cut < length; cut++)
        ck_assert_error(pp_wallet_decode(&read, bytes, cut),
                        cut < PP_WALLET_MIN_BYTES ? PP_TRUNCATED : PP_CORRUPT);
    ck_assert_error(pp_wallet_decode(&read, bytes, length + 1), PP_CORRUPT);
    ck_assert_error(pp_wallet_decode(&read, bytes, PP_WALLET_MAX_BYTES + 1), PP_CORRUPT);
}
END_TEST

/* A right checksum over numbers that cannot be: still refused. */
START_TEST(file__written_wrong__corrupt)
{
    static struct pp_wallet wallet, read;
    uint8_t bytes[PP_WALLET_MAX_BYTES];
    size_t length;
    make(&wallet);
    wallet.receipted = pp_grains(201); /* more than was ever used of the line */
    ck_assert_ok(pp_wallet_encode(&wallet, bytes, sizeof bytes, &length));
    ck_assert_error(pp_wallet_decode(&read, bytes, length), PP_CORRUPT);
    make(&wallet);
    wallet.block.spans[0].to = wallet.block.spans[0].from; /* an empty hole */
    ck_assert_ok(pp_wallet_encode(&wallet, bytes, sizeof bytes, &length));
    ck_assert_error(pp_wallet_decode(&read, bytes, length), PP_CORRUPT);
}
END_TEST

PP_TESTS("wallet file")
PP_TEST(file__there_and_back__the_same_wallet)
PP_TEST(file__sixty_four_holes__fits)
PP_TEST(file__any_bit_or_length__refused)
PP_TEST(file__written_wrong__corrupt)
PP_TESTS_END
