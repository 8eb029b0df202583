// A pad to draw digits on: canvas, undo, redo, clear, the 28 × 28 image of each and ten bars. The caller says what a drawing means.
const SIDE = 280, PEN = 20, STEP = 10, SMALL = 4 * PEN, SURE = 0.99; // SMALL: what is not larger is hardly more than blots of the pen

const CSS = `
.mnist-pad { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; font-family: system-ui, sans-serif; font-size: 14px; color: inherit; margin-bottom: 24px; max-width: 100%; min-height: 340px; scroll-margin-top: 80px; container-type: inline-size; user-select: none; -webkit-user-select: none; }
@container (max-width: 575px) { .mnist-pad > .left { display: contents; } .mnist-pad > .left > :not(.told) { order: -2; } .mnist-pad > .left > div:not(.told) { margin-top: -16px; } .mnist-pad > .left + div { order: -1; } } /* on a narrow screen the answer stands before the keys */
.mnist-pad canvas { border: 1px solid #767676; border-radius: 4px; display: block; background: #fff; }
.mnist-pad .paper { width: 280px; max-width: 100%; aspect-ratio: 1; touch-action: none; cursor: crosshair; }
.mnist-pad .seen { display: flex; gap: 4px; height: 84px; align-items: center; width: 280px; max-width: 100%; }
.mnist-pad .seen canvas { width: 100%; height: auto; box-sizing: border-box; image-rendering: pixelated; background: #000; pointer-events: none; }
.mnist-pad .seen button { margin: 0; padding: 0; flex: 0 1 84px; min-width: 0; border: 0; }
.mnist-pad .seen button[aria-pressed="true"]:not(:only-child) { outline: 3px solid #c44a00; }
.mnist-pad caption button { margin: 0; padding: 0; border: 0; min-height: 24px !important; text-decoration: underline; color: inherit; }
.mnist-pad caption { caption-side: top; text-align: left; padding: 0; color: inherit; line-height: 24px; }
.mnist-pad :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
.mnist-pad .paper:focus-visible { outline-offset: -1px; }
.mnist-pad button { font: inherit; padding: 4px 14px; margin: 8px 8px 0 0; border: 1px solid #767676; border-radius: 4px; background: none; color: inherit; cursor: pointer; }
@media (pointer: coarse) { .mnist-pad button { min-height: 40px; } .mnist-pad th button { min-height: 28px; } }
.mnist-pad .told { width: 280px; max-width: 100%; margin-top: 12px; }
.mnist-pad .told p { margin: 0; }
.mnist-pad .hint { width: 280px; max-width: 100%; margin: 12px 0 0; }
.mnist-pad .told .how { min-height: 2.8em; line-height: 1.4; margin-top: 4px; }
.mnist-pad .keys { display: grid; grid-template-columns: repeat(5, 1fr) auto; gap: 4px; margin-top: 4px; }
.mnist-pad .keys button { margin: 0; padding: 4px; }
.mnist-pad .keys button:last-child { grid-area: 1 / 6 / span 2; padding: 4px 8px; }
.mnist-pad .answer { font-size: 20px; font-weight: 600; margin: 0 0 8px; line-height: 1.4; min-height: 2.8em; width: 280px; max-width: 100%; }
.mnist-pad tr:has(button) { cursor: pointer; }
.mnist-pad th:has(button) { padding: 0; }
.mnist-pad table { border-collapse: collapse; margin: 8px 0 0; width: 250px; table-layout: fixed; font-size: 13px; display: table; }
.mnist-pad th, .mnist-pad td { padding: 1px 4px; border: 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; background: none; }
.mnist-pad th { width: 24px; }
.mnist-pad th button { margin: 0; padding: 0 4px 0 0; width: 100%; min-width: 24px; min-height: 24px; border: 0; text-align: right; text-decoration: underline dotted; }
.mnist-pad th button[aria-pressed="true"] { text-decoration: underline solid 2px; }
.mnist-pad td.bar { text-align: left; }
.mnist-pad td:last-child { width: 68px; }
.mnist-pad td.bar div { height: 11px; width: 0; background: #0072b2; }
.mnist-pad tr.top td.bar div { background: #c44a00; }
.mnist-pad .refused td { opacity: .6; }
.mnist-pad .refused td.bar div { background: #767676; }
`;

