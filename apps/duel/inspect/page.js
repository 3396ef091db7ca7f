// The page of `duel inspect`: draws what is in #data. Without scripts from elsewhere, without a network.

const data = JSON.parse(document.getElementById('data').textContent);
const NODE = data.node_size;  // width and height, as the layout took them
let current = null;           // the loss shown
let view = null;              // what of the graph is seen: x, y, width, height
let chosen = 0;               // a node's id; 0: none

// ---- Small things ----

const ms = x => x.toFixed(x < 10 ? 3 : 1) + ' ms';
function bytes(n) {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let u = 0;
  for (; n >= 1000 && u < 3; ++u) n /= 1000;
  return (u ? n.toFixed(1) : n) + ' ' + units[u];
}
const shape = s => '[' + s.join(', ') + ']';
const capital = s => s[0].toUpperCase() + s.slice(1);
const sum = (list, f) => list.reduce((s, x) => s + f(x), 0);

function kind(n) {
  if (n.id === current.nodes[current.nodes.length - 1].id) return 'loss';
  if (n.leaf) return n.label ? 'leaf' : 'input';
  return n.recorded_by ? 'recorded' : 'operation';
}
const KINDS = {leaf: 'parameter', input: 'other leaf', operation: 'operation', recorded: 'operation recorded by a gradient', loss: 'the loss'};

// ---- The graph ----

function measureOf(n, what) { return what === 'rms' ? (n.gradient ? n.gradient.rms : 0) : n[what]; }

// A colour from light to dark by the logarithm, over three decades or what there is.
function shade(value, low, high) {
  if (!(value > 0)) return {fill: '#ffffff', dark: false};
  const t = high > low ? Math.max(0, Math.log(value / low) / Math.log(high / low)) : 1;
  return {fill: `hsl(${38 - 22 * t} 92% ${95 - 50 * t}%)`, dark: t > 0.7};
}

function paint() {
  const what = $('colour').value;
  const values = current.nodes.map(n => measureOf(n, what)).filter(v => v > 0);
  const high = Math.max(...values), low = Math.max(Math.min(...values), high / 1e4);
  for (const n of current.nodes) {
    const s = what === 'kind' ? {fill: `var(--${kind(n)})`, dark: false} : shade(measureOf(n, what), low, high);
    n.element.firstChild.style.fill = s.fill;
    n.element.classList.toggle('dark', s.dark);
  }
  const legend = $('legend');
  legend.replaceChildren();
  const entry = (fill, text) => {
    const mark = el('i');
    mark.style.background = fill;
    legend.append(el('span', {}, mark, text));
  };
  if (what === 'kind') {
    const present = new Set(current.nodes.map(kind));
    for (const k of Object.keys(KINDS)) if (present.has(k)) entry(`var(--${k})`, KINDS[k]);
  } else if (values.length) {
    const format = what === 'bytes' ? bytes : what === 'rms' ? number : ms;
    for (const t of [0, 0.5, 1]) {
      const v = low * Math.pow(high / low, t);
      entry(shade(v, low, high).fill, format(v) + (t === 0 ? ' or less' : ''));
    }
    entry('#ffffff', 'none');
  }
  legend.append(el('span', {}, 'drag to move, wheel to zoom, click a node'));
}

// A smooth line through the points: vertical where it leaves and enters.
function curve(points) {
  let d = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; ++i) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i], middle = (y0 + y1) / 2;
    d += x0 === x1 ? `L${x1} ${y1}` : `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
  }
  return d;
}

function short(text, most) { return text.length <= most ? text : text.slice(0, most - 1) + '…'; }

function drawNode(n) {
  const [x, y] = n.at, left = x - NODE.width / 2, top = y - NODE.height / 2;
  const name = n.leaf && n.label ? n.label : n.name + (n.label ? ' ' + n.label : '');
  n.element = el('g', {class: 'node', 'data-node': n.id, onclick: () => { location.hash = 'node=' + n.id; }},
    el('rect', {x: left, y: top, width: NODE.width, height: NODE.height}),
    el('text', {x, y: y - 2}, short(name, 25)),
    el('text', {x, y: y + 13, class: 'small'}, short(`#${n.id}  ${shape(n.shape)}`, 32)),
    el('title', {}, `${name}\n${n.dtype}${shape(n.shape)}, ${bytes(n.bytes)}\nforward ${ms(n.forward_ms)}, backward ${ms(n.backward_ms)}`));
  return n.element;
}

