// The page of runs: reads the records that follow it, and shows them. Without scripts from elsewhere, without a network.
// What one has set is in the address after '#', so that reloading keeps it.

const runs = [];
const unique = list => [...new Set(list)];
const last = list => list[list.length - 1];
const words = name => name.replace(/_/g, ' ');

// ---- Records ----

function newRun(name) {
  return {name, colour: colour(runs.length), axes: {step: [], epoch: [], hours: []}, columns: new Map(), samples: [],
    histograms: new Map(), layers: [], warnings: [], config: null, status: '', time: null, hours: 0, hidden: false};
}

function addMetrics(run, r) {
  const v = r.values, row = run.axes.step.length;
  if (r.time !== undefined) {
    if (run.time !== null) run.hours += Math.max(0, r.time - run.time) / 3600;
    run.time = r.time;
  }
  run.axes.step.push(r.step);
  run.axes.epoch.push(Number.isFinite(v.epoch) ? v.epoch : NaN);
  run.axes.hours.push(run.hours);
  for (const [key, value] of Object.entries(v)) {
    if (key === 'step' || key === 'epoch' || (value !== null && typeof value !== 'number')) continue;
    if (!run.columns.has(key)) run.columns.set(key, new Array(row).fill(NaN));
    const column = run.columns.get(key);
    while (column.length < row) column.push(NaN);
    column.push(value === null ? NaN : value);
  }
}

function addHistogram(run, r) {
  if (r.high <= r.low) [r.low, r.high] = [r.low - 0.5, r.low + 0.5];  // all values equal
  if (!run.histograms.has(r.name)) run.histograms.set(r.name, []);
  run.histograms.get(r.name).push(r);
}

const READERS = {
  session: (run, r) => { run.time = r.time; },
  config: (run, r) => { run.config = r; },
  metrics: addMetrics,
  samples: (run, r) => { run.samples.push(r); },
  histogram: addHistogram,
  layers: (run, r) => { run.layers.push(r); },
  warning: (run, r) => { run.warnings.push(r); },
  finish: () => {},
};

function readRecords(text) {
  let run = null;
  for (const line of text.split('\n')) {
    let r = null;
    try { r = JSON.parse(line); } catch { continue; }  // a line cut short
    if (r.kind === 'run') runs.push(run = newRun(r.name));
    else if (r.kind in READERS) {
      if (!run) runs.push(run = newRun(decodeURIComponent(location.pathname).split('/').slice(-2)[0] || 'run'));
      READERS[r.kind](run, r);
      run.status = r.kind === 'finish' ? r.status : '';  // what follows an end is a new session
    }
  }
  for (const r of runs) {
    for (const column of r.columns.values()) while (column.length < r.axes.step.length) column.push(NaN);
    if (!r.axes.epoch.some(Number.isFinite)) r.axes.epoch = r.axes.step.map(() => NaN);
  }
}

// Where a step lies on an axis, by the metrics around it.
function onAxis(run, step, axis) {
  const steps = run.axes.step, values = run.axes[axis];
  if (axis === 'step' || !steps.length) return step;
  const i = Math.min(Math.max(lowerBound(steps, step), 1), steps.length - 1);
  if (steps.length === 1 || steps[i] === steps[i - 1]) return values[0];
  return values[i - 1] + (values[i] - values[i - 1]) * (step - steps[i - 1]) / (steps[i] - steps[i - 1]);
}

// ---- The head ----


function drawHead() {
  const several = runs.length > 1;
  const names = runs.map(r => r.name).join(', ');
  $('title').textContent = several ? `${runs.length} runs` : names || 'no run';
  document.title = 'duel: ' + names;
  if (!several && runs.length) {
    const c = runs[0].config ? runs[0].config.values : {};
    $('about').textContent = [c.preset && 'preset ' + c.preset, c.game, c.model, c.loss && 'loss ' + c.loss, c.device].filter(Boolean).join(' · ');
  }
  if (!several) return;
  for (const run of runs) {
    const chip = el('button', {class: 'chip', 'aria-pressed': 'true', title: 'show or hide'}, el('i', {style: `background: var(${run.colour})`}), run.name);
    chip.addEventListener('click', () => {
      run.hidden = !run.hidden;
      chip.setAttribute('aria-pressed', String(!run.hidden));
      drawCharts();
      if (sampleSteps.length) drawSamples();
      if (moments.length) drawMoment();
    });
    $('runs').append(chip);
  }
}

