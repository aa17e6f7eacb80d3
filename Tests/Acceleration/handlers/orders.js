// inputs: [{"items":[{"sku":"x1","count":2,"price":9.99},{"sku":"y","count":1,"price":0.1}],"coupon":"TEN"},{"items":[]},{"items":[{"sku":"z","count":0,"price":1}]},{"items":[{"sku":"__proto__","count":1,"price":1}]},{"items":[{}]},{"items":[{"sku":"q","count":"3","price":"1.5"}],"coupon":"HALF"}]
const discounts = { TEN: 0.1, HALF: 0.5 };

const round = (value) => Math.round(value * 100) / 100;

function total(items) {
  let sum = 0;
  const counts = new Map();
  for (const { sku = 'none', count = 0, price = 0 } of items) {
    sum += count * price;
    counts.set(sku, (counts.get(sku) ?? 0) + Number(count));
  }
  return { sum, counts: Object.fromEntries([...counts]) };
}

exports.handle = async (context, data) => {
  const { items = [], coupon, ...rest } = data;
  if (items.length === 0) return { error: 'empty' };
  const { sum, counts } = total(items);
  const share = coupon ? discounts[coupon] ?? 0 : 0;
  const due = round(sum * (1 - share));
  let attempt = 0;
  let receipt;
  do {
    const response = await fetch('http://store/orders', { method: 'POST', body: JSON.stringify({ due, counts, attempt }) });
    receipt = response.ok ? await response.json() : null;
    attempt++;
  } while (!receipt && attempt < 3);
  switch (receipt?.n) {
    case undefined: return { error: 'store' };
    case 6: return { due: due.toFixed(2), counts, attempt, receipt, rest };
    default: return { due, receipt };
  }
};
