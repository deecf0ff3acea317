/* audit_lines.h - the lines of an audit bundle: one JSON object each, from one table of fields a kind.
 *
 * Shape:  {"entry": KIND, its fields in any order, "seal": hex}. Numbers are decimal strings, hashes and addresses hex with 0x. From
 *         the same table a line is written, read, and compared field by field with what it should be. The seal is a hash of the
 *         seal before and of the line without its own: it says which line was altered, not whether the line is true.
 * Own:    a line's content is one of the plain structs below.
 * Errors: BAD_FORMAT (no such JSON, a wrong order), UNKNOWN_FIELD, MISSING_FIELD, BAD_TYPE, OVERFLOW, OUT_OF_RANGE, TOO_LONG.
 * Source: specs/audit.md (AUDIT-001 and following).
 */
#ifndef CLI_AUDIT_LINES_H
#define CLI_AUDIT_LINES_H

#include <pp/distribution.h>
#include <pp/ids.h>

#include <jansson.h>

#define AUDIT_VERSION 2u
#define AUDIT_LINE_MAX_BYTES 8192u /* the longest has 30 fields of at most 140 bytes */

/* K(UPPER, lower, "name"): in the order in which a bundle has them; those of a kind stand together. */
#define AUDIT_KINDS(K)                                                                                       \
    K(HEAD, head, "head")                                                                                    \
    K(OPERATOR, operator, "operator")                                                                        \
    K(DRAWN, drawn, "drawn")                                                                                 \
    K(BEFORE, before, "before")                                                                              \
    K(SUMS, sums, "sums")                                                                                    \
    K(SHARE, share, "share")                                                                                 \
    K(PAYOUT, payout, "payout")                                                                              \
    K(SIGNATURE, signature, "signature")                                                                     \
    K(LANE, lane, "lane")                                                                                    \
    K(CHARGE, charge, "charge")                                                                              \
    K(REFUND, refund, "refund")                                                                              \
    K(END, end, "end")

enum audit_kind {
#define K(upper, lower, text) AUDIT_##upper,
    AUDIT_KINDS(K)
#undef K
        AUDIT_KIND_COUNT,
};

/* F(kind of field, name): NUMBER below 2^64, WIDE below 2^128, GRAINS below 2^96, HASH, ADDRESS, SIGNATURE, POLICY (its name, or "none"), FLAG.
 */
#define AUDIT_FIELDS_HEAD(F)                                                                                 \
    F(NUMBER, version)                                                                                       \
    F(NUMBER, chain_id)                                                                                      \
    F(ADDRESS, contract)                                                                                     \
    F(NUMBER, epoch)                                                                                         \
    F(HASH, previous)                                                                                        \
    F(NUMBER, block_number)                                                                                  \
    F(NUMBER, end_time_s)                                                                                    \
    F(HASH, lanes_root)                                                                                      \
    F(HASH, payout_root)                                                                                     \
    F(WIDE, payout_total_units)                                                                              \
    F(HASH, operator_set)                                                                                    \
    F(NUMBER, received_total_units)                                                                          \
    F(NUMBER, forfeits_before_units)                                                                         \
    F(NUMBER, minimum_payout_units)                                                                          \
    F(NUMBER, refund_bound_basis_points)                                                                     \
    F(ADDRESS, treasury)                                                                                     \
    F(NUMBER, protocol_basis_points)                                                                         \
    F(POLICY, policy)                                                                                        \
    F(POLICY, blend_1)                                                                                       \
    F(NUMBER, blend_1_basis_points)                                                                          \
    F(POLICY, blend_2)                                                                                       \
    F(NUMBER, blend_2_basis_points)                                                                          \
    F(POLICY, blend_3)                                                                                       \
    F(NUMBER, blend_3_basis_points)                                                                          \
    F(POLICY, blend_4)                                                                                       \
    F(NUMBER, blend_4_basis_points)
#define AUDIT_FIELDS_OPERATOR(F)                                                                             \
    F(NUMBER, node_id) F(ADDRESS, key) F(ADDRESS, payee) F(NUMBER, stake_units) F(NUMBER, byte_days)
#define AUDIT_FIELDS_DRAWN(F) F(NUMBER, node_id) F(NUMBER, drawn_units)
#define AUDIT_FIELDS_BEFORE(F)                                                                               \
    F(NUMBER, node_id)                                                                                       \
    F(ADDRESS, payee)                                                                                        \
    F(NUMBER, paid_units)                                                                                    \
    F(NUMBER, carry_units)                                                                                   \
    F(NUMBER, netted_units)                                                                                  \
    F(WIDE, took_grains)                                                                                     \
    F(WIDE, refunded_grains)                                                                                 \
    F(WIDE, byte_days)
#define AUDIT_FIELDS_SUMS(F)                                                                                 \
    F(NUMBER, pool_units)                                                                                    \
    F(NUMBER, given_back_units)                                                                              \
    F(NUMBER, forfeits_units)                                                                                \
    F(NUMBER, shared_units)                                                                                  \
    F(NUMBER, protocol_units)                                                                                \
    F(NUMBER, carried_units)                                                                                 \
    F(NUMBER, held_units)
