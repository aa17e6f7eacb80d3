// inputs: [{"services":["c1","json"]},{"services":[]},{"services":["b","c"]},{"services":["c","c","c","c"]},{},{"services":"cc"}]
exports.handle = async function (context, data) {
  const names = data.services ?? ['main'];
  const results = [];
  for (const name of names) {
    const response = await fetch('http://store/' + name, { headers: { accept: 'text/plain' } });
    const text = await response.text();
    results.push({ name, up: response.ok, kind: response.headers.get('X-Kind'), bytes: text.length });
  }
  const down = results.filter((result) => !result.up).map((result) => result.name);
  const total = results.reduce((sum, { bytes }) => sum + bytes, 0);
  return { results, summary: down.length ? `down: ${down.join(', ')}` : 'all up', total };
};
