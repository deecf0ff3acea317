/* shard_list.h - "0-3,7": which shards of a node a process writes.
 *
 * Errors: BAD_FORMAT: empty, not a number, out of 0 to 255, or not ascending.
 * Source: specs/http.md (HTTP-096).
 */
#ifndef PP_SHARD_LIST_H
#define PP_SHARD_LIST_H

#include <pennypost_shards.h>

PP_MUST_CHECK enum pp_error pp_shard_list_parse(const char *text, uint8_t out[PP_SHARDS_MAX],
                                                size_t *out_count);

#endif
