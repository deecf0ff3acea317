/* pp/eip712.h - what is signed: the EIP-712 types of the network, as structs, type strings and digests.
 *
 * Shape:  one field list per type below makes the struct, the type string and the encoder. A field is
 *         F(kind, C name, Solidity name), the first one FIRST(...), for it has no comma in front; kinds:
 *         CHANNEL, STAMP and HASH (bytes32), ADDRESS, U32, U64, GRAINS and UNITS (uint96), U128.
 *         The domain is name "Pennypost", version "1", chain id, contract.
 * Own:    a pp_domain is filled once and immutable after; it may be shared by threads.
 * Errors: none: every value of these structs has a digest.
 * Source: specs/wire.md, "Signed types" (WIRE-015); specs/chain.md (CHAIN-010, CHAIN-011).
 */
#ifndef PP_EIP712_H
#define PP_EIP712_H

#include <pp/amount.h>
#include <pp/ids.h>

/* T(enum name, lower-case name, Solidity name, field list); appended, never reordered. */
#define PP_EIP712_TYPES(T)                                                                                   \
    T(CHANNEL, channel, Channel, PP_CHANNEL_FIELDS)                                                          \
    T(VOUCHER, voucher, Voucher, PP_VOUCHER_FIELDS)                                                          \
    T(REFUND, refund, Refund, PP_REFUND_FIELDS)                                                              \
    T(LANE_RELEASE, lane_release, LaneRelease, PP_LANE_RELEASE_FIELDS)                                       \
    T(DELEGATE, delegate, Delegate, PP_DELEGATE_FIELDS)                                                      \
    T(EPOCH_REPORT, epoch_report, EpochReport, PP_EPOCH_REPORT_FIELDS)                                       \
    T(REVOKE_REPORT, revoke_report, RevokeReport, PP_REVOKE_REPORT_FIELDS)                                   \
    T(DELETE, delete, Delete, PP_DELETE_FIELDS)                                                              \
    T(LEAVE, leave, Leave, PP_LEAVE_FIELDS)                                                                  \
    T(ACCEPT, accept, Accept, PP_ACCEPT_FIELDS)                                                              \
    T(COMPLAIN, complain, Complain, PP_COMPLAIN_FIELDS)                                                      \
    T(REGISTER_TOPIC, register_topic, RegisterTopic, PP_REGISTER_TOPIC_FIELDS)

/* Its digest is the channel's id. */
#define PP_CHANNEL_FIELDS(FIRST, F)                                                                          \
    FIRST(ADDRESS, payer, payer)                                                                             \
    F(ADDRESS, signer, signer)                                                                               \
    F(U64, nonce, nonce)

/* Signed by the channel's signer. */
#define PP_VOUCHER_FIELDS(FIRST, F)                                                                          \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(GRAINS, spent, spent)                                                                                  \
    F(GRAINS, refund_ack, refundAck)                                                                         \
    F(HASH, context, context)

/* Signed by the lane's operator. */
#define PP_REFUND_FIELDS(FIRST, F)                                                                           \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(GRAINS, refunded, refunded)                                                                            \
    F(HASH, reasons, reasons)

/* Signed by the lane's operator. The caps are what the contract's uint96 holds: token base units. */
#define PP_LANE_RELEASE_FIELDS(FIRST, F)                                                                     \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(UNITS, old_cap, oldCap)                                                                                \
    F(UNITS, new_cap, newCap)                                                                                \
    F(U64, seq, seq)

/* Signed by the channel's signer. */
#define PP_DELEGATE_FIELDS(FIRST, F)                                                                         \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(ADDRESS, key, key)                                                                                     \
    F(GRAINS, max_spent, maxSpent)                                                                           \
    F(U32, lane, lane)                                                                                       \
    F(U64, not_after, notAfter)                                                                              \
    F(U32, index, index)

/* Signed by a quorum of the operators. payout_total in token base units. A report's name, in `previous` and in
 * RevokeReport, is its digest (CHAIN-011). */
#define PP_EPOCH_REPORT_FIELDS(FIRST, F)                                                                     \
    FIRST(U64, epoch, epoch)                                                                                 \
    F(HASH, previous, previous)                                                                              \
    F(U64, block_number, blockNumber)                                                                        \
    F(HASH, lanes_root, lanesRoot)                                                                           \
    F(HASH, payout_root, payoutRoot)                                                                         \
    F(U128, payout_total, payoutTotal)                                                                       \
    F(HASH, operator_set, operatorSet)                                                                       \
    F(U64, end_time, endTime)

