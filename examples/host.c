/* host.c - a node with an envelope store of its own charges postage before it stores: admit, store, commit.
 *     host DATA_DIR STORE_DIR FRAME...      each FRAME is a file with one batch, as a sender made it */
#include <pennypost.h>
#include <pp/frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *store_path(char *out, const char *dir, uint64_t ticket, const char *suffix)
{
    return snprintf(out, 4096, "%s/%llu%s", dir, (unsigned long long)ticket, suffix), out;
}

static bool store(const char *dir, uint64_t ticket, const struct pp_envelope_view *envelope)
{
    char part[4096], whole[4096];
    FILE *file = fopen(store_path(part, dir, ticket, ".part"), "wb");
    bool written = file && fwrite(envelope->payload, 1, envelope->payload_length, file) == envelope->payload_length &&
                   fflush(file) == 0 && fsync(fileno(file)) == 0;
    return file && fclose(file) == 0 && written && rename(part, store_path(whole, dir, ticket, "")) == 0;
}

/* After a crash the node asks about each open ticket: what is whole on our disk was stored, all else was not. */
struct open_list { uint64_t tickets[1024]; size_t count; };
static bool remember(void *context, const struct pp_open_ticket *open)
{
    struct open_list *list = context;
    list->tickets[list->count++] = open->ticket;
    return list->count < 1024;
}

static enum pp_error settle(struct pp_node *node, uint64_t ticket, bool stored)
{
    struct pp_receipt receipt; /* goes to the sender, with the ticket and the time of its admission */
    enum pp_error error = stored ? pp_node_commit(node, &ticket, 1, &receipt) : pp_node_cancel(node, &ticket, 1);
    printf("%llu %s: %s\n", (unsigned long long)ticket, stored ? "stored" : "cancelled", pp_error_name(error));
    return error;
}

static enum pp_error take(struct pp_node *node, const char *dir, const struct pp_request *request)
{
    static struct pp_result results[PP_LEAVES_MAX];
    struct pp_refusal refusal;
    PP_TRY(pp_node_admit(node, request, results, &refusal)); /* now it is reserved, on disk */
    for (size_t i = 0; i < request->count; i++) {
        if (results[i].refusal.error != PP_OK)
            printf("refused: %s\n", pp_error_name(results[i].refusal.error));
        else if (getenv("HOST_DIES_BEFORE_STORING") || (store(dir, results[i].sequence, &request->envelopes[i]) &&
                                                        getenv("HOST_DIES_AFTER_STORING")))
            _exit(9);
        else
            PP_TRY(settle(node, results[i].sequence, access(store_path((char[4096]){0}, dir, results[i].sequence, ""), R_OK) == 0));
    }
    return PP_OK;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[PP_BODY_MAX_BYTES];
    static struct pp_envelope_view envelopes[PP_LEAVES_MAX];
    const struct pp_rates rates = {.version = 1, .base_grains = 1000, .storage_grains = 3, .target_per_minute = 60000};
    struct pp_node_config config = {.data_dir = argv[1], .node_id = 1, .rates = &rates, .rates_count = 1,
        .operator_key = {{1}}, .receipt_seed = {2}, .epoch_seconds = 43200, .freshness_ms = 600000, .clock = pp_clock_system()};
    struct pp_node *node;
    struct open_list open = {.count = 0};
    pp_domain_init(&config.domain, 31337, &(struct pp_address){{3}});
    if (argc < 3 || pp_node_open(&config, &node, NULL) != PP_OK)
        return 1;
    /* A real host runs a view of the chain (pp/chain_view.h), which says this, and what happens to channels. */
    struct pp_chain_event head = {.kind = PP_CHAIN_HEAD, .time_s = config.clock.now_ms(NULL) / 1000};
    enum pp_error error = pp_node_chain_events(node, &head, 1);
    if (error == PP_OK)
        error = pp_node_open_tickets(node, remember, &open);
    for (size_t i = 0; i < open.count && error == PP_OK; i++)
        error = settle(node, open.tickets[i], access(store_path((char[4096]){0}, argv[2], open.tickets[i], ""), R_OK) == 0);
    for (int i = 3; i < argc && error == PP_OK; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t length = file ? fread(bytes, 1, sizeof bytes, file) : 0;
        struct pp_request request;
        struct pp_refusal refusal;
        error = pp_frame_decode(bytes, length, envelopes, PP_LEAVES_MAX, &request, &refusal);
        error = error == PP_OK ? take(node, argv[2], &request) : error;
        if (file)
            fclose(file);
    }
    pp_node_close(node);
    return error == PP_OK ? 0 : fprintf(stderr, "%s\n", pp_error_name(error)), error != PP_OK;
}
