#include "many.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_AT_ONCE 65536u

void many_room(struct traffic *traffic, uint32_t idle)
{
    traffic->config.lanes_max = idle + traffic->shape.lanes;
    traffic->config.map_bytes = MANY_MAP_BYTES;
}

static uint64_t mixed(uint64_t number)
{
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static void event_make(uint32_t number, struct pp_chain_event *out)
{
    uint64_t words[4];
    *out = (struct pp_chain_event){
        .kind = PP_CHAIN_LANE_FINAL, .lane = TRAFFIC_LANE, .cap = pp_units(1000000), .block_number = 1};
    for (unsigned i = 0; i < 4; i++)
        words[i] = mixed(4 * (uint64_t)number + i + 1);
    memcpy(out->channel_id.bytes, words, 32);
    memcpy(out->config.payer.bytes, words, 20);
    memcpy(out->config.signer.bytes, words + 1, 20);
}

void many_clock(struct traffic *traffic)
{
    traffic->started_ns = bench_now_ns();
}

void many_learn(struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count)
{
    struct pp_chain_event *events = calloc(EVENTS_AT_ONCE, sizeof *events);
    if (!events)
        bench_fail("events", PP_NO_MEMORY);
    for (uint32_t at = 0; at < count; at += EVENTS_AT_ONCE) {
        uint32_t part = count - at < EVENTS_AT_ONCE ? count - at : EVENTS_AT_ONCE;
        for (uint32_t i = 0; i < part; i++)
            event_make(first + at + i, &events[i]);
        many_clock(traffic);
        BENCH_OK(pp_node_chain_events(node, events, part));
    }
    free(events);
}

uint64_t many_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kib = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
            break;
    if (!file || kib == 0)
        bench_fail("/proc/self/status", PP_IO);
    fclose(file);
    return kib * 1024;
}
