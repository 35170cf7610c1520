"use strict";
(() => {
  const holder = document.getElementById("load-data");
  if (!holder) return;
  const { charts, marks, until } = JSON.parse(holder.textContent);
  const figures = new Map([...document.querySelectorAll(".chart")].map((f) => [f.dataset.chart, f]));
  const reset = document.querySelector(".reset");
  const off = new Map(); // Lines that somebody hid, by chart; they stay hidden when it is drawn again.
  const drawn = new Map();
  const MINUTE = 60;

  const style = (name) => getComputedStyle(document.querySelector(".load")).getPropertyValue(`--${name}`).trim();

  function moment(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / MINUTE) % MINUTE;
    return hours ? `${hours}:${two(minutes)}:${two(whole % MINUTE)}` : `${minutes}:${two(whole % MINUTE)}`;
  }

  function number(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    const digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
    return value.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: digits });
  }
  const withUnit = (value, unit) => (unit ? `${number(value)}${unit.startsWith("/") ? "" : "\u2009"}${unit}` : number(value));

  // Drawing; `twice` is for paper: everything is two times as large, and the style sheet shrinks it.

  function draw(chart, figure, twice) {
    const plot = figure.querySelector(".plot");
    const known = drawn.get(chart.id);
    if (known) known.destroy();
    plot.textContent = "";
    plot.classList.toggle("twice", twice);
    const k = twice ? 2 : 1;
    const width = twice ? (chart.wide ? 1330 : 630) : plot.clientWidth;
    const font = `${11.5 * k}px ui-sans-serif, system-ui, sans-serif`;
    const ink = style("soft"), line = style("line");
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;

    // Bars are as wide at the ends.
    const step = chart.series.some((s) => s.shape === "bars") && chart.x.length > 1 ? chart.x[1] - chart.x[0] : 0;

    const axis = (more) => ({
      stroke: ink, font, gap: 5 * k, size: 44 * k,
      grid: { stroke: line, width: k }, ticks: { show: false }, ...more,
    });
    const right = chart.series.some((s) => s.scale === "right");
    const yValues = (u, ticks) => ticks.map((v) => (v === null ? "" : number(v)));
    const options = {
      width, height: chart.height * k, padding: [12 * k, (right ? 2 : chart.wide ? 46 : 24) * k, 0, 0], legend: { show: false },
      cursor: {
        y: false, points: { size: 7 * k },
        drag: { x: true, y: false, setScale: true },
        ...(chart.over_time && !twice ? { sync: { key: "run", scales: ["x", null], setSeries: false } } : {}),
      },
      scales: {
        x: {
          time: false,
          ...(chart.x_logarithmic ? { distr: 3, log: 10 } : {}),
          ...(chart.over_time ? { range: (u, min, max) => [Math.max(0, min), Math.min(until, max)] } : {}),
          ...(step ? { range: (u, min, max) => [min - step / 2, max + step / 2] } : {}),
          ...(chart.id === "capacity" ? { range: (u, min, max) => [min - 0.5, max + 0.5] } : {}),
        },
        y: { range: reach(chart, "y") },
        ...(right ? { right: { range: reach(chart, "right") } } : {}),
      },
      axes: [
        axis({
          size: 28 * k, space: 60 * k, grid: { show: false },
          ...(chart.over_time ? { incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200] } : {}),
          ...(step ? { range: (u, min, max) => [min - step / 2, max + step / 2] } : {}),
          ...(chart.id === "capacity" ? { incrs: [1, 2, 5, 10] } : {}),
          values: (u, ticks) => ticks.map((v) => (v === null ? "" : chart.over_time ? moment(v) : withUnit(v, chart.x_unit))),
        }),
        axis({ values: yValues, space: 34 * k, size: 50 * k }),
        ...(right ? [axis({ scale: "right", side: 1, values: yValues, grid: { show: false }, space: 34 * k })] : []),
      ],
      series: [{}, ...chart.series.map((s, n) => lines(chart, s, n, k))],
      hooks: {
        draw: [(u) => annotate(u, chart, k)],
        setCursor: [(u) => tell(u, chart, tip)],
        setScale: [(u, key) => { if (key === "x") zoomed(); }],
      },
    };
    const data = [chart.x, ...chart.series.map((s) => s.values)];
    if (chart.over_time) {
      // The scale is the whole run's, also where a chart knows less of it.
      options.scales.x.min = 0;
      options.scales.x.max = until;
    }
    const u = new uPlot(options, data, plot);
    if (chart.over_time) u.setScale("x", { min: 0, max: until });
    u.over.append(tip);
    for (const n of off.get(chart.id) || []) u.setSeries(n, { show: false });
    drawn.set(chart.id, u);
  }

  function lines(chart, s, n, k) {
    const colour = style(s.colour);
    const made = {
      label: s.label, scale: s.scale, stroke: colour, width: 1.8 * k, spanGaps: false,
      points: { show: s.shape === "dots" || few(s), size: (s.shape === "dots" ? 10 : 5) * k, fill: colour, stroke: colour },
    };
    if (s.dashed) made.dash = [5 * k, 4 * k];
    // Not every reader of a PDF shows gradients.
    if (s.shape === "area" && k > 1) made.fill = `${colour}26`;
    else if (s.shape === "area") {
      made.fill = (u) => {
        const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
        gradient.addColorStop(0, `${colour}55`);
        gradient.addColorStop(1, `${colour}0c`);
        return gradient;
      };
    }
    if (s.shape === "steps") made.paths = uPlot.paths.stepped({ align: 1 });
    if (s.shape === "dots") made.paths = () => null;
    if (s.shape === "bars") {
      const count = chart.series.length;
      made.paths = uPlot.paths.bars({ size: [0.86 / count, 60 * k], align: count === 1 ? 0 : n === 0 ? -1 : 1 });
      made.fill = colour;
      made.width = 0;
      made.points.show = false;
    }
    return made;
  }

  // A single point would else be nothing, and few are values rather than a course.
  const few = (s) => s.values.filter((v) => v !== null).length < 13;

  function reach(chart, scale) {
    const [low, high] = scale === "y" ? chart.y_range : [0, null];
    return (u, min, max) => {
      if (high !== null) return [low, high];
      const limits = scale === "y" ? chart.limits.map((l) => l.value) : [];
      let top = max === null || max <= 0 ? 1 : max;
      // A limit far above everything would press the lines to the floor.
      for (const limit of limits) if (limit < 3 * top) top = Math.max(top, limit);
      return [low === null ? min : low, top * 1.1];
    };
  }

  function annotate(u, chart, k) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 12 * k * ratio, bbox.width, bbox.height + 12 * k * ratio);
    ctx.clip();
    ctx.font = `${11 * k * ratio}px ui-sans-serif, system-ui, sans-serif`;
    ctx.lineWidth = 1.2 * k * ratio;
    const upright = chart.limits_upright;
    for (const limit of chart.limits) {
      const at = u.valToPos(limit.value, upright ? "x" : "y", true);
      if (upright ? at < bbox.left || at > bbox.left + bbox.width : at < bbox.top - 1) continue;
      ctx.strokeStyle = ctx.fillStyle = style(chart.id === "capacity" ? "pass" : "fail");
      ctx.setLineDash([6 * k * ratio, 4 * k * ratio]);
      ctx.beginPath();
      if (upright) { ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + bbox.height); }
      else { ctx.moveTo(bbox.left, at); ctx.lineTo(bbox.left + bbox.width, at); }
      ctx.stroke();
      const before = upright && ctx.measureText(limit.label).width + 12 * ratio < at - bbox.left;
      ctx.textAlign = before ? "right" : "left";
      halo(ctx, limit.label, upright ? at + (before ? -6 : 6) * ratio : bbox.left + 6 * ratio, upright ? bbox.top + 12 * k * ratio : at - 5 * k * ratio, 3 * k * ratio);
    }
    if (chart.over_time) {
      ctx.setLineDash([]);
      ctx.textAlign = "left";
      let free = -Infinity;
      for (const mark of marks) {
        const at = u.valToPos(mark.at, "x", true);
        if (at < bbox.left || at > bbox.left + bbox.width) continue;
        ctx.strokeStyle = ctx.fillStyle = style(mark.colour);
        ctx.globalAlpha = 0.75;
        ctx.beginPath();
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
        ctx.stroke();
        ctx.globalAlpha = 1;
        ctx.beginPath();
        ctx.arc(at, bbox.top, 3.2 * k * ratio, 0, 2 * Math.PI);
        ctx.fill();
        const room = bbox.left + bbox.width - at;
        const label = mark.label.length > 34 ? `${mark.label.slice(0, 33)}…` : mark.label;
        const long = ctx.measureText(label).width;
        if (chart.id === "rate" && at > free && long < room) {
          ctx.fillText(label, at + 7 * ratio, bbox.top + 1 * k * ratio);
          free = at + long + 16 * ratio;
        }
      }
    }
    ctx.restore();
  }

  // Words that lie over lines.
  function halo(ctx, text, x, y, width) {
    ctx.save();
    ctx.setLineDash([]);
    ctx.strokeStyle = style("sheet");
    ctx.lineWidth = width;
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
    ctx.restore();
    ctx.fillText(text, x, y);
  }

  function tell(u, chart, tip) {
    const { left, idx } = u.cursor;
    if (idx === null || idx === undefined || left < 0) { tip.hidden = true; return; }
    const x = u.data[0][idx];
    const rows = [];
    u.series.forEach((s, n) => {
      const value = n && s.show ? u.data[n][idx] : null;
      if (value !== null && value !== undefined) rows.push([chart.series[n - 1], value]);
    });
    if (!rows.length) { tip.hidden = true; return; }
    tip.textContent = "";
    const head = document.createElement("p");
    head.textContent = chart.over_time ? `at ${moment(x)}` : `${chart.x_logarithmic || chart.x_unit ? "up to " : chart.x_label ? `${chart.x_label} ` : ""}${withUnit(x, chart.x_unit)}`;
    tip.append(head);
    for (const [s, value] of rows) {
      const row = document.createElement("div");
      const dot = document.createElement("i");
      dot.style.setProperty("--c", `var(--${s.colour})`);
      const figure = document.createElement("b");
      figure.textContent = withUnit(value, s.unit);
      row.append(dot, s.label, figure);
      tip.append(row);
    }
    if (chart.over_time) {
      const close = until / 80;
      for (const mark of marks.filter((m) => Math.abs(m.at - x) < close)) {
        const word = document.createElement("p");
        word.className = "mark-word";
        word.textContent = `${moment(mark.at)} ${mark.label}`;
        tip.append(word);
      }
    }
    tip.hidden = false;
    const wide = u.over.clientWidth;
    const flip = left > wide - tip.offsetWidth - 24;
    tip.style.left = `${flip ? left - tip.offsetWidth - 12 : left + 12}px`;
    tip.style.top = "4px";
  }

  // Zoom: all charts over time follow one another.

  function zoomed() {
    let some = false;
    for (const [id, u] of drawn) {
      const chart = charts.find((c) => c.id === id);
      const { min, max } = u.scales.x;
      if (chart.over_time && min !== null && (min > 0.01 || max < until - 0.01)) some = true;
    }
    if (reset) reset.hidden = !some;
  }
  if (reset) {
    reset.addEventListener("click", () => {
      for (const [id, u] of drawn) if (charts.find((c) => c.id === id).over_time) u.setScale("x", { min: 0, max: until });
    });
  }

  // Names of lines are switches; values are there as a table, too.

  for (const chart of charts) {
    const figure = figures.get(chart.id);
    for (const button of figure.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", on ? "true" : "false");
        const n = Number(button.dataset.line);
        const hidden = off.get(chart.id) || new Set();
        if (on) hidden.delete(n); else hidden.add(n);
        off.set(chart.id, hidden);
        drawn.get(chart.id).setSeries(n, { show: on });
      });
    }
    const points = figure.querySelector(".points");
    points.addEventListener("toggle", () => { if (points.open && !points.querySelector("table")) points.append(table(chart)); });
  }

  function table(chart) {
    const box = document.createElement("div");
    const made = document.createElement("table");
    const row = (kind, cells, into) => {
      const tr = document.createElement("tr");
      for (const text of cells) {
        const cell = document.createElement(kind);
        cell.textContent = text;
        tr.append(cell);
      }
      into.append(tr);
    };
    row("th", [chart.over_time ? "at" : chart.x_label, ...chart.series.map((s) => (s.unit ? `${s.label} (${s.unit})` : s.label))], made.createTHead());
    const body = made.createTBody();
    chart.x.forEach((x, i) => {
      row("td", [chart.over_time ? moment(x) : number(x), ...chart.series.map((s) => (s.values[i] === null ? "" : number(s.values[i])))], body);
    });
    box.append(made);
    return box;
  }

  // Beginning, and again whenever width, colours or paper change.

  function all(twice) {
    for (const chart of charts) draw(chart, figures.get(chart.id), twice);
  }
  all(false);
  const watch = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const u = drawn.get(entry.target.closest(".chart").dataset.chart);
      const width = Math.floor(entry.contentRect.width);
      if (u && width > 0 && !entry.target.classList.contains("twice") && u.width !== width) u.setSize({ width, height: u.height });
    }
  });
  for (const figure of figures.values()) watch.observe(figure.querySelector(".plot"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(false));
  addEventListener("beforeprint", () => {
    document.querySelector(".load").classList.add("on-paper");
    all(true);
  });
  addEventListener("afterprint", () => {
    document.querySelector(".load").classList.remove("on-paper");
    all(false);
  });
})();
