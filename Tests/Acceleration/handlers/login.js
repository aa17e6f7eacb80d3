// inputs: [{"user":"ann","password":"secret"},{"user":"bob","password":"x"},{"user":"","password":""},{},null,{"user":"constructor","password":"a"},{"user":"a\nb","password":"p"}]
const MAX_LENGTH = 64;

function check(data) {
  if (!data || typeof data.user !== 'string' || typeof data.password !== 'string') return 'missing';
  if (data.user.length === 0 || data.user.length > MAX_LENGTH) return 'length';
  return null;
}

exports.handler = async (event, context) => {
  const data = context;
  const wrong = check(data);
  if (wrong) return { statusCode: 400, body: JSON.stringify({ error: wrong }) };
  const response = await fetch(`http://store/a/users/${encodeURIComponent(data.user)}`);
  if (response.status === 404) return { statusCode: 401, body: JSON.stringify({ error: 'unknown' }) };
  const user = await response.json();
  if (user.path.length !== data.password.length) {
    console.log('wrong password', data.user);
    return { statusCode: 401, body: JSON.stringify({ error: 'password' }) };
  }
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: data.user, n: user.n }) };
};
