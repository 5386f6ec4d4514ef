// How I appear: by default (the nil workspace id), or in one workspace.

import { Failure, NIL, call } from './api.js';
import { action, avatar, field, form, h, note } from './dom.js';

const PICTURES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const MAX_BYTES = 20 * 1024 * 1024;

/** Sign an upload, PUT the file where it belongs, confirm it. Gives the attachment's id. */
async function upload(file) {
  if (!PICTURES.includes(file.type)) throw new Failure(400, 'Please choose a JPEG, PNG, GIF or WebP picture.');
  if (file.size > MAX_BYTES) throw new Failure(400, 'Please choose a picture of at most 20 MB.');
  const about = { fileName: file.name.slice(-255), contentType: file.type, fileSize: file.size };
  const { uploadUrl, fileKey } = await call('POST', '/profiles/me/image/presigned-url', about);
  const put = await fetch(uploadUrl, { method: 'PUT', headers: { 'Content-Type': file.type }, body: file })
    .catch(() => { throw new Failure(0, 'The picture could not be sent to the object store.'); });
  if (!put.ok) throw new Failure(put.status, `The object store refused the picture (${put.status}).`);
  return (await call('POST', '/profiles/me/image/attachment', { fileKey, ...about })).attachmentId;
}

/** My picture there and a button to choose another, which is shown while it is on its way. */
function portrait(profile, use) {
  const frame = h('div', { class: 'portrait' });
  const error = h('p', { class: 'error', role: 'alert' });
  const show = (source) => frame.replaceChildren(avatar(profile.nickName, profile.userId, source));
  const send = async ({ target: picker }) => {
    const [file] = picker.files;
    if (!file) return;
    const preview = URL.createObjectURL(file);
    error.textContent = '';
    show(preview);
    frame.classList.add('sending');
    try {
      await use(await upload(file));
    } catch (failed) {
      show(profile.profileImageUrl);
      error.textContent = failed.message;
    } finally {
      URL.revokeObjectURL(preview);
      frame.classList.remove('sending');
      picker.value = '';
    }
  };
  show(profile.profileImageUrl);
  const picker = h('input', { type: 'file', accept: PICTURES.join(','), class: 'unseen', onchange: send });
  return [h('div', { class: 'line' }, frame, h('label', { class: 'button' }, picker, 'Choose a picture')), error];
}

/** A form for my nickname and picture there. `home.reload` draws what else shows them. */
export async function profileForm(home, workspaceId) {
  const place = { 'X-Workspace-Id': workspaceId };
  const profile = await call('GET', '/profiles/me', undefined, place);
  profile.profileImageUrl ??= home.profile.profileImageUrl; // as the others see it, too
  const usual = workspaceId === NIL;
  const borrowed = profile.workspaceId !== workspaceId;

  const changed = async (text) => {
    await home.reload();
    const fresh = await profileForm(home, workspaceId);
    box.replaceWith(fresh);
    fresh.querySelector('input').focus();
    note(text);
  };

  const box = h('div', { class: 'profile' },
    portrait(profile, async (attachmentId) => {
      await call('PUT', '/profiles/me/image', { attachmentId }, place);
      await changed('This is your picture now.');
    }),
    form('Save', async ({ nickName }) => {
      await call('PUT', '/profiles/me', { nickName }, place);
      await changed('Your profile is saved.');
    }, field('Nickname', { name: 'nickName', required: true, maxlength: 50, value: profile.nickName, autocomplete: 'nickname' },
      !usual && (borrowed ? 'This is your usual profile. Change it to be somebody else here.' : 'Only for this workspace.'))),
    !usual && !borrowed && action('Use my usual profile here', async () => {
      await call('DELETE', `/profiles/workspace/${workspaceId}`);
      await changed('Your usual profile is shown here again.');
    }));
  return box;
}
