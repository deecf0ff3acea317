/* pool_wire.h - the sections of a stored report that say how its payouts came about: REW-120, REW-123. Private to rewards/. */
#ifndef PP_POOL_WIRE_H
#define PP_POOL_WIRE_H

#include <pp/epoch.h>

#define PP_POOL_DRAWN_BYTES (4u + 8u)                        /* of one operator */
#define PP_POOL_WEIGHTS_BYTES (2u * 8u)                      /* of one operator */

size_t pp_pool_terms_bytes(const struct pp_report *report);
void pp_pool_terms_write(struct pp_writer *w, const struct pp_report *report);
void pp_pool_terms_read(struct pp_reader *r, struct pp_report *out);
void pp_pool_terms_skip(struct pp_reader *r);

void pp_pool_weights_write(struct pp_writer *w, const struct pp_operator_weights *weights);
void pp_pool_weights_read(struct pp_reader *r, struct pp_operator_weights *out);

/* Of a version of the report that has them. */
size_t pp_pool_before_bytes(uint8_t version); /* one row */
void pp_pool_before_write(struct pp_writer *w, const struct pp_pool_table *before, uint8_t version);
void pp_pool_before_read(struct pp_reader *r, struct pp_pool_table *out, uint8_t version);
void pp_pool_drawn_write(struct pp_writer *w, const struct pp_report *report);
void pp_pool_drawn_read(struct pp_reader *r, struct pp_report *out);

/* REW-121: what the pool's account says of the payouts is computed again; CORRUPT when it is another table. */
PP_MUST_CHECK enum pp_error pp_pool_recompute(struct pp_report *report);

#endif