function drawGraph() {
  const edges = el('g'), nodes = el('g');
  current.near = new Map(current.nodes.map(n => [n.id, []]));
  for (const e of current.edges) {
    const path = el('path', {class: 'edge', d: curve(e.points)});
    current.near.get(e.from).push(path);
    current.near.get(e.to).push(path);
    edges.append(path);
  }
  for (const n of current.nodes) nodes.append(drawNode(n));
  $('canvas').replaceChildren(edges, nodes);
  paint();
}

function show(v) {
  view = v;
  $('canvas').setAttribute('viewBox', `${v.x} ${v.y} ${v.width} ${v.height}`);
}

function canvasSize() {
  const box = $('canvas').getBoundingClientRect();
  return {width: Math.max(box.width, 100), height: Math.max(box.height, 100)};
}

function showAround(x, y, scale) {  // scale: pixels per unit
  const c = canvasSize(), width = c.width / scale, height = c.height / scale;
  show({x: x - width / 2, y: y - height / 2, width, height});
}

function showWhole() {
  const c = canvasSize(), {width, height} = current.size;
  showAround(width / 2, height / 2, Math.min(c.width / width, c.height / height, 1.5));
}

// The first sight: readable, beginning at the top, above the middle of what is there.
function showTop() {
  const c = canvasSize(), {width, height} = current.size;
  const scale = Math.min(1, Math.max(0.7, Math.min(c.width / width, c.height / height)));
  const top = current.nodes.reduce((a, b) => b.at[1] < a.at[1] ? b : a);
  const x = width * scale <= c.width ? width / 2 : top.at[0];
  showAround(x, Math.min(height / 2, c.height / scale / 2), scale);
}

function zoom(factor, x, y) {  // (x, y): what stays where it is
  show({x: x + (view.x - x) * factor, y: y + (view.y - y) * factor, width: view.width * factor, height: view.height * factor});
}
const zoomMiddle = factor => zoom(factor, view.x + view.width / 2, view.y + view.height / 2);

function listenToCanvas() {
  const canvas = $('canvas');
  let from = null, moved = false;
  const unit = () => view.width / canvasSize().width;
  canvas.addEventListener('pointerdown', e => { from = {x: e.clientX, y: e.clientY, view}; moved = false; });
  window.addEventListener('pointermove', e => {
    if (!from) return;
    const dx = e.clientX - from.x, dy = e.clientY - from.y;
    moved = moved || Math.hypot(dx, dy) > 4;
    if (moved) show({...from.view, x: from.view.x - dx * unit(), y: from.view.y - dy * unit()});
  });
  window.addEventListener('pointerup', () => { from = null; });
  canvas.addEventListener('click', e => { if (moved) e.stopPropagation(); }, true);  // the end of a drag is no click
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(e.deltaY * 0.0015), view.x + (e.clientX - box.left) * unit(), view.y + (e.clientY - box.top) * unit());
  }, {passive: false});
  $('in').addEventListener('click', () => zoomMiddle(1 / 1.4));
  $('out').addEventListener('click', () => zoomMiddle(1.4));
  $('fit').addEventListener('click', showWhole);
  $('colour').addEventListener('change', paint);
  $('find').addEventListener('input', find);
  $('measure').addEventListener('change', drawFlow);
}

function find() {
  const words = $('find').value.trim().toLowerCase();
  let first = null, count = 0;
  for (const n of current.nodes) {
    const hit = words !== '' && (`${n.name} ${n.label}`.toLowerCase().includes(words) || String(n.id) === words);
    n.element.classList.toggle('found', hit);
    if (hit && count++ === 0) first = n;
  }
  $('found').textContent = words === '' ? '' : count + ' found';
  if (first) showAround(first.at[0], first.at[1], canvasSize().width / view.width);
}

// ---- One node ----

function list(pairs) {
  const dl = el('dl');
  for (const [name, ...content] of pairs) dl.append(el('dt', {}, name), el('dd', {}, ...content));
  return dl;
}

