#include "evidence/puller.h"

#include <pp/assert.h>

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MAX_MS 1000

struct pull {
    struct pp_puller *puller;
    struct pp_peer peer;
    struct pp_replica replica;
    bool loaded;
    CURL *transfer; /* NULL: none is under way */
    uint8_t *bytes; /* PP_SEGMENT_MAX_BYTES, while one is */
    size_t length;
    bool too_large;
    bool acknowledges; /* the transfer that is under way does */
    struct curl_slist *headers;
    struct pp_ack ack; /* the last one that was made */
    uint8_t ack_bytes[PP_ACK_BYTES];
    bool ack_taken;        /* by the peer */
    uint64_t ack_again_ms; /* not before, unless there is more to say than the peer took */
    enum pp_error ack_told;
    bool has_ack_told;
    uint64_t due_ms;
    uint32_t retry_ms; /* 0: no trouble */
    /* Behind what somebody else is said to hold: it is asked, too. Under lock. */
    uint64_t want_sequence;
    char want_url[PP_PEER_URL_MAX];
    bool asks_other; /* the transfer under way does */
    enum pp_error told;
    bool has_told;
    struct pp_pull_status status; /* under lock */
};

struct pp_puller {
    struct pp_puller_config config;
    struct pull *pulls;
    size_t turn; /* where the search for who is next begins */
    unsigned under_way;
    CURLM *multi;
    pthread_mutex_t lock;
    pthread_t thread;
    bool started, stop; /* stop: under lock */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_stopping(struct pp_puller *puller)
{
    pthread_mutex_lock(&puller->lock);
    const bool stop = puller->stop;
    pthread_mutex_unlock(&puller->lock);
    return stop;
}

/* ---- what became of a try ---- */

static void status_set(struct pull *pull, enum pp_error error, enum pp_error stopped, bool brought)
{
    struct pp_puller *puller = pull->puller;
    pthread_mutex_lock(&puller->lock);
    pull->status.error = error;
    if (stopped != PP_OK)
        pull->status.stopped = stopped;
    if (pull->loaded)
        pull->status.next_sequence = pull->replica.head.next_sequence;
    pull->status.pulls += brought;
    pthread_mutex_unlock(&puller->lock);
    if (pull->has_told && pull->told == error)
        return;
    pull->told = error;
    pull->has_told = true;
    if (puller->config.told)
        puller->config.told(puller->config.context, &pull->peer, error, pull->status.next_sequence);
}

/* EVID-073: one in trouble is asked later and later, one that brought something at once. */
static void due_set(struct pull *pull, enum pp_error error, bool brought)
{
    const uint32_t poll_ms = pull->puller->config.poll_ms;
    if (error == PP_OK) {
        pull->retry_ms = 0;
        pull->due_ms = now_ms() + (brought ? 0 : poll_ms);
        return;
    }
    pull->retry_ms = pull->retry_ms == 0 ? poll_ms : 2 * pull->retry_ms;
    if (pull->retry_ms > PP_PULL_RETRY_MAX_MS)
        pull->retry_ms = PP_PULL_RETRY_MAX_MS;
    pull->due_ms = now_ms() + pull->retry_ms;
}

static void ended(struct pull *pull, enum pp_error error, bool brought)
{
    if (error == PP_NODE_DOWN) /* when it is back, it may have forgotten what it was told */
        pull->ack_again_ms = 0;
    due_set(pull, error, brought);
    status_set(pull, error, pp_replica_error_convicts(error) ? error : PP_OK, brought);
}

/* ---- replicas ---- */

static void replica_load(struct pull *pull)
{
    const struct pp_puller_config *config = &pull->puller->config;
    const struct pp_replica_config replica = {
        .crypto = config->crypto,
        .owner = {config->domain, pull->peer.lane, pull->peer.operator_address},
        .lanes_max = config->lanes_max,
    };
    enum pp_error stopped = PP_OK, error = PP_OK;
    if (!pull->replica.ledger_is_open)
        error = pp_replica_open(&pull->replica, &replica);
    if (error == PP_OK)
        error = pp_replica_store_load(config->store, &pull->replica, &stopped);
    pull->loaded = error == PP_OK;
    if (error != PP_OK)
        due_set(pull, error, false);
    status_set(pull, error != PP_OK ? error : stopped, stopped, false);
}

/* EVID-074: who has nothing new says so with a head at the place that was asked for; anything older is a replay. */
static bool is_head_at(struct pp_slice bytes, uint64_t sequence)
{
    struct pp_segment segment;
    return pp_segment_decode(bytes, &segment) == PP_OK && segment.head.first == sequence &&
           segment.head.next == sequence;
}

static void segment_take(struct pull *pull)
{
    struct pp_replica_fault fault;
    const struct pp_slice bytes = {pull->bytes, pull->length};
    const uint64_t before = pull->replica.head.next_sequence;
    enum pp_error error = pp_replica_store_take(pull->puller->config.store, &pull->replica, bytes, &fault);
    pull->loaded = !pull->replica.spoiled;
    const bool brought = error == PP_OK && pull->replica.head.next_sequence > before;
    if (error == PP_OK && !brought && !is_head_at(bytes, before))
        error = PP_EVIDENCE_BEHIND;
    ended(pull, error, brought);
}

/* ---- acknowledgements ---- */

static bool is_of_set(const struct pp_ledger_operators *operators, uint32_t node_id)
{
    for (uint32_t i = 0; i < operators->count; i++)
        if (operators->list[i].node_id == node_id)
            return true;
    return false;
}

/* EVID-092: only while something of it waits, and this operator is one of those that are waited for. */
static bool ack_is_due(const struct pull *pull)
{
    const struct pp_ledger *ledger = &pull->replica.ledger;
    if (!pull->puller->config.key || ledger->waiting.count == 0 ||
        !is_of_set(&ledger->operators, pull->puller->config.node_id))
        return false;
    const bool news = pull->ack_taken && pull->replica.head.next_sequence > pull->ack.next;
    return news || now_ms() >= pull->ack_again_ms;
}

/* EVID-061, EVID-090: the replica is on disk as far as it stands. */
static enum pp_error ack_make(struct pull *pull)
{
    const struct pp_puller_config *config = &pull->puller->config;
    pull->ack = (struct pp_ack){
        .lane = pull->peer.lane,
        .next = pull->replica.head.next_sequence,
        .node_id = config->node_id,
        .time_ms = config->clock.now_ms(config->clock.context),
    };
    memcpy(pull->ack.checksum.bytes, pull->replica.head.checksum, sizeof pull->ack.checksum.bytes);
    PP_TRY(pp_ack_sign(config->crypto, config->domain, config->key, &pull->ack));
    pp_ack_encode(&pull->ack, pull->ack_bytes);
    return PP_OK;
}

/* Whatever became of it, the question that is due comes next. */
static void ack_ended(struct pull *pull, enum pp_error error)
{
    struct pp_puller *puller = pull->puller;
    pull->ack_taken = error == PP_OK;
    pull->ack_again_ms = now_ms() + PP_ACK_AGAIN_MS;
    pthread_mutex_lock(&puller->lock);
    pull->status.ack_error = error;
    if (error == PP_OK)
        pull->status.acked_sequence = pull->ack.next;
    pthread_mutex_unlock(&puller->lock);
    if (pull->has_ack_told && pull->ack_told == error)
        return;
    pull->ack_told = error;
    pull->has_ack_told = true;
    if (puller->config.ack_told)
        puller->config.ack_told(puller->config.context, &pull->peer, error, pull->ack.next);
}

/* A peer's refusal is its trouble or ours; which, its own words say in its log. */
static enum pp_error ack_answer(const struct pull *pull, CURLcode code)
{
    long status = 0;
    if (code != CURLE_OK)
        return PP_NODE_DOWN;
    curl_easy_getinfo(pull->transfer, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return PP_OK;
    if (status >= 500)
        return PP_NODE_DOWN;
    return status == 404 ? PP_NOT_FOUND : PP_ACK_REFUSED;
}

/* ---- transfers ---- */

/* EVID-071: never more than the longest segment is kept. */
static size_t bytes_take(char *bytes, size_t size, size_t count, void *context)
{
    struct pull *pull = context;
    const size_t length = size * count;
    if (length > PP_SEGMENT_MAX_BYTES - pull->length) {
        pull->too_large = true;
        return 0;
    }
    memcpy(pull->bytes + pull->length, bytes, length);
    pull->length += length;
    return length;
}

/* EVID-092 */
static bool ack_options_set(struct pull *pull)
{
    CURL *curl = pull->transfer;
    struct curl_slist *more;
    pull->headers = curl_slist_append(NULL, "Content-Type: " PP_ACK_MEDIA_TYPE);
    more = pull->headers ? curl_slist_append(pull->headers, "Expect:") : NULL;
    return more && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, pull->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)sizeof pull->ack_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, pull->ack_bytes) == CURLE_OK;
}

