// Makes real XMTP client envelopes: the inputs that a client publishes, encoded by XMTP's own package, wrapped in the
// ClientEnvelope of its v4 protocol (fields: 1 authenticated data, 2 group message, 3 welcome message).
// Deterministic: the same seed makes the same bytes.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import proto from '@xmtp/proto';

const TOPIC_GROUP_MESSAGE = 0;
const TOPIC_WELCOME_MESSAGE = 1;

// A stream of bytes from a seed: ChaCha20 over zeros.
function randomStream(seed) {
  const key = crypto.createHash('sha256').update(seed).digest();
  const cipher = crypto.createCipheriv('chacha20', key, Buffer.alloc(16));
  return (length) => cipher.update(Buffer.alloc(length));
}

function varint(value) {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

const field = (number, bytes) => Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);

function clientEnvelope(topic, payloadField, payload) {
  return Buffer.concat([field(1, field(2, topic)), field(payloadField, Buffer.from(payload))]);
}

function groupMessage(random, groupId, length) {
  const { GroupMessageInput } = proto.mlsApi;
  const input = { v1: { data: random(length), senderHmac: random(32), shouldPush: random(1)[0] < 200, isReadmission: false } };
  const topic = Buffer.concat([Buffer.from([TOPIC_GROUP_MESSAGE]), groupId]);
  return { topic, bytes: clientEnvelope(topic, 2, GroupMessageInput.encode(GroupMessageInput.fromPartial(input)).finish()) };
}

function welcomeMessage(random, installation, length) {
  const { WelcomeMessageInput } = proto.mlsApi;
  const input = { v1: { installationKey: installation, data: random(length), hpkePublicKey: random(32) } };
  const topic = Buffer.concat([Buffer.from([TOPIC_WELCOME_MESSAGE]), installation]);
  return { topic, bytes: clientEnvelope(topic, 3, WelcomeMessageInput.encode(WelcomeMessageInput.fromPartial(input)).finish()) };
}

// Sizes as in messaging: most are small, some carry a picture. From 200 bytes to 60 KiB.
function bodyLength(random) {
  const [kind, a, b, c] = random(4);
  const roll = (a << 16) | (b << 8) | c;
  if (kind < 150) return 140 + (roll % 900);
  if (kind < 230) return 900 + (roll % 5000);
  return 6000 + (roll % 55000);
}

/** Writes `count` envelopes into `folder` and a manifest (one JSON object a line) for `pennypost send --manifest`. */
export function makeEnvelopes(folder, count, seed) {
  fs.mkdirSync(folder, { recursive: true });
  const random = randomStream(seed);
  const groups = Array.from({ length: 40 }, () => random(16));
  const lines = [];
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const [pick, kind, days] = random(3);
    const length = bodyLength(random);
    const made = kind < 8 ? welcomeMessage(random, random(32), length) : groupMessage(random, groups[pick % groups.length], length);
    if (made.bytes.length < 200 || made.bytes.length > 60 * 1024) throw new Error(`envelope ${i} has ${made.bytes.length} bytes`);
    const file = path.join(folder, String(i).padStart(6, '0'));
    fs.writeFileSync(file, made.bytes);
    lines.push(JSON.stringify({ path: file, topic: made.topic.toString('hex'), days: 1 + (days % 90) }));
    bytes += made.bytes.length;
  }
  const manifest = `${folder}.manifest`;
  fs.writeFileSync(manifest, lines.join('\n') + '\n');
  return { manifest, lines, bytes };
}
