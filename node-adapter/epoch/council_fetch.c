/* What is fetched seldom, and waited for: the leaves of a proposer that states others, and the report before. */
#include "epoch/council_parts.h"

#include "epoch/keep.h"

#include <pp/fields.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAVES_TOTAL_MS                                                                                      \
    3000u /* a page: whoever proposes what differs must not keep this node from others for long */
#define LEAVES_PAGES_MAX 8u    /* looked through for one dissent */
#define BUNDLE_TOTAL_MS 60000u /* a report, at two megabytes a second */
#define FETCH_AGAIN_MS 5000u

struct fetched {
    char *bytes;
    size_t length, capacity, limit;
};

static size_t bytes_take(char *bytes, size_t size, size_t count, void *context)
{
    struct fetched *fetched = context;
    const size_t length = size * count;
    if (length > fetched->limit - fetched->length)
        return 0;
    if (fetched->length + length > fetched->capacity) {
        const size_t capacity = 2 * (fetched->length + length);
        char *grown = realloc(fetched->bytes, capacity);
        if (!grown)
            return 0;
        fetched->bytes = grown;
        fetched->capacity = capacity;
    }
    memcpy(fetched->bytes + fetched->length, bytes, length);
    fetched->length += length;
    return length;
}

static bool options_set(CURL *curl, const char *url, uint32_t total_ms, struct fetched *out)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, bytes_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, out) == CURLE_OK;
}

/* True: 200, and all of it. free(out->bytes). */
static bool fetch(const char *url, uint32_t total_ms, size_t limit, struct fetched *out)
{
    long status = 0;
    *out = (struct fetched){.limit = limit};
    CURL *curl = curl_easy_init();
    const bool came = curl && options_set(curl, url, total_ms, out) && curl_easy_perform(curl) == CURLE_OK &&
                      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200;
    if (curl)
        curl_easy_cleanup(curl);
    return came;
}

/* ---- leaves ---- */

static bool leaf_read(const json_t *object, uint32_t lane, struct pp_lane_leaf *out)
{
    struct pp_refusal refusal;
    struct pp_fields f;
    pp_fields_init(&f, object, "leaves", &refusal, NULL);
    *out = (struct pp_lane_leaf){.lane = lane};
    pp_fields_hex(&f, "channel_id", out->channel_id.bytes, sizeof out->channel_id.bytes);
    out->spent = pp_fields_grains(&f, "spent");
    out->refunded = pp_fields_grains(&f, "refunded");
    out->earned = pp_fields_grains(&f, "earned");
    out->forfeited = pp_fields_grains(&f, "forfeited");
    out->owed = pp_fields_grains(&f, "owed");
    return pp_fields_finish(&f) == PP_OK;
}

/* False: it is no page, and says nothing. */
static bool page_read(const struct fetched *fetched, uint32_t lane, struct pp_lane_leaf *out, size_t *out_count)
{
    struct pp_refusal refusal;
    json_t *object = pp_json_load(fetched->bytes, fetched->length, &refusal);
    const json_t *list = json_object_get(object, "leaves");
    const size_t count = json_array_size(list);
    bool well = json_is_array(list) && count <= PP_COUNCIL_LEAVES_PAGE;
    for (size_t i = 0; i < count && well; i++)
        well = leaf_read(json_array_get(list, i), lane, &out[i]);
    json_decref(object);
    *out_count = count;
    return well;
}

/* True: the page has the difference, or was the last one. */
static bool page_compare(const struct pp_lane_leaf *page, size_t count, const struct pp_cut *own,
                         uint64_t from, struct pp_dissent *dissent)
{
    const size_t left = from < own->count ? own->count - (size_t)from : 0;
    const size_t mine = count == PP_COUNCIL_LEAVES_PAGE && left > count ? count : left;
    pp_dissent_leaf(page, count, left > 0 ? own->leaves + from : NULL, mine, dissent);
    return dissent->has_channel || count < PP_COUNCIL_LEAVES_PAGE;
}