const isShare = key => /share|wait|idle/.test(key);
function metricText(key, value) {
  return isShare(key) && value >= 0 && value <= 1 ? (100 * value).toFixed(1) + ' %' : number(value);
}

// The mean of the last few, as one value says little.
function recent(column) {
  const tail = column.slice(-10).filter(Number.isFinite);
  return tail.length ? tail.reduce((a, b) => a + b, 0) / tail.length : NaN;
}

function facts(run) {
  const total = run.config && run.config.values.steps, steps = run.axes.step;
  const list = [['step', steps.length ? String(last(steps)) + (total > 0 ? ' of ' + total : '') : '–']];
  if (run.time !== null) list.unshift(['status', run.status || 'unfinished']);
  if (Number.isFinite(last(run.axes.epoch))) list.push(['epoch', last(run.axes.epoch).toFixed(2)]);
  for (const [key, column] of run.columns)
    if (/loss$|per_second$/.test(key) || isShare(key)) list.push([words(key), Number.isFinite(recent(column)) ? metricText(key, recent(column)) : 'not finite']);
  if (run.hours > 0) list.push(['hours', run.hours.toFixed(2)]);
  if (run.warnings.length) list.push(['warnings', String(run.warnings.length)]);
  return list;
}

function drawTiles() {
  if (runs.length < 2) {
    if (runs.length) $('tiles').append(...facts(runs[0]).map(([name, value]) => el('div', {}, el('b', {}, value), el('span', {}, name))));
    return;
  }
  const names = unique(runs.flatMap(r => facts(r).map(f => f[0])));
  const rows = runs.map(r => {
    const known = new Map(facts(r));
    return el('tr', {}, el('td', {}, el('i', {class: 'dot', style: `background: var(${r.colour})`}), r.name), ...names.map(n => el('td', {}, known.get(n) || '–')));
  });
  $('tiles').className = 'wide';
  $('tiles').append(el('table', {}, el('thead', {}, el('tr', {}, el('th', {}, 'run'), ...names.map(n => el('th', {}, n)))), el('tbody', {}, ...rows)));
}

function drawWarnings() {
  const all = runs.flatMap(run => run.warnings.map(w => ({run, ...w})));
  $('warning-section').hidden = !all.length;
  for (const w of all)
    $('warnings').append(el('li', {}, el('b', {}, (runs.length > 1 ? w.run.name + ', ' : '') + 'step ' + w.step), ' ', w.text));
}

// ---- Curves ----

const GROUPS = [
  ['Losses', k => /loss$/.test(k)],
  ['Mean scores of the discriminator', k => /^d_(real|fake)$/.test(k)],
  ['Learning rates', k => /(^|_)lr$/.test(k)],
];

function series(run, key, name, tone) {
  return {run, name, colour: tone, xs: axis => run.axes[axis], ys: run.columns.get(key)};
}

function drawCurves() {
  const keys = unique(runs.flatMap(r => [...r.columns.keys()]));
  const place = k => [GROUPS[0][1](k), GROUPS[1][1](k), false, GROUPS[2][1](k), /per_second$/.test(k) || isShare(k)].indexOf(true);
  const order = k => place(k) < 0 ? 2 : place(k);
  keys.sort((a, b) => order(a) - order(b));
  const done = new Set();
  for (const key of keys) {
    if (done.has(key)) continue;
    if (runs.length > 1) {
      const having = runs.filter(r => r.columns.has(key));
      new LineChart($('curves'), words(key), having.map(r => series(r, key, r.name, r.colour)), {legend: true, exact: GROUPS[2][1](key)});
      continue;
    }
    const group = GROUPS.find(g => g[1](key)), together = group ? keys.filter(group[1]) : [key];
    together.forEach(k => done.add(k));
    new LineChart($('curves'), together.length > 1 ? group[0] : words(key), together.map((k, i) => series(runs[0], k, words(k), colour(i))),
      {exact: GROUPS[2][1](key)});
  }
  for (const option of [...$('axis').options])
    if (!runs.some(r => r.axes[option.value].some(x => x > 0))) option.remove();
}

