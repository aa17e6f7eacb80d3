'use strict';
// node host.cjs: serves a handler in a container. CZONE_HANDLER is its module's file, PORT the port of the loopback at which the
// gateway comes by frames; with CZONE_TRACE=1 the module has probes, and its trace can be asked for.
const net = require('node:net');
const path = require('node:path');
const { KINDS, encode, Decoder } = require('./frames.cjs');
const { current, Surroundings, install } = require('./calls.cjs');

const MAX_RESULT = 1 << 20;

/** The function that a module exports for events, and what its arguments are: the rule is the compiler's. */
function handlerOf(exported) {
  if (typeof exported === 'function') return { shape: 'handle', handler: exported };
  for (const shape of ['handle', 'handler']) {
    if (exported !== null && typeof exported === 'object' && Object.hasOwn(exported, shape)) {
      if (typeof exported[shape] === 'function') return { shape, handler: exported[shape] };
      break;
    }
  }
  return null;
}

function fail(text) {
  console.error(`czone: ${text}`);
  process.exit(1);
}

class Connection {
  constructor(socket, host) {
    this.socket = socket;
    this.host = host;
    this.decoder = new Decoder();
    this.frames = [];
    this.isHandling = false;
    this.events = new Map();
    this.send(0, KINDS.hello, JSON.stringify({ version: 1, shape: host.shape }));
    socket.on('data', (bytes) => this.receive(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => { for (const event of this.events.values()) event.close(); });
  }

  send(event, kind, payload) { if (this.socket.writable) this.socket.write(encode(event, kind, payload)); }

  receive(bytes) {
    try { this.frames.push(...this.decoder.take(bytes)); } catch { return this.socket.destroy(); }
    if (!this.isHandling) this.handleNext();
  }

  /** One frame at a time, and all that it sets off before the next: answers arrive in their order. */
  handleNext() {
    const frame = this.frames.shift();
    this.isHandling = frame !== undefined;
    if (!frame) return;
    try { this.handle(frame); } catch (error) {
      console.error(`czone: ${error.message}`);
      return this.socket.destroy();
    }
    setImmediate(() => this.handleNext());
  }

  handle({ event, kind, payload }) {
    switch (kind) {
      case KINDS.readings: return this.surroundings(event).setReadings(JSON.parse(payload));
      case KINDS.event: return this.begin(event, payload.toString());
      case KINDS.answer: return this.answer(event, payload);
      case KINDS.trace: return this.send(event, KINDS.trace, this.host.trace());
      default: throw new Error(`a frame of kind ${kind}`);
    }
  }

  surroundings(event) {
    let found = this.events.get(event);
    if (!found) {
      found = new Surroundings((call) => this.send(event, KINDS.call, JSON.stringify(call)));
      this.events.set(event, found);
    }
    return found;
  }

  answer(event, payload) {
    const size = payload.readUInt32LE(8);
    this.events.get(event)?.answer(payload.readUInt32LE(0), {
      status: payload.readUInt32LE(4), headers: JSON.parse(payload.subarray(12, 12 + size)), body: payload.subarray(12 + size),
    });
  }

  begin(number, text) {
    const event = this.surroundings(number);
    const end = (kind, payload) => {
      if (this.events.get(number) !== event) return;
      this.events.delete(number);
      event.close();
      this.send(number, kind, payload);
    };
    current.run(event, async () => {
      let value;
      try { value = JSON.stringify(await this.host.handler(...JSON.parse(text))); } catch (error) {
        console.error(error);
        return end(KINDS.abort, JSON.stringify({ reason: 'exception', site: -1 }));
      }
      if (value !== undefined && Buffer.byteLength(value) > MAX_RESULT) {
        console.error(`czone: the handler's result has ${Buffer.byteLength(value)} bytes, expected at most ${MAX_RESULT}`);
        return end(KINDS.abort, JSON.stringify({ reason: 'result', site: -1 }));
      }
      this.send(number, KINDS.result, Buffer.concat([Buffer.from([value === undefined ? 0 : 1]), Buffer.from(value ?? '')]));
      // Calls that nobody waits for belong to the event.
      const endIfIdle = () => { if (event.waiting.size === 0) setImmediate(() => { if (event.waiting.size === 0) end(KINDS.end); }); };
      event.onIdle = endIfIdle;
      endIfIdle();
    });
  }
}

function main() {
  const { CZONE_HANDLER: file, PORT: port, CZONE_TRACE: tracing } = process.env;
  if (!file || !port) fail('CZONE_HANDLER and PORT are not set: this program is started by the gateway');
  if (typeof fetch !== 'function') fail(`node ${process.version} has no fetch: expected version 18 or later`);
  const resolved = path.resolve(file);
  install();
  let traces = () => [];
  // By their real paths, as modules are named.
  let wanted = resolved;
  try { wanted = require.resolve(resolved); } catch { fail(`${file}: there is no such module, which the function's handler names`); }
  if (tracing === '1') traces = require('./tracing.cjs').traceModules(require('./acorn.js'), (name) => name === wanted);
  const found = handlerOf(require(resolved));
  if (!found) fail(`${file} exports no function: expected exports.handle, exports.handler or module.exports = function`);
  const host = { ...found, trace: () => traces()[0]?.text ?? '' };
  net.createServer({ noDelay: true }, (socket) => new Connection(socket, host)).listen(Number(port), '127.0.0.1');
}

if (require.main === module) main();
module.exports = { handlerOf };
