/* fair_queue.h - requests on their way to an answer: a line for each flow (a channel; a connection that forges), served in
 * turns, and a share of the room for each.
 *
 * Shape:  deficit round robin. Every turn gives a flow a quantum of work; a request costs PP_FAIR_SIGNATURE_COST, or
 *         PP_FAIR_MAC_COST when no signature is to be verified, plus one for each of its stamps, so a sender of batches gets as much of the processor as one of single stamps, and not more.
 *         What was put counts against its flow until it is released, long after it was taken: a slow disk fills no line with
 *         the requests of one.
 *         Flows are places in a table by a keyed hash: two channels may share one by chance, and nobody can choose which.
 * Own:    entries are the caller's, one link inside what waits; the queue borrows them between _put and _take.
 * Errors: BUSY: the room is used up, or the flow's share of it. Nothing is ever dropped from the queue.
 * Limits: fixed memory; every call takes constant time.
 * Source: specs/node.md (NODE-027, NODE-047).
 */
#ifndef PP_FAIR_QUEUE_H
#define PP_FAIR_QUEUE_H

#include <pp/error.h>

#include <stdbool.h>
#include <stdint.h>

#define PP_FLOWS 1024u             /* lines: many times what is busy at one moment on one node */
#define PP_FAIR_SIGNATURE_COST 16u /* of a signature, in stamps: 45 us against some 3 us of hashing a stamp */
#define PP_FAIR_MAC_COST                                                                                     \
    1u /* of a session's key, in stamps: it is found, and a MAC is part of a stamp's work */
#define PP_FAIR_QUANTUM 64u /* work a turn: a few single stamps, so that a lane stays in the caches */

struct pp_fair_entry {
    struct pp_fair_entry *next;
    uint32_t stamps;
    uint32_t flow;
    bool by_mac; /* no signature is to be verified */
};

struct pp_flow {
    struct pp_fair_entry *first, *last; /* that wait */
    uint32_t requests, stamps;          /* put and not released */
    uint32_t credit;                    /* work it may still do this turn */
    uint32_t next;                      /* whose turn is after it; PP_FLOWS: nobody's */
};

struct pp_fair_queue {
    struct pp_flow flows[PP_FLOWS];
    uint32_t first, last; /* flows in which something waits, in the order of their turns; PP_FLOWS: none */
    uint32_t waiting;     /* entries in the lines */
    uint32_t requests, stamps; /* put and not released */
    uint32_t requests_max, stamps_max;
};

void pp_fair_queue_init(struct pp_fair_queue *queue, uint32_t requests_max, uint32_t stamps_max);
/* flow: any number; its remainder is taken. entry->stamps and by_mac are set. */
PP_MUST_CHECK enum pp_error pp_fair_queue_put(struct pp_fair_queue *queue, uint32_t flow,
                                              struct pp_fair_entry *entry);
/* One that was taken and not released waits again, at the end of its line. */
void pp_fair_queue_wait_again(struct pp_fair_queue *queue, struct pp_fair_entry *entry);
/* NULL: nothing waits. */
struct pp_fair_entry *pp_fair_queue_take(struct pp_fair_queue *queue);
/* It was answered: its room is free. */
void pp_fair_queue_release(struct pp_fair_queue *queue, const struct pp_fair_entry *entry);

static inline uint32_t pp_fair_cost(const struct pp_fair_entry *entry)
{
    return (entry->by_mac ? PP_FAIR_MAC_COST : PP_FAIR_SIGNATURE_COST) + entry->stamps;
}

#endif
