'use strict';
// node differential.cjs ACORN OUTPUT SEED PROGRAMS INPUTS: generated programs × inputs, with what node makes of them.
// node differential.cjs ACORN OUTPUT SOURCE: the cases that a file names itself, in a comment `// inputs: [JSON, …]`.
const fs = require('node:fs');
const path = require('node:path');
const { Random, makeSource, oddInput } = require('./generate.cjs');
const { load, run } = require('./oracle.cjs');
const { makeTrace } = require('../../Sources/Tracer/trace.cjs');

process.on('unhandledRejection', () => {});

async function main([acornPath, output, seedOrSource, programs, inputs]) {
  const cases = [];
  let source;
  if (programs === undefined) {
    source = fs.readFileSync(seedOrSource, 'utf8');
    for (const [, line] of source.matchAll(/^\/\/ inputs: (.*)$/gm)) {
      for (const input of JSON.parse(line)) cases.push(JSON.stringify([{}, input]));
    }
  } else {
    const random = new Random(Number(seedOrSource));
    source = makeSource(random, Number(programs));
    for (let program = 0; program < Number(programs); program++) {
      for (let i = 0; i < Number(inputs); i++) cases.push(JSON.stringify([{}, { program, data: oddInput(random) }]));
    }
  }
  const loaded = load(source);
  const results = [];
  for (const text of cases) results.push(await run(loaded, text));
  const acorn = require(path.resolve(acornPath));
  fs.writeFileSync(output, JSON.stringify({ source, trace: makeTrace(acorn, source, 'generated.js'), cases: results }));
}

main(process.argv.slice(2));
