/* entries.h - pp/entries.h from a journal. Private to node-adapter/. */
#ifndef PP_NODE_ENTRIES_H
#define PP_NODE_ENTRIES_H

#include "store/store.h"

#include <pp/entries.h>

/* lanes_max: as many as the journal knows, at least. epoch 0: to the journal's end. */
PP_MUST_CHECK enum pp_error pp_entries_read(struct pp_store *journal, uint32_t lanes_max, uint64_t epoch,
                                            struct pp_entries *out);

#endif
