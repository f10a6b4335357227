// A rule on the past: asks the server what it, with the limits in the form, would have done, and draws it.
"use strict";

(() => {
  const page = document.querySelector("[data-try]"), form = page && page.querySelector("[data-form]");
  if (!form) return;

  const { Chart, Clock, charted, quantity } = window.Telemetry;
  const config = JSON.parse(document.getElementById("telemetry-config").textContent);
  const { words } = config;
  const find = (what) => page.querySelector(`[data-${what}]`);
  const [which, from, to, run, apply] = ["which", "from", "to", "run", "apply"].map(find);
  const POINTS = 800, LISTED = 200, WEEK_S = 7 * 86400;
  const own = limits();
  const fill = (text, values) => Object.entries(values).reduce((told, [key, value]) => told.replace(`{${key}}`, value), text);
  let trials = [], shown = 0, span = WEEK_S;

  // --- what is asked

  // The form's fields as the API names them: numbers as numbers, nothing for an empty one.
  function limits() {
    const said = {};
    for (const field of form.querySelectorAll(".try-field :is(input, select)")) {
      if (!field.name) continue;
      if (field.type === "checkbox") said[field.name] = field.checked;
      else if (field.type === "number") said[field.name] = field.value === "" ? null : Number(field.value);
      else said[field.name] = field.value;
    }
    return said;
  }

  function changes() {
    const now = limits();
    return Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== own[name]));
  }

  const asked = () => config.series.filter((series) => !which.value || series.id === Number(which.value));
  const clock = () => new Clock(asked()[0].zone, words.months);
  const moment = (input) => clock().moment(Date.parse(`${input.value}Z`));
  const local = (at) => new Date(clock().wall(at)).toISOString().slice(0, 16);

  function until_now() {
    const now = Date.now();
    from.value = local(now - span * 1000);
    to.value = local(now + 60e3);
    find("clock").textContent = fill(words.clock, { zone: clock().zone });
    press(span);
  }

  // Which of the buttons the two times are; none of them once somebody typed others.
  function press(seconds) {
    for (const one of page.querySelectorAll("[data-span]")) {
      one.setAttribute("aria-pressed", String(Number(one.dataset.span) === seconds));
    }
  }

  async function call(path, options = {}) {
    const answer = await fetch(config.api + path, { credentials: "same-origin", ...options });
    const body = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(body.error.message), { details: body.error.details || [] });
    return body.data;
  }

  const back_test = (series, range) => call(`/iot-rules/${config.rule_id}/backtest`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: JSON.stringify({ ...range, series_id: series.id, changes: changes() }),
  });

  // --- one series after the other, so that the page can say how far it is

  async function attempt() {
    clear();
    if (!(moment(from) < moment(to))) return say(words.order, true);
    const range = { from: new Date(moment(from)).toISOString(), to: new Date(moment(to)).toISOString() };
    const series = asked(), tried = JSON.stringify(limits());
    wait(true);
    try {
      trials = [];
      for (const one of series) {
        progress(trials.length, series.length);
        const { lines, series: [result] } = await back_test(one, range);
        trials.push({ of: one, range, lines, ...result });
      }
      shown = Math.max(0, trials.findIndex((trial) => trial.alerts));
      await show();
      const readings = trials.reduce((sum, trial) => sum + trial.readings, 0).toLocaleString("en");
      say(fill(words.done, { readings, n: trials.length }));
      apply.disabled = tried !== JSON.stringify(limits()) || !Object.keys(changes()).length;
    } catch (error) {
      refuse(error);
    } finally {
      wait(false);
    }
  }

  function clear() {
    for (const one of page.querySelectorAll("[data-problem]")) one.textContent = "";
    for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    apply.disabled = true;
  }

  function refuse(error) {
    for (const { field, message } of error.details || []) {
      const name = field.replace(/^changes\./, ""), wrong = form.elements[name];
      const place = find(`problem="${CSS.escape(name)}"`);
      if (!place || !wrong) continue;
      place.textContent = message;
      wrong.setAttribute("aria-invalid", "true");
      wrong.setAttribute("aria-describedby", place.id);
      if (form.querySelector("[aria-invalid]") === wrong) wrong.focus();
    }
    say(error.details ? error.message : words.failed, true);
  }

  function say(text, failed = false) {
    find("said").textContent = text;
    find("said").classList.toggle("is-error", failed);
  }

  let was_there = false;

  function wait(now) {
    if (now) was_there = document.activeElement === run;
    run.disabled = now;
    if (!now && was_there && document.activeElement === document.body) run.focus(); // who is disabled loses the focus
    find("progress").hidden = !now;
    page.setAttribute("aria-busy", String(now));
  }

  function progress(n, of) {
    Object.assign(page.querySelector("progress"), { max: of, value: n });
    say(fill(words.working, { n: n + 1, of }));
  }

  // --- what came of it

  function lasted(seconds) {
    const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (minutes < 120) return `${minutes} min`;
    return days < 3 ? `${hours} h ${minutes % 60} min` : `${days} d ${hours % 24} h`;
  }

  function row(...cells) {
    const line = document.createElement("tr");
    for (const content of cells) line.insertCell().append(content);
    return line;
  }

  async function show() {
    find("result").hidden = false;
    for (const place of page.querySelectorAll("[data-count], [data-time]")) {
      const name = place.dataset.count || place.dataset.time;
      const sum = trials.reduce((total, trial) => total + trial[name], 0);
      place.textContent = place.dataset.time ? lasted(sum) : sum;
    }
    list_series();
    await draw();
  }

  function list_series() {
    find("all").hidden = trials.length < 2;
    find("each").replaceChildren(...trials.map((trial, index) => {
      const name = document.createElement("button");
      Object.assign(name, { type: "button", textContent: trial.of.machine, className: "try-link" });
      name.setAttribute("aria-pressed", String(index === shown));
      name.addEventListener("click", () => {
        shown = index;
        list_series();
        draw().catch(refuse);
      });
      return row(name, trial.alerts, trial.naive_alerts, lasted(trial.firing_s));
    }));
  }

  async function draw() {
    const { of: { id, machine, zone, unit, interval_s }, range, lines, episodes, pending } = trials[shown];
    find("name").textContent = machine;
    const chart = new Chart(find("chart"), { zone, unit, name: machine, words });
    const found = await call(`/iot-data/chart?${new URLSearchParams({ ...range, series_id: id, points: POINTS })}`);
    const time = (text) => text && Date.parse(text);
    const alarms = episodes.map((one) => [one.fired_at, one.cleared_at, "firing"]);
    const waits = pending.map((one) => [one.began_at, one.ended_at, "pending"]);
    chart.show({
      from: time(range.from), to: Math.min(time(range.to), Date.now()),
      limits: lines,
      spans: [...alarms, ...waits].map(([began, ended, kind]) => (
        { from: time(began), to: time(ended), kind, label: words[kind] }
      )),
      ...charted({ data: found }, interval_s, config.patience),
    });
    list_episodes(episodes, chart.clock, unit);
  }

  function list_episodes(episodes, clock_of, unit) {
    const lines = episodes.slice(0, LISTED).map(({ fired_at, told_at, suppressed_by, cleared_at, value }) => row(
      clock_of.stamp(Date.parse(fired_at)),
      told_at ? clock_of.stamp(Date.parse(told_at)) : words.held_back[suppressed_by],
      cleared_at ? clock_of.stamp(Date.parse(cleared_at)) : words.open,
      cleared_at ? lasted((Date.parse(cleared_at) - Date.parse(fired_at)) / 1000) : "–",
      quantity(value, unit),
    ));
    if (!lines.length) {
      lines.push(row(words.none));
      lines[0].cells[0].colSpan = 5;
    }
    find("episodes").replaceChildren(...lines);
  }

  // --- the form

  run.addEventListener("click", attempt);
  which.addEventListener("change", () => until_now());
  for (const time of [from, to]) time.addEventListener("input", () => press(null));
  form.addEventListener("input", (event) => event.target.closest(".try-field") && (apply.disabled = true));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.matches("button, textarea")) return;
    event.preventDefault();
    if (!run.disabled) attempt();
  });
  find("reset").addEventListener("click", () => {
    for (const [name, value] of Object.entries(own)) {
      const field = form.elements[name];
      if (field.type === "checkbox") field.checked = value;
      else field.value = value ?? "";
    }
    clear();
  });
  page.querySelector(".live-periods").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-span]");
    if (!chosen) return;
    span = Number(chosen.dataset.span);
    until_now();
  });
  until_now();
  attempt();
})();
