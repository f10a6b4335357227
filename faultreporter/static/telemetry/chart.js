// One series over time: a line, the band between its lowest and highest values, limits, and the spans in which a rule
// fired. Where nothing was measured nothing is drawn. Colours are the style sheet's; times are the given zone's.
//
//   const chart = new Telemetry.Chart(element, { zone, unit, words });
//   chart.show({ from, to, points: [{ at, value, low?, high?, count? }], gap, step?, limits, spans });
//   chart.add({ at, value });
//
// Times are milliseconds. `gap`: two points further apart than this aren't joined. `limits`: [{ value, kind, label }],
// kind "TRIGGER" or "CLEAR". `spans`: [{ from, to, kind, label }], kind "firing" or "pending", `to` null if it lasts.
"use strict";

(() => {
  const { Clock, number, quantity, tick, values } = window.Telemetry;
  const SVG = "http://www.w3.org/2000/svg";
  const TOP = 22, BOTTOM = 36, RIGHT = 10, LETTER = 6.4, LABEL = 13, SPARSE = 12;
  const LISTED = 20;
  const AWAY = [0, 1, -1, 2, -2, 3, -3, 4, -4]; // where a limit's name goes if its place is taken
  let made = 0;

  function svg(name, attributes = {}, text = "") {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    return node;
  }

  function html(name, className, text = "") {
    const node = document.createElement(name);
    node.className = className;
    node.textContent = text;
    return node;
  }

  const low = (point) => point.low ?? point.value;
  const high = (point) => point.high ?? point.value;
  const places = (list) => list.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

  class Chart {
    constructor(element, { zone, unit, words, name }) {
      Object.assign(this, { element, unit, words, name, clock: new Clock(zone), id: `chart-${(made += 1)}` });
      this.data = { points: [], gap: Infinity, limits: [], spans: [] };
      this.cursor = null;
      this.build();
      this.listen();
      new ResizeObserver(() => this.draw()).observe(this.surface);
    }

    build() {
      this.said = html("p", "chart-said");
      this.surface = html("div", "chart-surface");
      this.surface.tabIndex = 0;
      this.surface.setAttribute("role", "group");
      this.surface.setAttribute("aria-roledescription", this.words.chart);
      this.legend = html("p", "chart-legend");
      this.listing = html("details", "chart-values");
      this.listing.append(html("summary", "", this.words.table));
      this.element.classList.add("curve");
      this.element.replaceChildren(this.said, this.surface, this.legend, this.listing);
    }

    listen() {
      const at = (event) => this.point(this.nearest(event.clientX - this.surface.getBoundingClientRect().left));
      this.surface.addEventListener("pointermove", at);
      this.surface.addEventListener("pointerdown", at);
      this.surface.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.point(null));
      this.surface.addEventListener("blur", () => this.point(null));
      this.surface.addEventListener("keydown", (event) => this.key(event));
      this.listing.addEventListener("toggle", () => this.list());
    }

    say(words) {
      this.said.textContent = words;
    }

    // What there is to show, all of it.
    show(data) {
      this.data = { ...this.data, ...data };
      this.cursor = null;
      this.redraw();
    }

    // A reading that has just come. With `step` it belongs to the bucket of its time.
    add(reading, { from, to } = this.data) {
      const { points, step } = this.data, last = points.at(-1);
      const at = step ? Math.floor(reading.at / step) * step : reading.at;
      if (last && at < last.at) return;
      if (!last || at > last.at) points.push({ ...reading, at, low: reading.value, high: reading.value, count: 1 });
      else if (step) {
        const count = last.count || 1;
        Object.assign(last, {
          low: Math.min(low(last), reading.value), high: Math.max(high(last), reading.value), count: count + 1,
          value: (last.value * count + reading.value) / (count + 1),
        });
      }
      this.slide(from, to);
    }

    // Moves the window; what has left it is forgotten.
    slide(from, to) {
      const gone = this.data.points.findIndex((point) => point.at >= from);
      if (gone > 1) this.data.points.splice(0, gone - 1);
      if (gone > 1 && this.cursor !== null) this.cursor = Math.max(0, this.cursor - gone + 1);
      Object.assign(this.data, { from, to });
      this.redraw();
    }

    redraw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.draw();
      });
    }

    // --- from values to places on the screen

    measure() {
      const { points, limits, from, to } = this.data;
      this.width = this.surface.clientWidth;
      this.height = this.surface.clientHeight;
      this.seen = points.filter((point) => point.at >= from && point.at <= to);
      [this.floor, this.ceiling] = extent(this.seen, limits);
      this.rows = values(this.floor, this.ceiling, Math.max(2, Math.floor((this.height - TOP - BOTTOM) / 36)));
      this.labels = this.rows.found.map((value) => tick(value, this.rows.step));
      this.left = 10 + LETTER * Math.max(2, ...this.labels.map((label) => label.length));
    }

    x(at) {
      const { from, to } = this.data;
      return this.left + ((at - from) / Math.max(1, to - from)) * (this.width - this.left - RIGHT);
    }

    y(value) {
      const share = (value - this.floor) / (this.ceiling - this.floor);
      return this.height - BOTTOM - share * (this.height - TOP - BOTTOM);
    }

    // Runs of points with no gap between them.
    runs() {
      const runs = [];
      for (const point of this.seen) {
        const run = runs.at(-1);
        if (run && point.at - run.at(-1).at <= this.data.gap) run.push(point);
        else runs.push([point]);
      }
      return runs;
    }

    // --- the drawing

    draw() {
      if (!this.surface.clientWidth || !this.data.to) return;
      this.measure();
      const picture = svg("svg", { width: this.width, height: this.height, "aria-hidden": "true" });
      const clip = svg("clipPath", { id: this.id });
      const [right, bottom] = [this.width - RIGHT, this.height - BOTTOM];
      clip.append(svg("rect", { x: this.left, y: 0, width: Math.max(0, right - this.left), height: bottom }));
      const inside = svg("g", { "clip-path": `url(#${this.id})` });
      inside.append(...this.spans(bottom), ...this.lines());
      this.pointer = svg("g", { class: "chart-cursor" });
      picture.append(clip, ...this.grid(right, bottom), inside, ...this.limits(right), this.pointer);
      if (!this.seen.length) {
        const middle = { x: (this.left + right) / 2, y: (TOP + bottom) / 2, "text-anchor": "middle" };
        picture.append(svg("text", { ...middle, class: "chart-empty" }, this.words.empty));
      }
      this.surface.replaceChildren(picture);
      this.explain();
      this.point(this.cursor);
      this.list();
    }

    grid(right, bottom) {
      const nodes = [
        svg("text", { class: "chart-unit", x: 2, y: 11 }, this.unit),
        svg("line", { class: "chart-tick", x1: this.left, x2: right, y1: bottom, y2: bottom }),
      ];
      this.rows.found.forEach((value, index) => {
        const y = this.y(value);
        nodes.push(svg("line", { class: "chart-grid", x1: this.left, x2: right, y1: y, y2: y }));
        nodes.push(svg("text", { x: this.left - 6, y: y + 4, "text-anchor": "end" }, this.labels[index]));
      });
      const { from, to } = this.data;
      for (const { at, label, day } of this.clock.ticks(from, to, Math.max(2, Math.floor((right - this.left) / 66)))) {
        const x = this.x(at), half = (LETTER * label.length) / 2;
        nodes.push(svg("line", { class: "chart-tick", x1: x, x2: x, y1: bottom, y2: bottom + 4 }));
        const place = { x: Math.min(x, this.width - half - 1), "text-anchor": "middle" };
        nodes.push(svg("text", { ...place, y: bottom + 16 }, label));
        if (day) nodes.push(svg("text", { ...place, y: bottom + 30, class: "chart-day" }, day));
      }
      return nodes;
    }

    lines() {
      return this.runs().flatMap((run) => {
        const way = run.map((point) => [this.x(point.at), this.y(point.value)]);
        const sparse = run.length * SPARSE < way.at(-1)[0] - way[0][0];
        if (run.length === 1) {
          const [[cx, cy]] = way, [point] = run;
          const ends = { x1: cx, x2: cx, y1: this.y(low(point)), y2: this.y(high(point)) };
          return [svg("line", { class: "chart-stroke", ...ends }), svg("circle", { class: "chart-dot", cx, cy, r: 2 })];
        }
        const edge = [
          ...run.map((point) => [this.x(point.at), this.y(high(point))]),
          ...run.map((point) => [this.x(point.at), this.y(low(point))]).reverse(),
        ];
        const band = run.some((point) => high(point) > low(point));
        return [
          ...(band ? [svg("path", { class: "chart-band", d: `M${places(edge)}Z` })] : []),
          svg("path", { class: "chart-line", d: `M${places(way)}` }),
          ...(sparse ? way.map(([cx, cy]) => svg("circle", { class: "chart-dot", cx, cy, r: 2.5 })) : []),
        ];
      });
    }

    // A limit outside the picture is told at the edge it lies behind.
    limits(right) {
      const lines = [], names = [], taken = [], bottom = this.height - BOTTOM;
      for (const { value, kind: name, label } of [...this.data.limits].sort((a, b) => b.value - a.value)) {
        const kind = name.toLowerCase();
        const above = value > this.ceiling, below = value < this.floor, y = this.y(value);
        const line = { class: `chart-limit is-${kind}`, x1: this.left, x2: right, y1: y, y2: y };
        if (!above && !below) lines.push(svg("line", line));
        const wanted = Math.min(bottom - 4, Math.max(TOP + LABEL - 4, y - 4));
        const place = AWAY.map((steps) => wanted + steps * LABEL).find(
          (at) => at > TOP && at < bottom && taken.every((other) => Math.abs(other - at) >= LABEL),
        ) ?? wanted;
        taken.push(place);
        const words = `${above ? "↑ " : below ? "↓ " : ""}${label}`;
        names.push(svg("text", { class: `chart-limit-name is-${kind}`, x: right - 2, y: place, "text-anchor": "end" }, words));
      }
      return [...lines, ...names]; // no line goes through a name
    }

    spans(bottom) {
      return this.data.spans.flatMap(({ from, to, kind, label }) => {
        const [start, end] = [this.x(from), this.x(Math.min(to ?? this.data.to, this.data.to))];
        const y = kind === "pending" ? bottom - 8 : TOP;
        const shade = { x: start, y, width: Math.max(2, end - start), height: bottom - y };
        const area = svg("rect", { class: `chart-span is-${kind}`, ...shade });
        area.append(svg("title", {}, label));
        if (kind === "pending") return [area];
        const flag = svg("path", { class: "chart-flag", d: `M${start} ${TOP - 8}l5 -9h-10z` });
        return [area, svg("line", { class: "chart-edge", x1: start, x2: start, y1: TOP - 8, y2: bottom }), flag];
      });
    }

    explain() {
      const { limits, spans } = this.data, { words } = this;
      const firing = spans.filter((span) => span.kind === "firing").length;
      const parts = [["line", words.value]];
      if (this.seen.some((point) => high(point) > low(point))) parts.push(["band", words.band]);
      if (firing) parts.push(["firing", words.firing]);
      if (spans.length > firing) parts.push(["pending", words.pending]);
      this.legend.replaceChildren(...parts.map(([kind, text]) => {
        const item = html("span", "", text);
        item.prepend(html("i", `is-${kind}`));
        return item;
      }));
      const told = [this.name, this.period(), ...limits.map((limit) => limit.label)];
      if (this.seen.length) {
        const [lowest, highest] = [Math.min(...this.seen.map(low)), Math.max(...this.seen.map(high))];
        told.push(`${number(lowest)} – ${quantity(highest, this.unit)}`);
      } else told.push(words.empty);
      if (firing) told.push(`${words.firing}: ${firing}`);
      this.surface.setAttribute("aria-label", told.filter(Boolean).join("; "));
    }

    period() {
      const { from, to } = this.data;
      const end = this.clock.day(from) === this.clock.day(to) ? this.clock.time(to) : this.clock.stamp(to, false);
      return `${this.clock.stamp(from, false)} – ${end}, ${this.clock.zone}`;
    }

    // --- reading values off

    nearest(x) {
      let best = null;
      this.seen.forEach((point, index) => {
        if (best === null || Math.abs(this.x(point.at) - x) < Math.abs(this.x(this.seen[best].at) - x)) best = index;
      });
      return best;
    }

    point(index) {
      const point = index === null ? undefined : this.seen[index];
      this.cursor = point ? index : null;
      if (!this.pointer) return;
      this.said.textContent = point ? this.words_of(point) : this.period();
      if (!point) return this.pointer.replaceChildren();
      const [cx, cy] = [this.x(point.at), this.y(point.value)];
      this.pointer.replaceChildren(
        svg("line", { x1: cx, x2: cx, y1: TOP, y2: this.height - BOTTOM }), svg("circle", { cx, cy, r: 4 }),
      );
    }

    words_of(point) {
      const band = high(point) > low(point) ? ` (${number(low(point))} – ${number(high(point))})` : "";
      return `${this.clock.stamp(point.at, !(this.data.step >= 60e3))} · ${quantity(point.value, this.unit)}${band}`;
    }

    key(event) {
      const last = this.seen.length - 1, here = this.cursor ?? last;
      const to = {
        ArrowLeft: this.cursor === null ? last : here - 1, ArrowRight: here + 1, PageUp: here - 10,
        PageDown: here + 10, Home: 0, End: last, Escape: null,
      };
      if (!(event.key in to) || last < 0) return;
      event.preventDefault();
      this.said.setAttribute("aria-live", "polite"); // the mouse's many values are not read out
      this.point(to[event.key] === null ? null : Math.min(last, Math.max(0, to[event.key])));
    }

    list() {
      if (!this.listing.open) return;
      const table = html("table", ""), head = table.createTHead().insertRow(), body = table.createTBody();
      for (const title of [this.words.when, this.unit ? `${this.words.value} (${this.unit})` : this.words.value, this.words.band]) {
        head.append(Object.assign(html("th", "", title), { scope: "col" }));
      }
      for (const point of this.seen.slice(-LISTED).reverse()) {
        const row = body.insertRow();
        row.insertCell().textContent = this.clock.stamp(point.at);
        row.insertCell().textContent = number(point.value);
        row.insertCell().textContent = `${number(low(point))} – ${number(high(point))}`;
      }
      this.listing.replaceChildren(this.listing.querySelector("summary"), table);
    }
  }

  // The lowest and highest value of the picture. Limits belong to it unless they would press the curve flat.
  function extent(points, limits) {
    const found = points.flatMap((point) => [low(point), high(point)]);
    const wanted = limits.map((limit) => limit.value);
    let [floor, ceiling] = [Math.min(...(found.length ? found : wanted)), Math.max(...(found.length ? found : wanted))];
    if (!Number.isFinite(floor)) [floor, ceiling] = [0, 1];
    const span = ceiling - floor || Math.abs(ceiling) * 0.1 || 1;
    for (const value of wanted) {
      if (value > ceiling && value - floor <= 6 * span) ceiling = value;
      if (value < floor && ceiling - value <= 6 * span) floor = value;
    }
    const room = (ceiling - floor || span) * 0.08;
    return [floor - room, ceiling + room];
  }

  // How far apart two readings may lie and still be joined: several of the series' intervals, or of what seems to be one.
  function gap_of(points, interval_s, patience) {
    if (interval_s) return interval_s * 1000 * patience;
    const steps = points.slice(1).map((point, index) => point.at - points[index].at).sort((a, b) => a - b);
    return steps.length ? steps[Math.floor(steps.length / 2)] * patience : Infinity;
  }

  // What GET /iot-data/chart answers, as a chart wants it.
  function charted({ data }, interval_s, patience) {
    const step = data.step_s ? data.step_s * 1000 : null;
    const points = data.points.map(([at, ...values]) => {
      if (values.length === 1) return { at, value: values[0] };
      const [lowest, highest, mean] = values;
      return { at, low: lowest, high: highest, value: mean ?? (lowest + highest) / 2 };
    });
    return { points, step, gap: Math.max(gap_of(points, interval_s, patience), (step || 0) * 1.5) };
  }

  Object.assign(window.Telemetry, { Chart, charted });
})();
