// inputs: [{"size":8,"seed":1},{"size":20,"seed":7},{"size":1,"seed":0},{"size":0,"seed":0},{"size":31,"seed":12345},{"size":"5","seed":3}]
function makeMaze(size, seed) {
  const cells = [];
  let state = seed;
  for (let y = 0; y < size; y++) {
    const row = [];
    for (let x = 0; x < size; x++) {
      state = (state * 1103515245 + 12345) % 2147483648;
      row.push(state % 100 < 70 ? 0 : 1);
    }
    cells.push(row);
  }
  return cells;
}

function shortest(maze, size) {
  const distance = [];
  for (let i = 0; i < size * size; i++) distance.push(-1);
  const queue = [0];
  distance[0] = 0;
  let head = 0;
  while (head < queue.length) {
    const place = queue[head++];
    const x = place % size;
    const y = (place - x) / size;
    for (let direction = 0; direction < 4; direction++) {
      const nx = x + (direction === 0 ? 1 : direction === 1 ? -1 : 0);
      const ny = y + (direction === 2 ? 1 : direction === 3 ? -1 : 0);
      if (nx < 0 || ny < 0 || nx >= size || ny >= size) continue;
      if (maze[ny][nx] !== 0) continue;
      const next = ny * size + nx;
      if (distance[next] >= 0) continue;
      distance[next] = distance[place] + 1;
      queue.push(next);
    }
  }
  return distance[size * size - 1];
}

exports.handle = (context, data) => {
  const size = Number(data.size);
  if (size < 1) return { error: 'size' };
  const maze = makeMaze(size, data.seed);
  maze[0][0] = 0;
  maze[size - 1][size - 1] = 0;
  return { size, steps: shortest(maze, size) };
};
