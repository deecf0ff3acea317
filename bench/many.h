/* many.h - folders with as many lanes as one likes, made quickly: only lanes that send have keys.
 *
 * Shape:  lanes whose channels nobody holds a key of, then those of a traffic. The clock stands still meanwhile, for the
 *         traffic's quote lives a minute.
 */
#ifndef PP_BENCH_MANY_H
#define PP_BENCH_MANY_H

#include "bench.h"

#define MANY_MAP_BYTES (UINT64_C(64) << 30)

/* Before the node is opened: room for that many lanes beside the traffic's own. */
void many_room(struct traffic *traffic, uint32_t idle);
/* The chain says that lanes [first, first + count) of nobody are open. */
void many_learn(struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count);
/* Lets the traffic's clock begin anew, so that its quote is good. */
void many_clock(struct traffic *traffic);
uint64_t many_resident_bytes(void); /* anonymous memory of this process */

#endif
