#include "shards_fixture.h"

#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <stdio.h>

void pp_shards_fixture_init(struct pp_shards_fixture *fixture, const char *dir, bool embedded_store)
{
    *fixture = (struct pp_shards_fixture){0};
    pp_fixture_init(&fixture->base, dir, embedded_store);
}

void pp_shards_fixture_done(struct pp_shards_fixture *fixture)
{
    pp_shards_fixture_close(fixture);
    pp_fixture_done(&fixture->base);
}

enum pp_error pp_shards_fixture_try(struct pp_shards_fixture *fixture, const uint8_t *list, size_t count,
                                    char out_reason[PP_SHARDS_REASON_BYTES])
{
    const struct pp_shards_config config = {fixture->base.config, list, count};
    PP_TRY(pp_shards_open(&config, &fixture->shards, out_reason));
    fixture->base.node = pp_shards_node(fixture->shards, 0);
    return PP_OK;
}

void pp_shards_fixture_open(struct pp_shards_fixture *fixture, const uint8_t *list, size_t count)
{
    char reason[PP_SHARDS_REASON_BYTES] = "";
    enum pp_error error = pp_shards_fixture_try(fixture, list, count, reason);
    ck_assert_msg(error == PP_OK, "pp_shards_open: %s: %s", pp_error_name(error), reason);
}

void pp_shards_fixture_close(struct pp_shards_fixture *fixture)
{
    pp_shards_close(fixture->shards);
    fixture->shards = NULL;
    fixture->base.node = NULL;
}

void pp_shards_fixture_head(struct pp_shards_fixture *fixture)
{
    uint64_t time_s = fixture->base.now_ms / 1000;
    const struct pp_chain_event event = {
        .kind = PP_CHAIN_HEAD,
        .block_number = time_s,
        .time_s = time_s,
        .finalized_number = time_s - 2,
        .finalized_time_s = time_s - 2,
    };
    ck_assert_ok(pp_shards_chain_events(fixture->shards, &event, 1));
}

uint32_t pp_shard_lane(uint8_t shard)
{
    return pp_lane_make(FIXTURE_NODE_ID, shard);
}

void pp_shards_fund(struct pp_shards_fixture *fixture, const struct pp_sender *sender, uint8_t shard,
                    uint64_t cap_units)
{
    struct pp_chain_event event;
    pp_sender_event(sender, PP_CHAIN_LANE_FINAL, cap_units, 0, &event);
    event.lane = pp_shard_lane(shard);
    ck_assert_ok(pp_shards_chain_events(fixture->shards, &event, 1));
}

void pp_shards_request(struct pp_made_request *made, struct pp_shards_fixture *fixture,
                       struct pp_sender *sender, uint8_t shard, size_t count, uint64_t seed)
{
    pp_request_make(made, &fixture->base, sender, count, (struct pp_parcel_of){300, 5}, seed);
    for (size_t i = 0; i < count; i++)
        made->envelopes[i].leaf.lane = pp_shard_lane(shard);
    made->request.lane = pp_shard_lane(shard);
    pp_request_sign(made, &fixture->base, sender);
}

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    (void)context;
    fprintf(stderr, "finding: %s: %s: record %llu: %s\n", pp_error_name(finding->error), finding->what,
            (unsigned long long)finding->sequence, finding->detail);
}

void pp_shards_verify(const struct pp_shards_fixture *fixture, uint8_t shard, struct pp_verify_summary *out)
{
    struct pp_verify_summary summary;
    const struct pp_verify_config config = {.finding = on_finding};
    char path[400];
    ck_assert_ok(pp_shards_path(fixture->base.dir, shard, path, sizeof path));
    ck_assert_ok(pp_verify_dir(path, &config, &summary));
    ck_assert_uint_eq(summary.findings, 0);
    if (out)
        *out = summary;
}
