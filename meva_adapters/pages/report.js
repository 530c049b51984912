// Draws the charts of the page anew so that they can be looked into: a cursor, and zoom by dragging. Without it the
// pictures stay as they are; they also stay for screen readers and for paper.
"use strict";
(() => {
  const NONE = -2147483648;
  const told = JSON.parse(document.getElementById("data").textContent);

  function numbers(packed) {
    const bytes = Uint8Array.from(atob(packed.int32), (letter) => letter.charCodeAt(0));
    const whole = new Int32Array(bytes.buffer);
    return Array.from(whole, (n) => (n === NONE ? null : packed.base + packed.step * n));
  }

  function colour(name) {
    return getComputedStyle(document.querySelector("svg.meva")).getPropertyValue(`--${name}`).trim();
  }

  function bands(u) {
    for (const [from, until, kind] of told.bands) {
      const left = Math.max(u.valToPos(from, "x", true), u.bbox.left);
      const right = Math.min(u.valToPos(until, "x", true), u.bbox.left + u.bbox.width);
      if (right > left) {
        u.ctx.fillStyle = colour(kind);
        u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
      }
    }
  }

  function marks(u, fills) {
    const size = 5 * devicePixelRatio;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    u.ctx.clip();
    for (const [time, value, side] of fills) {
      const x = u.valToPos(time, "x", true);
      const y = u.valToPos(value, "y", true);
      const away = side === "sell" ? -2 * size : 2 * size;
      u.ctx.fillStyle = colour(side);
      u.ctx.beginPath();
      u.ctx.moveTo(x, y);
      u.ctx.lineTo(x + size, y + away);
      u.ctx.lineTo(x - size, y + away);
      u.ctx.fill();
    }
    u.ctx.restore();
  }

  // Candles of as many buckets each as give them room.
  function candles(u, [times, first, least, greatest, last]) {
    const [from, until] = u.series[0].idxs;
    const apart = (u.valToPos(times[until], "x", true) - u.valToPos(times[from], "x", true)) / (until - from || 1);
    const group = Math.max(1, Math.ceil((5 * devicePixelRatio) / apart));
    const y = (value) => u.valToPos(value, "y", true);
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    u.ctx.clip();
    u.ctx.strokeStyle = u.ctx.fillStyle = colour("soft");
    u.ctx.lineWidth = devicePixelRatio;
    for (let n = from - (from % group); n <= until; n += group) {
      const end = Math.min(n + group, times.length);
      const x = (u.valToPos(times[n], "x", true) + u.valToPos(times[end - 1], "x", true)) / 2;
      const half = Math.max(1, apart * group * 0.3);
      const low = Math.min(...least.slice(n, end));
      const high = Math.max(...greatest.slice(n, end));
      const top = Math.min(y(first[n]), y(last[end - 1]));
      const bottom = Math.max(y(first[n]), y(last[end - 1]));
      u.ctx.beginPath();
      u.ctx.moveTo(x, y(high));
      u.ctx.lineTo(x, top);
      u.ctx.moveTo(x, bottom);
      u.ctx.lineTo(x, y(low));
      u.ctx.rect(x - half, top, 2 * half, Math.max(1, bottom - top));
      u.ctx.stroke();
      if (last[end - 1] < first[n]) u.ctx.fill();
    }
    u.ctx.restore();
  }

  const apart = (value) => value.toLocaleString("en", { maximumFractionDigits: 8 }).replaceAll(",", "\u202f");

  // Times of an axis in UTC; the day below the first one, and where it changes.
  function moments(u, splits, _axis, _space, step) {
    let before = "";
    return splits.map((seconds) => {
      const text = new Date(seconds * 1000).toISOString();
      const [day, time] = [text.slice(0, 10), text.slice(11, step < 60 ? 19 : 16)];
      if (step >= 86400) return day;
      const shown = day === before ? time : `${time}\n${day}`;
      before = day;
      return shown;
    });
  }

  function axes() {
    const shared = {
      stroke: colour("soft"),
      grid: { stroke: colour("grid"), width: 1 },
      ticks: { show: false },
      font: "13px system-ui, sans-serif",
    };
    return [
      { ...shared, values: moments, space: 90 },
      { ...shared, values: (u, splits) => splits.map(apart), size: 84 },
    ];
  }

  function draw(place, chart) {
    const values = [numbers(chart.times), ...chart.series.map((one) => numbers(one.values))];
    const options = {
      title: chart.title,
      width: place.clientWidth,
      height: chart.height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: { sync: { key: "meva" } },
      axes: axes(),
      scales: chart.down ? { y: { dir: -1 } } : {},
      series: [
        { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
        ...chart.series.map((one) => ({
          label: one.label,
          stroke: chart.candles ? "transparent" : colour(one.colour),
          width: 1.5,
          fill: one.fill ? `${colour(one.colour)}40` : undefined,
          value: (u, value) => (value == null ? "" : apart(value)),
          points: { show: false },
        })),
      ],
      hooks: {
        drawClear: [(u) => chart.bands && bands(u)],
        draw: [(u) => chart.candles && candles(u, values), (u) => marks(u, chart.fills)],
      },
    };
    return new uPlot(options, values, place);
  }

  function show() {
    for (const frame of document.querySelectorAll("[data-charts]")) {
      frame.querySelector(".drawn").replaceChildren();
      frame.classList.add("has-drawn");
      for (const name of frame.dataset.charts.split(" ")) {
        const place = document.createElement("div");
        frame.querySelector(".drawn").append(place);
        const plot = draw(place, told.charts[name]);
        new ResizeObserver(() => {
          if (place.clientWidth && place.clientWidth !== plot.width) {
            plot.setSize({ width: place.clientWidth, height: plot.height });
          }
        }).observe(place);
      }
    }
  }

  show();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
})();
