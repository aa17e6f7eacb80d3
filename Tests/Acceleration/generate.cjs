'use strict';
// Programs of the subset that is compiled, and inputs for them, from a seed. Values of all kinds meet operators of all kinds;
// a program tells what it has made by `d`, which keeps apart what JSON does not.

class Random {
  constructor(seed) { this.state = seed >>> 0 || 1; }
  next() {
    let x = (this.state = (this.state + 0x6d2b79f5) >>> 0);
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  }
  below(count) { return Math.floor(this.next() * count); }
  pick(list) { return list[this.below(list.length)]; }
  chance(share) { return this.next() < share; }
}

const PRELUDE = `
function d(v) {
  if (typeof v === 'number') return Object.is(v, -0) ? '-0' : String(v);
  if (typeof v === 'string') return JSON.stringify(v);
  if (Array.isArray(v)) return '[' + v.map((x) => d(x)).join(',') + ']';
  if (typeof v === 'function') return 'function';
  if (v === null || typeof v !== 'object') return String(v);
  return '{' + Object.keys(v).map((k) => JSON.stringify(k) + ':' + d(v[k])).join(',') + '}';
}
const table = { a: 1, b: 'two', c: [3, 4], 10: 'ten', 2: 'two' };
const words = ['alpha', 'beta', '', 'gamma'];
let limit = 7;
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
function mix(a, b = 3, ...rest) { return a + b + rest.length; }
function pair({ x = 1, y } = {}, [z] = [5]) { return [x, y, z]; }
const counter = () => { let n = 0; return { up: (k) => (n += k), get: () => n }; };
async function load(path, data) {
  const r = await fetch('http://store/' + path, data === undefined ? undefined : { method: 'POST', body: JSON.stringify(data) });
  return r.ok ? r.json() : { status: r.status };
}
async function twice(v) { return [await v, v]; }
`;

const STRINGS = ["''", "'a'", "'abc'", "'10'", "'-0'", "' 12 '", "'1e3'", "'0x1f'", "'\\ud800'", "'\\u00e9\\u20ac'", "'constructor'",
  "'length'", "'a,b,,c'", "'Infinity'", "'x\\ny\"'"];
const NUMBERS = ['0', '-0', '1', '2', '3', '10', '-1', '0.1', '1.5', '-2.5', '1e21', '1e-7', '123456789012', '4294967296', 'NaN', 'Infinity', '255'];

