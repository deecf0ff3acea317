#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/eip712.h>
#include <pp/hash.h>

/* Goal: the strings are those of DESIGN section 4. Method: written out here a second time, by hand. */
START_TEST(type_string__every_type__as_designed)
{
    static const char *const expected[PP_EIP712_TYPE_COUNT] = {
        [PP_EIP712_CHANNEL] = "Channel(address payer,address signer,uint64 nonce)",
        [PP_EIP712_VOUCHER] = "Voucher(bytes32 channelId,uint32 lane,uint96 spent,uint96 refundAck,bytes32 context)",
        [PP_EIP712_REFUND] = "Refund(bytes32 channelId,uint32 lane,uint96 refunded,bytes32 reasons)",
        [PP_EIP712_LANE_RELEASE] =
            "LaneRelease(bytes32 channelId,uint32 lane,uint96 oldCap,uint96 newCap,uint64 seq)",
        [PP_EIP712_DELEGATE] = "Delegate(bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,"
                               "uint32 index)",
        [PP_EIP712_EPOCH_REPORT] = "EpochReport(uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 lanesRoot,"
                                   "bytes32 payoutRoot,uint128 payoutTotal,bytes32 operatorSet,uint64 endTime)",
        [PP_EIP712_REVOKE_REPORT] = "RevokeReport(uint64 epoch,bytes32 report)",
        [PP_EIP712_DELETE] = "Delete(bytes32 channelId,uint32 lane,bytes32 stampId)",
        [PP_EIP712_LEAVE] = "Leave(bytes32 channelId,uint32 lane)",
    };
    struct pp_domain domain;
    pp_domain_init(&domain, 1, &(struct pp_address){{0}});
    for (unsigned i = 0; i < PP_EIP712_TYPE_COUNT; i++) {
        struct pp_hash hash;
        ck_assert_str_eq(pp_eip712_type_string(i), expected[i]);
        pp_keccak256((const uint8_t *)expected[i], strlen(expected[i]), hash.bytes);
        ck_assert(pp_hash_eq(&hash, &domain.type_hashes[i]));
    }
}
END_TEST

PP_TESTS("eip712")
PP_TEST(type_string__every_type__as_designed)
PP_TESTS_END
