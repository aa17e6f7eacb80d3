'use strict';
// node tracer_test.cjs ACORN: the tracer changes nothing that programs do, counts what they do, and sends it.
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { addProbes, makeCounters, profileOf } = require('../../Sources/Tracer/probes.cjs');
const { Random, makeSource, oddInput } = require('./generate.cjs');
const { load, run } = require('./oracle.cjs');

process.on('unhandledRejection', () => {});
const acornPath = path.resolve(process.argv[2]);
const acorn = require(acornPath);

async function probesChangeNothing() {
  const random = new Random(77);
  const source = makeSource(random, 40);
  const { text, sites } = addProbes(acorn, source, 'globalThis.__test_probes');
  globalThis.__test_probes = makeCounters(sites.length);
  const [plain, probed] = [load(source), load(text)];
  for (let i = 0; i < 400; i++) {
    const text = JSON.stringify([{}, { program: i % 40, data: oddInput(random) }]);
    assert.deepStrictEqual(await run(probed, text), await run(plain, text));
  }
  assert(globalThis.__test_probes.counts.some((count) => count > 100));
}

function countsAreRight() {
  const source = "'use strict'; function f(a, b) { 'use strict'; if (a > 1) { return 1; } else return b; }\nconst g = (x) => ({ x });\nf(2, 'a'); f(0); f(0, null); g(1);";
  const { text, sites } = addProbes(acorn, source, 'probes');
  const probes = makeCounters(sites.length);
  new Function('probes', text)(probes);
  const profile = new Map(profileOf(sites, probes).map(([start, count, kinds]) => [source.slice(start, start + 8), { count, kinds }]));
  assert.deepStrictEqual(profile.get('function'), { count: 3, kinds: ['undefined', 'null', 'number', 'string'] });
  assert.strictEqual(profile.get('{ return').count, 1);
  assert.strictEqual(profile.get('return b').count, 2);
  assert.deepStrictEqual(profile.get('(x) => ('), { count: 1, kinds: ['number'] });
}

function tracesAreSent() {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'tracer-'));
  try {
    const file = path.join(work, 'app.js');
    fs.writeFileSync(file, "exports.handle = (c, d) => d;\nconst t = globalThis[Symbol.for('czone.trace')];\nfor (let i = 0; i < 40; i++) { exports.handle({}, i); t.event(); }");
    const output = fs.openSync(path.join(work, 'trace'), 'w');
    const register = path.resolve(__dirname, '../../Sources/Tracer/register.cjs');
    const result = spawnSync(process.execPath, ['--require', register, file], {
      env: { ...process.env, CZONE_TRACE_FD: '3', CZONE_TRACE_ACORN: acornPath }, stdio: ['ignore', 'pipe', 'pipe', output], timeout: 30_000,
    });
    assert.strictEqual(result.status, 0, String(result.stderr));
    const bytes = fs.readFileSync(path.join(work, 'trace'));
    const trace = JSON.parse(bytes.subarray(4, 4 + bytes.readUInt32LE(0)));
    assert.strictEqual(trace.path, file);
    assert.deepStrictEqual(trace.sites, [[17, 32, ['object', 'number'].sort((a, b) => (a === 'number' ? -1 : 1)), []]]);
  } finally {
    fs.rmSync(work, { recursive: true });
  }
}

(async () => {
  countsAreRight();
  tracesAreSent();
  await probesChangeNothing();
  console.log('tracer: probes change nothing, counts are right, traces are sent');
})().catch((error) => { console.error(error); process.exit(1); });
