// Asks the store `calls` times, one after the other, and comes to what is not compiled before call `abort`.
function odd(text) { return /^x+$/.test(text); }

exports.handle = async (context, data) => {
  const results = [];
  for (let i = 0; i < data.calls; i++) {
    if (i === data.abort) results.push(odd('x' + i));
    const body = data.plain ? 'plain' : Date.now() + ':' + Math.random();
    const response = await fetch(data.store + '/' + data.run + '/' + i, { method: 'POST', body });
    results.push(await response.text());
  }
  if (data.abort === data.calls) results.push(odd('x'));
  console.log('done', data.run);
  return { path: context.path, results };
};
