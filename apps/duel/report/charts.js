// Charts: curves on canvases, which share what part of the run they show, and bars. Colours are those of the style
// sheet, so that they follow light and dark.

const settings = {smooth: 0.6, log: false, axis: 'step', range: null};  // range: what part is shown; null: all
const charts = [];

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SERIES = 8;  // colours --s0, --s1, ...
const colour = i => `--s${i % SERIES}`;

// ---- Numbers ----

// Round numbers from low to high, about `count`.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1), size = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].find(m => m * size >= rough) * size;
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) list.push(i * step);
  return list;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low), list = [];
  const factors = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(decades / 6));
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); ++p)
    for (const f of factors) {
      const value = f * Math.pow(10, p);
      if (p % every === 0 && value >= low * 0.999 && value <= high * 1.001) list.push(value);
    }
  return list;
}

function tickText(x) {
  const size = Math.abs(x);
  if (size >= 1e5) return +(x / (size >= 1e6 ? 1e6 : 1e3)).toPrecision(4) + (size >= 1e6 ? 'M' : 'k');
  return size !== 0 && size < 1e-4 ? x.toExponential(1) : String(+x.toPrecision(4));
}

// The first index whose x is at least `value`.
function lowerBound(xs, value) {
  let low = 0, high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

// A running mean whose weights fall by `decay` with each point, without the pull of a start at zero.
function smoothed(ys, decay) {
  if (decay === 0) return ys;
  const out = new Array(ys.length);
  let sum = 0, weight = 0;
  for (let i = 0; i < ys.length; ++i) {
    if (!Number.isFinite(ys[i])) { out[i] = NaN; continue; }
    sum = decay * sum + ys[i];
    weight = decay * weight + 1;
    out[i] = sum / weight;
  }
  return out;
}

// ---- The tip beside the pointer ----

function showTip(x, y, title, rows) {
  const tip = $('tip');
  tip.replaceChildren(el('b', {}, title), ...rows.map(r => el('div', {}, r.colour ? el('i', {style: `background: var(${r.colour})`}) : '',
    el('span', {}, r.name), el('span', {class: 'value'}, r.value))));
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), room = document.documentElement.clientWidth;
  tip.style.left = Math.max(4, x + 16 + box.width > room ? x - box.width - 12 : x + 16) + 'px';
  tip.style.top = Math.max(4, Math.min(y + 12, innerHeight - box.height - 4)) + 'px';
}
const hideTip = () => { $('tip').hidden = true; };

// ---- Curves ----

const PAD = {left: 52, right: 12, top: 10, bottom: 22};

// series: {name, colour, run, xs(axis), ys, bands: [{low, high, alpha}]}, all lists of one length; not smoothed with bands.
// options: legend, also of one series; linear, whatever the settings; exact: never smoothed.
class LineChart {
  constructor(host, title, series, options = {}) {
    this.series = series;
    this.options = options;
    this.title = title;
    this.canvas = el('canvas', {role: 'img', 'aria-label': `${title}: ${series.map(s => s.name).join(', ')}`});
    this.cross = el('div', {class: 'cross', hidden: ''});
    this.zone = el('div', {class: 'zone', hidden: ''});
    this.plot = el('div', {class: 'plot'}, this.canvas, this.cross, this.zone);
    const chips = series.length > 1 || options.legend ? series.map(s => this.chip(s)) : [];
    this.figure = el('figure', {class: 'chart'}, el('figcaption', {}, el('b', {}, title), ...chips), this.plot);
    host.append(this.figure);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    charts.push(this);
  }

  chip(s) {
    const button = el('button', {class: 'chip', 'aria-pressed': 'true', title: 'show or hide'},
      el('i', {style: `background: var(${s.colour})`}), s.name);
    button.addEventListener('click', () => {
      s.hidden = !s.hidden;
      button.setAttribute('aria-pressed', String(!s.hidden));
      this.draw();
    });
    return button;
  }