#define AUDIT_FIELDS_SHARE(F)                                                                                \
    F(NUMBER, node_id)                                                                                       \
    F(FLAG, is_member)                                                                                       \
    F(NUMBER, stake_units)                                                                                   \
    F(NUMBER, byte_days)                                                                                     \
    F(WIDE, byte_days_total)                                                                                 \
    F(NUMBER, paid_before_units)                                                                             \
    F(NUMBER, carry_before_units)                                                                            \
    F(NUMBER, netted_before_units)                                                                           \
    F(NUMBER, part_units)                                                                                    \
    F(NUMBER, part_1_units)                                                                                  \
    F(NUMBER, part_2_units)                                                                                  \
    F(NUMBER, part_3_units)                                                                                  \
    F(NUMBER, part_4_units)                                                                                  \
    F(NUMBER, given_back_units)                                                                              \
    F(NUMBER, netted_of_carry_units)                                                                         \
    F(NUMBER, netted_of_part_units)                                                                          \
    F(NUMBER, owed_units)                                                                                    \
    F(NUMBER, paid_units)                                                                                    \
    F(NUMBER, carry_units)                                                                                   \
    F(WIDE, took_grains)                                                                                     \
    F(WIDE, refunded_grains)                                                                                 \
    F(FLAG, is_inflated)
#define AUDIT_FIELDS_PAYOUT(F) F(NUMBER, node_id) F(ADDRESS, payee) F(NUMBER, amount_units)
#define AUDIT_FIELDS_SIGNATURE(F) F(NUMBER, node_id) F(SIGNATURE, signature)
#define AUDIT_FIELDS_LANE(F)                                                                                 \
    F(HASH, channel_id)                                                                                      \
    F(NUMBER, lane)                                                                                          \
    F(GRAINS, spent)                                                                                         \
    F(GRAINS, refunded)                                                                                      \
    F(GRAINS, earned)                                                                                        \
    F(GRAINS, forfeited)                                                                                     \
    F(GRAINS, owed)                                                                                          \
    F(HASH, leaf)                                                                                            \
    F(FLAG, has_entries)                                                                                     \
    F(NUMBER, last_day)
#define AUDIT_FIELDS_CHARGE(F)                                                                               \
    F(HASH, channel_id)                                                                                      \
    F(NUMBER, lane)                                                                                          \
    F(HASH, stamp_id)                                                                                        \
    F(GRAINS, from)                                                                                          \
    F(GRAINS, to)                                                                                            \
    F(NUMBER, base)                                                                                          \
    F(NUMBER, storage)                                                                                       \
    F(NUMBER, congestion)                                                                                    \
    F(NUMBER, bond)                                                                                          \
    F(NUMBER, retention_days)                                                                                \
    F(NUMBER, stored_day)
#define AUDIT_FIELDS_REFUND(F)                                                                               \
    F(HASH, channel_id)                                                                                      \
    F(NUMBER, lane)                                                                                          \
    F(HASH, stamp_id)                                                                                        \
    F(GRAINS, amount)                                                                                        \
    F(NUMBER, reason)                                                                                        \
    F(NUMBER, day)
#define AUDIT_FIELDS_END(F) F(NUMBER, lines)

#define AUDIT_C_NUMBER uint64_t
#define AUDIT_C_WIDE pp_u128
#define AUDIT_C_GRAINS pp_u128
#define AUDIT_C_HASH struct pp_hash
#define AUDIT_C_ADDRESS struct pp_address
#define AUDIT_C_SIGNATURE struct pp_signature
#define AUDIT_C_POLICY uint64_t
#define AUDIT_C_FLAG bool
#define AUDIT_MEMBER(kind, name) AUDIT_C_##kind name;
#define K(upper, lower, text)                                                                                \
    struct audit_##lower {                                                                                   \
        AUDIT_FIELDS_##upper(AUDIT_MEMBER)                                                                   \
    };
AUDIT_KINDS(K)
#undef K

struct audit_line {
    enum audit_kind kind;
    union {
#define K(upper, lower, text) struct audit_##lower lower;
        AUDIT_KINDS(K)
#undef K
    };
};

const char *audit_kind_name(enum audit_kind kind);
/* "share of node 7", "lane 1793 of channel 0x1a2b3c4d..". */
#define AUDIT_LABEL_MAX 128
char *audit_label_print(const struct audit_line *line, char out[AUDIT_LABEL_MAX]);

/* The seal goes on from `seal`, which becomes this line's; NULL when memory ends. */
char *audit_line_write(const struct audit_line *line, uint8_t seal[32]);
/* *out_sealed: the seal is that of the content, behind the seal of the line before (`seal`, which becomes the one that stands
 * here). *out_field (static, or NULL) is the one that is wrong. */
PP_MUST_CHECK enum pp_error audit_line_read(const char *text, size_t length, uint8_t seal[32],
                                            struct audit_line *out, bool *out_sealed, const char **out_field);
/* Calls `differ` for each field that is not as expected, with both values as text. */
typedef void audit_differ(void *context, const char *field, const char *expected, const char *found);
void audit_line_compare(const struct audit_line *expected, const struct audit_line *found,
                        audit_differ *differ, void *context);

#endif
