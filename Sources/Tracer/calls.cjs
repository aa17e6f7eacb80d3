'use strict';
// fetch, Date.now and Math.random of a handler's events. External calls go to the gateway, which makes them, or answers them
// from the journal of an event that was begun elsewhere; first readings of clock and random numbers come from there too.
const { AsyncLocalStorage } = require('node:async_hooks');

const current = new AsyncLocalStorage();
const decoder = new TextDecoder();
/** Events that have readings left. */
let replaying = 0;

/** What an event asks of its surroundings. `send(call)` passes a call on. */
class Surroundings {
  constructor(send) {
    this.send = send;
    this.calls = 0;
    this.waiting = new Map();
    this.clock = [];
    this.random = [];
    this.isReplaying = false;
    this.onIdle = null;
  }

  /** What the clock and random numbers give first. */
  setReadings({ clock = [], random = [] }) {
    this.clock = clock.map(numberOf);
    this.random = random.map(numberOf);
    if (!this.isReplaying && this.clock.length + this.random.length > 0) {
      this.isReplaying = true;
      replaying++;
    }
  }

  answer(number, answer) {
    const waiting = this.waiting.get(number);
    if (!waiting) return;
    this.waiting.delete(number);
    waiting(answer);
  }

  /** Nothing of it is asked any more. */
  close() {
    if (this.isReplaying) replaying--;
    this.isReplaying = false;
    for (const waiting of this.waiting.values()) waiting({ status: 0 });
    this.waiting.clear();
  }
}

/** A number by its bits, which are decimal text. */
function numberOf(bits) { return new Float64Array(new BigUint64Array([BigInt(bits)]).buffer)[0]; }

/** An answer whose body is there already: what reads it goes on at once, as in the sandbox. */
class CallResponse extends Response {
  #bytes;
  #url;
  #isUsed = false;

  constructor({ status, headers, body }, url) {
    const isEmpty = status === 204 || status === 205 || status === 304;
    super(isEmpty ? null : body, { status, headers });
    this.#bytes = isEmpty ? Buffer.alloc(0) : body;
    this.#url = url;
  }

  get url() { return this.#url; }
  get bodyUsed() { return this.#isUsed || super.bodyUsed; }

  #use() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    this.#isUsed = true;
    return this.#bytes;
  }

  async text() { return decoder.decode(this.#use()); }
  async json() { return JSON.parse(decoder.decode(this.#use())); }
  async arrayBuffer() { return Uint8Array.from(this.#use()).buffer; }
}

function isPlain(headers) {
  return headers === undefined || (headers !== null && typeof headers === 'object'
    && Object.getPrototypeOf(headers) === Object.prototype && Object.values(headers).every((value) => typeof value === 'string'));
}

/** The call of fetch's arguments. What is plain goes as it was given; anything else as `Request` makes it. */
function describe(input, options) {
  const request = new Request(input, options);
  const body = options?.body;
  const { method } = request;
  const plain = typeof input === 'string' && isPlain(options?.headers) && (body == null || typeof body === 'string');
  if (!plain) {
    const headers = Object.fromEntries(request.headers);
    if (request.body === null) return { call: { method, url: request.url, headers }, url: request.url };
    return { call: { method, url: request.url, headers }, url: request.url, text: request.text() };
  }
  const headers = {};
  for (const [name, value] of Object.entries(options?.headers ?? {})) headers[name.toLowerCase()] = value;
  // Half a pair of surrogates is no text.
  return { call: { method, url: input, headers, body: body == null ? undefined : Buffer.from(body).toString() }, url: request.url };
}

function fetch(input, options) {
  const event = current.getStore();
  if (!event) return Promise.reject(new TypeError('fetch failed', { cause: new Error('there is no event') }));
  let described;
  try { described = describe(input, options); } catch (error) { return Promise.reject(error); }
  const number = event.calls++;
  const { call, url, text } = described;
  return new Promise((resolve, reject) => {
    const signal = options?.signal ?? null;
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    event.waiting.set(number, (answer) => {
      if (answer.status === 0) reject(new TypeError('fetch failed', { cause: new Error('the gateway has no answer') }));
      else resolve(new CallResponse(answer, url));
      event.onIdle?.();
    });
    if (text === undefined) return event.send({ number, ...call });
    text.then((body) => event.send({ number, ...call, body }), reject);
  });
}

/** Replaces what handlers reach their surroundings by. */
function install() {
  const now = Date.now.bind(Date);
  const random = Math.random.bind(Math);
  const first = (name) => (replaying === 0 ? undefined : current.getStore()?.[name].shift());
  globalThis.fetch = fetch;
  Date.now = () => first('clock') ?? now();
  Math.random = () => first('random') ?? random();
}

module.exports = { current, Surroundings, install };