  shown() { return this.series.filter(s => !s.hidden && !(s.run && s.run.hidden)); }

  smooth(s) {
    // Many points are smoothed as if they were a thousand.
    const decay = s.bands || this.options.exact ? 0 : Math.pow(settings.smooth, Math.min(1, 1000 / s.ys.length));
    if (!s.cache || s.cache.decay !== decay) s.cache = {decay, ys: smoothed(s.ys, decay)};
    return s.cache.ys;
  }

  // What can be drawn: where on a logarithmic axis, only what is positive.
  usable(y) { return Number.isFinite(y) && (!this.log || y > 0); }

  rangeY(lines) {
    const all = [];
    let low = Infinity, high = -Infinity;
    const widen = y => { if (this.usable(y)) { low = Math.min(low, y); high = Math.max(high, y); } };
    for (const l of lines) {
      const every = Math.max(1, Math.floor((l.to - l.from) / 2000));
      for (let i = l.from; i < l.to; ++i) {
        widen(l.smooth[i]);
        for (const b of l.series.bands || []) { widen(b.low[i]); widen(b.high[i]); }
        if (!l.series.bands && i % every === 0 && this.usable(l.ys[i])) all.push(l.ys[i]);
      }
    }
    // A few outliers must not flatten the rest: those beyond are cut off.
    all.sort((a, b) => a - b);
    if (all.length) {
      const inner = q => all[Math.min(all.length - 1, Math.floor(q * all.length))];
      const reach = Math.max(inner(0.99), high) - Math.min(inner(0.01), low);
      widen(Math.max(all[0], inner(0.01) - reach));
      widen(Math.min(all[all.length - 1], inner(0.99) + reach));
    }
    if (low > high) return null;
    if (this.log) {
      const room = Math.max(Math.pow(high / low, 0.05), 1.02);
      return [low / room, high * room];
    }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [low - (low >= 0 && low < room ? low : room), high + room];
  }

  draw() {
    const w = this.canvas.clientWidth, h = this.canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    if (!w || !h) return;
    this.canvas.width = Math.round(w * ratio);
    this.canvas.height = Math.round(h * ratio);
    const c = this.canvas.getContext('2d');
    c.scale(ratio, ratio);
    this.area = {x: PAD.left, y: PAD.top, w: w - PAD.left - PAD.right, h: h - PAD.top - PAD.bottom};
    [this.low, this.high] = settings.range || wholeRange();
    if (this.high <= this.low) this.high = this.low + 1;
    this.lines = this.shown().map(s => this.line(s));
    this.log = settings.log && !this.options.linear && !this.lines.some(l => l.ys.some(y => y < 0));
    this.y = this.rangeY(this.lines) || [1, 2];
    this.frame(c);
    c.save();
    c.beginPath();
    c.rect(this.area.x, this.area.y, this.area.w, this.area.h);
    c.clip();
    let points = 0;
    for (const l of this.lines) points += this.drawLine(c, l);
    c.restore();
    this.canvas.dataset.points = points;
  }

  line(s) {
    const xs = s.xs(settings.axis);
    const from = Math.max(0, lowerBound(xs, this.low) - 1), to = Math.min(xs.length, lowerBound(xs, this.high) + 1);
    return {series: s, xs, ys: s.ys, smooth: this.smooth(s), from, to};
  }