const asPercent = (p) => `${(100 * p).toFixed(1)} %`;

// With its article: "a 7", "an 8".
export const article = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

export function add(parent, tag, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

// Strokes as text for a link, and back: two characters of base 36 for each coordinate, in quarters of a pixel.
export const LONGEST = 50_000; // characters; far more than anybody draws
const QUARTER = 4, CODE = /^([0-9a-z]{4})+(-([0-9a-z]{4})+)*$/;
export const toText = (strokes) => strokes.map((stroke) => stroke.flat().map((x) => Math.round(QUARTER * (x + PEN)).toString(36).padStart(2, "0")).join("")).join("-");
export function fromText(text) {
  if (text.length > LONGEST || !CODE.test(text)) return [];
  return text.split("-").map((part) => part.match(/.{4}/g).map((point) => [point.slice(0, 2), point.slice(2)].map((x) => parseInt(x, 36) / QUARTER - PEN)));
}

// Build the pad in `root`. `read(ink)` gets the drawing, SIDE × SIDE bytes, 0 for paper and 255 for ink, and what it
// returns, or later passes to the returned `show`, is shown: for each digit {label, probabilities, image}, label null if it is none.
// `look(digit, about)` gets the reading that is shown, null if there is none, and the digit that was asked about, null if none was;
// it may return the element that answers.
// `teach(digit, label, say)` is told what a digit is, and `forget()` takes it back; both return how it went, or throw an error that
// says so. Meanwhile `say` can show a text. `edit()` is told that the visitor changes the drawing.
// Control and Z, and Control and Y, are heard in `keys`.
export function createPad(root, read, { look = null, teach = null, forget = null, edit = () => {}, keys = root } = {}) {
  root.classList.add("mnist-pad");
  add(root, "style", { textContent: CSS });
  const left = add(root, "div", { className: "left" }), right = add(root, "div");
  const fine = Math.min(3, Math.max(1, Math.ceil(window.devicePixelRatio || 1))); // as sharp as the display
  const paper = add(left, "canvas", { width: SIDE * fine, height: SIDE * fine, className: "paper", tabIndex: 0 });
  paper.setAttribute("role", "application"); // so that screen readers leave it the arrow keys
  paper.setAttribute("aria-label", "Pad to draw digits on. With a keyboard: arrow keys move the pen, space sets it down and lifts it, Control and Z takes the last stroke back, Control and Y brings it again.");
  const buttons = add(left, "div"), [undo, redo, clear] = ["Undo", "Redo", "Clear"].map((textContent) => add(buttons, "button", { type: "button", textContent }));
  const answer = add(right, "p", { className: "answer" });
  answer.setAttribute("role", "status");
  const seen = add(right, "div", { className: "seen" });
  seen.setAttribute("role", "group");
  seen.setAttribute("aria-label", "What the network sees of each digit, 28 by 28 pixels");
  const table = add(right, "table");
  table.setAttribute("aria-label", "Probability of each digit");
  const caption = add(table, "caption");
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = add(table, "tr");
    const name = add(row, "th", { scope: "row", textContent: look ? "" : digit });
    if (look) add(name, "button", { type: "button", textContent: digit, title: `Why ${digit}, or why not?` });
    if (look) row.addEventListener("click", () => {
      about = about === digit ? null : digit;
      show(digits);
    });
    return { row, name, bar: add(add(row, "td", { className: "bar" }), "div"), share: add(row, "td") };
  });

  const pen = paper.getContext("2d"); // what is shown; what is read has SIDE × SIDE pixels on any display
  const inkPen = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
  pen.scale(fine, fine);
  let digits = [], shown = null, chosen = null, about = null; // what was read, the one of them that is shown and that was pointed at, and the digit asked about
  const strokes = [], past = [], future = []; // what is there; and as it was and as it will be again, each a list of strokes
  let asked = false, showing = false, playing = false, hush = () => {}, ask = () => {}; // whether a frame is due, what is there drew itself, and does so now

  function draw() {
    for (const on of [pen, inkPen]) {
      on.fillStyle = "#fff";
      on.fillRect(0, 0, SIDE, SIDE);
      Object.assign(on, { strokeStyle: "#000", fillStyle: "#000", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
      for (const stroke of strokes) {
        on.beginPath();
        on.moveTo(...stroke[0]);
        for (const point of stroke) on.lineTo(...point);
        on.stroke();
        if (stroke.every(([x, y]) => x === stroke[0][0] && y === stroke[0][1])) { // a dot has no length
          on.beginPath();
          on.arc(...stroke[0], PEN / 2, 0, 2 * Math.PI);
          on.fill();
        }
      }
    }
  }

  // Ten keys to say what a digit was.
  function createKeys(told) {
    const question = add(told, "p", { id: `told-${Math.random().toString(36).slice(2)}` }), row = add(told, "div", { className: "keys" });
    ask = (digit) => { question.textContent = `Misread? ${digit} was a`; };
    ask("It");
    row.setAttribute("role", "group");
    row.setAttribute("aria-labelledby", question.id);
    const how = add(told, "p", { className: "how" }), say = (text) => { how.textContent = text; };
    how.setAttribute("role", "status");
    let busy = null; // what is still being done; a second press of the same key is not a second example
    async function tell(what) {
      if (busy) return;
      busy = (async () => what())();
      try {
        say(await busy);
      } catch (error) {
        say(error.message);
      }
      busy = null;
    }
    hush = () => busy || say("");
    for (let k = 0; k < 10; k++)
      add(row, "button", { type: "button", textContent: k }).addEventListener("click", () => tell(() => (!shown || showing ? "Draw a digit first." : isSmall() ? "Too small to learn from: draw larger." : teach(shown, k, say))));
    add(row, "button", { type: "button", textContent: "Forget last" }).addEventListener("click", async () => {
      while (busy) await busy.catch(() => {}); // what is being learned comes first
      tell(forget);
    });
  }

  function isSmall() {
    const points = strokes.flat(), size = (k) => Math.max(...points.map((p) => p[k])) - Math.min(...points.map((p) => p[k])) + PEN;
    return points.length > 0 && Math.max(size(0), size(1)) <= SMALL;
  }

  function changed() { // once a frame is enough
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
      answer.setAttribute("aria-busy", pointer !== null || playing); // it is read out once a stroke is finished
      const rgba = inkPen.getImageData(0, 0, SIDE, SIDE).data, ink = new Uint8Array(SIDE * SIDE);
      for (let i = 0; i < ink.length; i++) ink[i] = 255 - rgba[4 * i];
      if (cursor) mark();
      const result = read(ink);
      if (result) show(result);
    });
  }

  function tellOf(digits, sure) {
    if (!digits.length) return "Draw a digit";
    const text = digits.map(({ label }) => label ?? "?").join(""), least = Math.min(...sure);
    if (!text.includes("?")) return `${text}, ${asPercent(least)} sure${isSmall() && least < SURE ? ": draw larger" : ""}`;
    if (isSmall()) return "Too small to read: draw larger";
    if (digits.length > 1) return `${[...text].join(" ")} (?: no digit I know)`;
    return `Looks most like ${article(digits[0].probabilities.indexOf(least))}, but is no digit I know`;
  }

  function show(found) {
    if (found.length !== digits.length) chosen = null;
    if (!found.length) about = null;
    digits = found;
    const sure = digits.map(({ probabilities }) => Math.max(...probabilities)), text = tellOf(digits, sure);
    if (answer.textContent !== text) answer.textContent = text; // so that it is not announced twice
    const doubtful = digits.findIndex(({ label }) => label === null), picked = chosen ?? (doubtful >= 0 ? doubtful : sure.indexOf(Math.min(...sure)));
    const differ = new Set(sure.map(asPercent)).size > 1, digit = (shown = digits[picked] ?? null), refused = digit?.label === null;
    table.className = refused ? "refused" : ""; // no bar says otherwise
    ask(digits.length > 1 ? `Digit ${picked + 1}` : "It");
    const which = digits.length > 1 ? `Digit ${picked + 1} of ${digits.length}${chosen === null && !refused && differ ? ", the least certain" : ""}. ` : "";
    const there = look?.(digit, about), hint = refused ? "Grey: the shares if it were one" : digit?.share > 0.5 ? "From what you taught" : digit && look && !which ? "Ask why: choose a row" : "";
    caption.textContent = which + (there ? "" : hint) || "\u00a0";
    if (there) {
      const why = digit.probabilities[about] === sure[picked] ? "Why" : "Why not";
      add(caption, "button", { type: "button", textContent: `${why} ${about}? ↓` }).addEventListener("click", () => there.scrollIntoView({ block: "nearest" }));
    }
    rows.forEach(({ row, name, bar, share }, k) => {
      const p = digit?.probabilities[k] ?? 0;
      row.className = p && p === sure[picked] && !refused ? "top" : "";
      name.firstElementChild?.setAttribute("aria-pressed", about === k);
      bar.style.width = `${100 * p}%`;
      share.textContent = digit ? asPercent(p) : "";
    });
    while (seen.children.length > Math.max(1, digits.length)) seen.lastChild.remove();
    while (seen.children.length < Math.max(1, digits.length)) {
      const n = seen.children.length, button = add(seen, "button", { type: "button" });
      add(button, "canvas", { width: 28, height: 28 });
      button.addEventListener("click", () => ((chosen = n), show(digits)));
    }
    [...seen.children].forEach((button, n) => {
      button.setAttribute("aria-pressed", n === picked);
      button.setAttribute("aria-label", `${["First", "Second", "Third"][n] ?? `${n + 1}th`} digit`);
      const view = button.firstChild.getContext("2d"), pixels = view.createImageData(28, 28), image = digits[n]?.image;
      for (let i = 0; i < 784; i++) pixels.data.set([image?.[i] ?? 0, image?.[i] ?? 0, image?.[i] ?? 0, 255], 4 * i);
      view.putImageData(pixels, 0, 0);
    });
  }

  const place = (event) => {
    const box = paper.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height]
      .map((x) => Math.round(QUARTER * Math.min(SIDE + PEN, Math.max(-PEN, x))) / QUARTER); // as a link holds it
  };
  let pointer = null; // the one that draws; a second finger does not
  function begin(event) {
    if (pointer !== null || !(event.buttons & 1)) return;
    event.preventDefault();
    paper.focus({ preventScroll: true });
    keep();
    pointer = event.pointerId;
    paper.setPointerCapture(pointer);
    strokes.push([place(event)]);
    edited();
  }
  paper.addEventListener("pointerdown", begin);
  paper.addEventListener("pointerenter", begin); // a stroke may begin outside
  paper.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    for (const e of event.getCoalescedEvents?.() ?? [event]) strokes.at(-1).push(place(e));
    changed();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    paper.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      changed();
    });

  let cursor = null, down = false; // of the keyboard
  function mark() {
    pen.fillStyle = down ? "#c44a00" : "#0072b2";
    pen.fillRect(cursor[0] - 3, cursor[1] - 3, 6, 6);
  }
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function lift() { // the pen, whoever held it
    [pointer, down] = [null, false];
  }
  function edited() {
    hush();
    edit();
    changed();
  }
  function keep() { // what is there, before it changes
    stop();
    past.push([...strokes]);
    future.length = 0;
  }
  function go(from, to) {
    stop();
    lift();
    if (from.length) {
      to.push([...strokes]);
      strokes.splice(0, Infinity, ...from.pop());
    }
    edited();
  }
  const back = () => go(past, future), again = () => go(future, past);
  // Another drawing in place of what is there; it can be undone stroke by stroke.
  function put(drawing) {
    stop();
    lift();
    if (strokes.length) keep();
    if (drawing.length) future.length = 0;
    past.push(...drawing.map((_, n) => drawing.slice(0, n)));
    strokes.splice(0, Infinity, ...drawing);
    edited();
  }
  // What draws itself is gone at the first touch, so that nobody has to clear it.
  function stop() {
    if (!showing) return;
    showing = playing = false;
    about = null;
    strokes.length = 0;
  }
  function play(drawing, milliseconds) {
    const points = drawing.flatMap((stroke, n) => stroke.map((point) => [n, point])), begun = performance.now();
    showing = playing = true;
    requestAnimationFrame(function step(now) {
      if (!playing) return;
      const due = Math.min(points.length, Math.ceil((points.length * Math.max(1, now - begun)) / milliseconds));
      strokes.length = 0;
      for (const [n, point] of points.slice(0, due)) (strokes[n] ??= []).push(point);
      playing = due < points.length;
      changed();
      if (playing) requestAnimationFrame(step);
    });
  }
  keys.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if (event.target.closest?.("input:not([type=checkbox]), textarea")) return; // what is typed there is not ours
    if (!["z", "y"].includes(key) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (key === "y" || event.shiftKey) again();
    else back();
  });
  paper.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    stop();
    cursor ??= [SIDE / 2, SIDE / 2];
    if (move) cursor = cursor.map((c, i) => Math.min(SIDE - PEN, Math.max(PEN, c + STEP * move[i])));
    else if ((down = !down)) keep(), strokes.push([]);
    if (down) strokes.at(-1).push([...cursor]);
    if (down) edited();
    else changed();
  });
  paper.addEventListener("blur", () => {
    [cursor, down] = [null, false];
    draw();
  });

  undo.addEventListener("click", back);
  redo.addEventListener("click", again);
  clear.addEventListener("click", () => put([]));
  if (teach) createKeys(add(left, "div", { className: "told" }));
  draw();
  show([]);
  return Object.assign(show, { play, put, strokes, changed, paper });
}

