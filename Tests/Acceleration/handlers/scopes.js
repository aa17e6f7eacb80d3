// inputs: [{"k":"var"},{"k":"own"},{"k":"later"},{"k":"loop"},{"k":"self"},{"k":"hoist"},{"k":"label"},{"k":"thenable"},{"k":"closure"},{"k":"shadow"},{"k":"chain"},{"k":"order"},{"k":"this"},{"k":"mutation"},{"k":"key"}]
function withVar(a = 1, b) { var a; var b; return [a, b]; }
const own = function f(n) { return n === 0 ? typeof f : f(n - 1); };
const ownVar = function g() { var g; return typeof g; };
function later(a = b, b) { return a; }
function hoist() { return typeof inner + inner(); function inner() { return 1; } }
function self(n) { var self = n; return self; }
exports.handle = async (context, { k }) => {
  switch (k) {
    case 'var': return [withVar(), withVar(2, 3), withVar(undefined, null)];
    case 'own': return [own(3), ownVar()];
    case 'later': return later(undefined, 2);
    case 'loop': {
      const fs = [];
      for (let i = 0, j = 10; i < 3; i++, j--) fs.push(() => [i, j]);
      for (var v = 0; v < 2; v++) fs.push(() => v);
      for (const x of [1, 2]) { let y = x * 2; fs.push(() => y++); }
      return fs.map((f) => [f(), f()]);
    }
    case 'self': return self(4);
    case 'hoist': return hoist();
    case 'label': {
      const out = [];
      a: for (let i = 0; i < 4; i++) {
        b: { if (i === 1) break b; out.push(i); if (i === 2) continue a; }
        for (;;) { out.push('x' + i); if (i > 2) break a; break; }
      }
      return out;
    }
    case 'thenable': return { then(f) { f(5); } };
    case 'closure': {
      let n = 0;
      const add = (m) => { n += m; return add; };
      add(1)(2)(3);
      const fs = [1, 2, 3].map((x) => async () => { n += x; await null; return n; });
      return [n, await Promise.all(fs.map((f) => f())), n];
    }
    case 'shadow': {
      const Math = { floor: (x) => 'mine' + x };
      const JSON = 3;
      { let k = 1; { let k = 2; k++; } return [Math.floor(1.5), JSON, k]; }
    }
    case 'chain': {
      const o = { a: { f(x) { return [x, this.z]; }, z: 9 }, n: null };
      return [o?.a?.f(1), o.n?.x.y.z, o.b?.(1), o.a.f?.(2), o.a['f'](3), o?.['a'].z, (o.n?.q)?.r] .map((x) => x ?? 'none');
    }
    case 'order': {
      const log = [];
      const t = (x) => { log.push(x); return x; };
      let i = 1;
      const a = [t(1) + t(2) * t(3), i + i++ + i, (i = 5) + i, [t(7), await t(8), t(9)].length, t('a') + (await t('b')) + t('c')];
      const o = { [t('k')]: t('v'), ...{ m: t('w') } };
      o[t('p')] = await t('q');
      let s = 'x';
      s += await (async () => { s = 'changed'; return 'y'; })();
      return [a, o, log, s];
    }
    case 'mutation': {
      const a = [];
      let x = 0;
      const b = ['p'];
      return [a / a.push(7), a - a.push(1), a % 2, a + a.push('z'), `${b}${(x = b.push('q'))}${b}`, x];
    }
    case 'key': {
      const a = ['k'];
      return { [a]: a.push('l') };
    }
    case 'this': {
      const o = { n: 2, get2() { return [1].map((x) => x + this.n); }, plain() { return this.n; } };
      return [o.get2(), o.plain()];
    }
  }
};
