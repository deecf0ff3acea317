/* Acknowledgements as bytes: exactly those that the operator signed.
 * Method: vectors made by another implementation (specs/vectors/evidence.json); every truncation, one byte more, every flipped bit. */
#include "evidence/ack.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdlib.h>

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key key;
    struct pp_address operator_address;
    struct pp_ack ack;
    uint8_t bytes[PP_ACK_BYTES + 1];
};

static void world_open(struct world *w)
{
    static const struct pp_address contract = {{0xc0, 0x01}};
    *w = (struct world){.key = {{0x31}}, .ack = {.lane = 7u << 8, .next = 12, .node_id = 9, .time_ms = 1760054400000}};
    memset(w->ack.checksum.bytes, 0xab, sizeof w->ack.checksum.bytes);
    pp_domain_init(&w->domain, 31337, &contract);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->key, &w->operator_address));
    ck_assert_ok(pp_ack_sign(w->crypto, &w->domain, &w->key, &w->ack));
    pp_ack_encode(&w->ack, w->bytes);
}

static enum pp_error open_bytes(const struct world *w, size_t length)
{
    struct pp_ack ack;
    PP_TRY(pp_ack_decode((struct pp_slice){w->bytes, length}, &ack));
    return pp_ack_verify(w->crypto, &w->domain, &ack, &w->operator_address);
}

/* EVID-090, EVID-091 */
START_TEST(ack__cut_prolonged_or_flipped__refused)
{
    struct world w;
    world_open(&w);
    ck_assert_ok(open_bytes(&w, PP_ACK_BYTES));
    for (size_t cut = 0; cut < PP_ACK_BYTES; cut++)
        ck_assert_error(open_bytes(&w, cut), PP_TRUNCATED);
    ck_assert_error(open_bytes(&w, PP_ACK_BYTES + 1), PP_TRAILING_BYTES);
    for (size_t bit = 0; bit < 8 * PP_ACK_BYTES; bit++) {
        w.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_ne(open_bytes(&w, PP_ACK_BYTES), PP_OK);
        w.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    pp_crypto_close(w.crypto);
}
END_TEST

/* EVID-090 */
START_TEST(ack__numbers_of_none__out_of_range)
{
    static const struct pp_ack changes[] = {
        {.lane = 0xff, .next = 12, .node_id = 9},
        {.lane = 7u << 8, .next = 1, .node_id = 9},
        {.lane = 7u << 8, .next = 12, .node_id = 0},
        {.lane = 7u << 8, .next = 12, .node_id = 1u << 24},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        w.ack = changes[i];
        pp_ack_encode(&w.ack, w.bytes);
        ck_assert_error(open_bytes(&w, PP_ACK_BYTES), PP_OUT_OF_RANGE);
    }
    w.bytes[0] = 'Q';
    ck_assert_error(open_bytes(&w, PP_ACK_BYTES), PP_BAD_FORMAT);
    pp_crypto_close(w.crypto);
}
END_TEST

/* EVID-091: of this contract alone, and by this key alone. */
START_TEST(ack__of_another_network_or_operator__bad_signature)
{
    static const struct pp_address other = {{0xc0, 0x02}};
    struct world w;
    struct pp_domain domain;
    world_open(&w);
    pp_domain_init(&domain, 31337, &other);
    ck_assert_error(pp_ack_verify(w.crypto, &domain, &w.ack, &w.operator_address), PP_BAD_SIGNATURE);
    ck_assert_error(pp_ack_verify(w.crypto, &w.domain, &w.ack, &other), PP_BAD_SIGNATURE);
    pp_crypto_close(w.crypto);
}
END_TEST

static void vector_check(const struct pp_crypto *crypto, const json_t *journal, const json_t *vector)
{
    struct pp_ack ack, again = {.lane = (uint32_t)pp_json_u64(journal, "lane")};
    struct pp_domain domain;
    struct pp_address contract, operator_address;
    struct pp_secret_key key;
    struct pp_row_ack row;
    uint8_t encoded[PP_ACK_BYTES], bytes[PP_ACK_BYTES];
    pp_json_bytes(journal, "contract", contract.bytes, 20);
    pp_domain_init(&domain, pp_json_u64(journal, "chainId"), &contract);
    pp_json_bytes(vector, "operator", operator_address.bytes, 20);
    pp_json_bytes(vector, "key", key.bytes, 32);
    pp_json_bytes(vector, "bytes", bytes, sizeof bytes);
    ck_assert_ok(pp_ack_decode((struct pp_slice){bytes, sizeof bytes}, &ack));
    ck_assert_ok(pp_ack_verify(crypto, &domain, &ack, &operator_address));
    again.next = pp_json_u64(vector, "next");
    again.node_id = (uint32_t)pp_json_u64(vector, "nodeId");
    again.time_ms = pp_json_u64(vector, "timeMs");
    pp_json_bytes(vector, "checksum", again.checksum.bytes, 16);
    ck_assert_ok(pp_ack_sign(crypto, &domain, &key, &again));
    pp_ack_encode(&again, encoded);
    ck_assert_mem_eq(encoded, bytes, sizeof bytes);
    pp_ack_row(&ack, &row); /* as the journal has it, and back */
    pp_ack_of_row(&row, ack.lane, &again);
    pp_ack_encode(&again, encoded);
    ck_assert_mem_eq(encoded, bytes, sizeof bytes);
}

/* EVID-090, EVID-091 */
START_TEST(ack__vectors__the_same_bytes)
{
    struct pp_crypto *crypto;
    json_t *vectors = pp_vectors_load("evidence.json");
    const json_t *journal, *vector;
    size_t i, j;
    ck_assert_ok(pp_crypto_open(&crypto));
    json_array_foreach(pp_json_member(vectors, "journals"), i, journal)
    {
        json_array_foreach(pp_json_member(journal, "acknowledgements"), j, vector)
            vector_check(crypto, journal, vector);
        ck_assert_uint_eq(j, 2);
    }
    ck_assert_uint_eq(i, 3);
    json_decref(vectors);
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("ack")
PP_TEST(ack__cut_prolonged_or_flipped__refused)
PP_TEST(ack__numbers_of_none__out_of_range)
PP_TEST(ack__of_another_network_or_operator__bad_signature)
PP_TEST(ack__vectors__the_same_bytes)
PP_TESTS_END
