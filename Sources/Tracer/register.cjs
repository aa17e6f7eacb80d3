'use strict';
// node --require register.cjs: traces the program's own CommonJS modules. CZONE_TRACE_FD is the descriptor that traces go to,
// CZONE_TRACE_ACORN the parser. A module that cannot be traced runs as it is. Whoever serves events calls
// `globalThis[Symbol.for('czone.trace')].event()` for each: traces are sent after 32 events or 10 s, and once more as the counts
// grow tenfold.
const Module = require('node:module');
const path = require('node:path');
const { makeTrace, send } = require('./trace.cjs');
const { addProbes, makeCounters, profileOf } = require('./probes.cjs');

const EVENTS = 32;
const MILLISECONDS = 10_000;
const GROWTH = 10;

const descriptor = Number(process.env.CZONE_TRACE_FD);
const acorn = require(process.env.CZONE_TRACE_ACORN ?? './acorn.js');
const traced = [];
const NAME = '__czone_probes';

function sendAll() {
  for (const { source, filename, sites, counters } of traced) {
    try { send(descriptor, makeTrace(acorn, source, filename, profileOf(sites, counters))); } catch { /* the host has closed */ }
  }
}

let events = 0;
let due = EVENTS;
function event() {
  if (++events < due) return;
  due = events * GROWTH;
  sendAll();
}

if (Number.isInteger(descriptor) && descriptor > 2) {
  const compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    if (filename.startsWith(__dirname + path.sep) || filename.includes(`${path.sep}node_modules${path.sep}`)) {
      return compile.call(this, content, filename, ...rest);
    }
    let probed;
    try { probed = addProbes(acorn, content, `${NAME}[${traced.length}]`); } catch { probed = null; }
    if (probed === null) return compile.call(this, content, filename, ...rest);
    const counters = makeCounters(probed.sites.length);
    traced.push({ source: content, filename, sites: probed.sites, counters });
    (globalThis[NAME] ??= []).push(counters);
    return compile.call(this, probed.text, filename, ...rest);
  };
  setTimeout(sendAll, MILLISECONDS).unref();
}
globalThis[Symbol.for('czone.trace')] = { event, sendAll };
