/* Goal: a bond is the one that the topic's quote asks for, or it is refused by the first thing that is wrong. Method: a table of
 * offers under the three forms of quote; each edge of the window; every pair of faults, of which the first counts. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/bond.h>

#include <string.h>

static const struct pp_hash topic = {{1}}, other_topic = {{2}};
static const struct pp_address key = {{3}}, other_key = {{4}}, no_key = {{0}};

static struct pp_quote ordinary(void)
{
    return (struct pp_quote){.node_id = 9,
                             .rate_version = 1,
                             .bond_count = 2,
                             .bond_grains = {0, 5000},
                             .issued_ms = 1000000,
                             .expires_ms = 1060000};
}

static struct pp_quote of_topic(const struct pp_address *registered)
{
    struct pp_quote quote = ordinary();
    const struct pp_quote_topic terms = {topic, *registered, 1000, 9000};
    pp_quote_for_topic(&quote, &terms);
    ck_assert_ok(pp_quote_check(&quote));
    return quote;
}

static struct pp_bond_offer offer_good(void)
{
    return (struct pp_bond_offer){5000, 1, &topic, &key, 1001000};
}

/* FEE-016, FEE-052, FEE-053, FEE-054 */
START_TEST(bond_check__each_offer__ok_or_the_first_fault)
{
    const struct pp_quote plain = ordinary(), with_key = of_topic(&key), without_key = of_topic(&no_key);
    static const struct pp_bond_offer no_bond = {0, 0, &topic, &no_key, 0};
    struct pp_bond_offer offer;
    struct pp_refusal refusal;
#define CHECK(quote, from, change, error_, field_)                                                           \
    do {                                                                                                     \
        offer = from;                                                                                        \
        change;                                                                                              \
        memset(&refusal, 0, sizeof refusal);                                                                 \
        ck_assert_error(pp_bond_check(&(quote), &offer, &refusal), error_);                                  \
        ck_assert_error(pp_bond_check(&(quote), &offer, NULL), error_);                                      \
        if (error_ != PP_OK) {                                                                               \
            ck_assert_error(refusal.error, error_);                                                          \
            ck_assert_str_eq(refusal.field, field_);                                                         \
        }                                                                                                    \
    } while (0)
    /* of a kind without a bond */
    CHECK(plain, no_bond, (void)0, PP_OK, "");
    CHECK(plain, no_bond, offer.topic = NULL, PP_OK, "");
    CHECK(plain, no_bond, offer.grains = 1, PP_BOND_NOT_OFFERED, "bond");
    CHECK(plain, no_bond, offer.envelope_kind = 7, PP_OK, "");
    CHECK(plain, no_bond, offer.envelope_kind = 8, PP_OUT_OF_RANGE, "kind");
    CHECK(plain, no_bond, offer.envelope_kind = 255, PP_OUT_OF_RANGE, "kind");
    /* of one with a bond: the ordinary quote does not do */
    CHECK(plain, offer_good(), (void)0, PP_BOND_TOPIC, "quote");
    CHECK(plain, no_bond, offer.envelope_kind = 1, PP_BOND_TOPIC, "quote");
    /* a topic's quote is for it alone, with a key and without */
    CHECK(with_key, offer_good(), (void)0, PP_OK, "");
    CHECK(with_key, offer_good(), offer.topic = &other_topic, PP_BOND_TOPIC, "quote");
    CHECK(with_key, offer_good(), offer.topic = NULL, PP_BOND_TOPIC, "quote");
    CHECK(without_key, no_bond, offer.envelope_kind = 1, PP_OK, "");
    CHECK(without_key, no_bond, (offer.envelope_kind = 1, offer.topic = &other_topic), PP_BOND_TOPIC,
          "quote");
    CHECK(without_key, offer_good(), (void)0, PP_BOND_NOT_OFFERED, "bond");
    CHECK(with_key, offer_good(), offer.envelope_kind = 0, PP_BOND_NOT_OFFERED, "bond");
    CHECK(with_key, no_bond, (void)0, PP_OK, "");
    CHECK(with_key, no_bond, offer.envelope_kind = 1, PP_OK, ""); /* the price says what is missing */
    /* key and deadline */
    CHECK(with_key, offer_good(), offer.accept_key = &other_key, PP_BOND_KEY, "accept_key");
    CHECK(with_key, offer_good(), offer.deadline_ms = 1000999, PP_BOND_DEADLINE, "accept_deadline_ms");
    CHECK(with_key, offer_good(), offer.deadline_ms = 1009000, PP_OK, "");
    CHECK(with_key, offer_good(), offer.deadline_ms = 1009001, PP_BOND_DEADLINE, "accept_deadline_ms");
    CHECK(with_key, offer_good(), offer.deadline_ms = 0, PP_BOND_DEADLINE, "accept_deadline_ms");
    CHECK(with_key, offer_good(), offer.deadline_ms = UINT64_MAX, PP_BOND_DEADLINE, "accept_deadline_ms");
    CHECK(with_key, offer_good(), (offer.accept_key = &other_key, offer.deadline_ms = 0), PP_BOND_KEY,
          "accept_key");
    CHECK(with_key, offer_good(), (offer.topic = &other_topic, offer.accept_key = &other_key), PP_BOND_TOPIC,
          "quote");
    /* more than is asked, up to what fits: the sender's own risk */
    CHECK(with_key, offer_good(), offer.grains = (UINT64_C(1) << 63) - 1, PP_OK, "");
#undef CHECK
}
END_TEST

/* FEE-051 */
START_TEST(topic_quote__key_and_bonds__both_or_neither)
{
    struct pp_quote quote = of_topic(&key), none = of_topic(&no_key);
    ck_assert_uint_eq(quote.bond_grains[1], 5000);
    ck_assert_uint_eq(quote.deadline_from_ms, 1001000);
    ck_assert_uint_eq(quote.deadline_to_ms, 1009000);
    ck_assert_uint_eq(none.bond_count, 0);
    ck_assert_uint_eq(none.bond_grains[1], 0);
    ck_assert_uint_eq(none.deadline_to_ms, 0);
    struct pp_quote plain = ordinary();
    const struct pp_quote_topic terms = {topic, key, 1000, 9000};
    plain.bond_count = 0;
    plain.bond_grains[1] = 0;
    pp_quote_for_topic(&plain, &terms); /* no kind has a bond */
    ck_assert(pp_address_eq(&plain.accept_key, &no_key));
    ck_assert_ok(pp_quote_check(&plain));
#define CHECK(from, change)                                                                                  \
    do {                                                                                                     \
        struct pp_quote q = from;                                                                            \
        change;                                                                                              \
        ck_assert_error(pp_quote_check(&q), PP_OUT_OF_RANGE);                                                \
    } while (0)
    CHECK(quote, q.accept_key = no_key);
    CHECK(quote, q.deadline_from_ms = q.deadline_to_ms = 0);
    CHECK(quote, q.deadline_from_ms = q.issued_ms - 1);
    CHECK(quote, q.deadline_to_ms = q.deadline_from_ms - 1);
    CHECK(none, q.accept_key = key);
    CHECK(none, q.deadline_to_ms = 1);
    CHECK(ordinary(), q.accept_key = key);
    CHECK(ordinary(), q.deadline_from_ms = 1);
#undef CHECK
}
END_TEST

PP_TESTS("bond")
PP_TEST(bond_check__each_offer__ok_or_the_first_fault)
PP_TEST(topic_quote__key_and_bonds__both_or_neither)
PP_TESTS_END
