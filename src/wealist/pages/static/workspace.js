// One workspace: its people, and for those who lead it requests, settings and the end.

import { call } from './api.js';
import { action, area, ask, avatar, card, check, field, fold, form, h, note, tag } from './dom.js';
import { profileForm } from './profile.js';

const PAGE = 100;
const leads = ({ role }) => role === 'OWNER' || role === 'ADMIN';

export async function workspaceView(home, place) {
  const base = `/workspaces/${place.workspaceId}`;
  const at = `#/w/${place.workspaceId}`;
  const here = { home, place, base, redraw: () => home.reload().then(() => home.open(at)) };
  const [settings, people] = await Promise.all([call('GET', `${base}/settings`), members(here)]);
  return h('div', {},
    head(here, settings),
    people.node,
    leads(place) && await joinRequests(here, people),
    myProfile(here, people),
    leads(place) && settingsForm(here, settings),
    ending(here, people));
}

function head({ place, redraw }, settings) {
  return h('header', { class: 'head' },
    h('h1', {}, place.workspaceName),
    h('p', { class: 'line' }, tag(place.role.toLowerCase(), place.role), tag(settings.isPublic ? 'public' : 'private'),
      place.isDefault ? tag('default') : action('Make it my default', async () => {
        await call('POST', '/workspaces/default', { workspaceId: place.workspaceId });
        await redraw();
      }, { class: 'small' })),
    settings.workspaceDescription && h('p', { class: 'text' }, settings.workspaceDescription));
}

/** The list of members, a page at a time; `refresh` fetches it anew, `mine` is my own membership. */
async function members(here) {
  const list = h('ul', { class: 'rows' });
  const more = h('p');
  const people = { node: null, mine: null, refresh: () => next(1) };

  async function next(page) {
    const found = await call('GET', `${here.base}/members?page=${page}&limit=${PAGE}`);
    people.mine = found.find(({ userId }) => userId === here.home.me.userId) ?? people.mine;
    if (page === 1) list.replaceChildren();
    list.append(...found.map((member) => memberRow(here, member, people.refresh)));
    more.replaceChildren(...(found.length === PAGE ? [action('Show more', () => next(page + 1))] : []));
  }

  await next(1);
  people.node = card('Members', list, more, leads(here.place) && invitation(here, people.refresh));
  return people;
}

function memberRow({ home, place, base, redraw }, member, refresh) {
  const name = member.nickName ?? member.userEmail ?? 'Somebody';
  const mine = member.userId === home.me.userId;
  const fixed = member.roleName === 'OWNER' || !leads(place);
  const [role, label] = member.roleName === 'ADMIN' ? ['MEMBER', 'member'] : ['ADMIN', 'admin'];
  const path = `${base}/members/${member.workspaceMemberId}`;
  const change = async () => {
    await call('PUT', `${path}/role`, { roleName: role });
    note(`The role of ${name} is ${label} now.`);
    await (mine ? redraw() : refresh());
  };
  const remove = async () => {
    if (!await ask(`Remove ${name}?`, `${name} loses access to ${place.workspaceName} at once.`, 'Remove')) return;
    await call('DELETE', path);
    note(`${name} has been removed.`);
    await refresh();
  };
  return h('li', {},
    avatar(name, member.userId, member.profileImageUrl),
    h('div', { class: 'grow' }, h('strong', {}, name, mine && ' (you)'), h('small', {}, member.userEmail)),
    tag(member.roleName.toLowerCase(), member.roleName),
    !fixed && action(`Make ${label}`, change, { class: 'small', 'aria-label': `Make ${label}: ${name}` }),
    !fixed && !mine && action('Remove', remove, { class: 'small', 'aria-label': `Remove ${name}` }));
}

function invitation({ base }, refresh) {
  return form('Invite', async ({ email, roleName }, target) => {
    const member = await call('POST', `${base}/members/invite`, { email: email.trim(), roleName });
    target.reset();
    note(`${member.nickName ?? member.userEmail} is a member now.`);
    await refresh();
  }, h('h3', {}, 'Invite somebody'),
  h('div', { class: 'line' },
    h('label', { class: 'grow' }, 'E-mail', h('input', { name: 'email', type: 'email', required: true, maxlength: 254, autocomplete: 'off' })),
    h('label', {}, 'Role', h('select', { name: 'roleName' }, h('option', { value: 'MEMBER' }, 'Member'), h('option', { value: 'ADMIN' }, 'Admin')))),
  h('small', {}, 'Whoever has signed in here before becomes a member at once.'));
}

async function joinRequests({ base }, people) {
  const list = h('ul', { class: 'rows' });
  const empty = h('p', { class: 'quiet' }, 'Nobody is waiting.');
  for (const request of await call('GET', `${base}/joinRequests`)) {
    const name = request.nickName ?? request.userEmail ?? 'Somebody';
    const decide = (label, status, kind) => action(label, async () => {
      await call('PUT', `${base}/joinRequests/${request.joinRequestId}`, { status });
      row.remove();
      empty.hidden = list.children.length > 0;
      if (status === 'APPROVED') await people.refresh();
    }, { class: `small ${kind}`, 'aria-label': `${label} ${name}` });
    const row = h('li', {}, avatar(name, request.userId),
      h('div', { class: 'grow' }, h('strong', {}, name), h('small', {}, request.userEmail)),
      decide('Approve', 'APPROVED', 'primary'), decide('Reject', 'REJECTED', ''));
    list.append(row);
  }
  empty.hidden = list.children.length > 0;
  return card('Requests to join', list, empty);
}

function myProfile({ home, place }, people) {
  const node = fold('My profile here');
  const shownIn = { ...home, reload: () => Promise.all([home.reload(), people.refresh()]) };
  node.addEventListener('toggle', async () => node.append(await profileForm(shownIn, place.workspaceId)), { once: true });
  return node;
}

function settingsForm({ base, redraw }, settings) {
  return fold('Settings', form('Save settings', async (entries) => {
    const wanted = {
      workspaceName: entries.name,
      workspaceDescription: entries.description,
      isPublic: 'public' in entries,
      requiresApproval: 'approval' in entries,
    };
    // Only what this person changed, so that nobody else's change is undone.
    const changed = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== settings[name]));
    await call('PUT', `${base}/settings`, changed);
    await redraw();
    note('The settings are saved.');
  },
  field('Name', { name: 'name', required: true, maxlength: 100, value: settings.workspaceName }),
  area('Description', { name: 'description', maxlength: 1000 }, settings.workspaceDescription),
  check('Public', 'public', settings.isPublic, 'Everybody on this server can find it.'),
  check('Ask before somebody joins', 'approval', settings.requiresApproval, 'You decide on each request.')));
}

function ending({ home, place, base }, people) {
  const name = place.workspaceName;
  const part = (label, title, text, yes, path, done) => h('p', {}, action(label, async () => {
    if (!await ask(title, text, yes)) return;
    await call('DELETE', path());
    await home.reload();
    note(done);
    home.open('#/');
  }, { class: 'danger' }));
  return fold(leads(place) ? 'Leave or delete' : 'Leave',
    place.role === 'OWNER'
      ? h('p', { class: 'quiet' }, 'The owner stays for as long as the workspace exists.')
      : part('Leave this workspace', `Leave ${name}?`, 'To come back you have to be invited, or to ask.', 'Leave',
        () => `${base}/members/${people.mine.workspaceMemberId}`, `You have left ${name}.`),
    leads(place) && part('Delete this workspace', `Delete ${name}?`,
      'Everything in it is deleted for all its members. This can’t be undone.', 'Delete', () => base, `${name} has been deleted.`));
}