function links(ids) {
  const parts = [];
  for (const id of ids) {
    if (parts.length) parts.push(', ');
    const n = current.byId.get(id);
    parts.push(n ? el('a', {href: '#node=' + id}, `#${id} ${n.leaf && n.label ? n.label : n.name}`) : id ? '#' + id : 'constant');
  }
  return parts.length ? parts : ['none'];
}

function histogram(s) {
  const width = 320, height = 70, step = width / s.bins.length;
  const most = Math.log1p(Math.max(...s.bins));
  const svg = el('svg', {viewBox: `0 0 ${width} ${height + 16}`, class: 'chart', role: 'img', 'aria-label': 'histogram'});
  s.bins.forEach((count, i) => {
    const h = count ? Math.max(1.5, height * Math.log1p(count) / most) : 0;
    const low = s.min + (s.max - s.min) * i / s.bins.length, high = s.min + (s.max - s.min) * (i + 1) / s.bins.length;
    svg.append(el('rect', {x: i * step + 0.5, y: height - h, width: step - 1, height: h, fill: '#5b82d6'},
      el('title', {}, `${count} from ${number(low)} to ${number(high)}`)));
  });
  const last = el('text', {x: width, y: height + 13, class: 'small', 'text-anchor': 'end'}, number(s.max));
  svg.append(el('line', {x1: 0, y1: height, x2: width, y2: height, stroke: '#a9b3c4'}),
    el('text', {x: 0, y: height + 13, class: 'small'}, number(s.min)), last);
  return svg;
}

function statisticsOf(title, s, absent) {
  const parts = [el('h3', {}, title)];
  if (!s) return [...parts, el('p', {class: 'note'}, absent)];
  parts.push(list([['norm', number(s.norm)], ['min', number(s.min)], ['max', number(s.max)], ['mean', number(s.mean)],
    ['rms', number(s.rms)], ['elements', String(s.count)]]));
  if (s.nan || s.inf) parts.push(el('p', {class: 'bad'}, `${s.nan} NaN, ${s.inf} infinite; the numbers are those of the others`));
  if (s.bins.length) parts.push(histogram(s));
  return parts;
}

function details(n) {
  const users = current.nodes.filter(m => m.inputs.includes(n.id)).map(m => m.id);
  const facts = [['node', '#' + n.id], ['value', el('code', {}, n.dtype + shape(n.shape))], ['memory', bytes(n.bytes)],
    ['forward', n.leaf ? 'a leaf: given, not computed' : ms(n.forward_ms)], ['backward', n.leaf ? 'none' : ms(n.backward_ms)]];
  if (!n.leaf) {
    facts.push(['order', n.highest_order === 'any' ? 'any: can be differentiated as often as one likes' : '1: can be differentiated once']);
    facts.push(['formula', el('code', {id: 'where'}, n.where)]);
    facts.push(['inputs', ...links(n.inputs)]);
  }
  facts.push(['used by', ...links(users)]);
  if (n.recorded_by) facts.push(['recorded by', 'the gradient of ', ...links([n.recorded_by])]);
  $('details').replaceChildren(
    el('h2', {id: 'node-name'}, n.name + (n.label ? ' · ' + n.label : '')),
    el('p', {class: 'note'}, KINDS[kind(n)] + ' of the ' + current.network + "'s graph"), list(facts),
    ...statisticsOf('Value', n.value, 'Not seen.'),
    ...statisticsOf('Gradient of the loss with respect to it', n.gradient, 'Nobody asked for it.'),
    el('p', {class: 'note'}, 'Heights of histograms: logarithm of the count.'));
}

function introduce() {
  $('details').replaceChildren(el('h2', {}, 'The graph'), el('p', {},
    'Each box is an operation or a leaf, each line a tensor that goes from where it is made to where it is used. ',
    'The loss is at the bottom; gradients go up. Click a box to see its value, its gradient, and where the formula of ',
    'its gradient is written.'), el('p', {class: 'note'}, 'Constants are not drawn.'));
}

