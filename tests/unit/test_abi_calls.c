#include "abi_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#define ITEMS_MAX 8

static struct pp_channel_config args_config(const json_t *args)
{
    return pp_json_config(pp_json_member(args, "config"));
}

static struct pp_abi_caps args_caps(const json_t *args, uint32_t lanes[ITEMS_MAX],
                                    struct pp_units caps[ITEMS_MAX])
{
    const json_t *lane_list = pp_json_member(args, "lanes"), *cap_list = pp_json_member(args, "caps"), *item;
    size_t index;
    json_array_foreach(lane_list, index, item) lanes[index] =
        (uint32_t)strtoull(json_string_value(item), NULL, 10);
    json_array_foreach(cap_list, index, item) caps[index] =
        pp_units(strtoull(json_string_value(item), NULL, 10));
    return (struct pp_abi_caps){lanes, caps, json_array_size(lane_list)};
}

/* The contract's uint96 and uint128 that are 64 bits here: both sides of the comparison are cut to the low 64. */
static void cut_word(uint8_t *data, size_t word)
{
    memset(data + 4 + word * PP_ABI_WORD, 0, PP_ABI_WORD - 8);
}

static uint64_t low_u64(const json_t *object, const char *key)
{
    return (uint64_t)pp_json_u128(object, key);
}

static void write_release(struct pp_writer *w, const json_t *args, uint8_t *expected)
{
    struct pp_channel_config config = args_config(args);
    struct pp_abi_release releases[ITEMS_MAX];
    const json_t *list = pp_json_member(args, "releases"), *item;
    size_t index;
    json_array_foreach(list, index, item)
    {
        releases[index] = (struct pp_abi_release){
            .lane = (uint32_t)pp_json_u64(item, "lane"),
            .old_cap = pp_units(low_u64(item, "oldCap")),
            .new_cap = pp_units(low_u64(item, "newCap")),
            .seq = pp_json_u64(item, "seq"),
            .signature = pp_json_signature(pp_json_member(item, "signature")),
        };
        cut_word(expected, 3 + 2 + 7 * index + 1);
        cut_word(expected, 3 + 2 + 7 * index + 2);
    }
    pp_abi_write_release(w, &config, releases, json_array_size(list));
}

static void write_settle(struct pp_writer *w, const json_t *args)
{
    struct pp_epoch_report_fields report = pp_json_report(pp_json_member(args, "report"));
    static struct pp_abi_claim claims[ITEMS_MAX];
    const json_t *list = pp_json_member(args, "claims"), *item;
    size_t index;
    json_array_foreach(list, index, item) claims[index] = pp_json_claim(item);
    pp_abi_write_settle(w, &report, claims, json_array_size(list));
}

static void write_settle_batch(struct pp_writer *w, const json_t *args)
{
    struct pp_epoch_report_fields report = pp_json_report(pp_json_member(args, "report"));
    static struct pp_abi_claim claims[ITEMS_MAX];
    static struct pp_lane_multiproof proof;
    struct pp_abi_batch_claim batch[ITEMS_MAX];
    struct pp_hash path[ITEMS_MAX];
    const json_t *list = pp_json_member(args, "claims"), *nodes = pp_json_member(args, "proof"),
                 *flags = pp_json_member(args, "flags"), *item;
    size_t index;
    json_array_foreach(list, index, item)
    {
        claims[index] = pp_json_claim(item);
        batch[index] = (struct pp_abi_batch_claim){&claims[index].config, &claims[index].voucher,
                                                   &claims[index].refund, &claims[index].leaf};
    }
    json_array_foreach(nodes, index, item)
    {
        pp_bytes_of(json_string_value(item), path[index].bytes, 32);
        proof.path[index] = &path[index];
    }
    json_array_foreach(flags, index, item) proof.flags[index] = json_is_true(item);
    proof.path_length = json_array_size(nodes);
    proof.flag_count = json_array_size(flags);
    pp_abi_write_settle_batch(w, &report, batch, json_array_size(list), &proof);
}