// ---- Samples ----

const address = path => path.startsWith('data:') ? path : path.split('/').map(encodeURIComponent).join('/');
let sampleSteps = [];

function startSamples() {
  sampleSteps = unique(runs.flatMap(r => r.samples.map(s => s.step))).sort((a, b) => a - b);
  $('sample-section').hidden = !sampleSteps.length;
  $('sample').max = Math.max(0, sampleSteps.length - 1);
  for (const run of runs) {
    if (!run.samples.length) continue;
    run.caption = el('figcaption');
    run.picture = el('img', {alt: 'samples of ' + run.name});
    run.picture.addEventListener('load', () => sizePicture(run.picture));
    run.gallery = el('figure', {class: 'sample'}, run.caption, run.picture);
    $('samples').append(run.gallery);
  }
  const wanted = sampleSteps.indexOf(Number(fromAddress.get('sample')));
  $('sample').value = wanted >= 0 ? wanted : sampleSteps.length - 1;
}

// As large as there is room beside the others; from twice its size on by whole pixels.
function sizePicture(picture) {
  const gap = 22, count = runs.filter(r => r.gallery && !r.hidden).length, room = $('samples').clientWidth, natural = picture.naturalWidth;
  const beside = Math.max((room + gap) / count - gap, Math.min(room, 240)), factor = Math.min(beside, Math.max(720, natural)) / natural;
  picture.style.width = natural * (factor < 2 ? factor : Math.floor(factor)) + 'px';
  picture.classList.toggle('pixels', factor >= 2);
}

// Of each run the picture of this step or, if there is none, the last one before it.
function drawSamples() {
  const step = sampleSteps[$('sample').value];
  $('sample-step').textContent = 'step ' + step;
  for (const run of runs) {
    if (!run.gallery) continue;
    const i = run.samples.length - 1 - [...run.samples].reverse().findIndex(s => s.step <= step);
    const sample = run.samples[i < run.samples.length ? i : 0];
    run.gallery.hidden = run.hidden || sample.step > step;
    run.caption.textContent = (runs.length > 1 ? run.name : '') + (sample.step === step ? '' : `, of step ${sample.step}`);
    if (run.picture.getAttribute('src') !== address(sample.path)) run.picture.src = address(sample.path);
    if (run.picture.naturalWidth) sizePicture(run.picture);
    for (const near of run.samples.slice(i + 1, i + 3)) new Image().src = address(near.path);
  }
}

let player = 0;
function play() {
  clearInterval(player);
  const playing = $('play').getAttribute('aria-pressed') !== 'true';
  $('play').setAttribute('aria-pressed', String(playing));
  if (!playing) return;
  const slider = $('sample');
  if (slider.value === slider.max) slider.value = 0;
  player = setInterval(() => {
    ++slider.value;
    drawSamples();
    if (slider.value === slider.max) play();
  }, 250);
}

// ---- Distributions ----

// The value below which the part `q` of the histogram lies.
function quantile(h, q) {
  let left = q * h.counts.reduce((a, b) => a + b, 0);
  for (let i = 0; i < h.counts.length; ++i) {
    if (left <= h.counts[i] && h.counts[i] > 0) return h.low + (h.high - h.low) * (i + left / h.counts[i]) / h.counts.length;
    left -= h.counts[i];
  }
  return h.high;
}

let moments = [], moment = [];  // the steps; what is to be drawn for one

