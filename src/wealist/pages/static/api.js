// The session, kept in localStorage and so shared by all tabs, and calls to the server.

// Under a gateway the API reference may be reached with a prefix; calls then go the same way.
const prefix = /^(.*)\/svc\/auth\/swagger-ui\//.exec(location.pathname)?.[1] ?? '';
const NAMES = ['accessToken', 'refreshToken', 'userId'];
const AUTH = '/svc/auth/api/auth';

export const NIL = '00000000-0000-0000-0000-000000000000';
export const signedIn = () => localStorage.getItem('accessToken') !== null;

/** What the server, or the way to it, has against a call; `message` is for people. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function failure(response) {
  const body = await response.json().catch(() => ({}));
  const text = body?.error?.message ?? body?.message;
  return new Failure(response.status, sentence(text ?? `the server answered ${response.status}`));
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

async function send(path, init, token) {
  const headers = { ...init.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(prefix + path, { ...init, headers, cache: 'no-store' });
  } catch {
    throw new Failure(0, 'The server can’t be reached. Look at your connection and try again.');
  }
}

/** End the session here; `detail` tells whether the person wanted that. */
function forget(wanted) {
  for (const name of NAMES) localStorage.removeItem(name);
  dispatchEvent(new CustomEvent('signed-out', { detail: wanted }));
}

let refreshing;

/** A newer access token than `used`; however many ask, the server is asked once. */
async function renew(used) {
  const stored = localStorage.getItem('accessToken');
  if (stored && stored !== used) return stored; // another call, or another tab, was faster
  refreshing ??= refresh().finally(() => { refreshing = undefined; });
  return refreshing;
}

async function refresh() {
  const refreshToken = localStorage.getItem('refreshToken');
  const response = await send(`${AUTH}/refresh`, asJson('POST', { refreshToken }));
  if (response.ok) {
    const tokens = await response.json();
    for (const name of NAMES) if (tokens[name]) localStorage.setItem(name, tokens[name]);
    return tokens.accessToken;
  }
  if (response.status < 500 && response.status !== 429) forget(false);
  throw await failure(response);
}

function asJson(method, body, headers = {}) {
  if (body === undefined) return { method, headers };
  return { method, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** A request as the person who is signed in, if somebody is; renews the token once if need be. */
export async function signed(path, init) {
  const token = localStorage.getItem('accessToken');
  const response = await send(path, init, token);
  if (response.status !== 401 || !token) return response;
  return send(path, init, await renew(token));
}

/** A call to the user service. Gives the decoded answer; throws a `Failure`. */
export async function call(method, path, body, headers) {
  const response = await signed(`/svc/user/api${path}`, asJson(method, body, headers));
  if (!response.ok) throw await failure(response);
  return response.json();
}

export async function signOut() {
  const refreshToken = localStorage.getItem('refreshToken');
  const leaving = signed(`${AUTH}/logout`, asJson('POST', { refreshToken }));
  await leaving.catch(() => {}); // signing out here must not depend on the server
  forget(true);
}
