/* What a verdict posts, as a transaction; and evidence as bytes that are handed over. */
#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/tower.h>

#include <inttypes.h>
#include <stdio.h>

static void expect_lane(struct pp_job_expectation *expectation, enum pp_abi_event event,
                        const struct pp_tower_evidence *evidence)
{
    struct pp_hash topic;
    pp_abi_topic(event, &expectation->topics[0]);
    memcpy(expectation->topics[1].bytes, evidence->channel_id.bytes, 32);
    topic = (struct pp_hash){{0}};
    for (unsigned i = 0; i < 4; i++)
        topic.bytes[28 + i] = (uint8_t)(evidence->lane >> (24 - 8 * i));
    expectation->topics[2] = topic;
    expectation->mask = 7;
}

static void write_post(struct pp_writer *w, const struct pp_tower_evidence *evidence, enum pp_tower_post post,
                       struct pp_job_intent *intent)
{
    const struct pp_channel_config *config = &evidence->config;
    switch (post) {
    case PP_TOWER_POST_VOUCHER:
        intent->kind = PP_JOB_POST_VOUCHER;
        pp_abi_write_post_voucher(w, config, evidence->lane, &evidence->voucher, &evidence->refund);
        break;
    case PP_TOWER_POST_DELEGATED:
        intent->kind = PP_JOB_POST_DELEGATED_VOUCHER;
        pp_abi_write_post_delegated_voucher(w, config, evidence->lane, &evidence->delegated,
                                            &evidence->refund, &evidence->delegation);
        break;
    case PP_TOWER_POST_REFUND:
        intent->kind = PP_JOB_POST_REFUND;
        pp_abi_write_post_refund(w, config, evidence->lane, &evidence->refund);
        break;
    case PP_TOWER_POST_NOTHING:
        PP_ASSERT(!"nothing to post");
        break;
    }
    bool refund = post == PP_TOWER_POST_REFUND;
    expect_lane(&intent->expectation, refund ? PP_LOG_REFUND_POSTED : PP_LOG_VOUCHER_POSTED, evidence);
    snprintf(intent->label, sizeof intent->label, "%s of lane %" PRIu32 " of channel %02x%02x%02x%02x...",
             refund                          ? "refund"
             : post == PP_TOWER_POST_VOUCHER ? "voucher"
                                             : "delegate's voucher",
             evidence->lane, evidence->channel_id.bytes[0], evidence->channel_id.bytes[1],
             evidence->channel_id.bytes[2], evidence->channel_id.bytes[3]);
}

enum pp_error pp_tower_intent(const struct pp_tower_evidence *evidence, enum pp_tower_post post,
                              const struct pp_address *contract, uint8_t *buffer, size_t capacity,
                              struct pp_job_intent *out)
{
    struct pp_job_intent intent = {.to = *contract, .data = buffer};
    struct pp_writer w;
    pp_writer_init(&w, buffer, capacity);
    write_post(&w, evidence, post, &intent);
    PP_TRY(pp_writer_finish(&w, &intent.data_length));
    pp_job_key(intent.kind, &intent.to, intent.data, intent.data_length, &intent.key);
    *out = intent;
    return PP_OK;
}