function choose(n) {
  for (const e of document.querySelectorAll('.node.chosen, .edge.near')) e.classList.remove('chosen', 'near');
  chosen = n ? n.id : 0;
  if (!n) return introduce();
  n.element.classList.add('chosen');
  for (const path of current.near.get(n.id)) path.classList.add('near');
  details(n);
  const [x, y] = n.at, margin = 20;
  const seen = x > view.x + margin && x < view.x + view.width - margin && y > view.y + margin && y < view.y + view.height - margin;
  if (!seen) showAround(x, y, Math.max(0.7, canvasSize().width / view.width));
}

// ---- Charts and tables ----

// rows: {name, value, title, onclick}; bars from the decade below the smallest on.
function bars(target, rows) {
  const logs = rows.filter(r => r.value > 0).map(r => Math.log10(r.value));
  if (!logs.length) return target.replaceChildren(el('p', {class: 'note'}, 'All zero.'));
  const low = Math.floor(Math.min(...logs) - 0.05), high = Math.max(Math.ceil(Math.max(...logs)), low + 1);
  const label = 235, width = 660, right = 70, line = 22, plot = width - label - right;
  const at = l => label + plot * (l - low) / (high - low);
  const svg = el('svg', {viewBox: `0 0 ${width} ${rows.length * line + 24}`, class: 'chart', role: 'img', 'aria-label': 'bars'});
  const every = Math.ceil((high - low) / 8);
  for (let l = low; l <= high; l += every)
    svg.append(el('line', {x1: at(l), x2: at(l), y1: 0, y2: rows.length * line, stroke: '#e3e7ee'}),
      el('text', {x: at(l), y: rows.length * line + 16, class: 'small', 'text-anchor': 'middle'}, '1e' + l));
  rows.forEach((r, i) => {
    const y = i * line, length = r.value > 0 ? Math.max(2, at(Math.log10(r.value)) - label) : 0;
    svg.append(el('g', {class: 'row', onclick: r.onclick}, el('title', {}, r.title),
      el('rect', {x: 0, y, width, height: line, style: 'fill: transparent'}),
      el('text', {x: label - 8, y: y + 15, 'text-anchor': 'end'}, short(r.name, 32)),
      el('rect', {x: label, y: y + 4, width: length, height: line - 8, rx: 2, fill: '#3b6fd4'}),
      el('text', {x: label + length + 6, y: y + 15, class: 'small'}, number(r.value))));
  });
  target.replaceChildren(svg);
}

const go = id => () => { location.hash = 'node=' + id; $('graph').scrollIntoView({block: 'nearest'}); };

function drawFlow() {
  const what = $('measure').value;
  bars($('flow'), current.parameters.map(p => ({
    name: p.name, title: shape(p.shape), onclick: go(p.node),
    value: what === 'ratio' ? (p.value.norm > 0 ? p.gradient.norm / p.value.norm : 0) : p.gradient[what]})));
}

// The output of each layer: of the nodes that bear its name one after the other, the last; not what is made of
// parameters alone.
function drawSignals() {
  const alone = new Set();
  for (const n of current.nodes)
    if (n.leaf ? n.label : n.inputs.every(i => alone.has(i))) alone.add(n.id);
  const is = n => !n.leaf && n.label && n.gradient && !alone.has(n.id);
  const followed = new Set();
  for (const n of current.nodes.filter(is)) for (const i of n.inputs)
    if (current.byId.has(i) && current.byId.get(i).label === n.label) followed.add(i);
  bars($('signals'), current.nodes.filter(n => is(n) && !followed.has(n.id)).map(n => ({
    name: `${n.label} ${n.name} #${n.id}`, title: shape(n.shape), value: n.gradient.rms, onclick: go(n.id)})));
}

function table(target, titles, rows) {
  target.replaceChildren(el('thead', {}, el('tr', {}, ...titles.map(t => el('th', {}, t)))),
    el('tbody', {}, ...rows.map(cells => el('tr', {}, ...cells.map(c => el('td', {}, c))))));
}

function drawParameters() {
  table($('parameters'), ['parameter', 'shape', 'norm', 'gradient: norm', 'rms', 'min', 'max', 'gradient / parameter', 'singular values', 'stable rank'],
    current.parameters.map(p => [el('a', {href: '#node=' + p.node}, p.name), shape(p.shape), number(p.value.norm), number(p.gradient.norm),
      number(p.gradient.rms), number(p.gradient.min), number(p.gradient.max), p.value.norm > 0 ? number(p.gradient.norm / p.value.norm) : '–',
      p.singular_values.map(s => String(+s.toPrecision(3))).join('  ') || '–', p.singular_values.length ? number(p.stable_rank) : '–']));
}

