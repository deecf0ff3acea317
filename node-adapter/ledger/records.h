/* records.h - what the journal holds: one field list per kind of record, and rows for those that have many of a thing.
 *
 * Shape:  a record on disk is  version u8 = 1 | type u8 | time_ms u64 | head fields | count u16 and rows | checksum 16.
 *         Below, F(kind, name) makes the member, the encoder and the decoder. A CHARGED row is an admitted stamp's short
 *         leaf, or the identity of a stamp of the same voucher that was not admitted (the context needs it).
 * Own:    a decoded record's rows stand in the pp_record_room that the caller gave.
 * Errors: BAD_VERSION, BAD_TYPE, OUT_OF_RANGE, TOO_MANY, TRUNCATED, TRAILING_BYTES.
 * Source: specs/journal.md (JRN-010 and following).
 */
#ifndef PP_RECORDS_H
#define PP_RECORDS_H

#include <pp/chain_event.h>
#include <pp/session.h>
#include <pp/stamp.h>
#include <pp/wire.h>

#include <stddef.h>

#define PP_RECORD_VERSION 1u
#define PP_RECORD_CHECKSUM_BYTES 16u
#define PP_RECORD_ROWS_MAX PP_LEAVES_MAX
#define PP_REPLICATED_MAX PP_LEAVES_MAX /* stamps that one record makes earn: what a group has room for */
#define PP_REPLICATION_MAX_MS 86400000u /* the longest deadline: a day, for what waits so long has begun to expire */

/* R(enum, lower, number, head fields, row fields): numbers are on disk. */
#define PP_RECORDS(R)                                                                                        \
    R(OPENED, opened, 1, PP_RECORD_OPENED, PP_ROWS_NONE)                                                     \
    R(CHAIN, chain, 2, PP_RECORD_CHAIN, PP_ROWS_NONE)                                                        \
    R(CHARGED, charged, 3, PP_RECORD_CHARGED, PP_ROWS_CHARGED)                                               \
    R(STORED, stored, 4, PP_RECORD_STORED, PP_ROWS_STORED)                                                   \
    R(CANCELLED, cancelled, 5, PP_RECORD_CANCELLED, PP_ROWS_CANCELLED)                                       \
    R(DELETED, deleted, 6, PP_RECORD_DELETED, PP_ROWS_DELETED)                                               \
    R(LEFT, left, 7, PP_RECORD_LEFT, PP_ROWS_NONE)                                                           \
    R(DAY, day, 8, PP_RECORD_DAY, PP_ROWS_NONE)                                                              \
    R(REPORTED, reported, 9, PP_RECORD_REPORTED, PP_ROWS_NONE)                                               \
    R(SESSION_OPENED, session_opened, 10, PP_RECORD_SESSION_OPENED, PP_ROWS_NONE)                            \
    R(SESSION_CHARGED, session_charged, 11, PP_RECORD_SESSION_CHARGED, PP_ROWS_SESSION_CHARGED)              \
    R(SESSION_SIGNED, session_signed, 12, PP_RECORD_SESSION_SIGNED, PP_ROWS_NONE)                            \
    R(SESSION_LAPSED, session_lapsed, 13, PP_RECORD_SESSION_LAPSED, PP_ROWS_NONE)                            \
    R(OPERATORS, operators, 14, PP_RECORD_OPERATORS, PP_ROWS_OPERATORS)                                      \
    R(REPLICATED, replicated, 15, PP_RECORD_REPLICATED, PP_ROWS_REPLICATED)                                  \
    R(NOT_REPLICATED, not_replicated, 16, PP_RECORD_NOT_REPLICATED, PP_ROWS_NOT_REPLICATED)                  \
    R(BOND_RETURNED, bond_returned, 17, PP_RECORD_BOND_RETURNED, PP_ROWS_BOND)                               \
    R(BOND_FORFEITED, bond_forfeited, 18, PP_RECORD_BOND_FORFEITED, PP_ROWS_BOND)                            \
    R(EPOCH_ENDED, epoch_ended, 19, PP_RECORD_EPOCH_ENDED, PP_ROWS_NONE)

/* The first record: whose journal this is. */
#define PP_RECORD_OPENED(F)                                                                                  \
    F(U32, node_id)                                                                                          \
    F(U8, shard)                                                                                             \
    F(U8, embedded_store)                                                                                    \
    F(U64, chain_id)                                                                                         \
    F(ADDRESS, contract)                                                                                     \
    F(ADDRESS, operator_address)                                                                             \
    F(HASH, receipt_key)

