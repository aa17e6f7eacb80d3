'use strict';
// node --require register.cjs: traces the program's own CommonJS modules. CZONE_TRACE_FD is the descriptor that traces go to,
// CZONE_TRACE_ACORN the parser. Whoever serves events calls `globalThis[Symbol.for('czone.trace')].event()` for each: traces are
// sent after 32 events or 10 s, and once more as the counts grow tenfold.
const { send } = require('./trace.cjs');
const { traceModules } = require('./tracing.cjs');

const EVENTS = 32;
const MILLISECONDS = 10_000;
const GROWTH = 10;

const descriptor = Number(process.env.CZONE_TRACE_FD);
const isTracing = Number.isInteger(descriptor) && descriptor > 2;
const traces = isTracing ? traceModules(require(process.env.CZONE_TRACE_ACORN ?? './acorn.js'), () => true) : () => [];

function sendAll() {
  for (const { text } of traces()) {
    try { send(descriptor, text); } catch { /* the host has closed */ }
  }
}

let events = 0;
let due = EVENTS;
function event() {
  if (++events < due) return;
  due = events * GROWTH;
  sendAll();
}

if (isTracing) setTimeout(sendAll, MILLISECONDS).unref();
globalThis[Symbol.for('czone.trace')] = { event, sendAll };
