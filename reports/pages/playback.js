// Shows one moment of the episode. Everything is in the page: nothing is fetched, and nothing is computed that the table does not say.
"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const frames = data.frames;
  if (frames.length === 0) return;
  const busClass = (c) => (c === "x" ? "dead" : "v" + c);
  const branchClass = (c) => (c === "o" ? "out" : "b" + c);
  const row = (cells, numbers) => {
    const tr = document.createElement("tr");
    cells.forEach((text, column) => {
      const cell = document.createElement(column === 0 ? "th" : "td");
      if (column === 0) cell.scope = "row";
      if (column >= numbers) cell.className = "num";
      cell.textContent = text;
      tr.append(cell);
    });
    return tr;
  };
  const buses = data.buses.map((_, i) => get("n" + i));
  const branches = data.branches.map((_, i) => get("l" + i));
  const lines = get("frames").children;
  const story = get("story");
  const plot = get("plot-t")?.parentNode;
  let cursor = null;
  if (plot) {
    cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", "30");
    cursor.setAttribute("y2", String(plot.viewBox.baseVal.height - 40));
    plot.append(cursor);
  }
  let at = 0;
  let pointed = null;
  const says = () => {
    const frame = frames[at];
    if (!pointed) return "Point at a bus or a branch to read its value.";
    const [kind, i] = pointed;
    if (kind === "n") {
      const v = frame.v[i];
      return `bus ${data.buses[i]}: ` + (v < 0 ? "not energised" : (v / 1e4).toFixed(4) + " pu");
    }
    const p = frame.p[i];
    const loaded = p < 0 ? "no rating, or no voltage" : (p / 10).toFixed(1) + " % of its rating";
    return `${data.branches[i]}: ` + (frame.l[i] === "o" ? "out of service" : loaded);
  };
  const show = (index) => {
    lines[at]?.classList.remove("current");
    at = Math.max(0, Math.min(frames.length - 1, index));
    const frame = frames[at];
    buses.forEach((bus, i) => bus?.setAttribute("class", busClass(frame.b[i])));
    branches.forEach((branch, i) => branch?.setAttribute("class", branchClass(frame.l[i])));
    get("slider").value = String(at);
    get("slider").setAttribute("aria-valuetext", frame.t);
    get("label").textContent = frame.t;
    get("state").replaceChildren(...frame.f.map((fact) => row(fact, 9)));
    get("asked").replaceChildren(...frame.a.map((asked) => row(asked, 1)));
    const nothing = frame.k === 0 ? "It has not answered yet." : "Nothing.";
    get("more").textContent = frame.m > 0 ? `and ${frame.m} more` : frame.a.length ? "" : nothing;
    const notes = (frame.n.length ? frame.n : ["none"]).map((text) => {
      const li = document.createElement("li");
      li.textContent = text;
      return li;
    });
    get("notes").replaceChildren(...notes);
    if (story) {
      [...story.children].forEach((li, i) => {
        li.classList.toggle("due", i === frame.e - 1);
        li.classList.toggle("later", i >= frame.e);
      });
    }
    if (cursor) {
      const x = String(frame.x * plot.viewBox.baseVal.width);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
    }
    lines[at]?.classList.add("current");
    get("pointed").textContent = says();
    location.replace("#" + at);
  };
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    get("play").textContent = "play";
  };
  const play = () => {
    if (timer) return stop();
    if (at === frames.length - 1) show(0);
    get("play").textContent = "pause";
    timer = setInterval(() => (at < frames.length - 1 ? show(at + 1) : stop()), 450);
  };
  const step = (by) => () => {
    stop();
    show(at + by);
  };
  get("slider").max = String(frames.length - 1);
  get("slider").addEventListener("input", (event) => {
    stop();
    show(Number(event.target.value));
  });
  get("back").addEventListener("click", step(-1));
  get("next").addEventListener("click", step(1));
  get("play").addEventListener("click", play);
  const point = (event) => {
    const id = /^([nl])(\d+)$/.exec(event.target.id ?? "");
    if (!id) return;
    pointed = [id[1], Number(id[2])];
    get("pointed").textContent = says();
  };
  const live = get("live-t").parentNode;
  live.addEventListener("pointerover", point);
  live.addEventListener("click", point);
  get("player").hidden = false;
  get("now").hidden = false;
  const wanted = Number(location.hash.slice(1));
  show(Number.isInteger(wanted) ? wanted : 0);
})();
