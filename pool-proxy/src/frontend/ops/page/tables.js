// The tables: statements, which can be put in order, and keys.

import { count, fill, make, say, time } from './drawing.js';

const place = (id) => document.getElementById(id);

/** A cell that knows its column's name, which a narrow screen shows beside it. */
function cell(column, ...children) {
  return make('td', { role: 'cell', 'data-name': column.title, class: column.class }, make('span', {}, ...children));
}

function row(...cells) {
  return make('tr', { role: 'row' }, ...cells);
}

/** A value that says more when it is pointed at. */
const told = (shown, title) => make('span', { title }, shown);

const STATEMENTS = [
  { title: 'Statement', class: 'text', show: (one) => [statement(one)] },
  { title: 'Time', order: 'time', class: 'number', show: (one) => [time(one.total_ms)], hint: 'all runs together' },
  { title: 'Calls', order: 'calls', class: 'number', show: (one) => [count(one.calls)], hint: 'runs in Postgres' },
  { title: 'Mean', order: 'mean', class: 'number', show: (one) => [one.calls ? told(time(one.mean_ms), `from ${time(one.min_ms)}`) : '–'] },
  { title: 'Longest', order: 'max', class: 'number', show: (one) => [one.calls ? time(one.max_ms) : '–'] },
  { title: 'Rows', order: 'rows', class: 'number', show: (one) => [count(one.rows)] },
  { title: 'Hits', order: 'hits', class: 'number', show: (one) => [count(one.hits)], hint: 'answered without a run' },
  { title: 'Errors', order: 'errors', class: 'number', show: (one) => [make('span', { class: one.errors ? 'wrong' : undefined }, count(one.errors))] },
  { title: 'Kept', class: 'word', show: (one) => [kept(one)], hint: 'whether its answers may be kept' },
];

/** Texts that were opened stay open when the table is drawn anew. */
const opened = new Set();

function statement(one) {
  const name = `${one.database} ${one.fingerprint}`;
  const details = make('details', { open: opened.has(name) ? '' : undefined });
  const text = one.text ?? 'not shown, since it may hold values';
  details.append(make('summary', {}, make('code', { class: one.text === null ? 'quiet' : undefined }, text)));
  details.append(make('p', { class: 'quiet' }, `database ${one.database}, fingerprint ${one.fingerprint}`));
  details.addEventListener('toggle', () => (details.open ? opened.add(name) : opened.delete(name)));
  return details;
}

function kept(one) {
  if (one.cacheable === null) return make('span', { class: 'quiet' }, 'not asked yet');
  return make('span', { class: one.cacheable ? 'good' : 'quiet' }, one.cacheable ? 'yes' : `no: ${one.why_not}`);
}

let order = 'time';

/** What the statements are to be ordered by. */
export const chosen = () => order;

/** Makes the head of the table once, so that the keyboard's place in it stays. */
export function prepare(reorder) {
  const heads = STATEMENTS.map((column) => {
    const head = make('th', { role: 'columnheader', scope: 'col', class: column.class, title: column.hint });
    if (!column.order) {
      head.append(column.title);
      return head;
    }
    const button = make('button', { type: 'button' }, column.title);
    button.addEventListener('click', () => {
      order = column.order;
      mark();
      reorder();
    });
    head.dataset.order = column.order;
    head.append(button);
    return head;
  });
  const mark = () => heads.forEach((head) => head.dataset.order && head.setAttribute('aria-sort', head.dataset.order === order ? 'descending' : 'none'));
  mark();
  place('statements').append(make('thead', { role: 'rowgroup' }, row(...heads)), make('tbody', { role: 'rowgroup' }));
  const names = KEYS.map((column) => make('th', { role: 'columnheader', scope: 'col', class: column.class }, column.title));
  place('keys').append(make('thead', { role: 'rowgroup' }, row(...names)), make('tbody', { role: 'rowgroup' }));
}

function body(table, rows, columns, nothing) {
  const empty = make('tr', { role: 'row' }, make('td', { role: 'cell', colspan: columns.length, class: 'quiet' }, nothing));
  fill(place(table).tBodies[0], ...(rows.length ? rows : [empty]));
}

export function showStatements({ statements, known, evicted }) {
  const gone = evicted ? `, ${count(evicted)} made room for others` : '';
  say(place('known'), `${count(statements.length)} of ${count(known)}${gone}`);
  // Not under somebody's hands.
  const table = place('statements');
  const selection = getSelection();
  if (!selection.isCollapsed && table.contains(selection.anchorNode)) return;
  const focused = table.tBodies[0].contains(document.activeElement) ? document.activeElement.closest('tr') : null;
  const index = focused ? [...table.tBodies[0].rows].indexOf(focused) : -1;
  body('statements', statements.map((one) => row(...STATEMENTS.map((column) => cell(column, ...column.show(one))))), STATEMENTS, 'Nothing was asked yet.');
  if (index >= 0) table.tBodies[0].rows[index]?.querySelector('summary')?.focus();
}

const KEYS = [
  { title: 'Name', class: 'word', show: (key) => [make('strong', {}, key.name), key.kind === 'issuer' ? ' (tokens)' : ''] },
  { title: 'Role', class: 'word', show: (key) => [key.roles.length ? key.roles.join(', ') : make('span', { class: 'quiet' }, "the login's")] },
  { title: 'May', class: 'word', show: (key) => [key.read_only ? 'read' : 'read and write'] },
  { title: 'Databases', class: 'word', show: (key) => [key.databases ? key.databases.join(', ') : 'all'] },
  { title: 'Limits', class: 'word', show: (key) => [limits(key)] },
  { title: 'Expires', class: 'word', show: (key) => [expiry(key)] },
  { title: 'Requests', class: 'number', show: (key) => [count(key.requests)] },
  { title: 'Under way', class: 'number', show: (key) => [count(key.running)] },
  { title: 'Refused', class: 'number', show: (key) => [make('span', { class: key.refused ? 'wrong' : undefined }, count(key.refused))] },
];

function limits(key) {
  const parts = [key.rate, key.concurrency && `${count(key.concurrency)} at a time`].filter(Boolean);
  if (!parts.length) return make('span', { class: 'quiet' }, 'none');
  return parts.join(', ') + (key.kind === 'issuer' ? ' each subject' : '');
}

function expiry(key) {
  if (!key.expires) return make('span', { class: 'quiet' }, key.kind === 'issuer' ? 'as each token says' : 'never');
  const [date] = key.expires.split('T');
  return make('span', { class: key.expired ? 'wrong' : undefined, title: key.expires }, key.expired ? `expired ${date}` : date);
}

export function showKeys({ keys }) {
  body('keys', keys.map((key) => row(...KEYS.map((column) => cell(column, ...column.show(key))))), KEYS, 'There are none.');
}
