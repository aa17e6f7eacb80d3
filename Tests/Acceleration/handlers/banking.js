// inputs: [{"from":"a","to":"c","amount":10},{"from":"a","to":"b","amount":10},{"from":"a","to":"c","amount":1e9},{"from":"a","to":"c","amount":-1},{"from":"a","to":"c","amount":"7"},{"amount":null},{"from":"a","to":"c","amount":0.1}]
async function balance(name) {
  const response = await fetch('http://store/' + name);
  if (!response.ok) throw new Error('no account ' + name);
  const { n, list } = await response.json();
  return { name, value: n * 100 + list.length };
}

async function put(account) {
  const body = JSON.stringify({ value: account.value });
  await fetch('http://store/' + account.name, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body });
}

exports.handle = async (context, data) => {
  const amount = Number(data.amount);
  if (!(amount > 0) || !Number.isFinite(amount)) return { error: 'amount', amount: String(data.amount) };
  const [from, to] = await Promise.all([balance(data.from), balance(data.to)]);
  if (from.value < amount) return { error: 'funds', value: from.value };
  from.value -= amount;
  to.value += amount;
  await put(from);
  await put(to);
  return { from, to, at: Date.now() };
};
