/* pp/frame.h - the batch frame: one voucher with its quote, its leaves and their envelopes, as bytes.
 *
 * Shape:  head (PP_FRAME_HEAD_BYTES and the quote), then count entries: the short leaf (PP_LEAF_SHORT_BYTES), u8 topic
 *         length, topic, payload of the leaf's size. Big-endian, nothing between, nothing after.
 * Own:    decoding borrows: the request, its envelopes, topics and payloads point into `bytes` and `envelopes`.
 * Errors: TRUNCATED, TRAILING_BYTES, BAD_FORMAT (magic), BAD_KIND, TOO_MANY_LEAVES, OUT_OF_RANGE (field named), TOO_LONG,
 *         ZERO_SIZE, and those of decoding the quote.
 *         A frame of a session's stamps has its id instead of the voucher, and a MAC in each entry.
 * Limits: PP_LEAVES_MAX entries, PP_TOPIC_MAX_BYTES, PP_ENVELOPE_MAX_BYTES, PP_QUOTE_MAX_BYTES; whole: PP_BODY_MAX_BYTES.
 * Source: specs/http.md, "The frame" (HTTP-061 and following).
 */
#ifndef PP_FRAME_H
#define PP_FRAME_H

#include <pp/refusal.h>
#include <pp/session.h>
#include <pp/stamp.h>

struct pp_request;       /* pennypost.h */
struct pp_envelope_view; /* pennypost.h */

#define PP_FRAME_MEDIA_TYPE "application/vnd.pennypost.frame"
#define PP_FRAME_MAGIC UINT32_C(0x50504631) /* "PPF1" */
/* magic 4 | quote length 2 | channel 32 | lane 4 | kind 1 | spent 12 | refund_ack 12 | signature 65 | count 2 */
#define PP_FRAME_HEAD_BYTES 134u
/* Of a session's stamps: session id 32 instead of spent, refund_ack and signature; and a MAC behind each short leaf. */
#define PP_FRAME_SESSION_HEAD_BYTES 77u

/* How long the frame of this request is. */
size_t pp_frame_length(const struct pp_request *request);

/* Writes the frame. request->envelopes[i].leaf must name the request's channel and lane and the quote's id (asserted),
 * and leaf.size be the payload's length. OVERFLOW when capacity is below pp_frame_length; TOO_LONG, TOO_MANY_LEAVES. */
PP_MUST_CHECK enum pp_error pp_frame_encode(const struct pp_request *request, uint8_t *out, size_t capacity,
                                            size_t *out_length);

/* How many entries the frame has, from its head: what to make room for before decoding. No frame of this length can have
 * more. The errors are those of decoding. */
PP_MUST_CHECK enum pp_error pp_frame_count(const uint8_t *bytes, size_t length, size_t *out_count,
                                           struct pp_refusal *out_refusal);

/* Reads a frame into *out, whose envelopes are then `envelopes` (room for capacity of them; PP_LEAVES_MAX always fits).
 * Each leaf is whole: channel, lane and quote id are set. No hash is computed but the quote's id.
 * On an error *out_refusal names the field, and the entry as its actual value where an entry is wrong. */
PP_MUST_CHECK enum pp_error pp_frame_decode(const uint8_t *bytes, size_t length,
                                            struct pp_envelope_view *envelopes, size_t capacity,
                                            struct pp_request *out, struct pp_refusal *out_refusal);

#endif
