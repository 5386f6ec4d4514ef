// The welcome page: signed out, what this is; signed in, the places of a person.

import { NIL, call, signOut, signedIn } from './api.js';
import { action, alarm, area, avatar, byId, card, check, field, form, h, note, tag } from './dom.js';
import { profileForm } from './profile.js';
import { workspaceView } from './workspace.js';

/** What is known about the person; `home` is handed to the views. */
const home = { me: null, profile: null, places: [], reload, open: go };

function go(address) {
  if (location.hash === address) route();
  else location.hash = address;
}

/** Fetch what the frame shows (me, my picture, my workspaces) and draw the frame again. */
async function reload() {
  [home.me, home.profile, home.places] = await Promise.all([
    call('GET', '/users/me'),
    call('GET', '/profiles/me', undefined, { 'X-Workspace-Id': NIL }),
    call('GET', '/workspaces/all'),
  ]);
  drawFrame();
}

function drawFrame() {
  const { me, profile } = home;
  const name = profile.nickName;
  byId('person').replaceChildren(
    h('a', { href: '#/profile', title: me.email },
      avatar(name, me.userId, profile.profileImageUrl), h('span', { class: 'name' }, name)),
    action('Sign out', signOut),
  );
  byId('places').replaceChildren(
    h('h2', {}, 'Workspaces'),
    h('ul', {}, home.places.map((place) => h('li', {}, place.role === 'PENDING'
      ? h('span', { class: 'place waiting' }, place.workspaceName, tag('waiting'))
      : link(`#/w/${place.workspaceId}`, place.workspaceName, place.isDefault && tag('default'))))),
    h('ul', { class: 'more' },
      h('li', {}, link('#/new', 'New workspace')),
      h('li', {}, link('#/find', 'Find a workspace')),
      h('li', {}, link('#/profile', 'My profile'))),
  );
}

const link = (href, text, ...more) => h('a', { class: 'place', href, 'aria-current': location.hash === href && 'page' }, text, ...more);

function newView() {
  return card('New workspace', form('Create workspace', async (entries) => {
    const made = await call('POST', '/workspaces/create', {
      workspaceName: entries.name,
      workspaceDescription: entries.description,
      isPublic: 'public' in entries,
      needApproved: 'approved' in entries,
    });
    await reload();
    note(`${made.workspaceName} is ready.`);
    go(`#/w/${made.workspaceId}`);
  },
  !home.places.length && h('p', { class: 'quiet' }, 'A workspace is where people meet. Make your first one, or ',
    h('a', { href: '#/find' }, 'find one'), ' that is there already.'),
  field('Name', { name: 'name', required: true, maxlength: 100 }),
  area('Description', { name: 'description', maxlength: 1000 }),
  check('Public', 'public', true, 'Everybody on this server can find it.'),
  check('Ask before somebody joins', 'approved', true, 'You decide on each request.')));
}

function findView() {
  const results = h('div', { 'aria-live': 'polite' });
  return card('Find a workspace', form('Search', async ({ text }) => {
    const found = await call('GET', `/workspaces/public/${encodeURIComponent(text.trim())}`);
    results.replaceChildren(found.length
      ? h('ul', { class: 'rows' }, found.map(hit))
      : h('p', { class: 'quiet' }, 'No public workspace has this in its name.'));
  }, field('Part of its name', { name: 'text', type: 'search', required: true, maxlength: 100 })), results);
}

function hit(found) {
  const place = home.places.find(({ workspaceId }) => workspaceId === found.workspaceId);
  const state = place && tag(place.role === 'PENDING' ? 'waiting' : 'member');
  const row = h('li', {},
    h('div', { class: 'grow' }, h('strong', {}, found.workspaceName),
      h('small', {}, `${found.workspaceDescription ?? ''} — by ${found.ownerNickName ?? 'somebody'}`.replace(/^ — /, ''))),
    state ?? action(found.needApproved ? 'Ask to join' : 'Join', async () => {
      const request = await call('POST', '/workspaces/join-requests', { workspaceId: found.workspaceId });
      await reload();
      row.replaceWith(hit(found));
      if (request.status === 'APPROVED') go(`#/w/${found.workspaceId}`);
      else note(`You have asked to join ${found.workspaceName}.`);
    }));
  return row;
}

async function view() {
  const [, page, id] = location.hash.split('/');
  if (page === 'new') return newView();
  if (page === 'find') return findView();
  if (page === 'profile') return card('My profile', await profileForm(home, NIL), h('p', { class: 'quiet' }, `You are signed in as ${home.me.email}.`));
  const mine = home.places.filter(({ role }) => role !== 'PENDING');
  if (page === 'w') {
    const place = mine.find(({ workspaceId }) => workspaceId === id);
    return place ? workspaceView(home, place) : card('Not found', h('p', {}, 'You are not, or no longer, a member of this workspace.'));
  }
  const first = mine.find(({ isDefault }) => isDefault) ?? mine[0];
  if (!first) return newView();
  history.replaceState(null, '', `#/w/${first.workspaceId}`);
  drawFrame();
  return workspaceView(home, first);
}

let turns = 0;

/** Show what the address says, unless the person has gone elsewhere in the meantime. */
async function route(moved = true) {
  const turn = ++turns;
  if (!home.me) return;
  drawFrame();
  try {
    const shown = await view();
    if (turn !== turns) return;
    byId('view').replaceChildren(shown);
    const title = shown.querySelector('h1, h2');
    document.title = `${title.textContent} · weAlist`;
    if (moved) {
      title.tabIndex = -1;
      title.focus();
    }
  } catch (error) {
    if (turn === turns && signedIn()) byId('view').replaceChildren(broken(error));
  }
}

const broken = (error) => card('That did not work', h('p', { class: 'error', role: 'alert' }, error.message),
  action('Try again', () => (home.me ? route() : start())));

function showWelcome() {
  home.me = null;
  turns += 1;
  byId('welcome').hidden = false;
  byId('home').hidden = true;
  for (const id of ['person', 'places', 'view']) byId(id).replaceChildren();
}

async function start() {
  if (!signedIn()) return;
  byId('welcome').hidden = true;
  byId('home').hidden = false;
  try {
    await reload();
    await route(false);
  } catch (error) {
    if (signedIn()) byId('view').replaceChildren(broken(error));
  }
}

addEventListener('signed-out', ({ detail: wanted }) => {
  byId('ended').hidden = wanted;
  showWelcome();
});
addEventListener('hashchange', () => {
  if (location.hash !== '#main') route();
});
addEventListener('storage', ({ key }) => { // another tab signed in or out
  if (key === 'userId' || key === null) location.reload();
});
addEventListener('unhandledrejection', (event) => alarm(event.reason?.message ?? 'Something went wrong.'));

fetch('/svc/user/health/ready', { cache: 'no-store' }).then(({ ok }) => ok, () => false).then((ok) => {
  byId('health').classList.add(ok ? 'good' : 'bad');
  byId('health').append(h('span', { class: 'unseen' }, ok ? ': ready' : ': not ready'));
});
start();
