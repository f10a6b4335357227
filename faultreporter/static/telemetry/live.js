// A machine's readings as they come. The stream brings them; when it is down they are asked for, and the page says so.
"use strict";

(() => {
  const page = document.querySelector("[data-live]");
  if (!page) return;

  const { Chart, number } = window.Telemetry;
  const config = JSON.parse(document.getElementById("telemetry-config").textContent);
  const { words } = config;
  const POINTS = 400, AT_ONCE = 2, SHOWN_ALERTS = 5, ALERTS_EVERY_S = 60, ANEW_MS = 300e3;
  const ahead = Date.now() - Date.parse(config.now); // of the server's clock
  const now = () => Date.now() - ahead;
  const fill = (text, n) => text.replace("{n}", n);
  let period = 3600;

  async function ask(path, query) {
    const answer = await fetch(`${config.api}${path}?${new URLSearchParams(query)}`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  // --- a card for each series

  class Card {
    constructor(series) {
      this.series = series;
      this.element = page.querySelector(`[data-series="${series.id}"]`);
      this.value = this.element.querySelector("[data-value]");
      this.age = this.element.querySelector("[data-age]");
      const { zone } = config, { unit, name } = series;
      this.chart = new Chart(this.element.querySelector("[data-chart]"), { zone, unit, name, words });
      this.at = series.at ? Date.parse(series.at) : null;
      this.is_void = series.is_void;
      const file = this.element.querySelector("[data-file]");
      file.addEventListener("click", () => { file.href = this.file(); });
      if (this.at) this.value.textContent = number(series.value);
      this.grow_old();
    }

    // The first reading of all, or a newer one.
    take(at, value, is_void) {
      if (at === this.at) this.is_void = is_void ?? this.is_void;
      if (this.at !== null && at <= this.at) return;
      this.at = at;
      this.is_void = is_void;
      this.value.textContent = number(value);
      this.element.classList.remove("is-new");
      void this.element.offsetWidth; // begins the flash anew
      this.element.classList.add("is-new");
      this.grow_old();
      if (this.loaded) this.chart.add({ at, value }, this.window());
      else if (this.failed) this.want();
    }

    grow_old() {
      if (this.at === null) return;
      const seconds = Math.max(0, Math.round((now() - this.at) / 1000)), expected = this.series.interval_s;
      const late = expected && seconds > expected * config.patience;
      const said = [ago(seconds), this.is_void && words.void, late && fill(words.late, expected)];
      this.age.textContent = said.filter(Boolean).join(" · ");
      this.element.classList.toggle("is-void", Boolean(this.is_void));
      this.element.classList.toggle("is-late", Boolean(late));
    }

    window() {
      return { from: now() - period * 1000, to: now() };
    }

    // The readings of the time shown, on the clock of the site.
    file() {
      const { from, to } = this.window();
      const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), tz: config.zone };
      return `${this.series.export_url}&${new URLSearchParams(range)}`;
    }

    want() {
      this.loaded = 0;
      if (this.visible) queue.add(this);
    }

    async load() {
      const { from, to } = this.window(), asked = period;
      try {
        const found = await ask("/iot-data/chart", {
          series_id: this.series.id, from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: POINTS,
        });
        if (asked !== period) return;
        this.failed = false;
        this.loaded = now();
        const { interval_s, limits } = this.series;
        this.chart.show({ from, to, limits, ...window.Telemetry.charted(found, interval_s, config.patience) });
      } catch {
        this.failed = true;
        this.chart.say(words.failed);
      }
    }
  }

  function ago(seconds) {
    if (seconds < 120) return fill(words.seconds, seconds);
    if (seconds < 7200) return fill(words.minutes, Math.floor(seconds / 60));
    if (seconds < 172800) return fill(words.hours, Math.floor(seconds / 3600));
    return fill(words.days, Math.floor(seconds / 86400));
  }

  // --- charts are loaded when they come into sight, two at a time

  const queue = {
    waiting: new Set(),
    running: 0,
    add(card) {
      this.waiting.add(card);
      this.next();
    },
    async next() {
      if (this.running >= AT_ONCE || !this.waiting.size) return;
      const [card] = this.waiting;
      this.waiting.delete(card);
      this.running += 1;
      await card.load();
      this.running -= 1;
      this.next();
    },
  };

  const cards = new Map(config.series.map((series) => [series.id, new Card(series)]));
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = cards.get(Number(target.dataset.series));
      card.visible = isIntersecting;
      if (isIntersecting && !card.loaded) queue.add(card);
    }
  }, { rootMargin: "200px" });
  for (const card of cards.values()) sight.observe(card.element);

  page.querySelector(".live-periods").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-period]");
    if (!chosen) return;
    period = Number(chosen.dataset.period);
    for (const one of page.querySelectorAll("[data-period]")) one.setAttribute("aria-pressed", String(one === chosen));
    for (const card of cards.values()) card.want();
  });

  // --- what is open

  const alerts = page.querySelector("[data-alerts]");

  async function show_alerts() {
    const { data, pagination } = await ask(`/equipment/${config.equipment_id}/alerts`, {
      status: "OPEN,ACKNOWLEDGED", page_size: SHOWN_ALERTS,
    });
    const total = pagination.total_count;
    alerts.hidden = !total;
    alerts.querySelector("[data-count]").textContent = total;
    alerts.querySelector("[data-list]").replaceChildren(...data.map((alert) => {
      const item = document.createElement("li"), link = document.createElement("a");
      item.className = `is-${alert.severity.toLowerCase()}`;
      link.href = config.alert_page.replace("ID", alert.id);
      link.textContent = alert.title;
      item.append(link, ` · ${ago(Math.max(0, Math.round((now() - Date.parse(alert.occurred_at)) / 1000)))}`);
      return item;
    }));
    const more = alerts.querySelector("[data-more]");
    more.hidden = total <= data.length;
    more.textContent = fill(words.more, total - data.length);
  }

  // Many alerts may come at once: one look at the list shows them all.
  let looking = null;

  function look_at_alerts() {
    looking ??= setTimeout(() => {
      looking = null;
      show_alerts().catch(() => {});
    }, 500);
  }

  // --- where news come from

  const state = page.querySelector("[data-state]");

  function say(kind, text) {
    state.className = `live-state is-${kind}`;
    if (state.textContent !== text) state.textContent = text;
  }

  function take(reading) {
    const card = cards.get(reading.series_id);
    const is_void = reading.quality && reading.quality === "VOID"; // the stream carries good ones only and doesn't say
    if (card) card.take(Date.parse(reading.recorded_at), reading.value, is_void);
    else if (reading.equipment_id === config.equipment_id) location.reload(); // a new series has begun
  }

  async function poll() {
    try {
      const { data } = await ask("/iot-data/latest", { equipment_ids: config.equipment_id });
      data.forEach(take);
      await show_alerts();
      return true;
    } catch {
      return false;
    }
  }

  let polling = null;

  function fall_back() {
    if (polling) return;
    const again = async () => {
      const reached = await poll();
      if (polling) say(reached ? "polling" : "offline", reached ? fill(words.polling, config.poll_s) : words.offline);
    };
    polling = setInterval(again, config.poll_s * 1000);
    again();
  }

  function live() {
    clearInterval(polling);
    polling = null;
    say("live", words.live);
    look_at_alerts();
  }

  function listen() {
    const source = new EventSource(config.stream_url, { withCredentials: true });
    source.addEventListener("open", live);
    source.addEventListener("reading", (event) => JSON.parse(event.data).readings.forEach(take));
    source.addEventListener("alert", look_at_alerts);
    source.addEventListener("reset", look_at_alerts);
    source.addEventListener("error", () => {
      fall_back();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, config.poll_s * 1000);
    });
  }

  function pass_time() {
    for (const card of cards.values()) {
      card.grow_old();
      if (card.loaded && card.visible) {
        const { from, to } = card.window();
        if (to - card.loaded > ANEW_MS) {
          card.loaded = to;
          queue.add(card); // late readings, and exact means
        } else if (to - card.chart.data.to > (period * 1000) / POINTS) card.chart.slide(from, to);
      }
    }
  }

  say("connecting", words.connecting);
  setInterval(pass_time, 1000);
  setInterval(look_at_alerts, ALERTS_EVERY_S * 1000);
  look_at_alerts();
  if (config.stream_url) listen();
  else fall_back();
})();