/* What the chain said of a lane: pp_chain_event without the head of the view. */
#define PP_RECORD_CHAIN(F)                                                                                   \
    F(U8, kind)                                                                                              \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(ADDRESS, payer)                                                                                        \
    F(ADDRESS, signer)                                                                                       \
    F(U64, nonce)                                                                                            \
    F(UNITS, cap)                                                                                            \
    F(U32, seq)                                                                                              \
    F(GRAINS, vested)                                                                                        \
    F(GRAINS, refunded)                                                                                      \
    F(U64, block_number)                                                                                     \
    F(U64, time_s)

/* A voucher and its stamps. tickets = 1: reserved for the host's own store, nothing is earned before STORED. */
#define PP_RECORD_CHARGED(F)                                                                                 \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(U8, kind)                                                                                              \
    F(GRAINS, spent)                                                                                         \
    F(GRAINS, refund_ack)                                                                                    \
    F(SIGNATURE, signature)                                                                                  \
    F(HASH, quote_id)                                                                                        \
    F(U8, tickets)
#define PP_ROWS_CHARGED(F)                                                                                   \
    F(U8, admitted)                                                                                          \
    F(LEAF, leaf)      /* admitted = 1 */                                                                    \
    F(STAMP, stamp_id) /* always set when decoded; on disk only when admitted = 0 */

/* The host stored what these tickets reserve. */
#define PP_RECORD_STORED(F)
#define PP_ROWS_STORED(F) F(U64, ticket)

/* It did not; all of one lane. The refund as it stands afterwards. */
#define PP_RECORD_CANCELLED(F)                                                                               \
    F(CHANNEL, channel_id)                                                                                   \
    F(GRAINS, refunded)                                                                                      \
    F(HASH, reasons)                                                                                         \
    F(SIGNATURE, refund_signature)
#define PP_ROWS_CANCELLED(F) F(U64, ticket)

/* Envelopes deleted by their sender, all of one lane. */
#define PP_RECORD_DELETED(F)                                                                                 \
    F(CHANNEL, channel_id)                                                                                   \
    F(GRAINS, refunded)                                                                                      \
    F(HASH, reasons)                                                                                         \
    F(SIGNATURE, refund_signature)
#define PP_ROWS_DELETED(F)                                                                                   \
    F(U64, sequence) /* of the stamp */                                                                      \
    F(STAMP, stamp_id)                                                                                       \
    F(U64, storage_grains)                                                                                   \
    F(U16, retention_days)                                                                                   \
    F(U32, stored_day)                                                                                       \
    F(U64, amount)                                                                                           \
    F(SIGNATURE, signature)

/* The sender leaves. old_cap = new_cap: there is nothing to release, and release_signature is zero. */
#define PP_RECORD_LEFT(F)                                                                                    \
    F(CHANNEL, channel_id)                                                                                   \
    F(SIGNATURE, signature)                                                                                  \
    F(GRAINS, amount)                                                                                        \
    F(GRAINS, refunded)                                                                                      \
    F(HASH, reasons)                                                                                         \
    F(SIGNATURE, refund_signature)                                                                           \
    F(UNITS, old_cap)                                                                                        \
    F(UNITS, new_cap)                                                                                        \
    F(U64, seq)                                                                                              \
    F(SIGNATURE, release_signature)

#define PP_RECORD_DAY(F) F(U32, day)

/* A report was signed. Its rows are the ledger at this record; the bundle is in the table of reports. */
#define PP_RECORD_REPORTED(F)                                                                                \
    F(U64, epoch)                                                                                            \
    F(HASH, previous)                                                                                        \
    F(U64, block_number)                                                                                     \
    F(U64, end_time_s)                                                                                       \
    F(UNITS, received_total)                                                                                 \
    F(U16, protocol_basis_points)                                                                            \
    F(U8, policy)                                                                                            \
    F(ADDRESS, payee)                                                                                        \
    F(ADDRESS, treasury)                                                                                     \
    F(HASH, lanes_root)                                                                                      \
    F(HASH, payout_root)                                                                                     \
    F(HASH, report_hash)                                                                                     \
    F(SIGNATURE, signature)

/* A session's opening voucher: its transcript, and what it acknowledges. spent is to. */
#define PP_RECORD_SESSION_OPENED(F)                                                                          \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(HASH, node_key)                                                                                        \
    F(HASH, sender_key)                                                                                      \
    F(GRAINS, from)                                                                                          \
    F(GRAINS, to)                                                                                            \
    F(U64, not_after_ms)                                                                                     \
    F(GRAINS, refund_ack)                                                                                    \
    F(SIGNATURE, signature)

/* Stamps of a session: no signature covers them yet. Begins as CHARGED does. In memory a row is one of CHARGED. */
#define PP_RECORD_SESSION_CHARGED(F)                                                                         \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(HASH, session_id)                                                                                      \
    F(HASH, quote_id)                                                                                        \
    F(U8, tickets)
#define PP_ROWS_SESSION_CHARGED(F) F(LEAF, leaf)

