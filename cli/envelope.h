/* envelope.h - one stored envelope, read back and checked. */
#ifndef CLI_ENVELOPE_H
#define CLI_ENVELOPE_H

#include "exchange.h"

#include <pp/stamp.h>

struct cli_envelope {
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    uint8_t topic[PP_TOPIC_MAX_BYTES];
    size_t topic_length;
    const uint8_t *payload; /* the exchange's, until its next request */
    size_t payload_length;
};

/* lane: whose number it is; 0 where the node has one shard. The bytes must be those that the leaf pays for: CONTENT_MISMATCH. NOT_FOUND after a deletion or the end of the retention. */
PP_MUST_CHECK enum pp_error cli_envelope_get(struct cli_exchange *exchange, uint32_t lane, uint64_t sequence,
                                             struct cli_envelope *out, struct cli_problem *problem);

#endif