static bool options_set(struct pull *pull, const char *url)
{
    CURL *curl = pull->transfer;
    return (!pull->acknowledges || ack_options_set(pull)) &&
           curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)PP_PULL_TOTAL_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)PP_PULL_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, bytes_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, pull) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PRIVATE, pull) == CURLE_OK;
}

static void transfer_end(struct pull *pull)
{
    if (pull->transfer) {
        curl_multi_remove_handle(pull->puller->multi, pull->transfer);
        curl_easy_cleanup(pull->transfer);
        pull->puller->under_way--;
    }
    pull->transfer = NULL;
    curl_slist_free_all(pull->headers);
    pull->headers = NULL;
    free(pull->bytes);
    pull->bytes = NULL;
    pull->length = 0;
    pull->too_large = false;
}

/* EVID-099: the owner and whoever holds more are asked in turns. */
static bool wants(struct pull *pull, char out_url[PP_PEER_URL_MAX])
{
    pthread_mutex_lock(&pull->puller->lock);
    const bool want = pull->loaded && pull->want_sequence > pull->replica.head.next_sequence;
    if (!want)
        pull->want_sequence = 0;
    memcpy(out_url, pull->want_url, PP_PEER_URL_MAX);
    pthread_mutex_unlock(&pull->puller->lock);
    return want;
}