static void write_post_report(struct pp_writer *w, const json_t *args)
{
    struct pp_epoch_report_fields report = pp_json_report(pp_json_member(args, "report"));
    const json_t *ids = pp_json_member(args, "nodeIds"), *keys = pp_json_member(args, "operatorKeys");
    const json_t *signatures = pp_json_member(args, "signatures");
    struct pp_operator operators[ITEMS_MAX];
    struct pp_node_signature signed_by[ITEMS_MAX];
    size_t count = json_array_size(ids);
    ck_assert_uint_eq(count, json_array_size(keys));
    ck_assert_uint_eq(count, json_array_size(signatures));
    for (size_t i = 0; i < count; i++) {
        operators[i].node_id = (uint32_t)strtoull(json_string_value(json_array_get(ids, i)), NULL, 10);
        pp_bytes_of(json_string_value(json_array_get(keys, i)), operators[i].key.bytes, 20);
        /* Given in any order: they come out in the operators'. */
        signed_by[count - 1 - i] = (struct pp_node_signature){
            operators[i].node_id, pp_json_signature(json_array_get(signatures, i))};
    }
    pp_abi_write_post_report(w, &report, operators, count, signed_by, count);
}

static void write_claim_payout(struct pp_writer *w, const json_t *args, uint8_t *expected)
{
    struct pp_epoch_report_fields report = pp_json_report(pp_json_member(args, "report"));
    struct pp_payout payout = {.node_id = (uint32_t)pp_json_u64(args, "nodeId"),
                               .amount = pp_units(low_u64(args, "amount"))};
    pp_json_bytes(args, "payee", payout.payee.bytes, 20);
    cut_word(expected, 8 + 2);
    struct pp_payout_proof proof = {0};
    const json_t *item;
    size_t index;
    json_array_foreach(pp_json_member(args, "proof"), index, item)
    {
        struct pp_payout_step *step = &proof.path[proof.length++];
        pp_json_bytes(item, "hash", step->hash.bytes, 32);
        step->sum = low_u64(item, "sum");
        step->on_left = pp_json_bool(item, "onLeft");
        cut_word(expected, 8 + 4 + 1 + 3 * index + 1);
    }
    pp_abi_write_claim_payout(w, &report, &payout, &proof);
}

static void write_post_delegated_voucher(struct pp_writer *w, const json_t *args)
{
    struct pp_channel_config config = args_config(args);
    struct pp_abi_voucher voucher = pp_json_voucher(pp_json_member(args, "voucher"));
    struct pp_abi_refund refund = pp_json_refund(pp_json_member(args, "refund"));
    const json_t *object = pp_json_member(args, "delegation");
    struct pp_abi_delegation delegation = {
        .max_spent = pp_json_grains(object, "maxSpent"),
        .lane = (uint32_t)pp_json_u64(object, "lane"),
        .not_after = pp_json_u64(object, "notAfter"),
        .index = (uint32_t)pp_json_u64(object, "index"),
        .signature = pp_json_signature(pp_json_member(object, "signature")),
    };
    pp_json_bytes(object, "key", delegation.key.bytes, 20);
    pp_abi_write_post_delegated_voucher(w, &config, (uint32_t)pp_json_u64(args, "lane"), &voucher, &refund,
                                        &delegation);
}

static void write_collect_owed(struct pp_writer *w, const json_t *args)
{
    struct pp_epoch_report_fields report = pp_json_report(pp_json_member(args, "report"));
    const struct pp_abi_claim claim = pp_json_claim(pp_json_member(args, "claim"));
    pp_abi_write_collect_owed(w, &report, &claim.config, &claim.leaf, &claim.proof);
}

