// What the scripts of all pages begin with.
'use strict';
window.addEventListener('error', e => { document.body.dataset.errors += e.message + ' (line ' + e.lineno + ')\n'; });

const $ = id => document.getElementById(id);

function el(name, attributes, ...children) {
  const svg = ['svg', 'g', 'rect', 'path', 'text', 'title', 'line', 'circle'].includes(name);
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {}))
    if (key === 'onclick') e.addEventListener('click', value); else e.setAttribute(key, value);
  e.append(...children);
  return e;
}

function number(x) {
  if (x === null || x === undefined) return 'not finite';
  if (x === 0) return '0';
  const size = Math.abs(x);
  return size >= 1e-3 && size < 1e6 ? String(+x.toPrecision(4)) : x.toExponential(2);
}

