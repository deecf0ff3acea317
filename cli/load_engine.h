/* load_engine.h - requests that go into an engine in this process, and an engine to load: in a folder of its own, with lanes that
 * nobody paid for. */
#ifndef CLI_LOAD_ENGINE_H
#define CLI_LOAD_ENGINE_H

#include "load_sender.h"

/* By pp_node_submit, or pp_node_admit_start of a load of charges; context is the struct pp_node. Its answers come on the engine's threads, and are counted on the sender's. */
struct load_transport load_engine_transport(struct pp_node *node);

/* ---- the engine ---- */

struct load_place;

struct load_place_config {
    const char *dir; /* a folder for the store is made in it, and removed at the end */
    uint32_t lanes;
    bool serves;  /* over HTTP on loopback, too */
    bool charges; /* it keeps charges only: the envelopes are the host's */
    const struct pp_crypto *crypto;
};
/* Lanes are funded with all that a lane can hold. out_reason has room for 512 bytes. */
PP_MUST_CHECK enum pp_error load_place_open(const struct load_place_config *config, struct load_place **out,
                                            char *out_reason);
void load_place_close(struct load_place *place);
struct pp_node *load_place_node(struct load_place *place);
const struct pp_domain *load_place_domain(const struct load_place *place);
struct load_lane *load_place_lanes(struct load_place *place);
const struct cli_node_terms *load_place_terms(const struct load_place *place);
/* Where every lane's line ends. */
struct pp_grains load_place_limit(void);
/* Where it answers; "" when it does not serve. */
const char *load_place_url(const struct load_place *place);
/* Begins a day that has begun. */
PP_MUST_CHECK enum pp_error load_place_tick(struct load_place *place);
/* For the next minute. */
PP_MUST_CHECK enum pp_error load_place_quote(struct load_place *place, struct cli_quote *out);
/* Where the store is. */
const char *load_place_path(const struct load_place *place);

#endif