static void write_authorized(struct pp_writer *w, const json_t *args, bool opens, uint8_t *expected)
{
    uint32_t lanes[ITEMS_MAX];
    struct pp_units caps[ITEMS_MAX];
    struct pp_channel_config config = args_config(args);
    struct pp_abi_caps list = args_caps(args, lanes, caps);
    const json_t *object = pp_json_member(args, "authorization");
    struct pp_abi_authorization authorization = {
        .signature = pp_json_signature(pp_json_member(object, "signature"))};
    pp_json_bytes(object, "salt", authorization.salt.bytes, 32);
    for (unsigned i = 0; i < 8; i++) { /* uint256 in the contract, 64 bits here */
        authorization.valid_after =
            authorization.valid_after << 8 | expected[4 + 7 * PP_ABI_WORD - 8 + i];
        authorization.valid_before =
            authorization.valid_before << 8 | expected[4 + 8 * PP_ABI_WORD - 8 + i];
    }
    cut_word(expected, 6);
    cut_word(expected, 7);
    pp_abi_write_authorized_deposit(
        w, opens ? PP_ABI_OPEN_WITH_AUTHORIZATION : PP_ABI_TOP_UP_WITH_AUTHORIZATION, &config,
        pp_units(pp_json_u64(args, opens ? "deposit" : "amount")), &list, &authorization);
}

