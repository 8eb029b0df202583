// A pad to draw a digit on: canvas, undo, clear, the 28 × 28 image and ten bars. Who makes it says what a drawing means.
const SIDE = 280, PEN = 20, STEP = 10;

const CSS = `
.mnist-pad { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; font-family: system-ui, sans-serif; font-size: 14px; color: inherit; margin-bottom: 24px; max-width: 100%; }
.mnist-pad canvas { border: 1px solid #767676; border-radius: 4px; display: block; background: #fff; }
.mnist-pad .paper { width: 280px; max-width: 100%; aspect-ratio: 1; touch-action: none; cursor: crosshair; }
.mnist-pad .seen { width: 84px; height: 84px; image-rendering: pixelated; background: #000; }
.mnist-pad :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
.mnist-pad button { font: inherit; padding: 4px 14px; margin: 8px 8px 0 0; border: 1px solid #767676; border-radius: 4px; background: none; color: inherit; cursor: pointer; }
.mnist-pad .answer { font-size: 22px; font-weight: 600; margin: 0 0 8px; min-height: 1.4em; }
.mnist-pad table { border-collapse: collapse; margin: 8px 0 0; width: 250px; table-layout: fixed; font-size: 13px; display: table; }
.mnist-pad th, .mnist-pad td { padding: 1px 4px; border: 0; text-align: right; font-variant-numeric: tabular-nums; background: none; }
.mnist-pad th { width: 14px; }
.mnist-pad td.bar { text-align: left; }
.mnist-pad td:last-child { width: 60px; }
.mnist-pad td.bar div { height: 11px; width: 0; background: #0072b2; }
.mnist-pad tr.top td.bar div { background: #c44a00; }
`;

function add(parent, tag, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

// Build the pad in `root`. `read(ink)` gets the drawing, SIDE × SIDE bytes, 0 for paper and 255 for ink, and what it
// returns, or later passes to the returned `show`, is shown: {label, probabilities, image}, or {} for an empty page.
export function createPad(root, read) {
  root.classList.add("mnist-pad");
  add(root, "style", { textContent: CSS });
  const left = add(root, "div"), right = add(root, "div");
  const paper = add(left, "canvas", { width: SIDE, height: SIDE, className: "paper", tabIndex: 0 });
  paper.setAttribute("role", "img");
  paper.setAttribute("aria-label", "Pad to draw a digit on. With a keyboard: arrow keys move the pen, space sets it down and lifts it.");
  const undo = add(left, "button", { type: "button", textContent: "Undo" });
  const clear = add(left, "button", { type: "button", textContent: "Clear" });
  const answer = add(right, "p", { className: "answer" });
  answer.setAttribute("role", "status");
  const seen = add(right, "canvas", { width: 28, height: 28, className: "seen" });
  seen.setAttribute("role", "img");
  seen.setAttribute("aria-label", "The 28 by 28 pixels that the network sees");
  const table = add(right, "table");
  table.setAttribute("aria-label", "Probability of each digit");
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = add(table, "tr");
    add(row, "th", { textContent: digit, scope: "row" });
    return { row, bar: add(add(row, "td", { className: "bar" }), "div"), share: add(row, "td") };
  });

  const pen = paper.getContext("2d", { willReadFrequently: true });
  const strokes = [];
  let asked = false;

  function draw() {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, SIDE, SIDE);
    Object.assign(pen, { strokeStyle: "#000", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(...stroke[0]);
      for (const point of stroke) pen.lineTo(...point);
      pen.stroke();
    }
  }

  function changed() { // once a frame is enough
    draw();
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const rgba = pen.getImageData(0, 0, SIDE, SIDE).data, ink = new Uint8Array(SIDE * SIDE);
      for (let i = 0; i < ink.length; i++) ink[i] = 255 - rgba[4 * i];
      if (cursor) mark();
      const result = read(ink);
      if (result) show(result);
    });
  }

  function show({ label, probabilities, image }) {
    const sure = probabilities ? Math.max(...probabilities) : 0;
    const text = !probabilities ? "Draw a digit" : label === null ? "Not a digit" : `${label}, ${(100 * sure).toFixed(1)} % sure`;
    if (answer.textContent !== text) answer.textContent = text; // so that it is not announced twice
    rows.forEach(({ row, bar, share }, digit) => {
      const p = probabilities ? probabilities[digit] : 0;
      row.className = p && p === sure ? "top" : "";
      bar.style.width = `${100 * p}%`;
      share.textContent = probabilities ? `${(100 * p).toFixed(1)} %` : "";
    });
    const view = seen.getContext("2d"), pixels = view.createImageData(28, 28);
    for (let i = 0; i < 784; i++) pixels.data.set([0, 1, 2].map(() => (image ? image[i] : 0)).concat(255), 4 * i);
    view.putImageData(pixels, 0, 0);
  }

  const place = (event) => {
    const box = paper.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  };
  paper.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    strokes.push([place(event)]);
    changed();
  });
  paper.addEventListener("pointermove", (event) => {
    if (!paper.hasPointerCapture(event.pointerId)) return;
    for (const e of event.getCoalescedEvents?.() ?? [event]) strokes.at(-1).push(place(e));
    changed();
  });

  let cursor = null, down = false; // of the keyboard
  function mark() {
    pen.fillStyle = down ? "#c44a00" : "#0072b2";
    pen.fillRect(cursor[0] - 3, cursor[1] - 3, 6, 6);
  }
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  paper.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    cursor ??= [SIDE / 2, SIDE / 2];
    if (move) cursor = cursor.map((c, i) => Math.min(SIDE - PEN, Math.max(PEN, c + STEP * move[i])));
    else if ((down = !down)) strokes.push([]);
    if (down) strokes.at(-1).push([...cursor]);
    changed();
  });
  paper.addEventListener("blur", () => {
    [cursor, down] = [null, false];
    draw();
  });

  undo.addEventListener("click", () => (strokes.pop(), changed()));
  clear.addEventListener("click", () => ((strokes.length = 0), changed()));
  draw();
  show({});
  return show;
}

// As a widget in a notebook, Python reads the drawing.
export default {
  render({ model, el }) {
    const show = createPad(el, (ink) => {
      model.set("ink", new DataView(ink.buffer));
      model.save_changes();
    });
    model.on("change:result", () => show(model.get("result")));
  },
};
