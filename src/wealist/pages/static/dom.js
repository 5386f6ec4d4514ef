// Making elements. Text only ever becomes text nodes and attributes, never markup.

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Run what a button stands for, once at a time. The button keeps the focus meanwhile. */
async function once(button, work, fail) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  try {
    await work();
  } catch (error) {
    fail(error.message);
    if (error.status === undefined) console.error(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/** A button whose failures are told at the edge of the window. */
export function action(label, work, attributes = {}) {
  return h('button', { type: 'button', onclick: (event) => once(event.currentTarget, work, alarm), ...attributes }, label);
}

/** A form that tells its failures itself. `submit` gets the entries as an object. */
export function form(label, submit, ...content) {
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { class: 'primary' }, label);
  return h('form', {
    onsubmit(event) {
      event.preventDefault();
      error.textContent = '';
      const entries = Object.fromEntries(new FormData(event.currentTarget));
      once(button, () => submit(entries, event.target), (text) => { error.textContent = text; });
    },
  }, ...content, error, button);
}

export const field = (label, attributes, hint) => h('label', {}, label,
  h('input', { autocomplete: 'off', ...attributes }), hint && h('small', {}, hint));

export const area = (label, attributes, text = '') => h('label', {}, label, h('textarea', { rows: 3, ...attributes }, text));

export const check = (label, name, checked, hint) => h('label', { class: 'check' },
  h('input', { type: 'checkbox', name, checked }), h('span', {}, label, hint && h('small', {}, hint)));

export const card = (title, ...content) => h('section', { class: 'card' }, h('h2', {}, title), ...content);

export const fold = (title, ...content) => h('details', { class: 'card' }, h('summary', {}, h('h2', {}, title)), ...content);

export const tag = (text, kind = '') => h('span', { class: `tag ${kind}` }, text);

/** A picture, or the initials while there is none or it can't be loaded. */
export function avatar(name, id, source) {
  const letters = name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? '').join('').toUpperCase();
  const node = h('span', { class: 'avatar', 'aria-hidden': 'true' }, letters || '?');
  node.style.setProperty('--hue', [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7));
  if (source) {
    const image = h('img', { src: source, alt: '', onerror: () => image.remove() });
    node.append(image);
  }
  return node;
}

function tell(place, text, seconds) {
  const close = () => node.remove();
  const node = h('p', {}, text, h('button', { type: 'button', 'aria-label': 'Dismiss', onclick: close }, '×'));
  byId(place).replaceChildren(node);
  if (seconds) setTimeout(close, seconds * 1000);
}

export function note(text) {
  byId('alarms').replaceChildren();
  tell('notes', text, 6);
}

export const alarm = (text) => tell('alarms', text);

/** Ask before something that can't be undone; resolves to true for yes. */
export function ask(title, text, yes) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-labelledby': 'question', onclose: () => { dialog.remove(); resolve(dialog.returnValue === 'yes'); } },
      h('form', { method: 'dialog' }, h('h2', { id: 'question' }, title), h('p', {}, text),
        h('div', { class: 'line end' }, h('button', { value: 'no', autofocus: true }, 'Cancel'), h('button', { value: 'yes', class: 'danger' }, yes))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