function startHistograms() {
  const names = unique(runs.flatMap(r => [...r.histograms.keys()]));
  const groupOf = name => name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name;
  $('histogram-section').hidden = !names.length;
  moments = unique(runs.flatMap(r => [...r.histograms.values()].flat().map(h => h.step))).sort((a, b) => a - b);
  $('moment').max = Math.max(0, moments.length - 1);
  $('moment').value = moments.length - 1;
  for (const run of runs) for (const group of unique(names.map(groupOf))) {
    const list = names.filter(n => groupOf(n) === group && run.histograms.has(n)).map((n, i) => {
      const hs = run.histograms.get(n), q = part => hs.map(h => quantile(h, part));
      return {name: words(n.slice(n.lastIndexOf('/') + 1)), colour: colour(i), run, histograms: hs, ys: q(0.5),
        xs: axis => hs.map(h => onAxis(run, h.step, axis)), bands: [{low: q(0.05), high: q(0.95), alpha: 0.13}, {low: q(0.25), high: q(0.75), alpha: 0.25}]};
    });
    if (!list.length) continue;
    const title = words(group) + (runs.length > 1 ? ', ' + run.name : '');
    new LineChart($('histograms'), title, list, {linear: true, legend: true});
    const host = el('div', {class: 'plot'}), caption = el('b');
    const figure = el('figure', {class: 'chart'}, el('figcaption', {}, caption), host);
    $('histograms').append(figure);
    moment.push({run, title, list, host, caption, figure});
  }
}

function drawMoment() {
  const step = moments[$('moment').value];
  $('moment-step').textContent = 'step ' + step;
  for (const m of moment) {
    const parts = m.list.map(s => {
      const before = s.histograms.filter(h => h.step <= step);
      return before.length && {...last(before), name: s.name, colour: s.colour};
    }).filter(Boolean);
    m.figure.hidden = m.run.hidden || !parts.length;
    if (parts.length) m.caption.textContent = `${m.title}, step ${parts[0].step}`;
    if (parts.length) histogramChart(m.host, m.title, parts);
  }
}

// ---- Layers ----

const MEASURES = {ratio: l => l.weight_norm > 0 && l.gradient_norm !== null ? l.gradient_norm / l.weight_norm : null};
const measured = (l, what) => what in MEASURES ? MEASURES[what](l) : l[what];
const layerText = value => value === undefined ? '–' : number(value);

// undefined: nobody looked; null: not finite
function shade(value, low, high, tones) {
  if (!(value > 0)) return value === undefined ? 'transparent' : value === 0 ? tones.cold : tones.bad;
  const t = high > low ? Math.log(value / low) / Math.log(high / low) : 0.5;
  return `color-mix(in oklab, ${tones.warm} ${Math.round(100 * t)}%, ${tones.cold})`;
}

function strip(cells, low, high) {
  const canvas = el('canvas', {class: 'strip', width: cells.length, height: 1, 'data-cells': cells.length});
  const c = canvas.getContext('2d'), tones = {cold: css('--cold'), warm: css('--warm'), bad: css('--bad')};
  cells.forEach((cell, i) => { c.fillStyle = shade(cell.value, low, high, tones); c.fillRect(i, 0, 1, 1); });
  canvas.addEventListener('pointermove', e => {
    const box = canvas.getBoundingClientRect(), cell = cells[Math.min(cells.length - 1, Math.floor(cells.length * (e.clientX - box.left) / box.width))];
    if (cell) showTip(e.clientX, e.clientY, 'step ' + cell.step, [{name: cell.name, value: layerText(cell.value)}]);
  });
  canvas.addEventListener('pointerleave', hideTip);
  return canvas;
}

function drawLayers() {
  const what = $('measure').value, host = $('layers');
  const known = runs.filter(r => r.layers.length);
  $('layer-section').hidden = !known.length;
  const values = known.flatMap(r => r.layers.flatMap(x => x.layers.map(l => measured(l, what)))).filter(v => v > 0).sort((a, b) => a - b);
  const low = values[0], high = last(values);
  $('scale').replaceChildren(...values.length ? [number(low), el('i', {class: 'ramp'}), number(high)] : []);
  host.replaceChildren();
  for (const run of known) for (const network of unique(last(run.layers).layers.map(l => l.network))) {
    host.append(el('h3', {}, words(network) + (runs.length > 1 ? ', ' + run.name : '')));
    const rows = el('div', {class: 'layers'}, el('span', {}), el('span', {class: 'ends'}, el('span', {}, 'step ' + run.layers[0].step), el('span', {}, String(last(run.layers).step))), el('span', {}));
    for (const {layer} of last(run.layers).layers.filter(l => l.network === network)) {
      const cells = run.layers.map(x => {
        const found = x.layers.find(l => l.network === network && l.layer === layer);
        return {step: x.step, name: layer, value: found ? measured(found, what) : undefined};
      });
      rows.append(el('span', {class: 'name', title: layer}, layer), strip(cells, low, high), el('span', {class: 'value'}, layerText(last(cells).value)));
    }
    host.append(rows);
  }
}

