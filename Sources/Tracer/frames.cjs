'use strict';
// Frames, as Sources/SandboxProtocol has them: the payload's length and the event's number (four bytes each, least first), the
// kind (one byte), the payload.

const KINDS = { event: 1, answer: 2, call: 3, result: 4, end: 5, abort: 6, hello: 7, trace: 8, readings: 9 };
const HEADER = 9;
const MAX_PAYLOAD = 8 << 20;

function encode(event, kind, payload = '') {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(body.length, 0);
  head.writeUInt32LE(event, 4);
  head[8] = kind;
  return Buffer.concat([head, body]);
}

/** Cuts a stream into frames. */
class Decoder {
  received = [];
  count = 0;

  /** Takes bytes; the frames that are whole with them. */
  take(bytes) {
    this.received.push(bytes);
    this.count += bytes.length;
    const frames = [];
    for (;;) {
      const frame = this.next();
      if (!frame) return frames;
      frames.push(frame);
    }
  }

  next() {
    if (this.count < HEADER) return null;
    if (this.received[0].length < HEADER) this.received = [Buffer.concat(this.received)];
    const size = this.received[0].readUInt32LE(0);
    if (size > MAX_PAYLOAD) throw new Error(`a frame of ${size} bytes, expected at most ${MAX_PAYLOAD}`);
    if (this.count < HEADER + size) return null;
    const all = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    this.received = [all.subarray(HEADER + size)];
    this.count -= HEADER + size;
    return { event: all.readUInt32LE(4), kind: all[8], payload: all.subarray(HEADER, HEADER + size) };
  }
}

module.exports = { KINDS, encode, Decoder };
