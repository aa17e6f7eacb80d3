// inputs: [{"prefix":"ap"},{"prefix":"b"},{"prefix":""},{"prefix":"zz"},{"prefix":"constructor"},{},{"prefix":5},{"prefix":"BA"},{"prefix":"\u00e9"}]
const words = ['apple', 'apricot', 'banana', 'bandana', 'blueberry', 'cherry', 'avocado', 'applesauce'];
const index = {};
for (const word of words) {
  for (let i = 1; i <= word.length; i++) {
    const prefix = word.slice(0, i);
    (index[prefix] ??= []).push(word);
  }
}

module.exports = { handle(context, data) {
  const prefix = String(data.prefix ?? '').toLowerCase();
  const found = index[prefix] || [];
  const ranked = [...found].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return { prefix, completions: ranked.slice(0, 5).map((word, rank) => ({ word, rank, rest: word.substring(prefix.length) })) };
} };
