// Shows one moment of a storm on the map. Everything is in the page: nothing is fetched.
"use strict";
document.querySelectorAll(".storm-player").forEach((player) => {
  const find = (selector) => player.querySelector(selector);
  const stories = JSON.parse(find("script").textContent);
  const cells = player.querySelectorAll(".gusts rect");
  const lines = player.querySelectorAll(".lines line");
  const buses = player.querySelectorAll(".buses circle");
  const [slider, label, button, select] = ["input", ".label", "button", "select"].map(find);
  const served = "3.2";
  let story = stories[0];
  let timer = null;
  const show = (at) => {
    const frame = story.frames[at];
    cells.forEach((cell, i) => cell.setAttribute("class", "g" + (frame.g[i] ?? "0")));
    const out = new Set(frame.o);
    lines.forEach((line, i) => line.setAttribute("class", out.has(i + 1) ? "out" : "on"));
    const unserved = new Map(frame.u);
    buses.forEach((bus, i) => {
      bus.setAttribute("class", unserved.has(i + 1) ? "unserved" : "served");
      bus.setAttribute("r", unserved.get(i + 1) ?? served);
    });
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", frame.t);
    label.textContent = frame.t;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
  };
  const begin = (index) => {
    stop();
    story = stories[index];
    slider.max = String(story.frames.length - 1);
    show(story.worst);
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    let at = Number(slider.value);
    if (at >= story.frames.length - 1) at = -1;
    button.textContent = "pause";
    timer = setInterval(() => (++at < story.frames.length ? show(at) : stop()), 250);
  });
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  stories.forEach((story, i) => select.append(new Option(story.name, String(i))));
  select.addEventListener("change", () => begin(Number(select.value)));
  find(".buttons").hidden = false;
  slider.hidden = false;
  begin(0);
});
