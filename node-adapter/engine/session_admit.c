/* The record of a session's stamps: only what was admitted, for no signature is over the others. */
#include "engine/node.h"

#include <pp/assert.h>

void pp_session_record_make(const struct pp_node *node, const struct pp_item *item, struct pp_record *out)
{
    const struct pp_request *request = item->request;
    uint32_t rows = 0;
    for (size_t i = 0; i < request->count; i++) {
        struct pp_row_charged *row = &node->rows[rows];
        if (item->outcomes[i].sequence == 0 || item->outcomes[i].known)
            continue;
        row->admitted = 1;
        row->stamp_id = item->ids[i];
        row->leaf = request->envelopes[i].leaf;
        rows++;
    }
    PP_ASSERT(rows > 0);
    *out = (struct pp_record){
        .type = PP_RECORD_TYPE_SESSION_CHARGED,
        .sequence = node->head.next_sequence,
        .time_ms = node->group_time_ms,
        .count = rows,
        .session_charged = {.channel_id = request->channel_id,
                            .lane = request->lane,
                            .session_id = request->session_id,
                            .quote_id =
                                node->rows[0].leaf.quote_id, /* of all alike: the price check saw to it */
                            .tickets = item->host},
        .charged_rows = node->rows,
    };
}
