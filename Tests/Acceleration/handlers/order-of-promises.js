// inputs: [{"n":1},{"n":3},{"n":0}]
const log = async (list, name, times) => {
  for (let i = 0; i < times; i++) {
    list.push(name + i);
    await null;
  }
  return name;
};
async function nested(list) {
  list.push('in');
  return log(list, 'n', 2);
}
exports.handle = async (context, { n }) => {
  const list = [];
  const first = log(list, 'a', n + 2);
  const second = nested(list).then((value) => list.push('then ' + value));
  const third = Promise.resolve(first).then((value) => value + '!');
  list.push('sync');
  const all = await Promise.all([first, second, third, 7, fetch('http://store/x').then((r) => r.json())]);
  list.push(all);
  const results = [];
  for (let i = 0; i < n; i++) {
    if (i === 1) continue;
    const value = i % 2 ? await log(list, 'odd', i) : (await log(list, 'even', 1)) + i;
    results.push(value);
    if (results.length > 1) break;
  }
  return { list, results };
};
