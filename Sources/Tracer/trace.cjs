'use strict';
// Makes a trace of a source: its syntax tree, by acorn, with what was counted at its places. Sent to the host as a frame: the
// length in four bytes, least first, then JSON.
const { createHash } = require('node:crypto');
const fs = require('node:fs');

const VERSION = 1;
const MAX_BYTES = 8 << 20;

/** The tree without what the host does not read; strings that are no valid text keep their units as escapes. */
function plain(node) {
  if (Array.isArray(node)) return node.map(plain);
  if (node === null || typeof node !== 'object') return typeof node === 'bigint' ? null : node;
  if (node instanceof RegExp) return null;
  const result = {};
  for (const key of Object.keys(node)) if (key !== 'end') result[key] = plain(node[key]);
  return result;
}

function lineStarts(source) {
  const starts = [0];
  for (let place = source.indexOf('\n'); place >= 0; place = source.indexOf('\n', place + 1)) starts.push(place + 1);
  return starts;
}

/**
 * @param acorn the parser
 * @param path the source's, for people
 * @param sites what was counted: [[start, count, [type…], [callee…]]…]
 * @returns JSON text; a source that acorn does not take is an exception
 */
function makeTrace(acorn, source, path, sites = []) {
  const options = { ecmaVersion: 2022, sourceType: 'script', allowReturnOutsideFunction: true, allowHashBang: true };
  const ast = plain(acorn.parse(source, options));
  const digest = createHash('sha256').update(source).digest('hex');
  return JSON.stringify({ version: VERSION, path, digest, lines: lineStarts(source), ast, sites });
}

/** Writes a trace's frame to a descriptor; whether it was short enough. */
function send(descriptor, text) {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_BYTES) return false;
  const frame = Buffer.alloc(4 + bytes.length);
  frame.writeUInt32LE(bytes.length);
  bytes.copy(frame, 4);
  for (let sent = 0; sent < frame.length; ) sent += fs.writeSync(descriptor, frame, sent);
  return true;
}

module.exports = { makeTrace, send };

// node trace.cjs ACORN SOURCE OUTPUT: the trace of a file, without counts, as JSON.
if (require.main === module) {
  const [acorn, source, output] = process.argv.slice(2);
  fs.writeFileSync(output, makeTrace(require(require('node:path').resolve(acorn)), fs.readFileSync(source, 'utf8'), source));
}
