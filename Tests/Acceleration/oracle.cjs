'use strict';
// Runs a source's handler in node, as the host program does, and notes what it answers, asks and logs. External calls are
// answered in their order, each when nothing else is left to do; so are bodies that are read.
const vm = require('node:vm');

function respond(url) {
  const path = url.slice('http://store/'.length);
  if (path.startsWith('b')) return { status: 404, headers: {}, body: 'none' };
  const body = JSON.stringify({ n: path.length, path, list: [1, 'two', null, { 5: 'e', 1: 'a' }] });
  return { status: 200, headers: { 'x-kind': 'k' + path.length, 'content-type': 'application/json' }, body };
}

function wellFormed(text) { return text.toWellFormed ? text.toWellFormed() : text; }

/** Loads a source: its handler, and what a case's surroundings are. */
function load(source) {
  const world = { calls: [], logs: [], waiting: [], bodies: [], readings: 0 };
  const respondLater = (answer) => {
    const read = (make) => () => new Promise((resolve, reject) => {
      world.bodies.push(() => { try { resolve(make(answer.body)); } catch (error) { reject(error); } });
    });
    return {
      status: answer.status, ok: answer.status >= 200 && answer.status < 300, json: read(JSON.parse), text: read(String),
      headers: { get: (name) => answer.headers[name.toLowerCase()] ?? null, has: (name) => name.toLowerCase() in answer.headers },
    };
  };
  const fetch = (url, options = {}) => {
    const answer = respond(url);
    const headers = Object.entries(options.headers ?? {}).map(([k, v]) => `${k.toLowerCase()}: ${v}`).sort().join('|');
    const body = options.body === undefined ? '-' : wellFormed(options.body);
    world.calls.push({ line: `${options.method ?? 'GET'} ${url} ${headers} ${body}`, ...answer });
    return new Promise((resolve) => world.waiting.push(() => resolve(respondLater(answer))));
  };
  const print = (...values) => { world.logs.push(values.map((v) => (Object.is(v, -0) ? '-0' : wellFormed(String(v)))).join(' ')); };
  const console = { log: print, info: print, debug: print, error: print, warn: print };
  const module = { exports: {} };
  vm.runInThisContext(`(function (exports, module, fetch, console) {${source}\n})`)(module.exports, module, fetch, console);
  const handler = module.exports.handle ?? module.exports.handler ?? module.exports;
  return { world, handler };
}

async function run({ world, handler }, argumentText) {
  Object.assign(world, { calls: [], logs: [], waiting: [], bodies: [], readings: 0 });
  const { now } = Date, { random } = Math;
  Date.now = () => 1700000000000 + 7 * world.readings++;
  Math.random = () => ((world.readings++ * 7919) % 1000) / 1024;
  const result = { arguments: argumentText, outcome: 'waits', answer: '' };
  try {
    let pending;
    try { pending = Promise.resolve(handler(...JSON.parse(argumentText))); } catch (error) { pending = Promise.reject(error); }
    pending.then((value) => {
      const text = JSON.stringify(value);
      result.outcome = text === undefined ? 'undefined' : 'answer';
      result.answer = text ?? '';
    }).catch((error) => { result.outcome = 'exception'; result.answer = wellFormed(String(error)).slice(0, 200); });
    while (true) {
      await new Promise(setImmediate);
      const step = world.bodies.shift() ?? world.waiting.shift();
      if (!step) break;
      step();
    }
  } finally {
    Date.now = now;
    Math.random = random;
  }
  return { ...result, calls: world.calls, logs: world.logs };
}

module.exports = { load, run };
