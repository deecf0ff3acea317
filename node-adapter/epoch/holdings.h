/* epoch/holdings.h - all lanes that a node knows of, its own and those of its peers: how far each came, and its leaves there.
 *
 * Shape:  an own lane is a node of this process, or the folder of a shard that another process writes; a peer's is a replica.
 * Own:    nodes, stores and keys are the caller's.
 * Errors: EVIDENCE_GAP (less is held than the head that is asked for), EVIDENCE_FORK (another journal is held),
 *         UNKNOWN_LANE, those of the stores.
 * Limits: PP_PROPOSAL_LANES_MAX lanes. A head that is no epoch's end costs a replay of its lane.
 * Source: specs/epochs.md (EPOCH-004, EPOCH-007, EPOCH-008).
 */
#ifndef PP_EPOCH_HOLDINGS_H
#define PP_EPOCH_HOLDINGS_H

#include "epoch/proposal.h"
#include "evidence/puller.h"

#include <pennypost.h>

struct pp_holding {
    uint32_t lane;
    struct pp_node *node;     /* own, of this process; or NULL */
    struct pp_store *journal; /* own, of another one, opened for reading; or NULL */
    struct pp_address operator_address;
};

struct pp_holdings {
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    struct pp_replica_store *replicas;
    uint32_t lanes_max;
    struct pp_holding lanes[PP_PROPOSAL_LANES_MAX]; /* ascending */
    size_t count;
};

/* TOO_MANY; BAD_FORMAT: the lane is there already. */
PP_MUST_CHECK enum pp_error pp_holdings_add(struct pp_holdings *holdings, const struct pp_holding *lane);
bool pp_holding_is_own(const struct pp_holding *lane);
/* NULL: unknown. */
const struct pp_holding *pp_holdings_find(const struct pp_holdings *holdings, uint32_t lane);

/* Where a lane stood at the epoch's end, or how far it came when that is not known (out_ended). */
PP_MUST_CHECK enum pp_error pp_holdings_head(const struct pp_holdings *holdings,
                                             const struct pp_holding *lane, uint64_t epoch,
                                             struct pp_cut_head *out, bool *out_ended);
PP_MUST_CHECK enum pp_error pp_holdings_cut(const struct pp_holdings *holdings,
                                            const struct pp_cut_head *head, struct pp_cut *out);
/* The newest epoch that ended on all own lanes; 0: none. */
PP_MUST_CHECK enum pp_error pp_holdings_epoch(const struct pp_holdings *holdings, uint64_t *out);

#endif
