// What an axis says: round numbers, and round moments of the site's own clock, whatever zone the browser is in.
"use strict";

window.Telemetry = window.Telemetry || {};

(() => {
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const STEPS = [
    SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
  ];
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const two = (number) => String(number).padStart(2, "0");

  // The clock on the wall of one time zone. `wall` times are milliseconds as if that clock were UTC.
  class Clock {
    constructor(zone, months = MONTHS) {
      this.zone = zone;
      this.months = months;
      this.format = new Intl.DateTimeFormat("en-GB", {
        timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric",
        minute: "numeric", second: "numeric",
      });
    }

    wall(time) {
      const at = {};
      for (const { type, value } of this.format.formatToParts(time)) at[type] = Number(value);
      return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second);
    }

    // The moment at which the wall shows this; in the hour that a change of clocks leaves out, the one just after.
    moment(wall) {
      const guess = wall - (this.wall(wall) - wall);
      return guess - (this.wall(guess) - wall);
    }

    time(at, withSeconds) {
      const wall = new Date(this.wall(at));
      const minutes = `${two(wall.getUTCHours())}:${two(wall.getUTCMinutes())}`;
      return withSeconds ? `${minutes}:${two(wall.getUTCSeconds())}` : minutes;
    }

    day(at) {
      const wall = new Date(this.wall(at));
      return `${wall.getUTCDate()} ${this.months[wall.getUTCMonth()]}`;
    }

    stamp(at, withSeconds = true) {
      return `${this.day(at)} ${this.time(at, withSeconds)}`;
    }

    // Ticks from `from` to `to`, at most `most`: `{at, label, day}`; `day` where a new day begins and at the first.
    ticks(from, to, most) {
      const step = STEPS.find((one) => (to - from) / one <= most) || STEPS.at(-1);
      const found = [];
      let day = "";
      for (let wall = Math.ceil(this.wall(from) / step) * step; ; wall += step) {
        const at = this.moment(wall);
        if (at > to) return found;
        if (at < from || (found.length && at <= found.at(-1).at)) continue;
        const today = this.day(at);
        const label = step >= DAY ? today : this.time(at, step < MINUTE);
        found.push({ at, label, day: step < DAY && today !== day ? today : "" });
        day = today;
      }
    }
  }

  // Round numbers between two values, about `count` of them.
  function values(low, high, count) {
    const rough = (high - low) / Math.max(1, count);
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * size).find((one) => one >= rough * 0.999);
    const found = [];
    for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) {
      found.push(number * step);
    }
    return { step, found };
  }

  // As many decimals as the step between two ticks has.
  function tick(value, step) {
    const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
    return Math.abs(value) >= 1e7 || (step < 1e-9 && value) ? value.toExponential(1) : value.toFixed(decimals);
  }

  // A measured value, as the server writes it: no more digits than a dial has.
  function number(value) {
    const magnitude = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
    const decimals = magnitude < 0 ? Math.max(3, Math.min(2 - magnitude, 9)) : Math.min(3, Math.max(0, 6 - magnitude));
    return value.toLocaleString("en", { maximumFractionDigits: decimals });
  }

  // With its unit, where it has one.
  const quantity = (value, unit) => `${number(value)} ${unit}`.trimEnd();

  Object.assign(window.Telemetry, { Clock, number, quantity, tick, values });
})();
