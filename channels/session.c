#include <pp/assert.h>
#include <pp/session.h>

#include <sodium.h>

#define TAG_SESSION "pp.session.v1"
#define TAG_KEY "pp.sessionkey.v1"
#define TAG_MAC "pp.sessionmac.v1"
#define TAG_NODE_SECRET "pp.sessnode.v1"
#define TAG_NODE_SIGN "pp.sesssign.v1"
#define TAG_SENDER_SECRET "pp.sesssend.v1"

/* ---- keys ---- */

void pp_session_node_secret(const uint8_t receipt_seed[32], struct pp_session_secret *out)
{
    pp_blake2b_one(TAG_NODE_SECRET, receipt_seed, 32, out->bytes);
}

void pp_session_sender_secret(const struct pp_secret_key *signer, const uint8_t nonce[32],
                              struct pp_session_secret *out)
{
    const struct pp_slice parts[] = {{signer->bytes, sizeof signer->bytes}, {nonce, 32}};
    pp_blake2b(TAG_SENDER_SECRET, parts, 2, out->bytes);
}

void pp_session_secret_done(struct pp_session_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

void pp_session_public(const struct pp_session_secret *secret, struct pp_session_public *out)
{
    int status = crypto_scalarmult_base(out->bytes, secret->bytes);
    PP_ASSERT(status == 0); /* a clamped scalar and the base point: never zero */
}

/* SESSION-002. */
static void node_digest(uint32_t node_id, const struct pp_session_public *node_key, struct pp_hash *out)
{
    const uint8_t id[4] = {(uint8_t)(node_id >> 24), (uint8_t)(node_id >> 16), (uint8_t)(node_id >> 8),
                           (uint8_t)node_id};
    const struct pp_slice parts[] = {{id, sizeof id}, {node_key->bytes, sizeof node_key->bytes}};
    pp_blake2b(TAG_NODE_SIGN, parts, 2, out->bytes);
}

void pp_session_node_sign(const struct pp_receipt_secret *receipt_secret, uint32_t node_id,
                          const struct pp_session_public *node_key, struct pp_receipt_signature *out)
{
    struct pp_hash digest;
    node_digest(node_id, node_key, &digest);
    pp_receipt_sign(receipt_secret, &digest, out);
}

enum pp_error pp_session_node_check(const struct pp_receipt_key *receipt_key, uint32_t node_id,
                                    const struct pp_session_public *node_key,
                                    const struct pp_receipt_signature *signature)
{
    struct pp_hash digest;
    node_digest(node_id, node_key, &digest);
    return pp_receipt_verify(receipt_key, &digest, signature);
}

/* ---- opening ---- */

void pp_session_opening_write(struct pp_writer *w, const struct pp_session_opening *opening)
{
    pp_write_bytes(w, opening->channel_id.bytes, 32);
    pp_write_u32(w, opening->lane);
    pp_write_bytes(w, opening->node_key.bytes, 32);
    pp_write_bytes(w, opening->sender_key.bytes, 32);
    pp_write_grains(w, opening->chunk.from);
    pp_write_grains(w, opening->chunk.to);
    pp_write_u64(w, opening->not_after_ms);
}

void pp_session_opening_read(struct pp_reader *r, struct pp_session_opening *out)
{
    pp_read_bytes(r, out->channel_id.bytes, 32);
    out->lane = pp_read_u32(r);
    pp_read_bytes(r, out->node_key.bytes, 32);
    pp_read_bytes(r, out->sender_key.bytes, 32);
    out->chunk.from = pp_read_grains(r);
    out->chunk.to = pp_read_grains(r);
    out->not_after_ms = pp_read_u64(r);
    if (r->error == PP_OK && !pp_grains_lt(out->chunk.from, out->chunk.to))
        pp_reader_fail(r, PP_EMPTY_INTERVAL);
}

static void transcript_make(const struct pp_session_opening *opening, uint8_t out[PP_SESSION_OPENING_BYTES])
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, out, PP_SESSION_OPENING_BYTES);
    pp_session_opening_write(&w, opening);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == PP_SESSION_OPENING_BYTES);
}

void pp_session_id(const struct pp_session_opening *opening, struct pp_hash *out)
{
    uint8_t transcript[PP_SESSION_OPENING_BYTES];
    transcript_make(opening, transcript);
    pp_blake2b_one(TAG_SESSION, transcript, sizeof transcript, out->bytes);
}

/* SESSION-011. */
void pp_session_voucher(const struct pp_session_opening *opening, struct pp_voucher *out)
{
    struct pp_hash id;
    pp_session_id(opening, &id);
    *out = (struct pp_voucher){
        .channel_id = opening->channel_id, .lane = opening->lane, .spent = opening->chunk.to};
    pp_context(PP_STAMP_SESSION, 0, &id, &out->context);
}

/* SESSION-004, SESSION-012. */
enum pp_error pp_session_key_agree(const struct pp_session_opening *opening,
                                   const struct pp_session_secret *own, bool own_is_node,
                                   struct pp_session_key *out)
{
    uint8_t shared[32], transcript[PP_SESSION_OPENING_BYTES];
    const struct pp_session_public *other = own_is_node ? &opening->sender_key : &opening->node_key;
    if (crypto_scalarmult(shared, own->bytes, other->bytes) != 0)
        return PP_BAD_KEY;
    transcript_make(opening, transcript);
    const struct pp_slice parts[] = {{shared, sizeof shared}, {transcript, sizeof transcript}};
    pp_blake2b(TAG_KEY, parts, 2, out->bytes);
    sodium_memzero(shared, sizeof shared);
    return PP_OK;
}

void pp_session_key_done(struct pp_session_key *key)
{
    sodium_memzero(key, sizeof *key);
}

/* ---- stamps ---- */

/* SESSION-020. */
void pp_session_mac(const struct pp_session_key *key, const struct pp_stamp_id *id,
                    uint8_t out[PP_SESSION_MAC_BYTES])
{
    static const uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES + 1] = TAG_MAC;
    _Static_assert(sizeof TAG_MAC == sizeof personal, "the tag fills the personalization");
    int status =
        crypto_generichash_blake2b_salt_personal(out, PP_SESSION_MAC_BYTES, id->bytes, sizeof id->bytes,
                                                 key->bytes, sizeof key->bytes, NULL, personal);
    PP_ASSERT(status == 0);
}

enum pp_error pp_session_mac_check(const struct pp_session_key *key, const struct pp_stamp_id *id,
                                   const uint8_t mac[PP_SESSION_MAC_BYTES])
{
    uint8_t ours[PP_SESSION_MAC_BYTES];
    pp_session_mac(key, id, ours);
    return sodium_memcmp(ours, mac, sizeof ours) == 0 ? PP_OK : PP_BAD_MAC;
}

enum pp_error pp_session_stamp_check(const struct pp_session_key *key, const struct pp_leaf *leaf,
                                     const struct pp_slice *topic, const struct pp_slice *payload,
                                     const uint8_t mac[PP_SESSION_MAC_BYTES], struct pp_stamp_id *out_id)
{
    struct pp_hash hash;
    if (payload->length != leaf->size)
        return PP_CONTENT_MISMATCH;
    pp_envelope_hash(topic->bytes, topic->length, payload->bytes, payload->length, &hash);
    if (!pp_hash_eq(&hash, &leaf->envelope_hash))
        return PP_CONTENT_MISMATCH;
    pp_leaf_id(leaf, out_id);
    return pp_session_mac_check(key, out_id, mac);
}