static void pages_compare(const char *base,
                          const struct pp_proposal *proposal, const struct pp_cut *own,
                          struct pp_dissent *dissent)
{
    struct pp_lane_leaf *page = calloc(PP_COUNCIL_LEAVES_PAGE, sizeof *page);
    char url[PP_PEER_URL_MAX + 96];
    bool done = page == NULL;
    for (uint64_t i = 0; i < LEAVES_PAGES_MAX && !done; i++) {
        const uint64_t from = i * PP_COUNCIL_LEAVES_PAGE;
        struct fetched fetched;
        snprintf(url, sizeof url, "%s/v1/epochs/%" PRIu64 "/lanes/%" PRIu32 "?from=%" PRIu64, base,
                 proposal->report.epoch, dissent->lane, from);
        size_t count = 0;
        done = !fetch(url, LEAVES_TOTAL_MS, PP_COUNCIL_ANSWER_MAX_BYTES, &fetched) ||
               !page_read(&fetched, dissent->lane, page, &count) ||
               page_compare(page, count, own, from, dissent);
        free(fetched.bytes);
    }
    free(page);
}

void council_leaf_name(struct pp_council *council, const struct pp_proposal *proposal,
                       struct pp_dissent *dissent)
{
    const struct pp_proposal_lane *named;
    const char *base = council_url(council, proposal->proposer);
    struct pp_cut own;
    struct pp_hash seal;
    if (!base || pp_proposal_lane(proposal, dissent->lane, &named) != PP_OK ||
        pp_holdings_cut(council->config.holdings, &named->head, &own) != PP_OK)
        return;
    pp_cut_seal(&own, &seal); /* ascending */
    pages_compare(base, proposal, &own, dissent);
    pp_cut_done(&own);
}

/* ---- the report before ---- */

struct bundle_keeping {
    uint64_t epoch;
    struct pp_slice bundle;
};

static enum pp_error bundle_keep(void *context, struct pp_txn *txn)
{
    const struct bundle_keeping *keeping = context;
    return pp_keep_bundle_put(txn, keeping->epoch, keeping->bundle);
}

/* EPOCH-042: whoever sent it, it is the one whose hash the contract has. */
static bool is_the_one(const struct pp_council *council, const struct fetched *fetched,
                       const struct pp_hash *hash)
{
    const uint8_t *bytes = (const uint8_t *)fetched->bytes;
    struct pp_report *report = calloc(1, sizeof *report);
    struct pp_lane_leaf *lanes = NULL;
    struct pp_hash *nodes = NULL, digest;
    size_t count = 0;
    bool well = report && pp_report_lane_count(bytes, fetched->length, &count) == PP_OK;
    if (well) {
        lanes = calloc(count + 1, sizeof *lanes);
        nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *nodes);
        well =
            lanes && nodes && pp_report_decode(bytes, fetched->length, lanes, count, nodes, report) == PP_OK;
    }
    if (well) {
        pp_report_digest(council->config.domain, report, &digest);
        well = pp_hash_eq(&digest, hash);
    }
    free(lanes);
    free(nodes);
    free(report);
    return well;
}

static bool before_of(struct pp_council *council, const char *base, const struct pp_epoch_terms *terms)
{
    char url[PP_PEER_URL_MAX + 64];
    struct fetched fetched;
    snprintf(url, sizeof url, "%s/v1/epochs/%" PRIu64 "/report", base, terms->previous_epoch);
    bool well = fetch(url, BUNDLE_TOTAL_MS, PP_COUNCIL_BUNDLE_MAX_BYTES, &fetched) &&
                is_the_one(council, &fetched, &terms->terms.previous);
    if (well) {
        struct bundle_keeping keeping = {terms->previous_epoch,
                                         {(const uint8_t *)fetched.bytes, fetched.length}};
        well = pp_store_write(council->builder.journal, PP_STORE_RESERVE_IF_FULL, bundle_keep, &keeping) ==
               PP_OK;
    }
    free(fetched.bytes);
    return well;
}

void council_before_fetch(struct pp_council *council)
{
    if (council_now_ms() < council->fetch_after_ms)
        return;
    struct pp_epoch_terms *terms = calloc(1, sizeof *terms);
    bool found = false;
    if (terms && council->config.terms_at(council->config.terms_context, 0, terms) == PP_OK)
        for (size_t i = 0; i < council->config.peer_count && !found; i++)
            found = before_of(council, council->peers[i].url, terms);
    free(terms);
    council->fetch_after_ms = council_now_ms() + FETCH_AGAIN_MS;
    council_tell(council, "before", found ? PP_OK : PP_NOT_FOUND, council->config.node_id, NULL, NULL);
}
