/* The example host, run as a user would: admit, store, commit; then killed between each two steps, and started again.
 * Method: frames are made here, against the same data folder and keys; what the host prints and stores is checked. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/frame.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_LANE (1u << 8)

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture; /* its node is the example's */
    struct pp_sender sender;
    char store[300];
    char output[4096];
};

static uint64_t wall_ms(void *context)
{
    (void)context;
    struct pp_clock clock = pp_clock_system();
    return clock.now_ms(clock.context);
}

/* What examples/host.c has. */
static void world_open(struct world *world)
{
    static const struct pp_address contract = {{3}};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, false);
    struct pp_node_config *config = &world->fixture.config;
    config->node_id = 1;
    config->shard = 0;
    config->operator_key = (struct pp_secret_key){{1}};
    memset(config->receipt_seed, 0, sizeof config->receipt_seed);
    config->receipt_seed[0] = 2;
    config->clock.now_ms = wall_ms;
    world->fixture.rates.congestion_grains = 0;
    world->fixture.rates.target_per_minute = 60000;
    pp_domain_init(&config->domain, 31337, &contract);
    pp_sender_init(&world->sender, &world->fixture, 1);
    snprintf(world->store, sizeof world->store, "%s/store", world->dir.path);
    ck_assert_int_eq(mkdir(world->store, 0700), 0);
}

static void world_close(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* A batch of count envelopes, as a file. */
static void frame_write(struct world *world, size_t count, const char *path, bool fund)
{
    struct pp_made_request made;
    struct pp_chain_event event;
    pp_fixture_open(&world->fixture);
    pp_sender_event(&world->sender, PP_CHAIN_LANE_FINAL, 25000000, 0, &event);
    event.lane = HOST_LANE;
    if (fund)
        ck_assert_ok(pp_node_chain_events(world->fixture.node, &event, 1));
    pp_request_make(&made, &world->fixture, &world->sender, count, (struct pp_parcel_of){50, 2}, 1);
    made.request.lane = HOST_LANE;
    for (size_t i = 0; i < count; i++)
        made.envelopes[i].leaf.lane = HOST_LANE;
    pp_request_sign(&made, &world->fixture, &world->sender);
    size_t length = pp_frame_length(&made.request);
    uint8_t *bytes = malloc(length);
    FILE *file = fopen(path, "wb");
    ck_assert_ok(pp_frame_encode(&made.request, bytes, length, &length));
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(bytes);
    pp_request_done(&made);
    pp_fixture_close(&world->fixture);
}

static int host_run(struct world *world, const char *environment, const char *frame)
{
    char command[2000];
    snprintf(command, sizeof command, "%s %s/example_host %s %s %s 2>&1", environment, PP_BINARY_DIR, world->fixture.dir,
             world->store, frame);
    FILE *pipe = popen(command, "r");
    size_t length = fread(world->output, 1, sizeof world->output - 1, pipe);
    world->output[length] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

START_TEST(host__a_batch__stored_and_committed_and_free_when_sent_again)
{
    struct world world;
    char frame[400];
    world_open(&world);
    snprintf(frame, sizeof frame, "%s/frame", world.dir.path);
    frame_write(&world, 5, frame, true);
    ck_assert_int_eq(host_run(&world, "", frame), 0);
    ck_assert_msg(count_of(world.output, "stored: OK\n") == 5, "%s", world.output);
    ck_assert_int_eq(host_run(&world, "", frame), 0);
    ck_assert_msg(count_of(world.output, "stored: OK\n") == 5, "%s", world.output);
    struct pp_lane_status status;
    pp_fixture_open(&world.fixture);
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, HOST_LANE, &status));
    ck_assert_uint_eq(status.stamps, 5);
    ck_assert(pp_grains_eq(status.spent, world.sender.head));
    world_close(&world);
}
END_TEST

START_TEST(host__dies_between_two_steps__the_next_start_resolves_every_ticket)
{
    static const struct {
        const char *environment;
        unsigned stored;
    } cases[] = {{"HOST_DIES_BEFORE_STORING=1", 0}, {"HOST_DIES_AFTER_STORING=1", 1}};
    for (unsigned i = 0; i < 2; i++) {
        struct world world;
        char frame[400];
        world_open(&world);
        snprintf(frame, sizeof frame, "%s/frame", world.dir.path);
        frame_write(&world, 3, frame, true);
        ck_assert_int_eq(host_run(&world, cases[i].environment, frame), 9);
        ck_assert_int_eq(host_run(&world, "", ""), 0);
        ck_assert_msg(count_of(world.output, " stored: OK\n") == cases[i].stored, "%s", world.output);
        ck_assert_msg(count_of(world.output, " cancelled: OK\n") == 3 - cases[i].stored, "%s", world.output);
        ck_assert_int_eq(host_run(&world, "", ""), 0);
        ck_assert_str_eq(world.output, "");
        struct pp_lane_status status;
        pp_fixture_open(&world.fixture);
        ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, HOST_LANE, &status));
        ck_assert(pp_grains_eq(status.refunded, pp_grains((3 - cases[i].stored) * (1000 + 300))));
        world_close(&world);
    }
}
END_TEST

PP_TESTS("host")
PP_TEST(host__a_batch__stored_and_committed_and_free_when_sent_again)
PP_TEST(host__dies_between_two_steps__the_next_start_resolves_every_ticket)
PP_TESTS_END