function drawCheck() {
  const c = current.gradient_check;
  if (!c.orders.length) {
    $('check-note').textContent = 'Not checked: the vectors of spectral norms move with every look at the loss.';
    $('check').replaceChildren();
    return;
  }
  $('check-note').textContent = `Finite differences of the loss of ${c.pictures} pictures along a random direction through all ` +
    `parameters, in ${c.dtype}, against grad(): the relative error for several steps. Order 1 is the gradient, order 2 the ` +
    'gradient of a random contraction of it. Large steps cross the kinks of the units, small ones lose digits; a wrong gradient would agree at none.';
  table($('check'), ['step', ...c.orders.map(o => 'order ' + o.order)], c.orders[0].steps.map((s, i) => [s.step.toExponential(0),
    ...c.orders.map(o => o.steps[i].step === o.step ? el('b', {}, number(o.steps[i].error)) : number(o.steps[i].error))]));
}

function drawTimes() {
  const groups = new Map();
  for (const n of current.nodes.filter(m => !m.leaf)) {
    const g = groups.get(n.name) || {name: n.name, count: 0, forward: 0, backward: 0, bytes: 0};
    groups.set(n.name, {name: n.name, count: g.count + 1, forward: g.forward + n.forward_ms, backward: g.backward + n.backward_ms, bytes: g.bytes + n.bytes});
  }
  const all = [...groups.values()].sort((a, b) => b.forward + b.backward - a.forward - a.backward);
  table($('times'), ['operation', 'nodes', 'forward', 'backward', 'values'],
    all.map(g => [g.name, String(g.count), ms(g.forward), ms(g.backward), bytes(g.bytes)]));
}

function drawTotals() {
  const c = current.gradient_check.orders, cell = (value, name) => el('div', {}, el('b', {}, value), el('span', {}, name));
  $('totals').replaceChildren(cell(number(current.loss), `the ${current.network}'s loss`), cell(String(current.nodes.length), 'nodes'),
    cell(bytes(sum(current.nodes, n => n.bytes)), 'of values'), cell(ms(current.forward_ms), 'forward'), cell(ms(current.backward_ms), 'backward'),
    ...c.map(o => cell(number(o.error), `gradient check, order ${o.order}`)));
}

// ---- All together ----

function showNetwork(loss) {
  current = loss;
  for (const b of $('networks').children) b.setAttribute('aria-pressed', b.dataset.network === loss.network);
  $('find').value = $('found').textContent = '';
  drawTotals();
  drawGraph();
  showTop();
  choose(null);
  for (const draw of [drawSignals, drawFlow, drawParameters, drawCheck, drawTimes]) draw();
}

// "#node=12" shows that node, "#network=generator" that network.
function followHash() {
  const [, what, name] = /^#(node|network)=(.*)$/.exec(location.hash) || [];
  const loss = what === 'node' ? data.losses.find(l => l.byId.has(Number(name))) : what && data.losses.find(l => l.network === name);
  if (!current || (loss && loss !== current)) showNetwork(loss || data.losses[0]);
  choose(what === 'node' && loss ? current.byId.get(Number(name)) : null);
}

function start() {
  for (const l of data.losses) {
    l.byId = new Map(l.nodes.map(n => [n.id, n]));
    $('networks').append(el('button', {'data-network': l.network, onclick: () => { location.hash = 'network=' + l.network; }}, capital(l.network)), ' ');
  }
  const from = data.run ? data.run : 'new networks';
  $('about').textContent = [data.preset && 'preset ' + data.preset, from, 'step ' + data.step, 'batch of ' + data.batch_size, data.loss, data.device]
    .filter(Boolean).join(' · ');
  document.title = 'duel inspect: ' + (data.preset || from);
  listenToCanvas();
  window.addEventListener('hashchange', followHash);
  window.addEventListener('resize', () => show({...view, height: view.width * canvasSize().height / canvasSize().width}));
  followHash();
  document.body.dataset.ready = 'yes';
}
start();