// As a widget in a notebook, Python reads the drawing, learns, and sends the views and the arrays that they show, if it has views.
const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
export default {
  render({ model, el }) {
    const top = add(el, "div"), below = add(el, "div"), waiting = [];
    let way = null;
    const ask = (what) => new Promise((done) => {
      waiting.push(done);
      model.send(what);
    });
    const show = createPad(top, (ink) => {
      model.set("ink", new DataView(ink.buffer));
      model.save_changes();
    }, { look: (digit, about) => way?.(digit, about), teach: ({ image }, label) => ask({ ask: "teach", image: Array.from(image), label }), forget: () => ask({ ask: "forget" }) });
    const update = () => show(model.get("result").map((digit) => ({ ...digit, ...Object.fromEntries(["upright", "inputs", "sums", "units"].map((name) => [name, floats(digit[name])])) })));
    model.on("change:result", update);
    model.on("msg:custom", async ({ how, views, names }, buffers) => {
      if (how) return waiting.shift()?.(how);
      if (way) return; // another view of the same pad has asked
      way = () => {};
      const file = URL.createObjectURL(new Blob([views], { type: "text/javascript" }));
      const { createWay } = await import(file), network = Object.fromEntries(names.map((name, n) => [name, floats(buffers[n])]));
      URL.revokeObjectURL(file);
      way = createWay(below, () => network);
      update();
    });
    model.send({ ask: "views" });
    update();
  },
};