/* False: a call that the product does not make. */
static bool write_call(struct pp_writer *w, const char *name, const json_t *args, uint8_t *expected)
{
    uint32_t lanes[ITEMS_MAX];
    struct pp_units caps[ITEMS_MAX];
    struct pp_channel_config config = {0};
    struct pp_hash hash;
    struct pp_address address;
#define IS(text) (strcmp(name, text) == 0)
    if (json_object_get(args, "config"))
        config = args_config(args);
    if (IS("open") || IS("topUp")) {
        struct pp_abi_caps list = args_caps(args, lanes, caps);
        struct pp_units amount = pp_units(pp_json_u64(args, IS("open") ? "deposit" : "amount"));
        pp_abi_write_deposit(w, IS("open") ? PP_ABI_OPEN : PP_ABI_TOP_UP, &config, amount, &list);
    } else if (IS("allocate")) {
        struct pp_abi_caps list = args_caps(args, lanes, caps);
        pp_abi_write_allocate(w, &config, &list);
    } else if (IS("requestClose")) {
        pp_abi_write_call_config(w, PP_ABI_REQUEST_CLOSE, &config);
    } else if (IS("finalizeClose")) {
        pp_abi_write_call_config(w, PP_ABI_FINALIZE_CLOSE, &config);
    } else if (IS("cancelClose")) {
        pp_abi_write_call_config(w, PP_ABI_CANCEL_CLOSE, &config);
    } else if (IS("cancelThaw") || IS("finalizeThaw")) {
        pp_abi_write_config_part(w, IS("cancelThaw") ? PP_ABI_CANCEL_THAW : PP_ABI_FINALIZE_THAW, &config,
                                 (uint32_t)pp_json_u64(args, "lane"));
    } else if (IS("revokeDelegate")) {
        pp_abi_write_config_part(w, PP_ABI_REVOKE_DELEGATE, &config, (uint32_t)pp_json_u64(args, "index"));
    } else if (IS("openWithAuthorization") || IS("topUpWithAuthorization")) {
        write_authorized(w, args, IS("openWithAuthorization"), expected);
    } else if (IS("retireLanes")) {
        const json_t *list = pp_json_member(args, "lanes"), *item;
        size_t index;
        json_array_foreach(list, index, item) lanes[index] =
            (uint32_t)strtoull(json_string_value(item), NULL, 10);
        pp_abi_write_retire_lanes(w, &config, lanes, json_array_size(list));
    } else if (IS("depositStake")) {
        pp_abi_write_deposit_stake(w, (uint32_t)pp_json_u64(args, "nodeId"),
                                   pp_units(pp_json_u64(args, "amount")));
    } else if (IS("withdrawStake") || IS("stakeOf")) {
        pp_abi_write_call_u32(w, IS("stakeOf") ? PP_ABI_STAKE_OF : PP_ABI_WITHDRAW_STAKE,
                              (uint32_t)pp_json_u64(args, "nodeId"));
    } else if (IS("scheduleParameters")) {
        const struct pp_chain_parameters next = pp_json_parameters(pp_json_member(args, "next"));
        pp_abi_write_schedule_parameters(w, &next);
    } else if (IS("requestThaw")) {
        pp_abi_write_request_thaw(w, &config, (uint32_t)pp_json_u64(args, "lane"),
                                  pp_units(pp_json_u64(args, "target")));
    } else if (IS("channelIdOf")) {
        pp_abi_write_call_config(w, PP_ABI_CHANNEL_ID_OF, &config);
    } else if (IS("channelOf") || IS("reportOf")) {
        pp_json_bytes(args, IS("channelOf") ? "channelId" : "reportHash", hash.bytes, 32);
        pp_abi_write_call_hash(w, IS("channelOf") ? PP_ABI_CHANNEL_OF : PP_ABI_REPORT_OF, hash.bytes);
    } else if (IS("laneOf")) {
        struct pp_channel_id id;
        pp_json_bytes(args, "channelId", id.bytes, 32);
        pp_abi_write_lane_of(w, &id, (uint32_t)pp_json_u64(args, "lane"));
    } else if (IS("thawOf") || IS("delegateRevokedAt")) {
        struct pp_channel_id id;
        pp_json_bytes(args, "channelId", id.bytes, 32);
        pp_abi_write_call_part(w, IS("thawOf") ? PP_ABI_THAW_OF : PP_ABI_DELEGATE_REVOKED_AT, &id,
                               (uint32_t)pp_json_u64(args, IS("thawOf") ? "lane" : "index"));
    } else if (IS("owedCollectedOf")) {
        struct pp_channel_id id;
        pp_json_bytes(args, "channelId", id.bytes, 32);
        pp_abi_write_owed_collected_of(w, &id, (uint32_t)pp_json_u64(args, "lane"));
    } else if (IS("stakeAt")) {
        pp_abi_write_stake_at(w, (uint32_t)pp_json_u64(args, "nodeId"), pp_json_u64(args, "blockNumber"));
    } else if (IS("collectOwed")) {
        write_collect_owed(w, args);
    } else if (IS("nonceOf")) {
        pp_json_bytes(args, "payer", address.bytes, 20);
        pp_abi_write_call_address(w, PP_ABI_NONCE_OF, &address);
    } else if (IS("payoutClaimed") || IS("operatorOf")) {
        pp_abi_write_call_u32(w, IS("operatorOf") ? PP_ABI_OPERATOR_OF : PP_ABI_PAYOUT_CLAIMED,
                              (uint32_t)pp_json_u64(args, "nodeId"));
    } else if (IS("postVoucher")) {
        struct pp_abi_voucher voucher = pp_json_voucher(pp_json_member(args, "voucher"));
        struct pp_abi_refund refund = pp_json_refund(pp_json_member(args, "refund"));
        pp_abi_write_post_voucher(w, &config, (uint32_t)pp_json_u64(args, "lane"), &voucher, &refund);
    } else if (IS("postDelegatedVoucher")) {
        write_post_delegated_voucher(w, args);
    } else if (IS("postRefund")) {
        struct pp_abi_refund refund = pp_json_refund(pp_json_member(args, "refund"));
        pp_abi_write_post_refund(w, &config, (uint32_t)pp_json_u64(args, "lane"), &refund);
    } else if (IS("release")) {
        write_release(w, args, expected);
    } else if (IS("settle")) {
        write_settle(w, args);
    } else if (IS("settleBatch")) {
        write_settle_batch(w, args);
    } else if (IS("postReport")) {
        write_post_report(w, args);
    } else if (IS("claimPayout")) {
        write_claim_payout(w, args, expected);
    } else {
        for (unsigned i = PP_ABI_LAST_REPORT; i < PP_ABI_ERC20_APPROVE; i++)
            if (IS(pp_abi_function_name((enum pp_abi_function)i)))
                pp_abi_write_call(w, (enum pp_abi_function)i);
    }
#undef IS
    return w->length > 0;
}

