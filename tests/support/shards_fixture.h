/* shards_fixture.h - several shards under one folder, with the node fixture's clock, keys and senders.
 *
 * Errors: none. Whatever goes wrong here fails the test that asked.
 */
#ifndef PP_SHARDS_FIXTURE_H
#define PP_SHARDS_FIXTURE_H

#include "node_fixture.h"

#include <pennypost_shards.h>

struct pp_shards_fixture {
    struct pp_fixture base; /* base.node: the first shard's, while they are open */
    struct pp_shards *shards;
};

void pp_shards_fixture_init(struct pp_shards_fixture *fixture, const char *dir, bool embedded_store);
void pp_shards_fixture_done(struct pp_shards_fixture *fixture);
enum pp_error pp_shards_fixture_try(struct pp_shards_fixture *fixture, const uint8_t *list, size_t count,
                                    char out_reason[PP_SHARDS_REASON_BYTES]);
void pp_shards_fixture_open(struct pp_shards_fixture *fixture, const uint8_t *list, size_t count);
void pp_shards_fixture_close(struct pp_shards_fixture *fixture);
/* To all of them: the chain is fresh. */
void pp_shards_fixture_head(struct pp_shards_fixture *fixture);

uint32_t pp_shard_lane(uint8_t shard);
void pp_shards_fund(struct pp_shards_fixture *fixture, const struct pp_sender *sender, uint8_t shard,
                    uint64_t cap_units);
/* As pp_request_make, for the lane of a shard. */
void pp_shards_request(struct pp_made_request *made, struct pp_shards_fixture *fixture,
                       struct pp_sender *sender, uint8_t shard, size_t count, uint64_t seed);
/* `pennypost verify` over ROOT/shard-NNN, in this process, where nobody has it open: nothing may be found. */
struct pp_verify_summary;
void pp_shards_verify(const struct pp_shards_fixture *fixture, uint8_t shard, struct pp_verify_summary *out);

#endif