// ---- Configuration ----

const valueText = v => v === undefined ? '–' : typeof v === 'string' ? v : Array.isArray(v) ? v.map(valueText).join(', ') : JSON.stringify(v);

function drawConfig() {
  const known = runs.filter(r => r.config), several = runs.length > 1;
  $('config-section').hidden = !known.length;
  $('differences-label').hidden = !several;
  const sources = !several && known.length && Object.keys(known[0].config.sources || {}).length > 0;
  const wanted = $('find').value.trim().toLowerCase(), only = several && $('differences').checked;
  const rows = [];
  for (const key of unique(known.flatMap(r => Object.keys(r.config.values)))) {
    const texts = known.map(r => valueText(r.config.values[key])), differs = unique(texts).length > 1;
    if ((only && !differs) || !`${key} ${texts.join(' ')}`.toLowerCase().includes(wanted)) continue;
    rows.push(el('tr', {class: several && differs ? 'differs' : ''}, el('td', {}, el('code', {}, key)), ...texts.map(t => el('td', {}, t)),
      ...sources ? [el('td', {class: 'soft'}, valueText(known[0].config.sources[key]))] : []));
  }
  const titles = ['option', ...several ? known.map(r => r.name) : ['value'], ...sources ? ['from'] : []];
  $('config').replaceChildren(el('thead', {}, el('tr', {}, ...titles.map(t => el('th', {}, t)))), el('tbody', {}, ...rows));
}

// ---- All together ----

const fromAddress = new URLSearchParams(location.hash.slice(1));

function remember() {
  const p = new URLSearchParams({smooth: settings.smooth, axis: settings.axis});
  if (settings.log) p.set('log', '1');
  if (sampleSteps.length && $('sample').value !== $('sample').max) p.set('sample', sampleSteps[$('sample').value]);
  if ($('live').checked) p.set('live', '1');
  history.replaceState(null, '', '#' + p);
}

function listen() {
  const set = (id, event, f) => $(id).addEventListener(event, () => { f($(id)); remember(); });
  set('smooth', 'input', e => { settings.smooth = Number(e.value); drawCharts(); });
  set('log', 'change', e => { settings.log = e.checked; drawCharts(); });
  set('axis', 'change', e => { settings.axis = e.value; zoomTo(null); });
  set('sample', 'input', drawSamples);
  set('live', 'change', follow);
  $('moment').addEventListener('input', drawMoment);
  $('measure').addEventListener('change', drawLayers);
  $('differences').addEventListener('change', drawConfig);
  $('find').addEventListener('input', drawConfig);
  $('reset').addEventListener('click', () => zoomTo(null));
  $('play').addEventListener('click', play);
  window.addEventListener('resize', () => { if (sampleSteps.length) drawSamples(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { drawCharts(); drawLayers(); });
}

// While a run goes on, its page can be loaded again and again.
let reload = 0;
function follow() {
  clearTimeout(reload);
  if ($('live').checked) reload = setTimeout(() => location.reload(), 10000);
}

function start() {
  readRecords($('records').textContent);
  settings.smooth = Number(fromAddress.get('smooth') ?? settings.smooth);
  settings.log = fromAddress.has('log');
  $('smooth').value = settings.smooth;
  $('log').checked = settings.log;
  $('live').checked = fromAddress.has('live');
  for (const draw of [drawHead, drawTiles, drawWarnings, drawCurves, startSamples, startHistograms, drawLayers, drawConfig]) draw();
  $('axis').value = fromAddress.get('axis') || 'step';
  settings.axis = $('axis').value || 'step';
  drawCharts();
  if (sampleSteps.length) drawSamples();
  if (moments.length) drawMoment();
  listen();
  follow();
  document.body.dataset.ready = 'yes';
}
document.addEventListener('DOMContentLoaded', start);
