// inputs: [{"kind":"regexp"},{"kind":"class"},{"kind":"generator"},{"kind":"date"},{"kind":"getter"},{"kind":"throw"},{"kind":"state"},{"kind":"none"},{"kind":"time"},{"kind":"stack"},{"kind":"memory"}]
let count = 0;
class Point { constructor(x) { this.x = x; } }
function* numbers() { yield 1; }
function deep(n) { return n === 0 ? 0 : 1 + deep(n - 1); }
exports.handle = (context, { kind }) => {
  if (kind === 'regexp') return /a/.test('abc');
  if (kind === 'class') return new Point(1).x;
  if (kind === 'generator') return [...numbers()];
  if (kind === 'date') return new Date(0).toISOString();
  if (kind === 'getter') return { get x() { return 1; } }.x;
  if (kind === 'throw') throw new TypeError('no');
  if (kind === 'state') return { count: ++count > 0 };
  if (kind === 'stack') return deep(5000) > 0;
  if (kind === 'memory') {
    const list = [];
    for (let i = 0; i < 40; i++) list.push('x'.repeat(500000) + i);
    return list.length;
  }
  if (kind === 'time') {
    let sum = 0;
    for (let i = 0; i < 1e8; i++) sum = (sum + i) % 7;
    return sum;
  }
  return 'plain';
};
