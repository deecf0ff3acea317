#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/eip712.h>
#include <pp/hash.h>
#include <pp/sign.h>

/* Goal: the strings are those of DESIGN section 4. Method: written out here a second time, by hand. */
START_TEST(type_string__every_type__as_designed)
{
    static const char *const expected[PP_EIP712_TYPE_COUNT] = {
        [PP_EIP712_CHANNEL] = "Channel(address payer,address signer,uint64 nonce)",
        [PP_EIP712_VOUCHER] =
            "Voucher(bytes32 channelId,uint32 lane,uint96 spent,uint96 refundAck,bytes32 context)",
        [PP_EIP712_REFUND] = "Refund(bytes32 channelId,uint32 lane,uint96 refunded,bytes32 reasons)",
        [PP_EIP712_LANE_RELEASE] =
            "LaneRelease(bytes32 channelId,uint32 lane,uint96 oldCap,uint96 newCap,uint64 seq)",
        [PP_EIP712_DELEGATE] =
            "Delegate(bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,"
            "uint32 index)",
        [PP_EIP712_EPOCH_REPORT] =
            "EpochReport(uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 lanesRoot,"
            "bytes32 payoutRoot,uint128 payoutTotal,bytes32 operatorSet,uint64 endTime)",
        [PP_EIP712_REVOKE_REPORT] = "RevokeReport(uint64 epoch,bytes32 report)",
        [PP_EIP712_DELETE] = "Delete(bytes32 channelId,uint32 lane,bytes32 stampId)",
        [PP_EIP712_LEAVE] = "Leave(bytes32 channelId,uint32 lane)",
        [PP_EIP712_ACCEPT] = "Accept(bytes32 channelId,uint32 lane,bytes32 stampId)",
        [PP_EIP712_COMPLAIN] = "Complain(bytes32 channelId,uint32 lane,bytes32 stampId)",
        [PP_EIP712_REGISTER_TOPIC] = "RegisterTopic(uint32 nodeId,bytes32 topic,address key,uint64 number)",
    };
    for (unsigned i = 0; i < PP_EIP712_TYPE_COUNT; i++) {
        ck_assert_str_eq(pp_eip712_type_string(i), expected[i]);
        size_t name_length = strlen(pp_eip712_type_name(i));
        ck_assert_int_eq(strncmp(pp_eip712_type_name(i), expected[i], name_length), 0);
        ck_assert_int_eq(expected[i][name_length], '(');
    }
}
END_TEST

/* Goal: the specification has the same types, in the same order (WIRE-015). */
START_TEST(type_string__against_the_specification__every_row_equal)
{
    struct pp_spec_table table;
    pp_spec_table_load("wire.md", "signed type", &table);
    ck_assert_uint_eq(table.rows, PP_EIP712_TYPE_COUNT);
    for (unsigned i = 0; i < PP_EIP712_TYPE_COUNT; i++) {
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), pp_eip712_type_name(i));
        ck_assert_str_eq(pp_spec_cell(&table, i, 2), pp_eip712_type_string(i));
    }
    pp_spec_table_done(&table);
}
END_TEST

/* The digest of a message whose fields stand in a JSON object under their Solidity names. */