/* A root over the session's oldest `count` unsigned leaves. */
#define PP_RECORD_SESSION_SIGNED(F)                                                                          \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(HASH, session_id)                                                                                      \
    F(U32, count)                                                                                            \
    F(GRAINS, spent)                                                                                         \
    F(GRAINS, refund_ack)                                                                                    \
    F(SIGNATURE, signature)

/* Nobody signed the session's `count` unsigned leaves in time: it ended, and they earn nothing. */
#define PP_RECORD_SESSION_LAPSED(F)                                                                          \
    F(CHANNEL, channel_id)                                                                                   \
    F(U32, lane)                                                                                             \
    F(HASH, session_id)                                                                                      \
    F(U32, count)

/* Whose acknowledgements make a quorum from here on, the lane's own operator among them; and after what time a stamp that they
 * have not acknowledged may be given back. */
#define PP_RECORD_OPERATORS(F) F(U64, deadline_ms)
#define PP_ROWS_OPERATORS(F)                                                                                 \
    F(U32, node_id)                                                                                          \
    F(ADDRESS, operator_address)

/* `count` stamps that stand behind records below `next` are replicated. The rows are acknowledgements of a quorum
 * (evidence/ack.h); without rows, those of an earlier record reach so far. */
#define PP_RECORD_REPLICATED(F)                                                                              \
    F(U64, next)                                                                                             \
    F(U32, count)
#define PP_ROWS_REPLICATED(F)                                                                                \
    F(U32, node_id)                                                                                          \
    F(U64, next)                                                                                             \
    F(CHECKSUM, checksum)                                                                                    \
    F(U64, time_ms)                                                                                          \
    F(SIGNATURE, signature)

/* Stamps of one lane that were not replicated in time. The refund as it stands afterwards. */
#define PP_RECORD_NOT_REPLICATED(F)                                                                          \
    F(CHANNEL, channel_id)                                                                                   \
    F(GRAINS, refunded)                                                                                      \
    F(HASH, reasons)                                                                                         \
    F(SIGNATURE, refund_signature)
#define PP_ROWS_NOT_REPLICATED(F) F(U64, ticket) /* the stamp's sequence */
/* Bonds of one lane that go back, each by the signed acceptance in its row (cause 1), or because its deadline passed without
 * a complaint (cause 2: the signature is zero). */
#define PP_BOND_CAUSE_ACCEPTED 1u
#define PP_BOND_CAUSE_DEADLINE 2u
#define PP_RECORD_BOND_RETURNED(F)                                                                           \
    F(CHANNEL, channel_id)                                                                                   \
    F(U8, cause)                                                                                             \
    F(GRAINS, refunded)                                                                                      \
    F(HASH, reasons)                                                                                         \
    F(SIGNATURE, refund_signature)
#define PP_ROWS_BOND(F)                                                                                      \
    F(U64, sequence) /* of the stamp */                                                                      \
    F(STAMP, stamp_id)                                                                                       \
    F(U64, amount)                                                                                           \
    F(SIGNATURE, signature)

/* Bonds of one lane that are forfeited, each by the signed complaint in its row. */
#define PP_RECORD_BOND_FORFEITED(F) F(CHANNEL, channel_id)

/* By the chain's time an epoch is over: the lanes as they stand here are what its report states (specs/epochs.md). */
#define PP_RECORD_EPOCH_ENDED(F) F(U64, epoch)

#define PP_ROWS_NONE(F)

#define PP_RECORD_C_U8 uint8_t
#define PP_RECORD_C_U16 uint16_t
#define PP_RECORD_C_U32 uint32_t
#define PP_RECORD_C_U64 uint64_t
#define PP_RECORD_C_GRAINS struct pp_grains
#define PP_RECORD_C_UNITS struct pp_units
#define PP_RECORD_C_CHANNEL struct pp_channel_id
#define PP_RECORD_C_STAMP struct pp_stamp_id
#define PP_RECORD_C_HASH struct pp_hash
#define PP_RECORD_C_ADDRESS struct pp_address
#define PP_RECORD_C_SIGNATURE struct pp_signature
#define PP_RECORD_C_LEAF struct pp_leaf
#define PP_RECORD_C_CHECKSUM struct pp_record_checksum

/* Of a journal, somewhere. */
struct pp_record_checksum {
    uint8_t bytes[PP_RECORD_CHECKSUM_BYTES];
};

enum pp_record_type {
#define PP_X(upper, lower, number, head, rows) PP_RECORD_TYPE_##upper = number,
    PP_RECORDS(PP_X)
#undef PP_X
};
#define PP_RECORD_TYPE_MAX 19u

