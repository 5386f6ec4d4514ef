// The API reference, drawn from the OpenAPI document; each call can be tried as oneself.

import { Failure, signed, signedIn } from './api.js';
import { byId, form, h, tag } from './dom.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
let api;

/** A schema without its references; `null` alternatives are left out. */
function resolve(schema = {}) {
  if (schema.$ref) return resolve(schema.$ref.split('/').slice(1).reduce((at, key) => at?.[key], api));
  const choices = (schema.oneOf ?? schema.anyOf ?? []).filter(({ type }) => type !== 'null');
  return choices.length === 1 ? resolve(choices[0]) : schema;
}

function typeName(schema = {}) {
  if (schema.$ref) return resolve(schema).title ?? schema.$ref.split('/').pop();
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map(typeName).join(' | ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  const type = [schema.type ?? 'any'].flat().join(' | ');
  if (type === 'array') return `${typeName(schema.items)}[]`;
  return schema.format ? `${type} (${schema.format})` : type;
}

const LIMITS = { minLength: 'at least', maxLength: 'at most', minimum: '≥', maximum: '≤', pattern: 'matches', default: 'default' };
const limits = (schema) => [schema.description, ...Object.entries(LIMITS)
  .filter(([name]) => schema[name] !== undefined && schema[name] !== null)
  .map(([name, word]) => `${word} ${schema[name]}`)].filter(Boolean).join(', ');

/** The members of an object, and those of objects inside it unless they have been shown above. */
function fields(schema, above = []) {
  const whole = resolve(schema);
  if (whole.type === 'array') return fields(whole.items, above);
  if (!whole.properties || above.includes(whole)) return null;
  return h('ul', { class: 'fields' }, Object.entries(whole.properties).map(([name, inner]) => h('li', {},
    h('code', {}, name), ' ', h('span', { class: 'type' }, typeName(inner)),
    whole.required?.includes(name) && tag('required'), h('small', {}, limits(resolve(inner))),
    fields(inner, [...above, whole]))));
}

const optional = (schema) => [schema, ...(schema.oneOf ?? schema.anyOf ?? [])].some(({ type }) => [type].flat().includes('null'));

/** A body to begin with; null, where it is allowed, leaves things as they are. */
function example(schema, above = []) {
  if (optional(schema)) return null;
  const whole = resolve(schema);
  if (above.includes(whole)) return null;
  if (whole.default !== undefined) return whole.default;
  if (whole.enum) return whole.enum[0];
  if (whole.type === 'array') return [];
  if (whole.properties) return Object.fromEntries(Object.entries(whole.properties).map(([name, inner]) => [name, example(inner, [...above, whole])]));
  return { string: '', integer: 0, number: 0, boolean: false }[[whole.type].flat()[0]] ?? null;
}

const schemaOf = (holder) => Object.values(holder?.content ?? {})[0]?.schema;

function block(title, schema, ...more) {
  return h('section', {}, h('h4', {}, title, schema && h('span', { class: 'type' }, typeName(schema))), ...more, schema && fields(schema));
}

function details({ method, path, operation }) {
  const parameters = operation.parameters ?? [];
  const body = schemaOf(operation.requestBody);
  return [
    operation.description && h('p', {}, operation.description),
    parameters.length > 0 && block('Parameters', null, h('ul', { class: 'fields' }, parameters.map((one) => h('li', {},
      h('code', {}, one.name), ' ', h('span', { class: 'type' }, `${typeName(one.schema)} in ${one.in}`),
      one.required && tag('required'), h('small', {}, one.description ?? limits(resolve(one.schema))))))),
    body && block('Request', body),
    Object.entries(operation.responses ?? {}).map(([status, response]) => block(`Response ${status}`, schemaOf(response),
      h('small', {}, response.description))),
    attempt(method, path, parameters.filter(({ in: where }) => where !== 'cookie'), body),
  ];
}

function attempt(method, path, parameters, body) {
  const output = h('pre', { 'aria-live': 'polite', tabindex: 0, 'aria-label': 'Answer', hidden: true });
  return h('details', { class: 'try' }, h('summary', {}, 'Try it'), form(`Send ${method.toUpperCase()}`, async (entries) => {
    const query = new URLSearchParams(entries['.query']);
    const headers = Object.fromEntries(entries['.headers'].split('\n').filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]));
    let address = path;
    for (const { name, in: where } of parameters) {
      const value = entries[`${where}.${name}`];
      if (where === 'path') address = address.replace(`{${name}}`, encodeURIComponent(value));
      else if (value && where === 'query') query.set(name, value);
      else if (value) headers[name] = value;
    }
    const init = { method: method.toUpperCase(), headers };
    if (body && entries['.body'].trim()) Object.assign(init, { body: entries['.body'], headers: { 'Content-Type': 'application/json', ...headers } });
    const begun = performance.now();
    const response = await signed(address + (query.size ? `?${query}` : ''), init);
    const text = await response.text();
    output.hidden = false;
    output.textContent = `${response.status} ${response.statusText} · ${Math.round(performance.now() - begun)} ms\n\n${pretty(text)}`;
  },
  parameters.map(({ name, in: where, required }) => h('label', {}, `${name} (${where})`,
    h('input', { name: `${where}.${name}`, required, autocomplete: 'off' }))),
  h('label', {}, 'More in the query', h('input', { name: '.query', placeholder: 'name=value&…', autocomplete: 'off' })),
  h('label', {}, 'More headers', h('textarea', { name: '.headers', rows: 2, placeholder: 'X-Workspace-Id: …', spellcheck: 'false' })),
  body && h('label', {}, 'Body', h('textarea', { name: '.body', rows: 8, spellcheck: 'false' }, JSON.stringify(example(resolve(body)), null, 2)))), output);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function entry(one) {
  const node = h('details', { class: 'operation', id: `${one.method}:${one.path}` },
    h('summary', {}, h('span', { class: `method ${one.method}` }, one.method), h('code', {}, one.path), h('span', { class: 'quiet' }, one.operation.summary)));
  node.addEventListener('toggle', () => node.append(h('div', { class: 'inside' }, ...details(one).flat().filter(Boolean))), { once: true });
  return node;
}