#define OF_JSON_CHANNEL(target, key) pp_json_bytes(message, key, (target).bytes, 32)
#define OF_JSON_STAMP(target, key) pp_json_bytes(message, key, (target).bytes, 32)
#define OF_JSON_HASH(target, key) pp_json_bytes(message, key, (target).bytes, 32)
#define OF_JSON_ADDRESS(target, key) pp_json_bytes(message, key, (target).bytes, 20)
#define OF_JSON_U32(target, key) (target) = (uint32_t)pp_json_u64(message, key)
#define OF_JSON_U64(target, key) (target) = pp_json_u64(message, key)
#define OF_JSON_GRAINS(target, key) (target) = pp_json_grains(message, key)
#define OF_JSON_UNITS(target, key) (target).raw = pp_json_u64(message, key)
#define OF_JSON_U128(target, key) (target) = pp_json_u128(message, key)
#define FIELD_OF_JSON(kind, name, solidity) OF_JSON_##kind(values.name, #solidity);
#define DIGEST_OF_JSON(upper, lower, solidity, fields)                                                       \
    if (strcmp(type, #solidity) == 0) {                                                                      \
        struct pp_##lower##_fields values;                                                                   \
        fields(FIELD_OF_JSON, FIELD_OF_JSON) pp_##lower##_digest(domain, &values, out);                      \
        return PP_EIP712_##upper;                                                                            \
    }

static enum pp_eip712_type digest_of_json(const struct pp_domain *domain, const char *type,
                                          const json_t *message, struct pp_hash *out)
{
    PP_EIP712_TYPES(DIGEST_OF_JSON)
    ck_abort_msg("the vectors have a type that the code has not: %s", type);
}

static struct pp_domain domain_of_json(const json_t *vector)
{
    struct pp_domain domain;
    struct pp_address contract = pp_address_of(pp_json_text(vector, "verifyingContract"));
    pp_domain_init(&domain, pp_json_u64(vector, "chainId"), &contract);
    return domain;
}

/* Goal: the table of the vectors is the table of the code, and every type has vectors (CHAIN-010 ...). */
START_TEST(type_table__against_vectors__same_strings_and_hashes)
{
    json_t *vectors = pp_vectors_load("eip712.json");
    json_t *types = pp_json_member(vectors, "types");
    struct pp_domain domain;
    pp_domain_init(&domain, 1, &(struct pp_address){{0}});
    ck_assert_uint_eq(json_array_size(types), PP_EIP712_TYPE_COUNT);
    for (unsigned i = 0; i < PP_EIP712_TYPE_COUNT; i++) {
        const json_t *row = json_array_get(types, i);
        ck_assert_str_eq(pp_json_text(row, "name"), pp_eip712_type_name(i));
        ck_assert_str_eq(pp_json_text(row, "encodeType"), pp_eip712_type_string(i));
        ck_assert_hex(domain.type_hashes[i].bytes, 32, pp_json_text(row, "typeHash"));
    }
    json_decref(vectors);
}
END_TEST

/* Goal: separator, digest and signature of every vector (made with viem), bit for bit; a channel's and a report's
 * digest are their names (CHAIN-010, CHAIN-011). */
START_TEST(digest__every_vector__same_digest_and_signature)
{
    json_t *vectors = pp_vectors_load("eip712.json");
    struct pp_crypto *crypto;
    unsigned seen[PP_EIP712_TYPE_COUNT] = {0};
    size_t index;
    json_t *vector;
    ck_assert_ok(pp_crypto_open(&crypto));
    json_array_foreach(pp_json_member(vectors, "cases"), index, vector)
    {
        struct pp_domain domain = domain_of_json(vector);
        struct pp_hash digest;
        struct pp_secret_key key;
        struct pp_signature signature;
        struct pp_address address;
        ck_assert_hex(domain.separator.bytes, 32, pp_json_text(vector, "domainSeparator"));
        seen[digest_of_json(&domain, pp_json_text(vector, "type"), pp_json_member(vector, "message"),
                            &digest)]++;
        ck_assert_hex(digest.bytes, 32, pp_json_text(vector, "digest"));
        pp_json_bytes(vector, "privateKey", key.bytes, sizeof key.bytes);
        ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
        ck_assert_hex(signature.bytes, 65, pp_json_text(vector, "signature"));
        ck_assert_ok(pp_secret_key_address(crypto, &key, &address));
        ck_assert_hex(address.bytes, 20, pp_json_text(vector, "address"));
        ck_assert_ok(pp_verify_address(crypto, &signature, &digest, &address, NULL));
    }
    for (unsigned i = 0; i < PP_EIP712_TYPE_COUNT; i++)
        ck_assert_uint_ge(seen[i], 7);
    pp_crypto_close(crypto);
    json_decref(vectors);
}
END_TEST

/* Goal: chain, contract and every single bit of a message change its digest. Method: flip each in turn. */
START_TEST(voucher_digest__any_bit_of_domain_or_message_flipped__another_digest)
{
    struct pp_domain domain, other;
    struct pp_address contract = {{1}};
    struct pp_voucher_fields voucher;
    struct pp_hash digest, flipped;
    memset(&voucher, 0, sizeof voucher); /* also what lies between the members */
    pp_domain_init(&domain, 31337, &contract);
    pp_voucher_digest(&domain, &voucher, &digest);
    for (unsigned bit = 0; bit < 64; bit++) {
        pp_domain_init(&other, 31337 ^ UINT64_C(1) << bit, &contract);
        pp_voucher_digest(&other, &voucher, &flipped);
        ck_assert(!pp_hash_eq(&digest, &flipped));
    }
    for (unsigned bit = 0; bit < 160; bit++) {
        struct pp_address elsewhere = contract;
        elsewhere.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_domain_init(&other, 31337, &elsewhere);
        pp_voucher_digest(&other, &voucher, &flipped);
        ck_assert(!pp_hash_eq(&digest, &flipped));
    }
    for (unsigned bit = 0; bit < 256 + 32 + 96 + 96 + 256; bit++) {
        struct pp_voucher_fields changed = voucher;
        if (bit < 256)
            changed.channel_id.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        else if (bit < 288)
            changed.lane ^= UINT32_C(1) << (bit - 256);
        else if (bit < 384)
            changed.spent.raw ^= (pp_u128)1 << (bit - 288);
        else if (bit < 480)
            changed.refund_ack.raw ^= (pp_u128)1 << (bit - 384);
        else
            changed.context.bytes[(bit - 480) / 8] ^= (uint8_t)(1u << bit % 8);
        pp_voucher_digest(&domain, &changed, &flipped);
        ck_assert(!pp_hash_eq(&digest, &flipped));
    }
}
END_TEST

/* Goal: two types with the same fields never have one digest, nor a channel id another form (CHAIN-010). */
START_TEST(digest__same_words_under_two_types__different)
{
    struct pp_domain domain;
    struct pp_hash refund_digest, channel_digest, delete_digest;
    struct pp_refund_fields refund = {.lane = 256};
    struct pp_delete_fields deletion = {.lane = 256};
    struct pp_channel_fields channel = {.nonce = 5};
    struct pp_channel_id id;
    pp_domain_init(&domain, 1, &(struct pp_address){{0}});
    pp_refund_digest(&domain, &refund, &refund_digest);
    pp_delete_digest(&domain, &deletion, &delete_digest);
    ck_assert(!pp_hash_eq(&refund_digest, &delete_digest));
    pp_channel_digest(&domain, &channel, &channel_digest);
    pp_channel_id_of(&domain, &channel, &id);
    ck_assert_mem_eq(id.bytes, channel_digest.bytes, 32);
}
END_TEST

PP_TESTS("eip712")
PP_TEST(type_string__every_type__as_designed)
PP_TEST(type_string__against_the_specification__every_row_equal)
PP_TEST(type_table__against_vectors__same_strings_and_hashes)
PP_TEST(digest__every_vector__same_digest_and_signature)
PP_TEST(voucher_digest__any_bit_of_domain_or_message_flipped__another_digest)
PP_TEST(digest__same_words_under_two_types__different)
PP_TESTS_END
