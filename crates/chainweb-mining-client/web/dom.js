// Elements. Data gets into the page as text only.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else attr(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Returns a new element. Attributes `on…` are listeners; children are elements or text. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets or removes an attribute, if that changes it. */
export function attr(element, name, value) {
  const next = value === true ? '' : value;
  if (next === false || next === null || next === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(next)) element.setAttribute(name, next);
}

/** Sets the text of an element, if that changes it. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export const $ = (id) => document.getElementById(id);

/** Draws an element's content again if its key differs from that of the last time. */
export function redraw(element, key, draw) {
  const next = JSON.stringify(key);
  if (element.drawn === next) return;
  element.drawn = next;
  element.replaceChildren(...[draw()].flat().filter(Boolean));
}

/** Makes the children of an element those of the items, in their order; each stays where it is if it can. */
export function rows(parent, items, key, make, update) {
  const known = parent.keyed ??= new Map();
  const keys = new Set(items.map(key));
  for (const [name, row] of known) {
    if (!keys.has(name)) { row.remove(); known.delete(name); }
  }
  let at = parent.firstElementChild;
  for (const item of items) {
    let row = known.get(key(item));
    if (!row) { row = make(item); known.set(key(item), row); }
    if (row === at) at = at.nextElementSibling;
    else parent.insertBefore(row, at);
    update?.(row, item);
  }
}

/** A name that others have chosen: its direction does not reach beyond it. */
export const name = (value) => h('bdi', { title: value.length > 24 ? value : null }, value);

/** Buttons of which one is pressed. `choose` gets its value. */
export function choice(label, options, chosen, choose) {
  const group = h('div', { class: 'choice', role: 'group', 'aria-label': label });
  const buttons = options.map(([value, title]) => h('button', {
    type: 'button', 'aria-pressed': String(value === chosen), 'data-value': value,
    onclick: () => {
      for (const button of buttons) attr(button, 'aria-pressed', String(button.dataset.value === value));
      choose(value);
    },
  }, title));
  group.append(...buttons);
  return group;
}

/** Lets screen readers say something. */
export const say = (message) => text($('spoken'), message);
