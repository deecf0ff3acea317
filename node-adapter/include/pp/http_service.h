/* pp/http_service.h - a node's HTTP API on a thread of its own, for a program that has the node in its own process.
 *
 * The daemon does not use it: it has a loop, signals and a chain of its own. Here is only the API, with no chain behind it.
 * Own:     the node and its configuration are the caller's; close the service before the node. The service answers what it
 *          has taken before _close returns.
 * Errors:  those of listening (IO, BAD_FORMAT; out_reason says it), NO_MEMORY, SYSTEM.
 * Source:  specs/http.md.
 */
#ifndef PP_HTTP_SERVICE_H
#define PP_HTTP_SERVICE_H

#include <pennypost.h>

struct pp_http_service;

struct pp_http_service_config {
    struct pp_node *node;
    const struct pp_node_config *node_config;
    struct pp_address operator_address;
    struct pp_address token;
    uint8_t token_decimals;
    const char *realm;
    const char *address; /* an IPv4 or IPv6 literal */
    uint16_t port;       /* 0: any free one */
};

PP_MUST_CHECK enum pp_error pp_http_service_open(const struct pp_http_service_config *config,
                                                 struct pp_http_service **out, char out_reason[128]);
uint16_t pp_http_service_port(const struct pp_http_service *service);
void pp_http_service_close(struct pp_http_service *service);

#endif
