#include "chain/chain_endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* RPC-004: scheme, host and port are all that may be shown: the rest may hold a key, and so may what stands before an "@". */
static void name_print(char out[PP_RPC_NAME_MAX], size_t number, const char *url)
{
    const char *authority = strstr(url, "//") + 2;
    size_t length = strcspn(authority, "/?#");
    for (size_t i = length; i-- > 0;)
        if (authority[i] == '@') {
            authority += i + 1;
            length -= i + 1;
            break;
        }
    int head =
        snprintf(out, PP_RPC_NAME_MAX, "endpoint %zu (%.*s//", number, (int)(strchr(url, '/') - url), url);
    size_t at = (size_t)head;
    for (size_t i = 0; i < length && at + 2 < PP_RPC_NAME_MAX; i++)
        out[at++] = authority[i] > 0x20 && authority[i] < 0x7f ? authority[i] : '?';
    memcpy(out + at, ")", 2);
}

enum pp_error rpc_endpoints_init(struct rpc_endpoints *all, const char *urls)
{
    *all = (struct rpc_endpoints){0};
    for (const char *at = urls; at; at = *at ? at + 1 : NULL) {
        size_t length = strcspn(at, ",");
        while (length > 0 && *at == ' ') {
            at++;
            length--;
        }
        if (!is_http(at) || all->count == PP_RPC_ENDPOINTS_MAX)
            return PP_BAD_CONFIG;
        struct rpc_endpoint *endpoint = &all->list[all->count];
        endpoint->url = strndup(at, length);
        if (!endpoint->url)
            return PP_NO_MEMORY;
        name_print(endpoint->health.name, ++all->count, endpoint->url);
        at += length;
    }
    return all->count > 0 ? PP_OK : PP_BAD_CONFIG;
}

void rpc_endpoints_done(struct rpc_endpoints *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->list[i].url);
    all->count = 0;
}

void rpc_endpoints_choose(struct rpc_endpoints *all)
{
    size_t best = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].health.rests > 0)
            all->list[i].health.rests--;
    for (size_t i = 1; i < all->count; i++)
        if (all->list[i].health.rests < all->list[best].health.rests)
            best = i;
    all->current = best;
}

bool rpc_endpoints_next(struct rpc_endpoints *all, size_t first, bool even_resting)
{
    for (size_t i = (all->current + 1) % all->count; i != first; i = (i + 1) % all->count)
        if (even_resting || all->list[i].health.rests == 0) {
            all->current = i;
            return true;
        }
    return false;
}

void rpc_endpoint_failed(struct rpc_endpoint *endpoint, enum pp_error error)
{
    struct pp_rpc_endpoint *health = &endpoint->health;
    endpoint->is_of_chain = false;
    health->error = error;
    health->failures++;
    health->rests = health->failures < 6 ? 1u << health->failures : RPC_REST_TURNS_MAX;
}

/* Latency is smoothed: an eighth of what is new. */
void rpc_endpoint_answered(struct rpc_endpoint *endpoint, uint64_t took_ms)
{
    uint64_t shown = endpoint->health.latency_ms;
    if (took_ms > UINT32_MAX)
        took_ms = UINT32_MAX;
    endpoint->health.latency_ms = (uint32_t)(shown == 0 ? took_ms : (7 * shown + took_ms) / 8);
}