  atX(x) { return this.area.x + this.area.w * (x - this.low) / (this.high - this.low); }
  atY(y) {
    const [low, high] = this.y;
    const t = this.log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low);
    return this.area.y + this.area.h * (1 - t);
  }

  frame(c) {
    const {x, y, w, h} = this.area;
    c.font = '11px system-ui, "DejaVu Sans", sans-serif';
    c.lineWidth = 1;
    c.strokeStyle = css('--grid');
    c.fillStyle = css('--soft');
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    const marks = this.log ? logTicks(...this.y) : [];
    for (const t of marks.length > 1 ? marks : ticks(...this.y, h / 40)) {
      const at = Math.round(this.atY(t)) + 0.5;
      if (at < y - 1 || at > y + h + 1) continue;
      c.beginPath(); c.moveTo(x, at); c.lineTo(x + w, at); c.stroke();
      c.fillText(tickText(t), x - 7, at);
    }
    c.textAlign = 'center';
    c.textBaseline = 'top';
    for (const t of ticks(this.low, this.high, w / 80)) c.fillText(tickText(t), Math.min(this.atX(t), x + w - 6), y + h + 6);
  }

  drawLine(c, l) {
    const stroke = css(l.series.colour);
    c.strokeStyle = c.fillStyle = stroke;
    c.lineJoin = 'round';
    for (const b of l.series.bands || []) this.fillBand(c, l, b);
    if (l.smooth !== l.ys) {
      c.globalAlpha = l.to - l.from > 2 * this.area.w ? 0.16 : 0.3;
      c.lineWidth = 1;
      this.path(c, l, l.ys);
    }
    c.globalAlpha = 1;
    c.lineWidth = 1.8;
    return this.path(c, l, l.smooth);
  }

  // With more points than pixels, the lowest and highest of each pixel's width.
  path(c, l, ys) {
    const step = Math.max(1, Math.floor((l.to - l.from) / (2 * this.area.w)));
    let drawn = 0, pen = false;
    c.beginPath();
    const point = i => {
      if (!this.usable(ys[i])) { pen = false; return; }
      const x = this.atX(l.xs[i]), y = this.atY(ys[i]);
      if (pen) c.lineTo(x, y); else c.moveTo(x, y);
      pen = true;
      ++drawn;
    };
    for (let i = l.from; i < l.to; i += step) {
      let low = i, high = i;
      for (let k = i + 1; k < Math.min(i + step, l.to); ++k) {
        if (ys[k] < ys[low]) low = k;
        if (ys[k] > ys[high]) high = k;
      }
      point(Math.min(low, high));
      if (low !== high) point(Math.max(low, high));
    }
    c.stroke();
    if (drawn === 1) for (let i = l.from; i < l.to; ++i) if (this.usable(ys[i])) {  // a point is no line
      c.beginPath(); c.arc(this.atX(l.xs[i]), this.atY(ys[i]), 2.5, 0, 7); c.fill();
    }
    return drawn;
  }

  fillBand(c, l, band) {
    c.globalAlpha = band.alpha;
    c.beginPath();
    for (let i = l.from; i < l.to; ++i) c.lineTo(this.atX(l.xs[i]), this.atY(band.high[i]));
    for (let i = l.to - 1; i >= l.from; --i) c.lineTo(this.atX(l.xs[i]), this.atY(band.low[i]));
    c.fill();
    c.globalAlpha = 1;
  }

  // ---- The pointer ----

  listen() {
    const plot = this.plot;
    let start = null;
    const place = e => Math.min(Math.max(e.clientX - plot.getBoundingClientRect().left, this.area.x), this.area.x + this.area.w);
    const value = x => this.low + (this.high - this.low) * (x - this.area.x) / this.area.w;
    const mark = (e, x) => {
      this.zone.hidden = start === null || Math.abs(x - start) < 5;
      this.zone.style.left = Math.min(x, start) + 'px';
      this.zone.style.width = Math.abs(x - start) + 'px';
      this.hover(e, value(x), x);
    };
    plot.addEventListener('pointerdown', e => { start = place(e); plot.setPointerCapture(e.pointerId); mark(e, start); });
    plot.addEventListener('pointermove', e => mark(e, place(e)));
    plot.addEventListener('pointerup', e => {
      const end = place(e), from = start;
      start = null;
      this.zone.hidden = true;
      if (from !== null && Math.abs(end - from) >= 5) zoomTo([value(Math.min(from, end)), value(Math.max(from, end))]);
    });
    const leave = () => { start = null; this.zone.hidden = this.cross.hidden = true; hideTip(); };
    plot.addEventListener('pointercancel', leave);
    plot.addEventListener('pointerleave', leave);
    plot.addEventListener('dblclick', () => zoomTo(null));
  }

  hover(e, x, at) {
    const rows = [];
    let nearest = null;
    for (const l of this.lines) {
      let i = lowerBound(l.xs, x);
      if (i > 0 && (i === l.xs.length || x - l.xs[i - 1] < l.xs[i] - x)) --i;
      if (i >= l.xs.length) continue;
      if (nearest === null || Math.abs(l.xs[i] - x) < Math.abs(nearest - x)) nearest = l.xs[i];
      const raw = Number.isFinite(l.ys[i]) ? number(l.ys[i]) : 'not finite';
      rows.push({name: l.series.name, colour: l.series.colour,
        value: l.smooth === l.ys ? raw : `${number(l.smooth[i])}  (${raw})`});
    }
    if (nearest === null) return;
    this.cross.hidden = false;
    this.cross.style.left = Math.min(Math.max(this.atX(nearest), this.area.x), this.area.x + this.area.w) + 'px';
    showTip(e.clientX, e.clientY, axisText(nearest), rows);
  }
}

