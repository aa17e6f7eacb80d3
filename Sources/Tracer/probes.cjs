'use strict';
// Puts probes into a source: counters where functions and branches begin, and kinds of what parameters have. A counter is an
// element of a typed array; a map would cost several times that.

const KINDS = ['undefined', 'null', 'boolean', 'number', 'string', 'array', 'object', 'function', 'other'];
const MAX_PARAMETERS = 4;

function kindOf(value) {
  if (value === null) return 2;
  switch (typeof value) {
    case 'undefined': return 1;
    case 'boolean': return 4;
    case 'number': return 8;
    case 'string': return 16;
    case 'function': return 128;
    case 'object': return Array.isArray(value) ? 32 : 64;
    default: return 256;
  }
}

function isNode(value) { return value !== null && typeof value === 'object' && typeof value.type === 'string'; }

function children(node) {
  const result = [];
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) result.push(...value.filter(isNode));
    else if (isNode(value)) result.push(value);
  }
  return result;
}

/** Where a body's own statements begin: after directives, which must stay first. */
function bodyStart(block) {
  let start = block.start + 1;
  for (const statement of block.body) {
    if (statement.directive === undefined) break;
    start = statement.end;
  }
  return start;
}

class Splicer {
  constructor(name) {
    this.name = name;
    this.sites = [];
    this.insertions = [];
  }
  insert(place, text, order = 0) { this.insertions.push({ place, text, order }); }
  count(node) {
    this.sites.push(node.start);
    return `${this.name}.counts[${this.sites.length - 1}]++`;
  }
  function(node) {
    const count = this.count(node);
    const number = this.sites.length - 1;
    const names = node.params.filter((p) => p.type === 'Identifier').slice(0, MAX_PARAMETERS);
    const kinds = names.map((p) => `${this.name}.kinds[${number}] |= ${this.name}.kindOf(${p.name})`);
    const probe = [count, ...kinds];
    if (node.body.type === 'BlockStatement') {
      this.insert(bodyStart(node.body), `;${probe.join(';')};`);
    } else {
      this.insert(node.body.start, `(${probe.join(',')},`, -1);
      this.insert(node.body.end, ')', 1);
    }
  }
  branch(node) {
    if (!node || node.type === 'FunctionDeclaration') return;
    if (node.type === 'BlockStatement') {
      this.insert(node.start + 1, `${this.count(node)};`);
    } else {
      this.insert(node.start, `{${this.count(node)};`, -1);
      this.insert(node.end, '}', 1);
    }
  }
  visit(node) {
    if (/Function/.test(node.type)) this.function(node);
    if (node.type === 'IfStatement') {
      this.branch(node.consequent);
      this.branch(node.alternate);
    }
    for (const child of children(node)) this.visit(child);
  }
}

/** A source with its probes: the text, and where in the original each of them is. `name` is what the probes reach theirs by. */
function addProbes(acorn, source, name) {
  const tree = acorn.parse(source, { ecmaVersion: 2022, sourceType: 'script', allowReturnOutsideFunction: true, allowHashBang: true });
  const splicer = new Splicer(name);
  splicer.visit(tree);
  let text = '';
  let done = 0;
  // At one place: what ends there comes before what begins there; of what ends, inner before outer.
  const ordered = splicer.insertions.map((entry, index) => ({ ...entry, index }));
  ordered.sort((a, b) => a.place - b.place || b.order - a.order || (a.order === 1 ? b.index - a.index : a.index - b.index));
  for (const { place, text: inserted } of ordered) {
    text += source.slice(done, place) + inserted;
    done = place;
  }
  return { text: text + source.slice(done), sites: splicer.sites };
}

/** Counters for so many probes. */
function makeCounters(count) {
  return { counts: new Float64Array(count), kinds: new Uint16Array(count), kindOf };
}

/** What was counted, as traces have it. */
function profileOf(sites, { counts, kinds }) {
  return sites.map((start, i) => [start, Math.min(counts[i], 4294967295), KINDS.filter((_, bit) => kinds[i] & (1 << bit)), []]);
}

module.exports = { addProbes, makeCounters, profileOf };
