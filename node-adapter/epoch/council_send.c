/* Questions to the other operators: one at a time to each, all of them at once. */
#include "epoch/council_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes_take(char *bytes, size_t size, size_t count, void *context)
{
    struct council_ask *ask = context;
    const size_t length = size * count;
    if (length > PP_COUNCIL_ANSWER_MAX_BYTES - ask->length) {
        ask->too_large = true;
        return 0;
    }
    memcpy(ask->answer + ask->length, bytes, length);
    ask->length += length;
    return length;
}

static bool options_set(struct council_ask *ask, const char *url)
{
    CURL *curl = ask->transfer;
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)PP_COUNCIL_ASK_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)PP_PULL_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, bytes_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, ask) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PRIVATE, ask) == CURLE_OK;
}

static bool body_set(struct council_ask *ask)
{
    struct pp_council *council = ask->council;
    size_t length = 0;
    ask->body = malloc(PP_PROPOSAL_MESSAGE_MAX_BYTES);
    if (!ask->body)
        return false;
    pthread_mutex_lock(&council->lock);
    const enum pp_error error =
        council_message(council, &ask->digest, ask->body, PP_PROPOSAL_MESSAGE_MAX_BYTES, &length);
    pthread_mutex_unlock(&council->lock);
    ask->headers = curl_slist_append(ask->headers, "Content-Type: " PP_PROPOSAL_MEDIA_TYPE);
    struct curl_slist *more = ask->headers ? curl_slist_append(ask->headers, "Expect:") : NULL;
    return error == PP_OK && more &&
           curl_easy_setopt(ask->transfer, CURLOPT_HTTPHEADER, ask->headers) == CURLE_OK &&
           curl_easy_setopt(ask->transfer, CURLOPT_POSTFIELDS, ask->body) == CURLE_OK &&
           curl_easy_setopt(ask->transfer, CURLOPT_POSTFIELDSIZE, (long)length) == CURLE_OK;
}

static void ask_end(struct council_ask *ask)
{
    if (ask->transfer) {
        curl_multi_remove_handle(ask->council->multi, ask->transfer);
        curl_easy_cleanup(ask->transfer);
    }
    curl_slist_free_all(ask->headers);
    free(ask->body);
    free(ask->answer);
    *ask = (struct council_ask){.transfer = NULL};
}

static void ask_done(struct council_ask *ask, bool reached)
{
    struct pp_council *council = ask->council;
    pthread_mutex_lock(&council->lock);
    council_take_answer(council, ask, reached);
    pthread_mutex_unlock(&council->lock);
    ask_end(ask);
}

void council_send(struct pp_council *council, const struct pp_round_action *action)
{
    struct council_ask *ask = &council->asks[action->peer];
    const char *base = council_url(council, council->operators[action->peer].node_id);
    char url[PP_PEER_URL_MAX + 64];
    if (ask->transfer)
        return;
    *ask = (struct council_ask){.council = council,
                                .peer = action->peer,
                                .is_state = action->kind == PP_ACTION_ASK_STATE,
                                .digest = action->digest};
    snprintf(url, sizeof url, "%s/v1/epochs/%" PRIu64 "%s", base ? base : "", council->round.epoch,
             ask->is_state ? "" : "/proposal");
    ask->answer = malloc(PP_COUNCIL_ANSWER_MAX_BYTES);
    ask->transfer = base && ask->answer ? curl_easy_init() : NULL;
    if (!ask->transfer || !options_set(ask, url) || (!ask->is_state && !body_set(ask)) ||
        curl_multi_add_handle(council->multi, ask->transfer) != CURLM_OK)
        ask_done(ask, false);
}

void council_transfers(struct pp_council *council, int wait_ms)
{
    CURLMsg *message;
    int running, left;
    curl_multi_perform(council->multi, &running);
    while ((message = curl_multi_info_read(council->multi, &left)) != NULL) {
        char *private_ = NULL;
        long status = 0;
        if (message->msg != CURLMSG_DONE)
            continue;
        const bool came = message->data.result == CURLE_OK;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        struct council_ask *ask = (struct council_ask *)(void *)private_;
        ask_done(ask, came && status == 200 && !ask->too_large);
    }
    curl_multi_poll(council->multi, NULL, 0, wait_ms, NULL);
}

void council_transfers_end(struct pp_council *council)
{
    for (size_t i = 0; i < PP_OPERATORS_MAX; i++)
        if (council->asks[i].transfer)
            ask_end(&council->asks[i]);
}