#define PP_RECORD_MEMBER(kind, name) PP_RECORD_C_##kind name;
/* struct pp_record_charged and so on: the head. */
#define PP_X(upper, lower, number, head, rows)                                                               \
    struct pp_record_##lower {                                                                               \
        uint8_t type_; /* not on disk: makes no struct empty */                                              \
        head(PP_RECORD_MEMBER)                                                                               \
    };
PP_RECORDS(PP_X)
#undef PP_X
struct pp_row_charged {
    PP_ROWS_CHARGED(PP_RECORD_MEMBER)
};
struct pp_row_ticket {
    PP_ROWS_STORED(PP_RECORD_MEMBER)
};
struct pp_row_deleted {
    PP_ROWS_DELETED(PP_RECORD_MEMBER)
};
struct pp_row_operator {
    PP_ROWS_OPERATORS(PP_RECORD_MEMBER)
};
struct pp_row_ack {
    PP_ROWS_REPLICATED(PP_RECORD_MEMBER)
};
struct pp_row_bond {
    PP_ROWS_BOND(PP_RECORD_MEMBER)
};

struct pp_record {
    enum pp_record_type type;
    uint64_t sequence; /* the key, not in the value */
    uint64_t time_ms;
    uint32_t count; /* rows */
    union {
#define PP_X(upper, lower, number, head, rows) struct pp_record_##lower lower;
        PP_RECORDS(PP_X)
#undef PP_X
    };
    union {
        const struct pp_row_charged *charged_rows;
        const struct pp_row_ticket *ticket_rows;
        const struct pp_row_deleted *deleted_rows;
        const struct pp_row_operator *operator_rows;
        const struct pp_row_ack *ack_rows;
        const struct pp_row_bond *bond_rows;
    };
};

/* Where a decoder puts rows. About 300 KiB: the heap's. */
struct pp_record_room {
    union {
        struct pp_row_charged charged[PP_RECORD_ROWS_MAX];
        struct pp_row_ticket tickets[PP_RECORD_ROWS_MAX];
        struct pp_row_deleted deleted[PP_RECORD_ROWS_MAX];
        struct pp_row_operator operators[PP_OPERATORS_MAX];
        struct pp_row_ack acks[PP_OPERATORS_MAX];
        struct pp_row_bond bonds[PP_RECORD_ROWS_MAX];
    };
};

/* The longest: DELETED rows are 135 bytes, CHARGED rows at most 120. */
#define PP_RECORD_MAX_BYTES (512u + PP_RECORD_ROWS_MAX * 140u)

/* Version, type, time, head, count, rows: all but the checksum. */
void pp_record_write(struct pp_writer *w, const struct pp_record *record);
/* The same bytes. out->sequence is the caller's. */
void pp_record_read(struct pp_reader *r, struct pp_record_room *room, struct pp_record *out);

/* CHARGED or SESSION_CHARGED: charged.channel_id, charged.lane and charged_rows are those of either. */
static inline bool pp_record_is_charge(const struct pp_record *record)
{
    return record->type == PP_RECORD_TYPE_CHARGED || record->type == PP_RECORD_TYPE_SESSION_CHARGED;
}
/* A charge that only reserves: its stamps are tickets. */
static inline bool pp_record_reserves(const struct pp_record *record)
{
    return record->type == PP_RECORD_TYPE_SESSION_CHARGED ? record->session_charged.tickets : record->charged.tickets;
}
_Static_assert(offsetof(struct pp_record_charged, channel_id) == offsetof(struct pp_record_session_charged, channel_id) &&
                   offsetof(struct pp_record_charged, lane) == offsetof(struct pp_record_session_charged, lane),
               "both kinds of charge begin alike");
/* The transcript of a SESSION_OPENED record, and back but for refund_ack and signature. */
void pp_record_opening(const struct pp_record_session_opened *record, struct pp_session_opening *out);
void pp_record_of_opening(const struct pp_session_opening *opening, struct pp_record_session_opened *out);

/* What pp_ledger_reserve must make room for before the record is stepped. */
static inline size_t pp_record_events(const struct pp_record *record)
{
    uint32_t leaves = record->type == PP_RECORD_TYPE_SESSION_SIGNED   ? record->session_signed.count
                      : record->type == PP_RECORD_TYPE_SESSION_LAPSED ? record->session_lapsed.count
                      : record->type == PP_RECORD_TYPE_REPLICATED     ? record->replicated.count
                                                                      : 0;
    return record->count + 1u + leaves;
}
/* How many sequence numbers the record takes: one, but a charge one per admitted stamp. */
uint64_t pp_record_span(const struct pp_record *record);
/* "CHARGED"; "UNKNOWN" for a number that is not in the list. */
const char *pp_record_type_name(unsigned type);

void pp_record_of_event(const struct pp_chain_event *event, struct pp_record_chain *out);
void pp_record_event(const struct pp_record_chain *record, struct pp_chain_event *out);

#endif
