// Figures and times as text, in the reader's own format.

const SPACE = '\u00a0';
const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y', 'R', 'Q'];
const formats = new Map();
const exponents = new Map();

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(undefined, options));
  return formats.get(key);
}

export const count = (value) => format({}).format(value);

/** A number with this many digits behind the point. */
export const fixed = (value, digits) => format({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** Three significant digits. */
export function three(value) {
  const size = Math.abs(value);
  return fixed(value, size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.09995 ? 3 : 4);
}

/** Blocks: as many digits as mean something. */
export const blocks = (value) => (value >= 99.95 ? count(Math.round(value)) : value >= 9.95 ? fixed(value, 1) : value >= 0.095 || value === 0 ? fixed(value, value === 0 ? 0 : 2) : three(value));

/** The power of 1000 to show a figure in. Under the same key it changes late, so that units do not jump. */
export function exponent(value, key) {
  const fitting = value > 0 ? Math.min(PREFIXES.length - 1, Math.max(0, Math.floor(Math.log10(value * 1.0005) / 3))) : 0;
  if (!key) return fitting;
  const last = exponents.get(key);
  const stays = last !== undefined && value > 0 && value / 1000 ** last >= 0.5 && value / 1000 ** last < 2000;
  if (!stays) exponents.set(key, value > 0 || last === undefined ? fitting : last);
  return exponents.get(key);
}

export const prefix = (power) => PREFIXES[power];
export const scaled = (value, power) => three(value / 1000 ** power);

/** A figure and its unit: `['214', 'TH/s']`. */
export function parts(value, unit, key) {
  const power = exponent(value, key);
  return [scaled(value, power), PREFIXES[power] + unit];
}

export const rate = (value, key) => parts(value, 'H/s', key).join(SPACE);
/** A number without a unit, such as a difficulty. */
export const large = (value) => parts(value, '').join(SPACE).trimEnd();
export const percent = (part, digits = 0) => fixed(part * 100, digits) + SPACE + '%';

/** A length of time in two parts: `['36', 'min']`. */
export function spanParts(seconds) {
  const pair = (whole, unit, rest, small) => (rest ? [`${whole}${SPACE}${unit} ${rest}`, small] : [String(whole), unit]);
  if (!Number.isFinite(seconds) || seconds > 1000 * 31557600) return ['over 1000', 'years'];
  if (seconds < 9.95 && !Number.isInteger(seconds)) return [fixed(seconds, 1), 's'];
  if (seconds < 59.5) return [String(Math.round(seconds)), 's'];
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return [String(minutes), 'min'];
  if (minutes < 48 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(seconds / 3600);
  if (hours < 30 * 24) return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
  return hours < 730 * 24 ? [count(Math.round(hours / 24)), 'd'] : [three(seconds / 31557600), 'years'];
}

export const span = (seconds) => spanParts(seconds).join(SPACE);
/** The same in whole units, for ages that count up. */
export const age = (seconds) => span(Math.max(0, Math.floor(seconds)));
export const ago = (seconds) => (seconds < 1 ? 'just now' : `${age(seconds)} ago`);

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const time = (ms) => clock.format(ms);
export const date = (ms) => day.format(ms);
export const moment = (ms) => full.format(ms);

/** An account or hash in its first and last characters. */
export const short = (value, ends = 4) => (value.length <= 2 * ends + 3 ? value : `${value.slice(0, ends + (value[1] === ':' ? 2 : 0))}…${value.slice(-ends)}`);

export const plural = (number, one, many = `${one}s`) => `${count(number)}${SPACE}${number === 1 ? one : many}`;

/** The address of a node without what is the same for most. */
export const host = (address) => address.replace(/^http:\/\//, '');

/** "a, b and c", of more than three "a, b, c and 4 more". */
export function list(items) {
  if (items.length > 4) return `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
