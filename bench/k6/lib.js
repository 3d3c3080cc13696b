// What the scripts share: settings from the environment, logins, and sending a
// request of requests.json by its name.
//
//   BASE     URL of the gateway             https://localhost:8000
//   LOANS    loan ids, comma-separated      required by payments.js and lender.js
//   PARTNER  client_id:client_secret of a program with the role PARTNER
//   STAFF    e-mail:password of an officer
//   FINANCE  e-mail:password of somebody in finance
import http from 'k6/http';
import encoding from 'k6/encoding';
import { check, fail } from 'k6';

export const settings = {
  base: __ENV.BASE || 'https://localhost:8000',
  rate: Number(__ENV.RATE || 50),
  duration: __ENV.DURATION || '1m',
  users: Number(__ENV.USERS || 200),
  currency: __ENV.CURRENCY || 'INR',
  date: __ENV.DATE || new Date().toISOString().slice(0, 10),
};

const requests = JSON.parse(open('./requests.json'));

// loans are the loans to pay and to read.
export function loans() {
  const list = (__ENV.LOANS || '').split(',').filter((id) => id !== '');
  if (list.length === 0) {
    fail('LOANS names no loan');
  }
  return list;
}

// pair parts a setting NAME=first:second at the first colon.
function pair(name) {
  const text = __ENV[name] || '';
  const at = text.indexOf(':');
  if (at < 1) {
    fail(name + ' is missing');
  }
  return { first: text.slice(0, at), second: text.slice(at + 1) };
}

// fill puts values into a request's body and path, where they have "$name".
function fill(part, values) {
  if (typeof part === 'string') {
    if (part.charAt(0) !== '$') {
      return part;
    }
    if (!(part.slice(1) in values)) {
      fail('no value for ' + part);
    }
    return values[part.slice(1)];
  }
  if (Array.isArray(part)) {
    return part.map((item) => fill(item, values));
  }
  if (part !== null && typeof part === 'object') {
    const out = {};
    Object.keys(part).forEach((key) => {
      out[key] = fill(part[key], values);
    });
    return out;
  }
  return part;
}

// key is an idempotency key: 32 random hexadecimal digits.
export function key() {
  let text = '';
  for (let i = 0; i < 32; i += 1) {
    text += Math.floor(Math.random() * 16).toString(16);
  }
  return text;
}

// send sends the request of that name and checks its status.
export function send(name, values, token, headers) {
  const r = requests[name];
  const path = r.path.replace(/\{(\w+)\}/g, (_, field) => encodeURIComponent(values[field]));
  const params = { headers: headers || {}, tags: { name: name } };
  if (token) {
    params.headers.Authorization = 'Bearer ' + token;
  }
  if (r.idempotent) {
    params.headers['Idempotency-Key'] = values.key || key();
  }
  let body = null;
  if (r.form) {
    body = fill(r.form, values);
  } else if (r.body) {
    params.headers['Content-Type'] = 'application/json';
    body = JSON.stringify(fill(r.body, values));
  }
  const answer = http.request(r.method, settings.base + path, body, params);
  check(answer, { [name + ' succeeded']: (a) => a.status === r.status });
  return answer;
}

// person logs somebody in.
export function person(name) {
  const who = pair(name);
  return send('login', { email: who.first, password: who.second }).json('access_token');
}

// program gets a token for a program (RFC 6749, client credentials).
export function program(name) {
  const who = pair(name);
  const basic = encoding.b64encode(encodeURIComponent(who.first) + ':' + encodeURIComponent(who.second));
  return send('token', {}, '', { Authorization: 'Basic ' + basic }).json('access_token');
}

// openLoop is a scenario with so many iterations due a second, whatever the
// answers do.
export function openLoop(exec, rate) {
  return {
    executor: 'constant-arrival-rate', exec: exec, rate: rate, timeUnit: '1s', duration: settings.duration,
    preAllocatedVUs: Math.min(settings.users, Math.max(1, rate)), maxVUs: settings.users,
  };
}

// amount draws an amount of money between two whole numbers.
export function amount(low, high) {
  const cents = Math.floor(low * 100 + Math.random() * (high - low) * 100);
  return Math.floor(cents / 100) + '.' + ('0' + (cents % 100)).slice(-2);
}

// any picks an element.
export function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}
