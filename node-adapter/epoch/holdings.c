#include "epoch/holdings.h"

#include "engine/node.h"
#include "epoch/keep.h"
#include "evidence/publish.h"

#include <stdlib.h>
#include <string.h>

bool pp_holding_is_own(const struct pp_holding *lane)
{
    return lane->node || lane->journal;
}

enum pp_error pp_holdings_add(struct pp_holdings *holdings, const struct pp_holding *lane)
{
    size_t at = 0;
    if (holdings->count == PP_PROPOSAL_LANES_MAX)
        return PP_TOO_MANY;
    while (at < holdings->count && holdings->lanes[at].lane < lane->lane)
        at++;
    if (at < holdings->count && holdings->lanes[at].lane == lane->lane)
        return PP_BAD_FORMAT;
    memmove(&holdings->lanes[at + 1], &holdings->lanes[at],
            (holdings->count - at) * sizeof holdings->lanes[0]);
    holdings->lanes[at] = *lane;
    holdings->count++;
    return PP_OK;
}

const struct pp_holding *pp_holdings_find(const struct pp_holdings *holdings, uint32_t lane)
{
    for (size_t i = 0; i < holdings->count; i++)
        if (holdings->lanes[i].lane == lane)
            return &holdings->lanes[i];
    return NULL;
}

static struct pp_store *journal_of(const struct pp_holding *lane)
{
    return lane->node ? lane->node->data.journal : lane->journal;
}

/* ---- heads ---- */

enum pp_error pp_holdings_head(const struct pp_holdings *holdings, const struct pp_holding *lane,
                               uint64_t epoch, struct pp_cut_head *out, bool *out_ended)
{
    enum pp_error stopped;
    enum pp_error error = pp_holding_is_own(lane)
                              ? pp_keep_cut_head(journal_of(lane), epoch, out)
                              : pp_replica_store_cut_head(holdings->replicas, lane->lane, epoch, out);
    *out_ended = error == PP_OK;
    if (error != PP_NOT_FOUND || pp_holding_is_own(lane))
        return error;
    return pp_replica_store_end(holdings->replicas, lane->lane, out, &stopped);
}

enum pp_error pp_holdings_epoch(const struct pp_holdings *holdings, uint64_t *out)
{
    uint64_t epoch = UINT64_MAX;
    for (size_t i = 0; i < holdings->count; i++) {
        uint64_t newest = 0;
        if (!pp_holding_is_own(&holdings->lanes[i]))
            continue;
        const enum pp_error error = pp_keep_cut_newest(journal_of(&holdings->lanes[i]), &newest);
        if (error != PP_NOT_FOUND)
            PP_TRY(error);
        epoch = newest < epoch ? newest : epoch;
    }
    *out = epoch == UINT64_MAX ? 0 : epoch;
    return PP_OK;
}

/* ---- leaves ---- */

struct replaying {
    const struct pp_holdings *holdings;
    const struct pp_holding *lane;
    struct pp_replica replica;
    uint8_t *bytes; /* PP_SEGMENT_MAX_BYTES */
};

static enum pp_error segment_get(struct replaying *replaying, uint64_t from, struct pp_segment *out)
{
    size_t length = 0;
    if (replaying->lane->node)
        PP_TRY(
            pp_node_evidence(replaying->lane->node, from, replaying->bytes, PP_SEGMENT_MAX_BYTES, &length));
    else if (replaying->lane->journal)
        return PP_NOT_FOUND; /* its process has the key that signs segments */
    else
        PP_TRY(pp_replica_store_get(replaying->holdings->replicas, replaying->lane->lane, from,
                                    replaying->bytes, PP_SEGMENT_MAX_BYTES, &length));
    return pp_segment_decode((struct pp_slice){replaying->bytes, length}, out) == PP_OK ? PP_OK : PP_CORRUPT;
}

/* Each step goes on; a head that lies inside a record is never reached. */
static enum pp_error replay_to(struct replaying *replaying, const struct pp_cut_head *head)
{
    struct pp_replica *replica = &replaying->replica;
    while (replica->head.next_sequence < head->next_sequence) {
        struct pp_segment segment;
        const uint64_t before = replica->head.next_sequence;
        const enum pp_error error = segment_get(replaying, before, &segment);
        if (error == PP_NOT_FOUND || (error == PP_OK && segment.head.next <= before))
            return PP_EVIDENCE_GAP;
        PP_TRY(error);
        PP_TRY(pp_replica_replay_to(replica, &segment, head->next_sequence));
        if (replica->head.next_sequence == before)
            return PP_EVIDENCE_FORK;
    }
    struct pp_cut_head reached;
    pp_cut_head_of(head->lane, &replica->head, &reached);
    return pp_cut_head_eq(&reached, head) ? PP_OK : PP_EVIDENCE_FORK;
}

/* EPOCH-008 */
static enum pp_error cut_replay(const struct pp_holdings *holdings, const struct pp_holding *lane,
                                const struct pp_cut_head *head, struct pp_cut *out)
{
    struct replaying replaying = {.holdings = holdings, .lane = lane};
    const struct pp_replica_config config = {
        .crypto = holdings->crypto,
        .owner = {holdings->domain, lane->lane, lane->operator_address},
        .lanes_max = holdings->lanes_max,
    };
    replaying.bytes = malloc(PP_SEGMENT_MAX_BYTES);
    enum pp_error error = replaying.bytes ? pp_replica_open(&replaying.replica, &config) : PP_NO_MEMORY;
    if (error == PP_OK) {
        error = replay_to(&replaying, head);
        if (error == PP_OK)
            error = pp_cut_take(&replaying.replica.ledger, &replaying.replica.head, 0, out);
        pp_replica_close(&replaying.replica);
    }
    free(replaying.bytes);
    return error;
}

/* EPOCH-007: nothing is held of it, and nothing is stated. */
static enum pp_error cut_empty(const struct pp_cut_head *head, struct pp_cut *out)
{
    static const uint8_t none[PP_RECORD_CHECKSUM_BYTES] = {0};
    if (memcmp(head->checksum, none, sizeof none) != 0)
        return PP_EVIDENCE_FORK;
    *out = (struct pp_cut){.head = *head, .leaves = calloc(1, sizeof *out->leaves)};
    return out->leaves ? PP_OK : PP_NO_MEMORY;
}

enum pp_error pp_holdings_cut(const struct pp_holdings *holdings, const struct pp_cut_head *head,
                              struct pp_cut *out)
{
    const struct pp_holding *lane = pp_holdings_find(holdings, head->lane);
    if (!lane)
        return PP_UNKNOWN_LANE;
    if (head->next_sequence == 1)
        return cut_empty(head, out);
    const enum pp_error error = pp_holding_is_own(lane)
                                    ? pp_keep_cut_find(journal_of(lane), head, out)
                                    : pp_replica_store_cut_find(holdings->replicas, head, out);
    return error == PP_NOT_FOUND ? cut_replay(holdings, lane, head, out) : error;
}