/* Signed by a quorum of the operators. */
#define PP_REVOKE_REPORT_FIELDS(FIRST, F)                                                                    \
    FIRST(U64, epoch, epoch)                                                                                 \
    F(HASH, report, report)

/* Signed by the channel's signer; never on chain. */
#define PP_DELETE_FIELDS(FIRST, F)                                                                           \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(STAMP, stamp_id, stampId)

/* Signed by the channel's signer; never on chain: "refund what is not earned and release the rest". */
#define PP_LEAVE_FIELDS(FIRST, F)                                                                            \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)

/* Signed by the acceptance key in the stamp's leaf; never on chain: "the bond goes back". */
#define PP_ACCEPT_FIELDS(FIRST, F)                                                                           \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(STAMP, stamp_id, stampId)

/* Signed by the same key; never on chain: "the bond is forfeited". */
#define PP_COMPLAIN_FIELDS(FIRST, F)                                                                         \
    FIRST(CHANNEL, channel_id, channelId)                                                                    \
    F(U32, lane, lane)                                                                                       \
    F(STAMP, stamp_id, stampId)

/* Signed by the key that owns the topic at this node, the first time by the key itself; never on chain. */
#define PP_REGISTER_TOPIC_FIELDS(FIRST, F)                                                                   \
    FIRST(U32, node_id, nodeId)                                                                              \
    F(HASH, topic, topic)                                                                                    \
    F(ADDRESS, key, key)                                                                                     \
    F(U64, number, number)

/* The C type of each kind of field. */
#define PP_FIELD_C_CHANNEL struct pp_channel_id
#define PP_FIELD_C_STAMP struct pp_stamp_id
#define PP_FIELD_C_HASH struct pp_hash
#define PP_FIELD_C_ADDRESS struct pp_address
#define PP_FIELD_C_U32 uint32_t
#define PP_FIELD_C_U64 uint64_t
#define PP_FIELD_C_GRAINS struct pp_grains
#define PP_FIELD_C_UNITS struct pp_units
#define PP_FIELD_C_U128 pp_u128

#define PP_FIELD_MEMBER(kind, name, solidity) PP_FIELD_C_##kind name;
/* struct pp_channel_fields, pp_voucher_fields, pp_refund_fields, pp_lane_release_fields, pp_delegate_fields,
 * pp_epoch_report_fields, pp_revoke_report_fields, pp_delete_fields, pp_leave_fields, pp_accept_fields,
 * pp_complain_fields, pp_register_topic_fields. */
#define PP_EIP712_STRUCT(upper, lower, solidity, fields)                                                     \
    struct pp_##lower##_fields {                                                                             \
        fields(PP_FIELD_MEMBER, PP_FIELD_MEMBER)                                                             \
    };
PP_EIP712_TYPES(PP_EIP712_STRUCT)
#undef PP_EIP712_STRUCT

enum pp_eip712_type {
#define PP_EIP712_ENUM(upper, lower, solidity, fields) PP_EIP712_##upper,
    PP_EIP712_TYPES(PP_EIP712_ENUM)
#undef PP_EIP712_ENUM
        PP_EIP712_TYPE_COUNT,
};

/* Whom a signature is for. Filled by pp_domain_init; separator and type hashes are then ready for every digest. */
struct pp_domain {
    uint64_t chain_id;
    struct pp_address contract;
    struct pp_hash separator;
    struct pp_hash type_hashes[PP_EIP712_TYPE_COUNT];
};
void pp_domain_init(struct pp_domain *domain, uint64_t chain_id, const struct pp_address *contract);

/* pp_channel_digest, pp_voucher_digest, pp_refund_digest, pp_lane_release_digest, pp_delegate_digest,
 * pp_epoch_report_digest, pp_revoke_report_digest, pp_delete_digest, pp_leave_digest, pp_accept_digest, pp_complain_digest,
 * pp_register_topic_digest:
 * the typed digest (0x1901 ...), which is what gets signed. Two Keccak-256 each. */
#define PP_EIP712_DIGEST(upper, lower, solidity, fields)                                                     \
    void pp_##lower##_digest(const struct pp_domain *domain, const struct pp_##lower##_fields *values,       \
                             struct pp_hash *out);
PP_EIP712_TYPES(PP_EIP712_DIGEST)
#undef PP_EIP712_DIGEST

/* The channel digest as the identity that it is. */
void pp_channel_id_of(const struct pp_domain *domain, const struct pp_channel_fields *values,
                      struct pp_channel_id *out);

/* "Voucher(bytes32 channelId,uint32 lane,...)". */
const char *pp_eip712_type_string(enum pp_eip712_type type);
const char *pp_eip712_type_name(enum pp_eip712_type type);

#endif
