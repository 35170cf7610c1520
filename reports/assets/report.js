"use strict";
(() => {
  const opening = [...document.querySelectorAll(".scenario")];
  const scenarios = opening.filter((one) => one.dataset.verdict);
  const search = document.getElementById("search");
  const chips = [...document.querySelectorAll(".chip")];

  // Filter

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.verdict));
    let any = false;
    for (const scenario of scenarios) {
      const text = scenario.dataset.search;
      const match = shown.has(scenario.dataset.verdict) && words.every((word) => text.includes(word));
      scenario.hidden = !match;
      any = any || match;
    }
    for (const feature of document.querySelectorAll(".feature")) {
      feature.hidden = !feature.querySelector(".scenario:not([hidden])");
    }
    document.getElementById("nothing").hidden = any;
  }
  // A load run without scenarios has nothing to filter.
  if (search) search.addEventListener("input", filter);
  const press = (button, on) => button.setAttribute("aria-pressed", on ? "true" : "false");
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      press(chip, !pressed(chip));
      filter();
    });
  }
  const visibleOnes = () => scenarios.filter((scenario) => !scenario.hidden);
  for (const [id, open] of [["expand", true], ["collapse", false]]) {
    const button = document.getElementById(id);
    if (button) button.addEventListener("click", () => visibleOnes().forEach((s) => { s.open = open; }));
  }

  // Evidence, made when a scenario is opened for the first time

  function unpack(scenario) {
    if (scenario.dataset.unpacked) return;
    scenario.dataset.unpacked = "yes";
    const data = JSON.parse(scenario.querySelector(':scope > script[type="application/json"]').textContent);
    const template = scenario.querySelector("template");
    scenario.querySelector(".evidence").append(template.content.cloneNode(true));
    template.remove();
    const block = scenario.querySelector(".ladder-block");
    if (block) ladder(block, data.messages);
    scenario.querySelectorAll(".lane[data-clip]").forEach((lane) => player(lane, data.clips[Number(lane.dataset.clip)]));
    const pcap = scenario.querySelector(".pcap");
    if (pcap && data.pcap) pcap.addEventListener("click", () => download(pcap.dataset.name, data.pcap));
    else if (pcap) pcap.remove();
  }

  function octets(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  }

  async function download(name, base64) {
    let blob = new Blob([octets(base64)], { type: "application/gzip" });
    if (window.DecompressionStream) {
      const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
      blob = new Blob([await new Response(stream).arrayBuffer()], { type: "application/vnd.tcpdump.pcap" });
    } else {
      name += ".gz"; // Wireshark reads it as it is.
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Ladder

  function ladder(block, messages) {
    const scroll = block.querySelector(".ladder-scroll");
    const body = block.querySelector(".ladder-body");
    const panel = block.querySelector(".message");
    const noise = block.querySelector(".noise-toggle");
    const steps = block.querySelector(".step-toggle");
    const calls = [...block.querySelectorAll(".call")];
    const lines = [...body.querySelectorAll(".life")];
    const rows = [...body.querySelectorAll(".row")].map((g) => ({
      g, height: Number(g.dataset.h), index: g.dataset.i === undefined ? -1 : Number(g.dataset.i), call: g.dataset.call,
      noise: g.classList.contains("noise"), step: g.classList.contains("step"),
    }));
    let chosen = null;

    function layOut() {
      const only = new Set(calls.filter(pressed).map((c) => c.dataset.call));
      let y = 6;
      for (const row of rows) {
        const hide = row.step ? steps && !pressed(steps)
          : (row.noise && noise && !pressed(noise)) || (only.size > 0 && !only.has(row.call));
        row.hidden = hide;
        row.g.style.display = hide ? "none" : "";
        if (!hide) {
          row.g.setAttribute("transform", `translate(0 ${y})`);
          y += row.height;
        }
      }
      body.setAttribute("height", y + 10);
      for (const line of lines) line.setAttribute("y2", y + 10);
    }

    function choose(row, open) {
      if (chosen) chosen.g.classList.remove("chosen");
      chosen = row;
      row.g.classList.add("chosen");
      const message = messages[row.index];
      const route = panel.querySelector(".route");
      const pre = panel.querySelector("pre");
      route.textContent = "";
      pre.textContent = "";
      if (!message) {
        route.textContent = "This message is in trace.pcap only.";
      } else {
        const time = document.createElement("b");
        time.textContent = message.time;
        route.append(time, ` ${message.from} → ${message.to} · ${message.over}${message.again ? " · sent again" : ""}`);
        write(pre, message.text);
        pre.scrollTop = 0;
      }
      if (open) panel.classList.add("shown");
    }

    rows.filter((row) => row.index >= 0).forEach((row) => row.g.addEventListener("click", () => choose(row, true)));
    panel.querySelector(".close").addEventListener("click", () => panel.classList.remove("shown"));
    panel.querySelector(".copy").addEventListener("click", () => copy(panel.querySelector("pre")));
    scroll.addEventListener("keydown", (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!move) return;
      const open = rows.filter((row) => row.index >= 0 && !row.hidden);
      const next = open[Math.min(Math.max(open.indexOf(chosen) + move, 0), open.length - 1)];
      if (!next) return;
      event.preventDefault();
      choose(next, true);
      next.g.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    for (const button of [noise, steps, ...calls]) {
      if (button) button.addEventListener("click", () => { press(button, !pressed(button)); layOut(); });
    }
    layOut();
    const first = rows.find((row) => row.index >= 0 && !row.hidden);
    if (first) choose(first, false);
  }

  function write(pre, text) {
    const gap = text.indexOf("\n\n");
    const head = gap < 0 ? text : text.slice(0, gap);
    head.split("\n").forEach((line, number) => {
      const colon = line.indexOf(":");
      if (number === 0) pre.append(span("start", line));
      else if (colon > 0 && !/^\s/.test(line)) pre.append(span("key", line.slice(0, colon)), line.slice(colon));
      else pre.append(line);
      pre.append("\n");
    });
    if (gap >= 0) pre.append(span("body", text.slice(gap + 1)));
  }

  function span(kind, text) {
    const element = document.createElement("span");
    element.className = kind;
    element.textContent = text;
    return element;
  }

  function copy(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    document.execCommand("copy"); // navigator.clipboard is not there for file://
    selection.removeAllRanges();
  }

  // Sound

  let playing = null;

  function player(lane, clip) {
    const button = lane.querySelector(".play");
    const box = lane.querySelector(".clip");
    const head = lane.querySelector(".head");
    const clock = lane.querySelector(".clock");
    const whole = clock.textContent;
    if (!clip) {
      button.disabled = true;
      button.title = "Not in this file; the recording lies beside it";
      return;
    }
    let audio = null;

    function sound() {
      if (audio) return audio;
      audio = new Audio(URL.createObjectURL(new Blob([octets(clip.sound)], { type: clip.type })));
      audio.addEventListener("play", () => { lane.classList.add("playing", "started"); requestAnimationFrame(follow); });
      audio.addEventListener("pause", () => lane.classList.remove("playing"));
      audio.addEventListener("ended", () => { lane.classList.remove("playing", "started"); clock.textContent = whole; });
      return audio;
    }

    function follow() {
      if (!audio.duration) { if (!audio.paused) requestAnimationFrame(follow); return; }
      head.style.left = `${(100 * audio.currentTime) / audio.duration}%`;
      clock.textContent = `${audio.currentTime.toFixed(1)} of ${whole}`;
      if (!audio.paused) requestAnimationFrame(follow);
    }

    function play() {
      if (playing && playing !== sound()) playing.pause();
      playing = sound();
      playing.play();
    }

    button.addEventListener("click", () => (sound().paused ? play() : audio.pause()));
    box.addEventListener("click", (event) => {
      const area = box.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
      const seek = () => { audio.currentTime = share * audio.duration; play(); };
      if (sound().duration) seek();
      else audio.addEventListener("loadedmetadata", seek, { once: true });
    });
  }

  // Beginning

  for (const scenario of opening) {
    scenario.addEventListener("toggle", () => { if (scenario.open) unpack(scenario); });
    if (scenario.open) unpack(scenario);
  }
  function goToAnchor() {
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!named || !named.classList.contains("scenario")) return;
    named.hidden = false;
    if (named.closest(".feature")) named.closest(".feature").hidden = false;
    named.open = true;
    unpack(named);
    named.scrollIntoView();
  }
  addEventListener("hashchange", goToAnchor);
  goToAnchor();
})();
