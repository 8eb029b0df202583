// What is seen of a network while it learns: each function builds a view in `parent` and returns the one that shows the next state.
const PURPLE = [126, 95, 190], ORANGE = [224, 122, 16], GREY = [128, 128, 128]; // positive and negative weights as in the book, and 0; on light and on dark

export function add(parent, tag, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

// 1, 2 or 5 times a power of ten, not below x.
function roundUp(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= x * (1 - 1e-9));
}

// A curve of `name` over the epochs, training dashed and validation solid as in the book.
export function createCurve(parent, name) {
  const [width, height, left, right, top, bottom] = [290, 136, 34, 8, 8, 20], share = name === "accuracy";
  const figure = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  figure.setAttribute("viewBox", `0 0 ${width} ${height}`);
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", `${name} over the epochs`);
  parent.append(figure);
  return (points, before = []) => { // of this run, and of the one before
    const last = points.at(-1), most = share ? 1 : roundUp(Math.max(2.5, ...points.flatMap((p) => [p.training.loss, p.validation.loss])) / 2.5) * 2.5;
    const wide = Math.max(1, last.epochs), gap = wide <= 4 ? 1 : roundUp(wide / 4);
    const x = (epochs) => (left + (epochs / wide) * (width - left - right)).toFixed(1), y = (value) => (top + (1 - value / most) * (height - top - bottom)).toFixed(1);
    const line = (split, some = points) => some.map((p) => `${x(p.epochs)},${y(Math.min(most, p[split][name]))}`).join(" ");
    const levels = [0, 0.5, 1].map((k) => k * most), epochs = Array.from({ length: Math.floor(wide / gap) + 1 }, (_, k) => k * gap);
    figure.innerHTML = `<text x="${width - right}" y="${share ? height - bottom - 8 : top + 12}" text-anchor="end">${share ? "accuracy, %" : "loss"}</text>` + levels.map((v) => `<path class="level" d="M${left} ${y(v)}H${width - right}"/><text x="${left - 5}" y="${+y(v) + 4}" text-anchor="end">${share ? 100 * v : v}</text>`).join("")
      + epochs.map((e) => `<text x="${x(e)}" y="${height - 4}" text-anchor="middle">${e}</text>`).join("")
      + `<polyline class="before" points="${line("validation", before.filter((p) => p.epochs <= wide))}"/><polyline class="training" points="${line("training")}"/><polyline class="validation" points="${line("validation")}"/>`
      + ["training", "validation"].map((split) => `<circle class="${split}" cx="${x(last.epochs)}" cy="${y(last[split][name])}" r="2.5"/>`).join("");
    const value = (split) => (share ? percent(last[split].accuracy) : last[split].loss.toFixed(2));
    figure.setAttribute("aria-label", `${name} after ${last.epochs.toFixed(1)} epochs: training ${value("training")}, validation ${value("validation")}`);
  };
}

// The weights of each hidden unit as a picture, or what they are more or less than at the `start`. Strong ones are opaque, so that
// 0 has nearly the colour of the page, light or dark.
export function createWeightPictures(parent) {
  const canvas = add(parent, "canvas", { width: 1, height: 1, className: "weights" }, { role: "img", "aria-label": "Weights of the hidden units" });
  const view = canvas.getContext("2d");
  return ([W1, { length: units }], start) => {
    const columns = Math.ceil(Math.sqrt(units)), rows = Math.ceil(units / columns), side = 30;
    if (canvas.width !== columns * side || canvas.height !== rows * side) Object.assign(canvas, { width: columns * side, height: rows * side });
    const pixels = view.createImageData(canvas.width, canvas.height), weights = start ? W1.map((w, i) => w - start[0][i]) : W1;
    const full = 2.5 * Math.sqrt(weights.reduce((sum, w) => sum + w * w, 1e-9) / weights.length); // a few are far larger, and would leave the others pale
    for (let u = 0; u < units; u++) {
      const corner = (Math.floor(u / columns) * side + 1) * canvas.width + (u % columns) * side + 1;
      for (let p = 0; p < 784; p++) {
        const w = weights[p * units + u], at = 4 * (corner + Math.floor(p / 28) * canvas.width + (p % 28));
        pixels.data.set(w > 0 ? PURPLE : w < 0 ? ORANGE : GREY, at);
        pixels.data[at + 3] = 20 + (235 * Math.abs(w)) / full;
      }
    }
    view.putImageData(pixels, 0, 0);
    canvas.setAttribute("aria-label", `${start ? "What training has added to the weights" : "Weights"} of ${units} hidden unit${units > 1 ? "s" : ""} as pictures, purple positive and orange negative`);
  };
}

// How often each digit was read as each: right ones blue, mistakes orange.
export function createConfusion(parent) {
  const table = add(parent, "table", { className: "confusion" });
  add(table, "caption", { textContent: "Rows: written. Columns: read." });
  const head = add(add(table, "thead"), "tr"), body = add(table, "tbody");
  add(head, "td");
  for (let digit = 0; digit < 10; digit++) add(head, "th", { textContent: digit, scope: "col" });
  const cells = Array.from({ length: 10 }, (_, digit) => {
    const row = add(body, "tr");
    add(row, "th", { textContent: digit, scope: "row" });
    return Array.from({ length: 10 }, () => add(row, "td"));
  });
  return (confusion) => {
    cells.forEach((row, digit) => {
      const counts = confusion.subarray(digit * 10, digit * 10 + 10), all = counts.reduce((a, b) => a + b);
      row.forEach((cell, read) => {
        const share = counts[read] / all, text = counts[read] || "";
        if (cell.textContent !== `${text}`) cell.textContent = text;
        cell.style.background = share ? `rgb(${read === digit ? "0 114 178" : "213 94 0"} / ${(0.08 + 0.42 * share).toFixed(2)})` : "";
      });
    });
  };
}

// The surest wrong answers.
export function createMistakes(parent, count = 9) {
  const list = add(parent, "ol", { className: "mistakes" });
  const places = Array.from({ length: count }, () => {
    const item = add(list, "li", { hidden: true });
    return { item, view: add(item, "canvas", { width: 28, height: 28 }, { role: "img" }).getContext("2d"), read: add(item, "span"), sure: add(item, "span") };
  });
  const none = add(parent, "p", { textContent: "None: all are right.", hidden: true });
  return (mistakes) => {
    none.hidden = mistakes.length > 0;
    places.forEach(({ item, view, read, sure }, n) => {
      const mistake = mistakes[n];
      item.hidden = !mistake;
      if (!mistake) return;
      const pixels = view.createImageData(28, 28);
      mistake.image.forEach((ink, p) => pixels.data.set([255 * (1 - ink), 255 * (1 - ink), 255 * (1 - ink), 255], 4 * p));
      view.putImageData(pixels, 0, 0);
      view.canvas.setAttribute("aria-label", `A handwritten ${mistake.digit}`);
      read.textContent = `${mistake.digit} read as ${mistake.read}`;
      sure.textContent = `${percent(mistake.sure, 0)} sure`;
    });
  };
}
