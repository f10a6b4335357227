// Curves that stand on a page: each is told what to show by the JSON beside it.
"use strict";

(() => {
  const POINTS = 600;
  const { Chart, charted } = window.Telemetry;

  async function draw(place) {
    const told = JSON.parse(document.getElementById(place.dataset.curve).textContent);
    const { zone, unit, name, words, interval_s, patience } = told;
    const chart = new Chart(place, { zone, unit, name, words });
    const asked = new URLSearchParams({ series_id: told.id, from: told.from, to: told.to, points: POINTS });
    const answer = await fetch(`/api/v1/iot-data/chart?${asked}`, { credentials: "same-origin" });
    if (!answer.ok) return chart.say(words.failed);
    const time = (text) => text && Date.parse(text);
    chart.show({
      from: time(told.from), to: time(told.to), limits: told.limits,
      spans: told.spans.map((span) => ({ ...span, from: time(span.from), to: time(span.to), label: words[span.kind] })),
      ...charted(await answer.json(), interval_s, patience),
    });
  }

  for (const place of document.querySelectorAll("[data-curve]")) draw(place);
})();