function axisText(x) {
  if (settings.axis === 'step') return 'step ' + Math.round(x);
  return settings.axis === 'epoch' ? 'epoch ' + +x.toFixed(3) : `${+x.toFixed(3)} hours`;
}

function wholeRange() {
  let low = Infinity, high = -Infinity;
  for (const chart of charts) for (const s of chart.shown()) {
    const xs = s.xs(settings.axis);
    if (xs.length) { low = Math.min(low, xs[0]); high = Math.max(high, xs[xs.length - 1]); }
  }
  return low <= high ? [low, high] : [0, 1];
}

function drawCharts() { for (const chart of charts) chart.draw(); }

function zoomTo(range) {
  settings.range = range;
  $('reset').hidden = range === null;
  drawCharts();
}

// ---- Bars of one moment ----

// parts: [{name, colour, low, high, counts}], drawn over each other; heights are shares per width, so that areas are one.
function histogramChart(host, title, parts) {
  const width = 440, height = 190, bottom = 20;
  const low = Math.min(...parts.map(p => p.low)), high = Math.max(...parts.map(p => p.high));
  const at = x => 8 + (width - 16) * (x - low) / (high - low);
  for (const p of parts) {
    const total = p.counts.reduce((a, b) => a + b, 0);
    p.part = (p.high - p.low) / p.counts.length;
    p.density = p.counts.map(n => n / total / p.part);
  }
  const most = Math.max(...parts.flatMap(p => p.density)) || 1, base = height - bottom;
  const svg = el('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title, 'data-bars': parts.length});
  for (const t of ticks(low, high, 7))
    svg.append(el('line', {x1: at(t), x2: at(t), y1: 4, y2: base, class: 'grid'}), el('text', {x: at(t), y: height - 5}, tickText(t)));
  for (const p of parts) {
    let d = `M${at(p.low)} ${base}`;
    p.density.forEach((v, i) => {
      const y = base - (base - 8) * v / most;
      d += `L${at(p.low + i * p.part)} ${y}L${at(p.low + (i + 1) * p.part)} ${y}`;
    });
    svg.append(el('path', {d: `${d}L${at(p.high)} ${base}Z`, style: `fill: var(${p.colour}); stroke: var(${p.colour})`, class: 'area'},
      el('title', {}, `${p.name}: from ${number(p.low)} to ${number(p.high)}, mean ${number(p.mean)}`)));
  }
  svg.append(el('line', {x1: 8, x2: width - 8, y1: base, y2: base, class: 'axis'}));
  host.replaceChildren(svg);
}
