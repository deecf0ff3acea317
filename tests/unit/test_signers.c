/* The keys of the lanes that sent last: what was put in last is found, what is pushed out is not, and never another's key. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/signers.h"

#include <string.h>

static struct pp_public_key key_of(uint32_t number)
{
    struct pp_public_key key;
    memset(&key, 0, sizeof key);
    memcpy(&key, &number, sizeof number);
    return key;
}

/* NODE-092 */
START_TEST(signers__more_lanes_than_places__the_newest_of_each_set_are_found)
{
    const uint32_t sets = PP_SIGNERS_MAX / PP_SIGNER_WAYS;
    struct pp_signers signers;
    struct pp_public_key found;
    ck_assert_ok(pp_signers_open(&signers));
    for (uint32_t i = 0; i < PP_SIGNER_WAYS + 2; i++) {
        struct pp_public_key key = key_of(100 + i);
        ck_assert(!pp_signers_find(&signers, 7 + i * sets, &found));
        pp_signers_add(&signers, 7 + i * sets, &key);
        pp_signers_add(&signers, 7 + i * sets, &key); /* again: takes no second place */
    }
    for (uint32_t i = 0; i < PP_SIGNER_WAYS + 2; i++) {
        struct pp_public_key key = key_of(100 + i);
        bool there = pp_signers_find(&signers, 7 + i * sets, &found);
        ck_assert_int_eq(there, i >= 2);
        if (there)
            ck_assert_mem_eq(&found, &key, sizeof key);
    }
    pp_signers_drop_from(&signers, 7 + 3 * sets, 7 + 3 * sets + 1);
    ck_assert(!pp_signers_find(&signers, 7 + 3 * sets, &found));
    ck_assert(pp_signers_find(&signers, 7 + 4 * sets, &found));
    pp_signers_close(&signers);
}
END_TEST

PP_TESTS("signers")
PP_TEST(signers__more_lanes_than_places__the_newest_of_each_set_are_found)
PP_TESTS_END