/* What somebody else could not give says nothing about the owner. */
static void other_failed(struct pull *pull)
{
    pthread_mutex_lock(&pull->puller->lock);
    pull->want_sequence = 0;
    pthread_mutex_unlock(&pull->puller->lock);
    pull->due_ms = now_ms() + pull->puller->config.poll_ms;
}

/* EVID-070: it is asked for what is missing. */
static enum pp_error transfer_begin(struct pull *pull)
{
    char url[PP_PEER_URL_MAX + 64];
    char base[PP_PEER_URL_MAX];
    pull->acknowledges = ack_is_due(pull);
    pull->asks_other = !pull->acknowledges && wants(pull, base) && !pull->asks_other;
    if (pull->acknowledges) {
        snprintf(url, sizeof url, "%s/v1/evidence/%" PRIu32 "/acknowledgements", pull->peer.url, pull->peer.lane);
        PP_TRY(ack_make(pull));
    } else {
        snprintf(url, sizeof url, "%s/v1/evidence/%" PRIu32 "?from=%" PRIu64,
                 pull->asks_other ? base : pull->peer.url, pull->peer.lane, pull->replica.head.next_sequence);
    }
    pull->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    pull->transfer = curl_easy_init();
    if (pull->transfer)
        pull->puller->under_way++;
    if (pull->bytes && pull->transfer && options_set(pull, url) &&
        curl_multi_add_handle(pull->puller->multi, pull->transfer) == CURLM_OK)
        return PP_OK;
    transfer_end(pull);
    return PP_NO_MEMORY;
}

/* EVID-072: whatever is not a segment is the peer's trouble, and says nothing against its operator. */
static enum pp_error answer_check(const struct pull *pull, CURLcode code)
{
    long status = 0;
    const char *type = NULL;
    if (pull->too_large)
        return PP_BODY_TOO_LARGE;
    if (code != CURLE_OK)
        return PP_NODE_DOWN;
    curl_easy_getinfo(pull->transfer, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(pull->transfer, CURLINFO_CONTENT_TYPE, &type);
    if (status >= 500)
        return PP_NODE_DOWN;
    if (status == 404)
        return PP_NOT_FOUND;
    return status == 200 && type && strcmp(type, PP_SEGMENT_MEDIA_TYPE) == 0 ? PP_OK : PP_NODE_NONSENSE;
}

static void transfer_done(struct pull *pull, CURLcode code)
{
    if (pull->acknowledges) {
        ack_ended(pull, ack_answer(pull, code));
        transfer_end(pull);
        return;
    }
    const enum pp_error error = answer_check(pull, code);
    if (error == PP_OK)
        segment_take(pull);
    else if (pull->asks_other)
        other_failed(pull);
    else
        ended(pull, error, false);
    transfer_end(pull);
}

/* ---- the thread ---- */

static bool is_wanted(struct pull *pull)
{
    char url[PP_PEER_URL_MAX];
    return wants(pull, url);
}

/* EVID-075: in turns, so that nobody is passed over while others are due again at once. */
static void begin_due(struct pp_puller *puller)
{
    const uint64_t now = now_ms();
    const size_t count = puller->config.peer_count;
    for (size_t i = 0; i < count && puller->under_way < PP_PULLS_MAX && !is_stopping(puller); i++) {
        struct pull *pull = &puller->pulls[(puller->turn + i) % count];
        if (pull->transfer || pull->status.stopped != PP_OK || (pull->due_ms > now && !is_wanted(pull)))
            continue;
        if (!pull->loaded)
            replica_load(pull);
        if (!pull->loaded || pull->status.stopped != PP_OK)
            continue;
        const enum pp_error error = transfer_begin(pull);
        if (error != PP_OK)
            ended(pull, error, false);
    }
    puller->turn = (puller->turn + 1) % count;
}

void pp_puller_want(struct pp_puller *puller, uint32_t lane, uint64_t next_sequence, const char *url)
{
    for (size_t i = 0; i < puller->config.peer_count; i++) {
        struct pull *pull = &puller->pulls[i];
        if (pull->peer.lane != lane || strlen(url) >= sizeof pull->want_url)
            continue;
        pthread_mutex_lock(&puller->lock);
        if (next_sequence > pull->status.next_sequence && next_sequence >= pull->want_sequence) {
            pull->want_sequence = next_sequence;
            memcpy(pull->want_url, url, strlen(url) + 1);
        }
        pthread_mutex_unlock(&puller->lock);
        curl_multi_wakeup(puller->multi);
    }
}

static int wait_of(const struct pp_puller *puller)
{
    const uint64_t now = now_ms();
    uint64_t wait = WAIT_MAX_MS;
    if (puller->under_way >= PP_PULLS_MAX)
        return WAIT_MAX_MS;
    for (size_t i = 0; i < puller->config.peer_count; i++) {
        const struct pull *pull = &puller->pulls[i];
        if (pull->transfer || pull->status.stopped != PP_OK)
            continue;
        const uint64_t left = pull->due_ms > now ? pull->due_ms - now : 0;
        wait = left < wait ? left : wait;
    }
    return (int)wait;
}

static void take_done(struct pp_puller *puller)
{
    CURLMsg *message;
    int left;
    while (!is_stopping(puller) && (message = curl_multi_info_read(puller->multi, &left)) != NULL) {
        char *private_ = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_);
        transfer_done((struct pull *)(void *)private_, code);
    }
}

