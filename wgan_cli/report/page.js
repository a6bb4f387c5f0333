"use strict";
// Without this script the page shows the last grids and all curves; it adds the slider and what a curve says at a step.
const told = JSON.parse(document.getElementById("told").textContent);
const field = { left: 48, right: 392, top: 10, bottom: 192 };
const charts = [...document.querySelectorAll(".chart")].map((figure, number) => ({
  figure, panel: told.panels[number], svg: figure.querySelector("svg"),
  cursor: figure.querySelector(".cursor"), reading: figure.querySelector(".reading"),
}));
const grids = [...document.querySelectorAll("figure.grid[data-run]")].map((figure) => ({
  ...told.runs[figure.dataset.run], image: figure.querySelector("img"), caption: figure.querySelector("figcaption span"),
}));

// The place of the last number that is not above the wanted one; the first where all are.
function lastUpTo(numbers, wanted) {
  let place = 0;
  numbers.forEach((number, at) => { if (number <= wanted) place = at; });
  return place;
}

function nearest(points, step) {
  return points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
}

function across(panel, step) {
  const [low, high] = panel.steps;
  return field.left + ((step - low) / (high - low)) * (field.right - field.left);
}

function up(panel, value) {
  let [low, high] = panel.values;
  if (panel.log) [value, low, high] = [value, low, high].map(Math.log);
  return field.bottom + ((value - low) / (high - low)) * (field.top - field.bottom);
}

function number(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

// A line through all curves at a step, and in words what they are there.
function point(step) {
  charts.forEach(({ panel, svg, cursor, reading }) => {
    cursor.replaceChildren();
    const place = Math.min(field.right, Math.max(field.left, across(panel, step)));
    cursor.append(element("line", { x1: place, x2: place, y1: field.top, y2: field.bottom }));
    const styles = [...svg.querySelectorAll(".curve")].map((curve) => curve.classList[1]);
    const first = nearest(panel.curves[0].points, step)[0];
    const said = panel.curves.map((curve, at) => {
      const [there, value] = nearest(curve.points, step);
      const apart = there === first ? "" : ` (step ${there.toLocaleString("en")})`;
      cursor.append(element("circle", { class: styles[at], cx: across(panel, there), cy: up(panel, value), r: 3.5 }));
      return panel.curves.length > 1 ? `${curve.name} ${number(value)}${apart}` : number(value);
    });
    reading.textContent = `step ${first.toLocaleString("en")}: ${said.join(", ")}`;
  });
}

const steps = [...new Set(grids.flatMap((grid) => grid.steps))].sort((a, b) => a - b);
const time = document.querySelector(".time");
const slider = time && time.querySelector("input");

function show() {
  const step = steps[slider.value];
  grids.forEach((grid) => {
    const place = lastUpTo(grid.steps, step);
    grid.image.src = grid.frames[place];
    grid.caption.textContent = `step ${grid.steps[place].toLocaleString("en")}`;
  });
  const words = `step ${step.toLocaleString("en")}`;
  time.querySelector("output").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  point(step);
}

function rest() {
  if (slider) show();
  else if (charts.length) point(Math.max(...charts.map((chart) => chart.panel.steps[1])));
}

if (slider) {
  document.querySelectorAll(".time, .samples .hint").forEach((part) => { part.hidden = false; });
  if (grids.length === 1) grids[0].caption.parentElement.hidden = true; // the slider says it
  slider.max = steps.length - 1;
  slider.value = steps.length - 1;
  slider.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const busy = event.target === slider || event.altKey || event.ctrlKey || event.metaKey;
    if (!move || busy || event.target.closest(".wide, pre")) return;
    slider.value = Number(slider.value) + move;
    show();
  });

  const play = time.querySelector(".play");
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === steps.length - 1) slider.value = 0;
    show();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) === steps.length - 1) stop();
    }, 180);
    return undefined;
  });
  slider.addEventListener("pointerdown", stop);
}

charts.forEach(({ panel, svg }) => {
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * 400;
    const share = Math.min(1, Math.max(0, (place - field.left) / (field.right - field.left)));
    point(panel.steps[0] + share * (panel.steps[1] - panel.steps[0]));
  });
  svg.addEventListener("pointerleave", rest);
});
rest();
