"use strict";
// Adds the slider and the values at a step. Without it the page still shows the last grids and all curves.
const data = JSON.parse(document.getElementById("data").textContent);
const axes = { left: 48, right: 392, top: 10, bottom: 192 };
const charts = [...document.querySelectorAll(".charts .chart")].map((figure, number) => ({
  figure, panel: data.panels[number], svg: figure.querySelector("svg"),
  cursor: figure.querySelector(".cursor"), reading: figure.querySelector(".reading"),
}));
const grids = [...document.querySelectorAll("figure.grid[data-run]")].map((figure) => ({
  ...data.runs[figure.dataset.run], image: figure.querySelector("img"), caption: figure.querySelector("figcaption span"),
}));

// Index of the last number that is at most `wanted`, or 0.
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
  return axes.left + ((step - low) / (high - low)) * (axes.right - axes.left);
}

function up(panel, value) {
  let [low, high] = panel.values;
  if (panel.log) [value, low, high] = [value, low, high].map(Math.log);
  return axes.bottom + ((value - low) / (high - low)) * (axes.top - axes.bottom);
}

function number(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function element(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  return node;
}

// Marks a step on all charts and shows the values there.
function point(step) {
  charts.forEach(({ panel, svg, cursor, reading }) => {
    cursor.replaceChildren();
    const place = Math.min(axes.right, Math.max(axes.left, across(panel, step)));
    cursor.append(element("line", { x1: place, x2: place, y1: axes.top, y2: axes.bottom }));
    const styles = [...svg.querySelectorAll(".curve")].map((curve) => curve.classList[1]);
    const first = nearest(panel.curves[0].points, step)[0];
    const texts = panel.curves.map((curve, at) => {
      const [there, value] = nearest(curve.points, step);
      const otherStep = there === first ? "" : ` (step ${there.toLocaleString("en")})`;
      cursor.append(element("circle", { class: styles[at], cx: across(panel, there), cy: up(panel, value), r: 3.5 }));
      return panel.curves.length > 1 ? `${curve.name} ${number(value)}${otherStep}` : number(value);
    });
    reading.textContent = `step ${first.toLocaleString("en")}: ${texts.join(", ")}`;
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
  if (grids.length === 1) grids[0].caption.parentElement.hidden = true; // the slider shows the step
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
    const share = Math.min(1, Math.max(0, (place - axes.left) / (axes.right - axes.left)));
    point(panel.steps[0] + share * (panel.steps[1] - panel.steps[0]));
  });
  svg.addEventListener("pointerleave", rest);
});
rest();
