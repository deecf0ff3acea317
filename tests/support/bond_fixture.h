/* bond_fixture.h - recipients with keys, stamps with bonds, and the words on them.
 *
 * Errors: none. Whatever goes wrong here fails the test that asked.
 */
#ifndef PP_BOND_FIXTURE_H
#define PP_BOND_FIXTURE_H

#include "node_fixture.h"

#define FIXTURE_BOND_KIND 1u
#define FIXTURE_BOND_GRAINS UINT64_C(5000)
#define FIXTURE_BOND_WINDOW_MS UINT64_C(3600000) /* a stamp's deadline lies so far behind its quote */

/* Before the node is opened: kind 1 has a bond; deadlines from a second to two days. */
void pp_bond_terms(struct pp_fixture *fixture);

struct pp_recipient {
    struct pp_secret_key key;
    struct pp_address address;
};
/* The number makes the key. */
void pp_recipient_init(struct pp_recipient *recipient, const struct pp_fixture *fixture, uint64_t number);
/* Signed by `owner`. */
void pp_registration_make(const struct pp_fixture *fixture, const struct pp_recipient *owner,
                          const char *topic, const struct pp_address *key, uint64_t number,
                          struct pp_topic_registration *out);
/* The first one, which must be taken. */
void pp_recipient_register(const struct pp_recipient *recipient, struct pp_fixture *fixture,
                           const char *topic);

/* count stamps of kind 1 for the topic that pp_request_make gives this seed, which has a key or has none. */
void pp_bonded_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender,
                    size_t count, uint64_t seed);
void pp_bond_topic_of(uint64_t seed, char out[32]);

/* Accept, or Complain. */
void pp_word_make(const struct pp_fixture *fixture, const struct pp_recipient *recipient,
                  const struct pp_leaf *leaf, uint64_t sequence, bool accept, struct pp_bond_word *out);

#endif
