// What panels are made of. Whatever comes from the proxy becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes and children; text children are text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Puts children in the place of those there are. */
export function fill(element, ...children) {
  element.replaceChildren(...children);
}

/** Sets a text only where it has changed, so that what is selected or read aloud stays. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A line of the last values, from 0 to the largest. */
export function sparkline(values, most = 0) {
  const [width, height, length] = [120, 32, 60];
  const picture = draw('svg', { viewBox: `0 0 ${width} ${height}`, class: 'spark', 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  const known = values.map((value, index) => [index + length - values.length, value]).filter(([, value]) => value !== null);
  if (known.length < 2) return picture;
  const top = Math.max(most, ...known.map(([, value]) => value)) || 1;
  const x = (index) => ((index * width) / (length - 1)).toFixed(1);
  const y = (value) => (height - 2 - (value / top) * (height - 4)).toFixed(1);
  const line = known.map(([index, value]) => `${x(index)},${y(value)}`).join(' ');
  const [[first]] = known;
  const [last] = known.at(-1);
  picture.append(
    draw('polygon', { points: `${x(first)},${height} ${line} ${x(last)},${height}`, class: 'under' }),
    draw('polyline', { points: line, class: 'line' }),
  );
  return picture;
}

/** The last minutes of a figure. */
export class History {
  values = [];

  add(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > 60) this.values.shift();
  }
}

/** A bar for a part of a whole, with its name and figure. */
export function bar(name, part, whole, shown, kind = '') {
  const meter = draw('svg', { viewBox: '0 0 100 4', class: `bar ${kind}`, 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  meter.append(draw('rect', { width: 100, height: 4, class: 'all' }));
  meter.append(draw('rect', { width: whole > 0 ? (100 * part) / whole : 0, height: 4, class: 'part' }));
  return make('li', {}, make('span', { class: 'name' }, name), make('span', { class: 'figure' }, shown), meter);
}

/** A bar of several parts. */
export function stacked(parts, whole) {
  const picture = draw('svg', { viewBox: '0 0 100 8', class: 'stack', 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  picture.append(draw('rect', { width: 100, height: 8, class: 'all' }));
  let from = 0;
  for (const [kind, part] of parts) {
    const width = whole > 0 ? (100 * part) / whole : 0;
    picture.append(draw('rect', { x: from, width, height: 8, class: kind }));
    from += width;
  }
  return picture;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** A count, in few letters. */
export function count(value) {
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

/** So many in a second. */
export function rate(value) {
  if (!Number.isFinite(value)) return '–';
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(value);
}

export function percent(part, all) {
  if (!all) return '–';
  const share = (100 * part) / all;
  return `${share > 0 && share < 99.95 && share % 1 !== 0 ? share.toFixed(1) : Math.round(share)} %`;
}

/** A time, given in milliseconds. */
export function time(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms >= 3_600_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 2)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return `${ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit + 1 < units.length) [bytes, unit] = [bytes / 1024, unit + 1];
  return `${unit === 0 || bytes >= 100 ? bytes.toFixed(0) : bytes.toFixed(1)} ${units[unit]}`;
}
