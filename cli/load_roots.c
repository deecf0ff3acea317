#include "load_roots.h"
#include "load_sessions.h"

#include <pp/assert.h>
#include <pp/voucher.h>

#include <stdlib.h>
#include <string.h>

#define STEPS 16u /* of the first roots' times */

uint32_t load_tail_limit(uint32_t lanes, uint32_t stamps)
{
    const uint32_t share = LOAD_UNSIGNED_MAX / lanes;
    const uint32_t limit = share < PP_SESSION_UNSIGNED_MAX ? share : PP_SESSION_UNSIGNED_MAX;
    return limit < stamps ? stamps : limit;
}

enum pp_error load_tails_make(uint32_t lanes, uint32_t stamps, struct load_tail **out)
{
    const uint32_t limit = load_tail_limit(lanes, stamps);
    struct load_tail *tails = calloc(lanes, sizeof *tails);
    *out = tails;
    for (uint32_t i = 0; tails && i < lanes; i++) {
        const uint32_t first = limit - limit / 2 / STEPS * (i % STEPS);
        tails[i].limit = first < stamps ? stamps : first;
        tails[i].leaves = calloc(limit, sizeof *tails[i].leaves);
        if (!tails[i].leaves)
            return PP_NO_MEMORY;
    }
    return tails ? PP_OK : PP_NO_MEMORY;
}

void load_tails_done(struct load_tail *tails, uint32_t lanes)
{
    for (uint32_t i = 0; tails && i < lanes; i++)
        free(tails[i].leaves);
    free(tails);
}

void load_tail_put(struct load_tail *tail, uint32_t first_number, const uint64_t *sequences, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sequences[i] == 0)
            continue;
        PP_ASSERT(tail->count < PP_SESSION_UNSIGNED_MAX);
        tail->leaves[tail->count++] = (struct load_leaf){sequences[i], first_number + i};
    }
}

static int leaf_compare(const void *a, const void *b)
{
    const struct load_leaf *left = a, *right = b;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

enum pp_error load_root_make(const struct load_traffic *traffic, uint32_t lane, struct load_tail *tail,
                             struct pp_hash *scratch, struct pp_session_root *out)
{
    const struct load_lane *payer = &traffic->lanes[lane];
    struct pp_voucher voucher = {
        .channel_id = payer->channel_id, .lane = payer->lane, .refund_ack = payer->refund_ack};
    struct pp_stamp_id ids[PP_SESSION_UNSIGNED_MAX];
    qsort(tail->leaves, tail->count, sizeof *tail->leaves, leaf_compare);
    for (uint32_t i = 0; i < tail->count; i++) {
        const uint32_t number = tail->leaves[i].number;
        struct pp_grains to;
        ids[i] = traffic->ids[number];
        PP_TRY(pp_leaf_to(&traffic->envelopes[number].leaf, &to));
        voucher.spent = pp_grains_max(voucher.spent, to); /* SESSION-031 */
    }
    PP_TRY(pp_voucher_context(PP_STAMP_SESSION, ids, tail->count, scratch, &voucher.context));
    PP_TRY(pp_voucher_sign(traffic->crypto, traffic->domain, &payer->key, &voucher));
    *out = (struct pp_session_root){.channel_id = voucher.channel_id,
                                    .lane = voucher.lane,
                                    .session_id = traffic->sessions[lane].id,
                                    .count = tail->count,
                                    .spent = voucher.spent,
                                    .refund_ack = voucher.refund_ack,
                                    .context = voucher.context,
                                    .signature = voucher.signature};
    return PP_OK;
}
