#include "engine/sources.h"

#include <stddef.h>

#define HALF_LIFE_MS 1000u

static size_t set_of(uint64_t source)
{
    return (size_t)(source * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PP_SOURCE_SETS;
}

static uint32_t score_at(const struct pp_source_score *place, uint64_t now_ms)
{
    uint64_t halvings = now_ms > place->heard_ms ? (now_ms - place->heard_ms) / HALF_LIFE_MS : 0;
    return halvings < 32 ? place->score >> halvings : 0;
}

static struct pp_source_score *place_find(struct pp_source_score *set, uint64_t source)
{
    for (size_t i = 0; source != 0 && i < PP_SOURCE_WAYS; i++)
        if (set[i].source == source)
            return &set[i];
    return NULL;
}

bool pp_source_is_suspect(struct pp_sources *sources, uint64_t source, uint64_t now_ms)
{
    const struct pp_source_score *place = place_find(sources->places[set_of(source)], source);
    return place && score_at(place, now_ms) >= PP_SOURCE_SUSPECT;
}

/* The one that says least gives way: with the lowest score, of those the one heard of longest ago. */
static struct pp_source_score *place_take(struct pp_source_score *set, uint64_t source, uint64_t now_ms)
{
    struct pp_source_score *least = &set[0];
    for (size_t i = 1; i < PP_SOURCE_WAYS; i++) {
        uint32_t score = score_at(&set[i], now_ms), lowest = score_at(least, now_ms);
        if (score < lowest || (score == lowest && set[i].heard_ms < least->heard_ms))
            least = &set[i];
    }
    *least = (struct pp_source_score){.source = source, .heard_ms = now_ms};
    return least;
}

void pp_source_count(struct pp_sources *sources, uint64_t source, bool forged, uint64_t now_ms)
{
    struct pp_source_score *set = sources->places[set_of(source)];
    struct pp_source_score *place = place_find(set, source);
    if (!place && forged && source != 0)
        place = place_take(set, source, now_ms);
    if (!place) /* nobody, or somebody of whom nothing bad is known */
        return;
    uint32_t score = score_at(place, now_ms);
    uint64_t age_ms = now_ms > place->heard_ms ? now_ms - place->heard_ms : 0;
    place->heard_ms += age_ms - age_ms % HALF_LIFE_MS; /* what is left of a second counts on */
    if (forged)
        score =
            score + PP_SOURCE_FORGED < PP_SOURCE_SCORE_MAX ? score + PP_SOURCE_FORGED : PP_SOURCE_SCORE_MAX;
    else if (score > 0)
        score--;
    place->score = score;
}