class Generator {
  constructor(random) {
    this.random = random;
    this.names = 0;
    this.scope = [];
    this.depth = 0;
    this.isAsync = false;
    this.loops = 0;
  }
  name() { return 'v' + this.names++; }
  pickVariable(kind, assignable) {
    const list = this.scope.filter((v) => (v.kind === kind || kind === 'any') && (!assignable || v.assignable));
    return list.length ? this.random.pick(list).name : null;
  }
  value(kind) {
    const r = this.random;
    if (this.depth > 4 || r.chance(0.12)) return this.leaf(kind);
    this.depth++;
    const text = this['make_' + kind]();
    this.depth--;
    return text;
  }
  leaf(kind) {
    const r = this.random;
    const variable = r.chance(0.6) && this.pickVariable(kind);
    if (variable) return variable;
    switch (kind) {
      case 'num': return r.chance(0.3) ? `+${this.input()}` : r.pick(NUMBERS);
      case 'str': return r.chance(0.3) ? `String(${this.input()} ?? 'none')` : r.pick(STRINGS);
      case 'bool': return r.pick(['true', 'false', `!!${this.input()}`]);
      case 'arr': return r.pick(['[]', '[1, 2, 3]', "['b', 'a', 'c']", '[...words]', '[[1, [2]], 3]']);
      case 'obj': return r.pick(['{}', '{ x: 1, y: 2 }', '{ ...table }', "{ b: 'q', 1: 2, a: null }"]);
      default: return r.pick([this.input(), this.input(), 'undefined', 'null', this.leaf('num'), this.leaf('str'), this.leaf('bool')]);
    }
  }
  input() { return this.random.pick(['data', 'data?.a', 'data?.b', "data?.['c']", 'data?.list', 'data?.list?.[0]', 'data?.deep?.x']); }
  paren(kind) { return `(${this.value(kind)})`; }
  make_num() {
    const r = this.random;
    switch (r.below(17)) {
      case 0: case 1: return `${this.paren('num')} ${r.pick(['+', '-', '*', '/', '%'])} ${this.paren('num')}`;
      case 2: return `${this.paren('any')} ${r.pick(['-', '*', '/', '%'])} ${this.paren('num')}`;
      case 3: return `${this.paren('num')} ${r.pick(['|', '&', '^', '<<', '>>', '>>>'])} ${this.paren('num')}`;
      case 4: return `${r.pick(['-', '+', '~'])}${this.paren(r.pick(['num', 'any']))}`;
      case 5: return `Math.${r.pick(['floor', 'ceil', 'round', 'trunc', 'abs', 'sign', 'sqrt', 'fround', 'clz32'])}(${this.value('num')})`;
      case 6: return `Math.${r.pick(['min', 'max'])}(${this.value('num')}, ${this.value('num')}, ${this.value('num')})`;
      case 7: return `${this.paren('str')}.${r.pick(['length', `indexOf(${this.value('str')})`, `charCodeAt(${this.value('num')})`, `lastIndexOf(${this.value('str')})`])}`;
      case 8: return `${this.paren('arr')}.${r.pick(['length', `indexOf(${this.value('any')})`, 'push(7)', 'unshift(1, 2)', `findIndex((x) => x === ${this.leaf('any')})`])}`;
      case 9: return `${r.pick(['parseInt', 'parseFloat', 'Number'])}(${this.value('any')})`;
      case 10: return `parseInt(${this.value('str')}, ${r.pick(['10', '16', '2', '0', '36'])})`;
      case 11: return `(${this.value('bool')} ? ${this.value('num')} : ${this.value('num')})`;
      case 12: return `${this.paren('arr')}.reduce((s, x) => s + x, 0)`;
      case 13: return r.pick([`fib(${r.below(9)})`, `mix(${this.value('num')})`, `mix(...${this.value('arr')})`]);
      case 14: return `Math.imul(${this.value('num')}, ${this.value('num')})`;
      case 15: {
        const variable = this.pickVariable('num', true);
        return variable ? r.pick([`${variable}++`, `--${variable}`, `(${variable} += ${this.value('num')})`, `(${variable} = ${this.value('num')})`]) : '3';
      }
      default: return `${r.pick(['2', '3', '10', '-1'])} ** ${r.below(9)}`;
    }
  }
  make_str() {
    const r = this.random;
    switch (r.below(15)) {
      case 0: case 1: return `${this.paren('str')} + ${this.paren('any')}`;
      case 2: return '`' + `a\${${this.value('any')}}b\${${this.value('num')}}` + '`';
      case 3: return `${this.paren('str')}.${r.pick(['slice', 'substring', 'substr'])}(${this.value('num')}, ${this.value('num')})`;
      case 4: return `${this.paren('str')}.${r.pick(['trim()', 'trimStart()', 'toUpperCase()', 'toLowerCase()', 'concat("x")'])}`;
      case 5: return `${this.paren('str')}.${r.pick(['padStart', 'padEnd'])}(${r.below(12)}, ${this.value('str')})`;
      case 6: return `${this.paren('str')}.${r.pick(['replace', 'replaceAll'])}(${this.value('str')}, ${this.value('str')})`;
      case 7: return `${this.paren('arr')}.join(${this.value('str')})`;
      case 8: return `String(${this.value('any')})`;
      case 9: return `typeof ${this.paren('any')}`;
      case 10: return `JSON.stringify(${this.value('any')}) + ''`;
      case 11: return `${this.paren('num')}.toFixed(${r.below(8)})`;
      case 12: return `Math.trunc(${this.value('num')} % 1000).toString(${r.pick(['2', '10', '16', '36'])})`;
      case 13: return `(${this.value('bool')} ? ${this.value('str')} : ${this.value('str')})`;
      default: return `${this.paren('str')}.${r.pick(['charAt', 'at'])}(${this.value('num')}) + ''`;
    }
  }
  make_bool() {
    const r = this.random;
    switch (r.below(9)) {
      case 0: return `${this.paren('any')} ${r.pick(['===', '!==', '==', '!='])} ${this.paren('any')}`;
      case 1: return `${this.paren('num')} ${r.pick(['<', '>', '<=', '>='])} ${this.paren('num')}`;
      case 2: return `${this.paren('any')} ${r.pick(['<', '>', '<=', '>='])} ${this.paren('any')}`;
      case 3: return `!${this.paren('any')}`;
      case 4: return `(${this.value('bool')} ${r.pick(['&&', '||'])} ${this.value('bool')})`;
      case 5: return `${this.paren('str')}.${r.pick(['includes', 'startsWith', 'endsWith'])}(${this.value('str')})`;
      case 6: return `${this.paren('arr')}.${r.pick(['includes(2)', 'some((x) => x > 1)', 'every((x) => x)'])}`;
      case 7: return `${r.pick(['Array.isArray', 'Number.isInteger', 'Number.isNaN', 'isFinite', 'Boolean'])}(${this.value('any')})`;
      default: return `${this.paren('str')} in ${this.paren('obj')}`;
    }
  }
  make_arr() {
    const r = this.random;
    switch (r.below(15)) {
      case 0: return `[${this.value('any')}, ${this.value('any')}]`;
      case 1: return `[...${this.value('arr')}, ${this.value('any')}]`;
      case 2: return `${this.paren('arr')}.map((x, i) => ${r.pick(['x + i', '[x]', 'd(x)', 'i', 'x === 2'])})`;
      case 3: return `${this.paren('arr')}.filter((x) => ${r.pick(['x', 'x > 1', 'typeof x === "string"', '!x'])})`;
      case 4: return `${this.paren('arr')}.${r.pick(['slice', 'splice'])}(${this.value('num')}, ${this.value('num')})`;
      case 5: return `${this.paren('arr')}.concat(${this.value('arr')}, ${this.value('any')})`;
      case 6: return `[...${this.value('arr')}].sort(${r.pick(['', '(a, b) => a - b', '(a, b) => (a < b ? 1 : -1)', '(a, b) => a > b', '() => 0'])})`;
      case 7: return `[...${this.value('arr')}].reverse()`;
      case 8: return `${this.paren('str')}.split(${this.value('str')})`;
      case 9: return `Object.${r.pick(['keys', 'values', 'entries'])}(${this.value('obj')})`;
      case 10: return `[...${this.value('str')}]`;
      case 11: return `Array.from({ length: ${r.below(5)} }, (_, i) => i * ${this.leaf('num')})`;
      case 12: return `[${this.value('any')}, [${this.value('num')}]].flat()`;
      case 13: return `pair(${this.value('obj')}, ${this.value('arr')})`;
      default: return `[...new ${r.pick(['Set', 'Set', 'Map'])}(${r.pick(['[[1, 2], [1, 3], ["a", NaN]]', '[[NaN, 1], [-0, 2], [0, 3], [NaN, 4]]'])})]`;
    }
  }
  make_obj() {
    const r = this.random;
    switch (r.below(7)) {
      case 0: return `{ k: ${this.value('any')}, [${this.value('str')}]: ${this.value('any')} }`;
      case 1: return `{ ...${this.value('obj')}, z: ${this.value('any')} }`;
      case 2: return `JSON.parse(JSON.stringify(${this.value('obj')}))`;
      case 3: return `Object.assign({}, ${this.value('obj')}, { q: ${this.value('any')} })`;
      case 4: return `Object.fromEntries([['m', ${this.value('any')}], [${this.value('str')}, 1]])`;
      case 5: return `{ x: ${this.value('num')}, 7: 1, y: { z: ${this.value('any')} } }`;
      default: return `{ ${r.pick(['a', 'b', '3'])}: ${this.value('any')}, f(x) { return x + 1; } }`;
    }
  }
  make_any() {
    const r = this.random;
    switch (r.below(11)) {
      case 0: return this.value('num');
      case 1: return this.value('str');
      case 2: return this.value('bool');
      case 3: return this.value('arr');
      case 4: return `(${this.value('obj')})`;
      case 5: return `${this.paren('arr')}[${this.value('num')}]`;
      case 6: return `${this.paren('obj')}[${this.value('str')}]`;
      case 7: return `(${this.value('any')} ${r.pick(['??', '||', '&&'])} ${this.value('any')})`.replace('?? (', '?? (');
      case 8: return `${this.paren('obj')}?.x?.y`;
      case 9: return `(${this.value('any')}, ${this.value('any')})`;
      default: return `((p, q = ${this.leaf('any')}) => ${r.pick(['p', 'q', '[p, q]', 'd(p) + d(q)'])})(${this.value('any')})`;
    }
  }
  block(count) {
    const before = this.scope.length;
    const lines = [];
    for (let i = 0; i < count; i++) lines.push(this.statement());
    this.scope.length = before;
    return lines.join('\n');
  }
  declare(kind, assignable) {
    const name = this.name();
    this.scope.push({ name, kind, assignable });
    return name;
  }
  statement() {
    const r = this.random;
    const kinds = ['num', 'str', 'bool', 'arr', 'obj', 'any'];
    this.depth = 1;
    switch (r.below(this.loops > 1 ? 9 : 18)) {
      case 0: case 1: case 2: {
        const kind = r.pick(kinds);
        const value = this.value(kind);
        const word = r.pick(['const', 'let', 'let', 'var']);
        return `${word} ${this.declare(kind, word !== 'const')} = ${value};`;
      }
      case 3: {
        const variable = this.pickVariable('num', true);
        return variable ? `${variable} ${r.pick(['=', '+=', '-=', '*='])} ${this.value('num')};` : ';';
      }
      case 4: {
        const variable = this.pickVariable('str', true);
        return variable ? `${variable} += ${this.value('any')};` : ';';
      }
      case 5: {
        const variable = this.pickVariable('obj');
        return variable ? `${variable}${r.pick(['.p', `[${this.value('str')}]`])} = ${this.value('any')};` : ';';
      }
      case 6: {
        const variable = this.pickVariable('arr');
        return variable ? r.pick([`${variable}[${r.below(3)}] = ${this.value('any')};`, `${variable}.push(${this.value('any')});`, `out.push(${variable}.pop());`]) : ';';
      }
      case 7: return `if (${this.value(r.pick(['bool', 'any']))}) {\n${this.block(2)}\n}${r.chance(0.5) ? ` else {\n${this.block(1)}\n}` : ''}`;
      case 8: return `out.push(d(${this.value('any')}));`;
      case 9: return this.loop();
      case 10: return `switch (${this.value('any')}) {\ncase 1: out.push('one');\ncase ${this.leaf('str')}: { ${this.block(1)} break; }\ndefault: out.push('other');\ncase null: out.push('null');\n}`;
      case 11: return `try { ${this.block(1)} } catch { out.push('caught'); }`;
      case 12: {
        const [object, standard] = [this.value('obj'), this.leaf('any')];
        const [a, b, rest] = [this.declare('any', true), this.declare('any', true), this.declare('obj', true)];
        return `let { x: ${a}, q: ${b} = ${standard}, ...${rest} } = ${object};`;
      }
      case 13: {
        const array = this.value('arr');
        const [a, rest] = [this.declare('any', true), this.declare('arr', true)];
        return `let [${a}, , ...${rest}] = ${array};`;
      }
      case 14: {
        const closure = this.name();
        return `const ${closure} = counter(); ${closure}.up(${this.value('num')}); ${closure}.up(2); out.push(d(${closure}.get()));`;
      }
      case 15: return this.isAsync ? this.call() : `out.push(d(${this.value('any')}));`;
      case 16: return r.pick([`console.log(${this.value('str')}, ${this.value('num')});`, 'out.push(Date.now() % 1000);', 'out.push(Math.random());']);
      default: {
        const variable = this.pickVariable('obj');
        return variable ? `delete ${variable}.${r.pick(['x', 'p', 'a'])};` : ';';
      }
    }
  }
  loop() {
    const r = this.random;
    this.loops++;
    const before = this.scope.length;
    let text;
    switch (r.below(5)) {
      case 0: {
        const i = this.name();
        const closures = r.chance(0.3) ? `fs.push(() => ${i});` : '';
        this.scope.push({ name: i, kind: 'num', assignable: false });
        text = `for (let ${i} = 0; ${i} < ${r.below(5)}; ${i}++) {\n${closures}\n${r.chance(0.3) ? `if (${this.value('bool')}) continue;` : ''}\n${this.block(2)}\n}`;
        break;
      }
      case 1: {
        const array = this.value(r.pick(['arr', 'str']));
        // What a loop goes over may grow within it.
        const rounds = this.name();
        text = `let ${rounds} = 0;\nfor (const ${this.declare('any', false)} of ${array}) {\n${this.block(2)}\nif (out.length > 60 || ++${rounds} > 20) break;\n}`;
        break;
      }
      case 2: {
        const object = this.value('obj');
        text = `for (const ${this.declare('str', false)} in ${object}) {\n${this.block(2)}\n}`;
        break;
      }
      case 3: {
        const i = this.name();
        text = `let ${i} = ${r.below(5)};\nwhile (${i}-- > 0) {\n${this.block(2)}\nif (${this.value('bool')}) break;\n}`;
        this.scope.push({ name: i, kind: 'num', assignable: false });
        this.loops--;
        return text;
      }
      default: {
        const i = this.name();
        text = `let ${i} = 0;\nouter${i}: do {\n${i}++;\nfor (const k of [1, 2, 3]) { if (k + ${i} === ${r.below(6)}) continue outer${i}; out.push(k); }\n${this.block(1)}\n} while (${i} < 3);`;
      }
    }
    this.scope.length = before;
    this.loops--;
    return text;
  }
  call() {
    const r = this.random;
    const path = r.pick(["'a'", "'b/' + encodeURIComponent('x y')", "'json'", "'c?n=' + out.length"]);
    switch (r.below(8)) {
      case 0: return `out.push(d(await load(${path})));`;
      case 1: return `out.push(d(await load(${path}, ${this.value('any')})));`;
      case 2: return `out.push(d(await Promise.all([load(${path}), load('z'), ${this.value('num')}])));`;
      case 3: return `{ const r = await fetch('http://store/' + ${path}); out.push(r.status, r.headers.get('X-Kind'), (await r.text()).length); }`;
      case 4: return `for (const w of words) { if (!w) continue; out.push(w, d(await load(w))); }`;
      case 5: return `out.push(${this.value('num')} + (await twice(${this.value('num')}))[0]);`;
      case 6: return `if (${this.value('bool')}) { out.push(d(await load('t'))); } else { out.push(d(await twice('e'))); }`;
      default: return `out.push(d(await Promise.all(words.map(async (w, i) => { const x = await load(w + i); return [w, x.n]; }))));`;
    }
  }
  program() {
    this.isAsync = this.random.chance(0.4);
    this.scope = [];
    const body = this.block(4 + this.random.below(5));
    return `${this.isAsync ? 'async ' : ''}function (context, data) {\nconst out = []; const fs = [];\n${body}\nout.push(fs.map((f) => f()));\nreturn { out: out.slice(0, 200) };\n}`;
  }
}

