/* sources.h - which connections bring signatures that do not hold, so that they pay for it and nobody else does.
 *
 * Shape:  a small table of scores by source. A forged request raises the score, a good one lowers it, and it halves with every
 *         second. At PP_SOURCE_SUSPECT the source is suspect: its requests wait in a line of their own, which gets a small
 *         part of the verification while others wait. So an honest proxy with one broken client behind it is not: there, the
 *         good requests outweigh.
 * Own:    fixed memory; a source that was not heard of for the longest gives its place up. Source 0 is nobody: never suspect.
 * Source: specs/node.md (NODE-048).
 */
#ifndef PP_SOURCES_H
#define PP_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#define PP_SOURCE_SETS 256u /* of PP_SOURCE_WAYS: as many connections as the daemon takes */
#define PP_SOURCE_WAYS 4u
#define PP_SOURCE_FORGED 16u      /* a forged request weighs as much as so many good ones */
#define PP_SOURCE_SUSPECT 64u     /* four forged ones within a second or so */
#define PP_SOURCE_SCORE_MAX 1024u /* forgotten five seconds after the last one */

struct pp_source_score {
    uint64_t source; /* 0: an empty place */
    uint64_t heard_ms;
    uint32_t score;
};

struct pp_sources {
    struct pp_source_score places[PP_SOURCE_SETS][PP_SOURCE_WAYS];
};

/* now_ms: of a clock that does not go back. */
bool pp_source_is_suspect(struct pp_sources *sources, uint64_t source, uint64_t now_ms);
void pp_source_count(struct pp_sources *sources, uint64_t source, bool forged, uint64_t now_ms);

#endif
