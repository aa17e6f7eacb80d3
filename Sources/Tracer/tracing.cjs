'use strict';
// The hook that puts probes into CommonJS modules as they are loaded. A module that cannot be traced runs as it is.
const Module = require('node:module');
const path = require('node:path');
const { makeTrace } = require('./trace.cjs');
const { addProbes, makeCounters, profileOf } = require('./probes.cjs');

const NAME = '__czone_probes';

/**
 * From now on modules get probes.
 * @param acorn the parser
 * @param wants whether a file's module is to have them
 * @returns a function that gives the traces of those that were loaded: [{ filename, text }]
 */
function traceModules(acorn, wants) {
  const traced = [];
  const compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    const isOwn = filename.startsWith(__dirname + path.sep) || filename.includes(`${path.sep}node_modules${path.sep}`);
    if (isOwn || !wants(filename)) return compile.call(this, content, filename, ...rest);
    let probed;
    try { probed = addProbes(acorn, content, `${NAME}[${traced.length}]`); } catch { probed = null; }
    if (probed === null) return compile.call(this, content, filename, ...rest);
    const counters = makeCounters(probed.sites.length);
    traced.push({ source: content, filename, sites: probed.sites, counters });
    (globalThis[NAME] ??= []).push(counters);
    return compile.call(this, probed.text, filename, ...rest);
  };
  return () => traced.map(({ source, filename, sites, counters }) => (
    { filename, text: makeTrace(acorn, source, filename, profileOf(sites, counters)) }));
}

module.exports = { traceModules };