const ODD = [0, -0, 1, -1, 0.1, 1e21, 1e-7, 123456789.125, -2147483648, 9007199254740993, '', 'a', '10', ' 7 ', 'constructor', '__proto__',
  'toString', 'length', '\ud800', '\u00e9\u20ac\ud83d\ude00', 'x'.repeat(300), null, true, false, [], [1, 2, 3], ['b', 'a'], [[1], [2, [3]]], {},
  { x: 1 }, { 10: 'a', 2: 'b', z: 1 }, { deep: { x: { y: 5 } } }, { constructor: 1 }, 1.7976931348623157e308, 5e-324, 4294967295];

function oddInput(random) {
  if (random.chance(0.15)) return random.pick(ODD);
  const result = {};
  for (const key of ['a', 'b', 'c', 'list', 'deep']) {
    if (random.chance(0.25)) continue;
    result[key] = key === 'list' ? Array.from({ length: random.below(5) }, () => random.pick(ODD)) : random.pick(ODD);
  }
  return result;
}

/** A source with so many programs, which `data.program` chooses among. */
function makeSource(random, count) {
  const programs = [];
  for (let i = 0; i < count; i++) {
    let text;
    do text = new Generator(random).program(); while (!parses(text));
    programs.push(text);
  }
  return `${PRELUDE}\nconst programs = [\n${programs.join(',\n')}\n];\nexports.handle = (context, event) => programs[event.program](context, event.data);\n`;
}

/** Mixed operators (`a ?? b || c`) are no program. */
function parses(text) {
  try { new Function(`(${text})`); return true; } catch { return false; }
}

module.exports = { Random, makeSource, oddInput };
