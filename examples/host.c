/* host.c - a host that keeps the envelopes itself: one file an envelope in STORE_DIR, named by its ticket.
 *
 *     example_host NODE_DIR STORE_DIR [FRAME ...]
 *
 * A frame (pp/frame.h) comes over the host's own network; here each is a file.
 * A ticket is open from pp_node_admit until it is committed or cancelled. Wherever a crash falls between the two, the next
 * start finds the ticket and asks one question: is the envelope in the store? */
#include <pennypost.h>
#include <pp/frame.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct host {
    struct pp_node *node;
    int store; /* the folder */
    uint8_t frame[PP_BODY_MAX_BYTES];
    struct pp_envelope_view envelopes[PP_LEAVES_MAX];
    struct pp_result results[PP_LEAVES_MAX];
};

/* Whole and on disk before it has its name. Again: once more the same. */
static void store(const struct host *host, uint64_t ticket, const struct pp_envelope_view *envelope)
{
    char name[32], part[40];
    snprintf(name, sizeof name, "%llu", (unsigned long long)ticket);
    snprintf(part, sizeof part, "%s.part", name);
    int file = openat(host->store, part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 ||
        write(file, envelope->payload, envelope->payload_length) != (ssize_t)envelope->payload_length ||
        fsync(file) != 0 || renameat(host->store, part, host->store, name) != 0 || fsync(host->store) != 0)
        perror(part); /* decide() will not find it, and gives the postage back */
    close(file);
}

static enum pp_error decide(const struct host *host, uint64_t ticket)
{
    char name[32];
    struct pp_receipt receipt; /* is the sender's */
    snprintf(name, sizeof name, "%llu", (unsigned long long)ticket);
    bool stored = faccessat(host->store, name, F_OK, 0) == 0;
    printf("%s %s\n", stored ? "commit" : "cancel", name);
    return stored ? pp_node_commit(host->node, &ticket, 1, &receipt) : pp_node_cancel(host->node, &ticket, 1);
}

static bool oldest(void *context, const struct pp_open_ticket *open)
{
    *(uint64_t *)context = open->ticket;
    return false; /* one is enough */
}

static enum pp_error recover(const struct host *host)
{
    for (uint64_t ticket = 0;; ticket = 0) {
        PP_TRY(pp_node_open_tickets(host->node, oldest, &ticket));
        if (ticket == 0)
            return PP_OK;
        PP_TRY(decide(host, ticket));
    }
}

/* In a network of several: what no quorum held in time was refunded. Sessions and lanes end, too (pennypost.h); a host finds their
 * envelopes by what it keeps beside them. */
static bool drop(void *context, const struct pp_lapse *lapse)
{
    const struct host *host = context;
    char name[32];
    snprintf(name, sizeof name, "%llu", (unsigned long long)lapse->ticket);
    if (lapse->kind == PP_LAPSE_STAMP && unlinkat(host->store, name, 0) == 0)
        printf("drop %s\n", name);
    return true;
}

static enum pp_error drop_lapsed(struct host *host)
{
    uint64_t after = 0, from; /* yours is kept on disk: the journal is long */
    do {
        from = after;
        PP_TRY(pp_node_lapsed(host->node, from, drop, host, &after));
    } while (after != from);
    return PP_OK;
}

static enum pp_error serve(struct host *host, size_t length)
{
    struct pp_request request;
    struct pp_refusal refusal;
    PP_TRY(pp_frame_decode(host->frame, length, host->envelopes, PP_LEAVES_MAX, &request, &refusal));
    PP_TRY(pp_node_admit(host->node, &request, host->results, &refusal)); /* what was charged is on disk */
    for (size_t i = 0; i < request.count; i++)
        if (host->results[i].refusal.error == PP_OK)
            store(host, host->results[i].sequence, &request.envelopes[i]);
    for (size_t i = 0; i < request.count; i++)
        if (host->results[i].refusal.error == PP_OK)
            PP_TRY(decide(host, host->results[i].sequence));
        else
            printf("refuse %zu %s\n", i, pp_error_name(host->results[i].refusal.error));
    return PP_OK;
}

int main(int count, char **arguments)
{
    struct host *host = calloc(1, sizeof *host);
    if (!host || count < 3 || (host->store = open(arguments[2], O_RDONLY | O_DIRECTORY)) < 0)
        return 2;
    const struct pp_rates rates = {
        .version = 1, .base_grains = 1000, .storage_grains = 3, .target_per_minute = 1000};
    const struct pp_address contract = {{0xc0, 0x01}};
    struct pp_node_config config = {.data_dir = arguments[1],
                                    .node_id = 7,
                                    .shard = 1,
                                    .rates = &rates,
                                    .rates_count = 1,
                                    .epoch_seconds = 43200,
                                    .freshness_ms = 600000,
                                    .operator_key = {{1}},
                                    .receipt_seed = {2}, /* yours: from pp/keyfile.h */
                                    .clock = pp_clock_system()};
    pp_domain_init(&config.domain, 31337, &contract);
    /* Lanes and blocks come from pp_chain_watch (pp/chain_watch.h). Without a chain: the lanes that the journal knows. */
    const struct pp_chain_event head = {
        .kind = PP_CHAIN_HEAD, .block_number = 1, .time_s = (uint64_t)time(NULL)};
    char reason[256] = "";
    enum pp_error error = pp_node_open(&config, &host->node, reason);
    if (error == PP_OK && (error = recover(host)) == PP_OK && (error = drop_lapsed(host)) == PP_OK)
        error = pp_node_chain_events(host->node, &head, 1);
    for (int i = 3; i < count && error == PP_OK; i++) {
        FILE *file = fopen(arguments[i], "rb");
        size_t length = file ? fread(host->frame, 1, sizeof host->frame, file) : 0;
        printf("frame %s\n", pp_error_name(serve(host, length)));
        if (file)
            fclose(file);
    }
    fprintf(stderr, "%s %s\n", pp_error_name(error), reason);
    pp_node_close(host->node);
    free(host);
    return error == PP_OK ? 0 : 1;
}
