#include "abi_fixture.h"

#include "pp_fixture.h"
#include "pp_test.h"

struct pp_channel_config pp_json_config(const json_t *object)
{
    struct pp_channel_config config = {.nonce = pp_json_u64(object, "nonce")};
    pp_json_bytes(object, "payer", config.payer.bytes, 20);
    pp_json_bytes(object, "signer", config.signer.bytes, 20);
    return config;
}

struct pp_signature pp_json_signature(const json_t *object)
{
    struct pp_signature signature;
    pp_json_bytes(object, "r", signature.bytes, 32);
    pp_json_bytes(object, "s", signature.bytes + 32, 32);
    signature.bytes[64] = (uint8_t)pp_json_u64(object, "v");
    return signature;
}

struct pp_abi_voucher pp_json_voucher(const json_t *object)
{
    struct pp_abi_voucher voucher = {
        .spent = pp_json_grains(object, "spent"),
        .refund_ack = pp_json_grains(object, "refundAck"),
        .signature = pp_json_signature(pp_json_member(object, "signature")),
    };
    pp_json_bytes(object, "context", voucher.context.bytes, 32);
    return voucher;
}

struct pp_abi_refund pp_json_refund(const json_t *object)
{
    struct pp_abi_refund refund = {
        .refunded = pp_json_grains(object, "refunded"),
        .signature = pp_json_signature(pp_json_member(object, "signature")),
    };
    pp_json_bytes(object, "reasons", refund.reasons.bytes, 32);
    return refund;
}

struct pp_epoch_report_fields pp_json_report(const json_t *object)
{
    struct pp_epoch_report_fields report = {
        .epoch = pp_json_u64(object, "epoch"),
        .block_number = pp_json_u64(object, "blockNumber"),
        .payout_total = pp_json_u128(object, "payoutTotal"),
        .end_time = pp_json_u64(object, "endTime"),
    };
    pp_json_bytes(object, "previous", report.previous.bytes, 32);
    pp_json_bytes(object, "lanesRoot", report.lanes_root.bytes, 32);
    pp_json_bytes(object, "payoutRoot", report.payout_root.bytes, 32);
    pp_json_bytes(object, "operatorSet", report.operator_set.bytes, 32);
    return report;
}

struct pp_abi_claim pp_json_claim(const json_t *object)
{
    const json_t *leaf = pp_json_member(object, "leaf"), *proof = json_object_get(object, "proof"), *node;
    struct pp_abi_claim claim = {
        .config = pp_json_config(pp_json_member(object, "config")),
        .leaf = {.lane = (uint32_t)pp_json_u64(object, "lane"),
                 .spent = pp_json_grains(leaf, "spent"),
                 .refunded = pp_json_grains(leaf, "refunded"),
                 .earned = pp_json_grains(leaf, "earned"),
                 .forfeited = pp_json_grains(leaf, "forfeited"),
                 .owed = pp_json_grains(leaf, "owed")},
    };
    size_t index;
    if (json_object_get(object, "voucher")) {
        claim.voucher = pp_json_voucher(pp_json_member(object, "voucher"));
        claim.refund = pp_json_refund(pp_json_member(object, "refund"));
    }
    json_array_foreach(proof, index, node)
        pp_bytes_of(json_string_value(node), claim.proof.path[index].bytes, 32);
    claim.proof.length = (uint8_t)json_array_size(proof);
    return claim;
}

struct pp_chain_parameters pp_json_parameters(const json_t *object)
{
    const json_t *timers = pp_json_member(object, "timers");
    return (struct pp_chain_parameters){
        .timers = {.freshness = (uint32_t)pp_json_u64(timers, "freshness"),
                   .replication = (uint32_t)pp_json_u64(timers, "replication"),
                   .epoch = (uint32_t)pp_json_u64(timers, "epoch"),
                   .missed_epochs = (uint32_t)pp_json_u64(timers, "missedEpochs"),
                   .signing = (uint32_t)pp_json_u64(timers, "signing"),
                   .vesting = (uint32_t)pp_json_u64(timers, "vesting"),
                   .claim_margin = (uint32_t)pp_json_u64(timers, "claimMargin"),
                   .challenge = (uint32_t)pp_json_u64(timers, "challenge")},
        .protocol_share_bps = (uint16_t)pp_json_u64(object, "protocolShare"),
        .payout_limit = pp_units(pp_json_u64(object, "payoutLimit")),
    };
}