static void *puller_run(void *context)
{
    struct pp_puller *puller = context;
    while (!is_stopping(puller)) {
        int running;
        begin_due(puller);
        curl_multi_perform(puller->multi, &running);
        take_done(puller);
        curl_multi_poll(puller->multi, NULL, 0, wait_of(puller), NULL);
    }
    for (size_t i = 0; i < puller->config.peer_count; i++)
        transfer_end(&puller->pulls[i]);
    return NULL;
}

/* ---- opening ---- */

static enum pp_error puller_start(struct pp_puller *puller)
{
    const struct pp_puller_config *config = &puller->config;
    puller->pulls = calloc(config->peer_count, sizeof *puller->pulls);
    puller->multi = curl_multi_init();
    if (!puller->pulls || !puller->multi)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < config->peer_count; i++) {
        puller->pulls[i].puller = puller;
        puller->pulls[i].peer = config->peers[i];
    }
    puller->started = pthread_create(&puller->thread, NULL, puller_run, puller) == 0;
    return puller->started ? PP_OK : PP_SYSTEM;
}

enum pp_error pp_puller_open(const struct pp_puller_config *config, struct pp_puller **out)
{
    if (config->peer_count == 0 || config->peer_count > PP_PEERS_MAX)
        return PP_TOO_MANY;
    struct pp_puller *puller = calloc(1, sizeof *puller);
    if (!puller)
        return PP_NO_MEMORY;
    puller->config = *config;
    pthread_mutex_init(&puller->lock, NULL);
    enum pp_error error = puller_start(puller);
    if (error != PP_OK) {
        pp_puller_close(puller);
        return error;
    }
    puller->config.peers = NULL; /* copied */
    *out = puller;
    return PP_OK;
}

void pp_puller_close(struct pp_puller *puller)
{
    if (!puller)
        return;
    if (puller->started) {
        pthread_mutex_lock(&puller->lock);
        puller->stop = true;
        pthread_mutex_unlock(&puller->lock);
        curl_multi_wakeup(puller->multi);
        pthread_join(puller->thread, NULL);
    }
    for (size_t i = 0; puller->pulls && i < puller->config.peer_count; i++)
        pp_replica_close(&puller->pulls[i].replica);
    if (puller->multi)
        curl_multi_cleanup(puller->multi);
    pthread_mutex_destroy(&puller->lock);
    free(puller->pulls);
    free(puller);
}

enum pp_error pp_puller_status(struct pp_puller *puller, uint32_t lane, struct pp_pull_status *out)
{
    for (size_t i = 0; i < puller->config.peer_count; i++)
        if (puller->pulls[i].peer.lane == lane) {
            pthread_mutex_lock(&puller->lock);
            *out = puller->pulls[i].status;
            pthread_mutex_unlock(&puller->lock);
            return PP_OK;
        }
    return PP_NOT_FOUND;
}
