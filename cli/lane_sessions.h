/* lane_sessions.h - the sessions of a lane as its log has them: openings, what no root covers yet, roots under way.
 *
 * Shape:  records of the lane's log (lane_log.h): SESSION: nonce 32, opening 132, refund_ack u96, signature 65; ROOT: session id
 *         32, spent u96, refund_ack u96, context 32, signature 65, count u16, stamp ids 32 each; ROOT_TAKEN and SESSION_END:
 *         session id 32.
 * Own:    the lane's log owns the list. Secrets are not in here: a session's follows from the signer's key and the nonce.
 * Source: specs/sessions.md (SESSION-051 to SESSION-053), specs/cli.md.
 */
#ifndef CLI_LANE_SESSIONS_H
#define CLI_LANE_SESSIONS_H

#include <pennypost.h>

struct cli_lane_session {
    struct pp_session_open open;
    uint8_t nonce[32];
    struct pp_hash id;
    bool ended;    /* nothing is left to be signed, and nothing may be sent */
    bool has_root; /* signed, and not known to be taken */
    struct pp_session_root root;
    struct pp_stamp_id *root_ids; /* root.count */
    uint32_t *stamps;             /* acknowledged, under no root: places in the lane's list */
    size_t stamps_count, stamps_room;
};

struct cli_lane_sessions {
    struct cli_lane_session *list;
    size_t count, room;
};

void cli_lane_sessions_done(struct cli_lane_sessions *sessions);
/* NULL: none. */
struct cli_lane_session *cli_lane_sessions_find(const struct cli_lane_sessions *sessions,
                                                const struct pp_hash *id);
/* One more stamp that no root covers. */
PP_MUST_CHECK enum pp_error cli_lane_session_push(struct cli_lane_session *session, uint32_t stamp);

/* The bodies of records: written, and carried out as they are read. */
void cli_lane_session_write(struct pp_writer *w, const struct pp_session_open *open, const uint8_t nonce[32]);
PP_MUST_CHECK enum pp_error cli_lane_session_replay(struct cli_lane_sessions *sessions, struct pp_reader *r);
#define CLI_LANE_SESSION_BYTES (32u + PP_SESSION_OPENING_BYTES + 12u + 65u)
void cli_lane_root_write(struct pp_writer *w, const struct pp_session_root *root,
                         const struct pp_stamp_id *ids);
PP_MUST_CHECK enum pp_error cli_lane_root_replay(struct cli_lane_sessions *sessions, struct pp_reader *r);
#define CLI_LANE_ROOT_BYTES(count) (32u + 24u + 32u + 65u + 2u + 32u * (size_t)(count))

#endif
