#include "bond_fixture.h"

#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/price.h>
#include <pp/voucher.h>

#include <stdio.h>
#include <string.h>

void pp_bond_terms(struct pp_fixture *fixture)
{
    fixture->rates.bond_count = 2;
    fixture->rates.bond_grains[FIXTURE_BOND_KIND] = FIXTURE_BOND_GRAINS;
    fixture->config.bond_window_min_ms = 1000;
    fixture->config.bond_window_max_ms = 2 * FIXTURE_DAY_MS;
}

void pp_recipient_init(struct pp_recipient *recipient, const struct pp_fixture *fixture, uint64_t number)
{
    *recipient = (struct pp_recipient){.key = {{0x99}}};
    for (unsigned i = 0; i < 8; i++)
        recipient->key.bytes[31 - i] = (uint8_t)((number + 1) >> (8 * i));
    ck_assert_ok(pp_secret_key_address(fixture->crypto, &recipient->key, &recipient->address));
}

void pp_registration_make(const struct pp_fixture *fixture, const struct pp_recipient *owner,
                          const char *topic, const struct pp_address *key, uint64_t number,
                          struct pp_topic_registration *out)
{
    struct pp_register_topic_fields fields = {FIXTURE_NODE_ID, {{0}}, *key, number};
    struct pp_hash digest;
    pp_topic_hash((const uint8_t *)topic, strlen(topic), &fields.topic);
    *out = (struct pp_topic_registration){.topic = fields.topic, .key = *key, .number = number};
    pp_register_topic_digest(&fixture->config.domain, &fields, &digest);
    ck_assert_ok(pp_sign(fixture->crypto, &owner->key, &digest, &out->signature));
}

void pp_recipient_register(const struct pp_recipient *recipient, struct pp_fixture *fixture,
                           const char *topic)
{
    struct pp_topic_registration registration;
    struct pp_topic_key registered;
    struct pp_refusal refusal;
    pp_registration_make(fixture, recipient, topic, &recipient->address, 1, &registration);
    ck_assert_ok(pp_node_topic_register(fixture->node, &registration, &registered, &refusal));
}

void pp_bond_topic_of(uint64_t seed, char out[32])
{
    snprintf(out, 32, "topic/%llu", (unsigned long long)(seed % 1000));
}

/* What pp_request_make made, priced anew under the topic's quote. */
void pp_bonded_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender,
                    size_t count, uint64_t seed)
{
    struct pp_quote quote;
    struct pp_hash topic;
    const struct pp_grains from = sender->head;
    pp_request_make(made, fixture, sender, count, (struct pp_parcel_of){100, 5}, seed);
    pp_topic_hash((const uint8_t *)made->topic, strlen(made->topic), &topic);
    ck_assert_ok(
        pp_node_topic_quote(fixture->node, &topic, made->quote, &made->request.quote_length, &quote));
    sender->head = from;
    for (size_t i = 0; i < count; i++) {
        struct pp_leaf *leaf = &made->envelopes[i].leaf;
        const struct pp_parcel parcel = {leaf->size, leaf->retention_days, FIXTURE_BOND_KIND};
        leaf->from = sender->head;
        leaf->envelope_kind = FIXTURE_BOND_KIND;
        pp_quote_id(&quote, &leaf->quote_id);
        ck_assert_ok(pp_price(&quote, &parcel, &leaf->postage));
        if (leaf->postage.bond_grains > 0) {
            leaf->accept_key = quote.accept_key;
            leaf->accept_deadline_ms = quote.issued_ms + FIXTURE_BOND_WINDOW_MS;
        }
        ck_assert_ok(pp_leaf_to(leaf, &sender->head));
    }
    pp_request_sign(made, fixture, sender);
}

void pp_word_make(const struct pp_fixture *fixture, const struct pp_recipient *recipient,
                  const struct pp_leaf *leaf, uint64_t sequence, bool accept, struct pp_bond_word *out)
{
    struct pp_accept_fields accepting = {leaf->channel_id, leaf->lane, {{0}}};
    struct pp_complain_fields complaining = {leaf->channel_id, leaf->lane, {{0}}};
    struct pp_hash digest;
    pp_leaf_id(leaf, &accepting.stamp_id);
    complaining.stamp_id = accepting.stamp_id;
    if (accept)
        pp_accept_digest(&fixture->config.domain, &accepting, &digest);
    else
        pp_complain_digest(&fixture->config.domain, &complaining, &digest);
    *out = (struct pp_bond_word){.channel_id = leaf->channel_id,
                                 .lane = leaf->lane,
                                 .stamp_id = accepting.stamp_id,
                                 .sequence = sequence};
    ck_assert_ok(pp_sign(fixture->crypto, &recipient->key, &digest, &out->signature));
}
