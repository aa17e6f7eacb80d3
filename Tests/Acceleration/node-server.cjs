'use strict';
// node node-server.cjs SOCKET SOURCE: serves the frames of czone-sandbox in node: the same work in the same process model, to
// compare with. External calls go to the client as they do there.
const net = require('node:net');
const fs = require('node:fs');
const vm = require('node:vm');
const { AsyncLocalStorage } = require('node:async_hooks');

const [socketPath, sourcePath] = process.argv.slice(2);
const context = new AsyncLocalStorage();

function frame(event, kind, payload) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(event, 4);
  head[8] = kind;
  return Buffer.concat([head, payload]);
}

const fetch = (url, options = {}) => {
  const current = context.getStore();
  const number = current.calls++;
  const call = { number, method: options.method ?? 'GET', url, headers: options.headers ?? {}, body: options.body };
  current.send(frame(current.event, 3, Buffer.from(JSON.stringify(call))));
  return new Promise((resolve) => current.waiting.set(number, resolve));
};

const module_ = { exports: {} };
vm.runInThisContext(`(function (exports, module, fetch) {${fs.readFileSync(sourcePath, 'utf8')}\n})`)(module_.exports, module_, fetch);
const handler = module_.exports.handle ?? module_.exports.handler ?? module_.exports;

net.createServer((socket) => {
  let received = Buffer.alloc(0);
  const events = new Map();
  const send = (bytes) => socket.write(bytes);
  const begin = (event, payload) => {
    const current = { event, calls: 0, waiting: new Map(), send };
    events.set(event, current);
    context.run(current, async () => {
      try {
        const value = await handler(...JSON.parse(payload.toString()));
        send(frame(event, 4, Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify(value) ?? '')])));
        send(frame(event, 5, Buffer.alloc(0)));
      } catch {
        send(frame(event, 6, Buffer.from('{}')));
      }
      events.delete(event);
    });
  };
  const answer = (event, payload) => {
    const size = payload.readUInt32LE(8);
    const headers = new Headers(JSON.parse(payload.subarray(12, 12 + size).toString()));
    const resolve = events.get(event)?.waiting.get(payload.readUInt32LE(0));
    resolve?.(new Response(payload.subarray(12 + size), { status: payload.readUInt32LE(4), headers }));
  };
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    while (received.length >= 9) {
      const size = received.readUInt32LE(0);
      if (received.length < 9 + size) break;
      const payload = received.subarray(9, 9 + size);
      (received[8] === 1 ? begin : answer)(received.readUInt32LE(4), payload);
      received = received.subarray(9 + size);
    }
  });
}).listen(socketPath);