/* Goal: every call is what another implementation makes of the same arguments. Method: viem's vectors. */
START_TEST(abi_write__vectors_of_viem__same_calldata)
{
    json_t *vectors = pp_vectors_load("calldata.json"), *row;
    static uint8_t out[16384];
    bool seen[PP_ABI_FUNCTION_COUNT] = {false};
    size_t index;
    json_array_foreach(pp_json_member(vectors, "calls"), index, row)
    {
        const char *name = pp_json_text(row, "function");
        size_t expected_length, length;
        uint8_t *expected = pp_json_bytes_any(row, "calldata", &expected_length);
        struct pp_writer w;
        pp_writer_init(&w, out, sizeof out);
        if (write_call(&w, name, pp_json_member(row, "args"), expected)) {
            ck_assert_ok(pp_writer_finish(&w, &length));
            ck_assert_msg(length == expected_length && memcmp(out, expected, length) == 0, "%s", name);
            for (unsigned i = 0; i < PP_ABI_FUNCTION_COUNT; i++)
                seen[i] |= strcmp(name, pp_abi_function_name((enum pp_abi_function)i)) == 0;
        }
        free(expected);
    }
    for (unsigned i = 0; i < PP_ABI_ERC20_APPROVE; i++)
        ck_assert_msg(seen[i], "no vector was used for %s", pp_abi_function_name((enum pp_abi_function)i));
    json_decref(vectors);
}
END_TEST

/* Goal: the token's calls. Method: words written out by hand. */
START_TEST(abi_write__erc20__words_by_hand)
{
    struct pp_address a = {{[19] = 0xaa}}, b = {{[0] = 0xbb}};
    uint8_t out[100];
    size_t length;
    struct pp_writer w;
    pp_writer_init(&w, out, sizeof out);
    pp_abi_write_approve(&w, &b, pp_units(258));
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, 68);
    ck_assert_hex(out, 68,
                  "095ea7b3"
                  "000000000000000000000000bb00000000000000000000000000000000000000"
                  "0000000000000000000000000000000000000000000000000000000000000102");
    pp_writer_init(&w, out, sizeof out);
    pp_abi_write_allowance(&w, &a, &b);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_hex(out, 68,
                  "dd62ed3e"
                  "00000000000000000000000000000000000000000000000000000000000000aa"
                  "000000000000000000000000bb00000000000000000000000000000000000000");
}
END_TEST

/* Goal: an operator that did not sign has its place, empty. Method: two operators, one signature. */
START_TEST(abi_write_post_report__missing_signature__empty_place)
{
    struct pp_epoch_report_fields report = {.epoch = 1};
    struct pp_operator operators[2] = {{.node_id = 3}, {.node_id = 9}};
    struct pp_node_signature signature = {.node_id = 9, .signature = {{[0] = 1, [64] = 28}}};
    uint8_t out[4096];
    size_t length;
    struct pp_writer w;
    pp_writer_init(&w, out, sizeof out);
    pp_abi_write_post_report(&w, &report, operators, 2, &signature, 1);
    ck_assert_ok(pp_writer_finish(&w, &length));
    const uint8_t *list = out + 4 + (8 + 3 + 3 + 3 + 1) * PP_ABI_WORD; /* the first signature */
    static const uint8_t none[3 * PP_ABI_WORD];
    ck_assert_mem_eq(list, none, sizeof none);
    ck_assert_uint_eq(list[3 * PP_ABI_WORD], 1);
    ck_assert_uint_eq(list[6 * PP_ABI_WORD - 1], 28);
    ck_assert_uint_eq(length, 4 + (8 + 3 + 3 + 3 + 1 + 6) * PP_ABI_WORD);
}
END_TEST

PP_TESTS("abi_calls")
PP_TEST(abi_write__vectors_of_viem__same_calldata)
PP_TEST(abi_write__erc20__words_by_hand)
PP_TEST(abi_write_post_report__missing_signature__empty_place)
PP_TESTS_END
