/* epoch/keep.h - what a node keeps of the newest epochs, in its journal's file: its own cuts, what it signed, and reports
 * that others made.
 *
 * Shape:  key: kind u8 | epoch u64.
 *         1  a cut of the own lane (epoch/cut.h)
 *         2  the proposal that was signed (epoch/proposal.h): the heads that the report of that epoch was made from
 *         3  a bundle that a quorum signed and this node did not: what the next one may pay on top of
 * Source: specs/epochs.md (EPOCH-002, EPOCH-040).
 */
#ifndef PP_EPOCH_KEEP_H
#define PP_EPOCH_KEEP_H

#include "epoch/cut.h"

PP_MUST_CHECK enum pp_error pp_keep_cut_put(struct pp_txn *txn, const struct pp_cut *cut);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_keep_cut_get(struct pp_store *journal, uint64_t epoch, struct pp_cut *out);
PP_MUST_CHECK enum pp_error pp_keep_cut_head(struct pp_store *journal, uint64_t epoch,
                                             struct pp_cut_head *out);
PP_MUST_CHECK enum pp_error pp_keep_cut_find(struct pp_store *journal, const struct pp_cut_head *head,
                                             struct pp_cut *out);

PP_MUST_CHECK enum pp_error pp_keep_cut_read(struct pp_txn *txn, uint64_t epoch, struct pp_cut *out);
/* The newest epoch that has one. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_keep_cut_newest(struct pp_store *journal, uint64_t *out_epoch);

PP_MUST_CHECK enum pp_error pp_keep_signed_put(struct pp_txn *txn, uint64_t epoch, struct pp_slice proposal);
/* Borrowed until the transaction ends. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_keep_signed_get(struct pp_txn *txn, uint64_t epoch, struct pp_slice *out);

/* Where that report has a lane. NOT_FOUND: nothing was agreed on with others; or it does not name the lane. CORRUPT. */
PP_MUST_CHECK enum pp_error pp_keep_signed_head(struct pp_txn *txn, uint64_t epoch, uint32_t lane,
                                                struct pp_cut_head *out);
PP_MUST_CHECK enum pp_error pp_keep_signed_newest(struct pp_txn *txn, uint64_t *out_epoch,
                                                  struct pp_slice *out);

/* The next epoch above one. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_keep_signed_after(struct pp_txn *txn, uint64_t epoch, uint64_t *out_epoch);

PP_MUST_CHECK enum pp_error pp_keep_bundle_put(struct pp_txn *txn, uint64_t epoch, struct pp_slice bundle);

/* Bundles of both kinds, the newest first, until visit says that it is done; borrowed during the call. */
typedef enum pp_error pp_keep_visit(void *context, uint64_t epoch, struct pp_slice bundle, bool *out_done);
PP_MUST_CHECK enum pp_error pp_keep_bundles(struct pp_txn *txn, pp_keep_visit *visit, void *context);

#endif