function draw() {
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths ?? {})) {
    for (const method of METHODS.filter((name) => item[name])) {
      const operation = item[method];
      const group = operation.tags?.[0] ?? path.split('/')[2] ?? 'other';
      const one = { method, path, operation, text: `${method} ${path} ${operation.summary ?? ''} ${group}`.toLowerCase() };
      one.node = entry(one);
      groups.set(group, [...(groups.get(group) ?? []), one]);
    }
  }
  const sections = [...groups].map(([name, ones]) => ({ ones, node: h('section', {}, h('h2', {}, name), ones.map(({ node }) => node)) }));
  byId('operations').replaceChildren(...sections.map(({ node }) => node));
  return sections;
}

function filter(sections) {
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { ones, node } of sections) {
    for (const one of ones) one.node.hidden = !words.every((word) => one.text.includes(word));
    const shown = ones.filter((one) => !one.node.hidden).length;
    node.hidden = shown === 0;
    count += shown;
  }
  byId('count').textContent = `${count} ${count === 1 ? 'call' : 'calls'}`;
}

async function start() {
  const response = await fetch('../v3/api-docs').catch(() => null);
  if (!response?.ok) throw new Failure(response?.status ?? 0, 'The OpenAPI document can’t be loaded.');
  api = await response.json();
  document.querySelector('h1').append(' ', tag(api.info.version));
  byId('who').textContent = signedIn()
    ? 'You are signed in: what you try here is done for real, as yourself.'
    : 'You are not signed in, so calls are sent without a token.';
  const sections = draw();
  filter(sections);
  byId('search').addEventListener('input', () => filter(sections));
  byId('search').form.addEventListener('submit', (event) => event.preventDefault());
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted?.matches('details')) wanted.open = true;
}

start().catch((error) => byId('operations').replaceChildren(h('p', { class: 'error', role: 'alert' }, error.message)));
