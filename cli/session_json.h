/* session_json.h - what opens a session, and a root over its leaves, as the bodies that a node is asked with.
 *
 * Own:    the caller owns the reference; NULL when there is no memory.
 * Source: specs/http.md (POST .../sessions, POST .../roots).
 */
#ifndef CLI_SESSION_JSON_H
#define CLI_SESSION_JSON_H

#include <jansson.h>

#include <pennypost.h>

json_t *cli_session_open_json(const struct pp_session_open *open);
json_t *cli_session_root_json(const struct pp_session_root *root);

#endif
