/* node_fixture.h - a node in a temporary folder with an injected clock, channels with their keys, and a sender that makes
 * requests. For tests and benchmarks of the engine.
 *
 * Errors: none. Whatever goes wrong here fails the test that asked.
 */
#ifndef PP_NODE_FIXTURE_H
#define PP_NODE_FIXTURE_H

#include <pennypost.h>

#define FIXTURE_NODE_ID 7u
#define FIXTURE_SHARD 1u
#define FIXTURE_LANE ((FIXTURE_NODE_ID << 8) | FIXTURE_SHARD)
#define FIXTURE_START_MS UINT64_C(1760054400000) /* the beginning of a day */
#define FIXTURE_DAY_MS UINT64_C(86400000)
#define FIXTURE_PEER_ID 100u /* of the first of other operators */
#define FIXTURE_PEERS_MAX 8u

struct pp_fixture {
    char dir[300];
    _Atomic uint64_t now_ms;
    struct pp_rates rates;
    struct pp_node_config config;
    struct pp_node *node;
    struct pp_crypto *crypto;
    struct pp_receipt_key receipt_key;
    struct pp_address operator_address;
    struct pp_node_operator peers[FIXTURE_PEERS_MAX];
};

/* Configuration and clock; nothing is opened. */
void pp_fixture_init(struct pp_fixture *fixture, const char *dir, bool embedded_store);
void pp_fixture_done(struct pp_fixture *fixture);
void pp_fixture_open(struct pp_fixture *fixture);
void pp_fixture_close(struct pp_fixture *fixture);
/* Closes it when it is open; `pennypost verify` must find nothing. out may be NULL. */
struct pp_verify_summary;
void pp_fixture_verify(struct pp_fixture *fixture, struct pp_verify_summary *out);
/* The others of a network of count + 1 operators, for the next pp_fixture_open; 0: it is alone. */
void pp_fixture_peers(struct pp_fixture *fixture, size_t count, uint64_t deadline_ms);
/* What a peer signs of the node's journal before `next`, as it stands there (0: at its end). PP_ACK_BYTES. */
void pp_fixture_ack_make(struct pp_fixture *fixture, unsigned peer, uint64_t next, uint8_t *out);
/* And tells the node. */
enum pp_error pp_fixture_ack(struct pp_fixture *fixture, unsigned peer, uint64_t next);
/* The view is fresh: a head at the fixture's time. */
void pp_fixture_head(struct pp_fixture *fixture, uint64_t received_units, const struct pp_hash *last_report);

struct pp_sender {
    struct pp_secret_key key;
    struct pp_channel_config config;
    struct pp_channel_id channel_id;
    struct pp_grains head;       /* the next interval begins here */
    struct pp_grains refund_ack;
};

/* The number makes the keys. */
void pp_sender_init(struct pp_sender *sender, const struct pp_fixture *fixture, uint64_t number);
/* LANE_FINAL for its lane. */
void pp_sender_event(const struct pp_sender *sender, enum pp_chain_event_kind kind, uint64_t cap_units, uint32_t seq,
                     struct pp_chain_event *out);
void pp_sender_fund(const struct pp_sender *sender, struct pp_fixture *fixture, uint64_t cap_units, uint32_t seq);

/* A request with what it points to. */
struct pp_parcel_of {
    size_t size;
    uint16_t days;
};
struct pp_made_request {
    struct pp_request request;
    struct pp_envelope_view *envelopes;
    struct pp_stamp_id *ids;
    uint8_t *payloads;
    uint8_t *macs; /* of a session's stamps */
    char *topic;
    uint8_t quote[PP_QUOTE_MAX_BYTES];
};
/* count stamps in a row from sender->head, which moves on. Payloads are made from `seed`. */
void pp_request_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender, size_t count,
                     struct pp_parcel_of parcel, uint64_t seed);
/* The voucher once more, after the test changed leaves: spent is the highest `to`. */
void pp_request_sign(struct pp_made_request *made, struct pp_fixture *fixture, const struct pp_sender *sender);
void pp_request_done(struct pp_made_request *made);

/* A session of a sender's, as its own side has it. */
struct pp_sender_session {
    struct pp_session_open open; /* as it is sent */
    struct pp_session_key key;
    struct pp_hash id;
};
/* Signs an opening of [from, to) for a session that lives so long. The seed makes its key. Nothing is sent. */
void pp_session_make(struct pp_sender_session *session, const struct pp_fixture *fixture, const struct pp_sender *sender,
                     struct pp_span chunk, uint64_t life_ms, uint64_t seed);
void pp_session_resign(struct pp_sender_session *session, const struct pp_fixture *fixture,
                       const struct pp_sender *sender);
/* As pp_request_make, but with MACs. */
void pp_session_request_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender,
                             const struct pp_sender_session *session, size_t count, struct pp_parcel_of parcel,
                             uint64_t seed);
/* The MACs once more, after the test changed leaves. */
void pp_session_request_sign(struct pp_made_request *made, const struct pp_sender_session *session);
/* A root over these. */
void pp_session_root_make(const struct pp_fixture *fixture, const struct pp_sender *sender,
                          const struct pp_sender_session *session, const struct pp_stamp_id *ids, size_t count,
                          struct pp_grains spent, struct pp_session_root *out);

/* Submits and waits. results has room for the request's count. */
struct pp_answer {
    enum pp_error submitted; /* what pp_node_submit said */
    enum pp_error error;
    struct pp_refusal refusal;
    struct pp_result *results; /* pp_answer_done */
    size_t count;
    struct pp_receipt receipt;
    bool has_receipt;
    struct pp_grains spent, refunded, free;
};
void pp_submit_wait(struct pp_node *node, const struct pp_request *request, struct pp_answer *out);
void pp_answer_done(struct pp_answer *answer);
/* The receipt proves the admitted results. */
void pp_answer_check(const struct pp_answer *answer, const struct pp_fixture *fixture, const struct pp_request *request);

void pp_delete_make(const struct pp_fixture *fixture, const struct pp_sender *sender, const struct pp_leaf *leaf,
                    const struct pp_stamp_id *id, struct pp_delete *out);
void pp_leave_sign(const struct pp_fixture *fixture, const struct pp_sender *sender, struct pp_signature *out);

#endif
