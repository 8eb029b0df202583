// The way of one digit through the network, in pictures: edges, hidden units, one unit, votes, and what speaks for and against.
// It gets what a reading has and the arrays of the network; tests/test_draw.py compares what it makes of them with NumPy.
const PLACES = 7, N = 28, ACROSS = 64, SHOWN = 4;
const COMPASS = [4, 2, 6, 0, -1, 1, 5, 3, 7]; // which direction stands where: each at the side of the stroke where its edges are
const NAMES = ["left", "right", "upper", "lower", "upper left", "lower left", "upper right", "lower right"];

const CSS = `
.mnist-way { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(250px, 100%), 1fr)); gap: 28px 24px; font-family: system-ui, sans-serif; font-size: 14px; margin-bottom: 32px; }
.mnist-way section { min-width: 0; }
.mnist-way .back { font: inherit; padding: 4px 14px; border: 1px solid #767676; border-radius: 4px; background: none; color: inherit; cursor: pointer; }
.mnist-way section > h2 { font-size: 16px; font-weight: 600; margin: 0 0 8px !important; padding: 0; border: 0; }
.mnist-way p { margin: 8px 0 0; line-height: 1.4; font-variant-numeric: tabular-nums; }
.mnist-way canvas { background: #000; border-radius: 4px; image-rendering: pixelated; display: block; }
.mnist-way .row { display: flex; gap: 16px; align-items: flex-start; }
.mnist-way figure { margin: 0; }
.mnist-way .row figure { flex: 0 1 126px; }
.mnist-way figure canvas { width: 100%; max-width: 180px; height: auto; aspect-ratio: 1; }
.mnist-way .votes canvas { width: 28px; height: 28px; }
.mnist-way figcaption { font-size: 13px; color: inherit; text-align: left; margin-top: 4px; }
.mnist-way .field { display: flex; gap: 6px; }
.mnist-way .field ol { list-style: none; margin: 0; padding: 0; display: grid; grid-auto-rows: 1fr; font-size: 13px; align-items: center; }
.mnist-way .field li { margin: 0; line-height: 1; }
.mnist-way .map { position: relative; flex: 1; max-width: 320px; }
.mnist-way .map canvas { width: 100%; height: auto; cursor: crosshair; touch-action: pan-y; }
.mnist-way .map i { position: absolute; border: 2px solid #ff9f43; pointer-events: none; }
.mnist-way :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
.mnist-way .votes { list-style: none; margin: 0; padding: 0; display: grid; gap: 4px; }
.mnist-way .votes button { display: flex; gap: 8px; align-items: center; width: 100%; border: 0; padding: 0; background: none; color: inherit; font: inherit; font-size: 13px; text-align: left; cursor: pointer; }
.mnist-way .votes span.bar { flex: 1; height: 11px; position: relative; border-left: 1px solid #767676; }
.mnist-way .votes span.bar b { position: absolute; top: 0; bottom: 0; left: 0; background: #c44a00; }
.mnist-way .votes .against span.bar b { background: #0072b2; }
.mnist-way .votes .name { min-width: 4.8em; }
.mnist-way .votes output { min-width: 3.4em; white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
`;

function add(parent, tag, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

function picture(parent, label, tag = "figure") {
  const canvas = add(add(parent, tag), "canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
}

// How a number from 0 (or −1) to 1 is shown on black: white for what is there, orange for what speaks for, blue for what speaks against.
const WHITE = [255, 255, 255], ORANGE = [255, 159, 67], BLUE = [74, 168, 255], LINE = 70;
const white = (t) => [WHITE, t], signed = (t) => (t > 0 ? [ORANGE, t] : [BLUE, -t]), LINES = [[LINE, LINE, LINE], 1];

function paint(canvas, rows, columns, lightAt) {
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const view = canvas.getContext("2d"), pixels = view.createImageData(columns, rows), { data } = pixels;
  for (let r = 0, p = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
    const [color, light] = lightAt(r, c);
    for (let k = 0; k < 3; k++) data[p++] = color[k] * light;
    data[p++] = 255;
  }
  view.putImageData(pixels, 0, 0);
}

const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);

// 8 directions at 7 × 7 places, each direction at its side of the picture in the middle; without one, in the fewest pixels.
function paintEdges(canvas, values, lightOf, middle = null) {
  const most = largest(values), fine = middle ? N / PLACES : 1, side = PLACES * fine, step = side + (middle ? 2 : 1);
  paint(canvas, 3 * step - (step - side), 3 * step - (step - side), (r, c) => {
    const direction = COMPASS[3 * Math.floor(r / step) + Math.floor(c / step)], [down, right] = [r % step, c % step];
    if (down >= side || right >= side) return LINES;
    if (direction < 0) return white(middle ? middle[down * N + right] : 0);
    return lightOf(values[(direction * PLACES + Math.floor(down / fine)) * PLACES + Math.floor(right / fine)] / most);
  });
}

// Between the places of a 7 × 7 map, at a pixel of 28 × 28.
function smooth(map, r, c) {
  const clip = (x) => Math.min(PLACES - 1, Math.max(0, x)), [y, x] = [clip((r + 0.5) / 4 - 0.5), clip((c + 0.5) / 4 - 0.5)];
  const [top, left] = [Math.min(PLACES - 2, Math.floor(y)), Math.min(PLACES - 2, Math.floor(x))], [d, a] = [y - top, x - left];
  const at = (i, j) => map[(top + i) * PLACES + left + j];
  return (1 - d) * ((1 - a) * at(0, 0) + a * at(0, 1)) + d * ((1 - a) * at(1, 0) + a * at(1, 1));
}

// How much each unit adds to the logit of one digit more than to that of another: they, and the biases, add up to the difference.
export function votesOf(network, units, digit, other) {
  const classes = network.logits_bias.length;
  return units.map((v, h) => v * (network.logits_kernel[h * classes + digit] - network.logits_kernel[h * classes + other]));
}

// The same votes, given to the edges that each unit got them from, and added over the directions: 7 × 7. A unit's sum is shared
// among its inputs as they made it (gradient times input; Shrikumar and others 2016, "Not just a black box").
export function reasonsOf(network, inputs, sums, votes) {
  const reasons = new Float32Array(PLACES * PLACES), hidden = sums.length, shares = votes.map((v, h) => (v ? v / sums[h] : 0));
  const active = Array.from(shares.keys()).filter((h) => shares[h]);
  inputs.forEach((v, i) => {
    if (!v) return;
    let along = 0;
    for (const h of active) along += shares[h] * network.hidden_kernel[i * hidden + h];
    reasons[i % (PLACES * PLACES)] += v * along;
  });
  return reasons;
}

const plain = (x, digits = 1) => x.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
const many = (power) => (power < Math.log(1e6) ? Number(Math.exp(power).toPrecision(2)).toLocaleString("en") : `10^${Math.round(power / Math.LN10)}`);

// Build the views in `root`. `network()` gives the arrays that the digits are read with now. The returned function shows a reading,
// or none, and why it is or is not the digit `about`.
export function createWay(root, network) {
  root.classList.add("mnist-way");
  add(root, "style", { textContent: CSS });
  const section = (title) => {
    const part = add(root, "section");
    add(part, "h2", { textContent: title });
    return part;
  };
  const whole = network(), hidden = whole.hidden_bias.length, classes = whole.logits_bias.length;
  const row = (h) => whole.logits_kernel.subarray(h * classes, (h + 1) * classes);
  const bands = Array.from({ length: classes }, () => []); // the units by the digit that they speak for most, the loudest first
  for (let h = 0; h < hidden; h++) bands[row(h).indexOf(Math.max(...row(h)))].push(h);
  const loud = Float32Array.from({ length: hidden }, (_, h) => Math.max(...row(h)) - row(h).reduce((a, b) => a + b) / classes);
  bands.forEach((band) => band.sort((a, b) => loud[b] - loud[a]));
  const deep = Math.max(1, ...bands.map((band) => Math.ceil(band.length / ACROSS))) + 1; // rows of a band, and a gap
  const unitAt = (r, c) => (r % deep < deep - 1 ? bands[Math.floor(r / deep)]?.[(r % deep) * ACROSS + c] : undefined);
  const placeOf = new Map(bands.flatMap((band, digit) => band.map((h, n) => [h, [digit * deep + Math.floor(n / ACROSS), n % ACROSS]])));

  const made = section("1. Upright, and of one size");
  const both = add(made, "div", { className: "row" });
  const frame = picture(both, "The digit as 28 by 28 pixels"), upright = picture(both, "The digit brought upright and to one size");
  add(frame.parentElement, "figcaption", { textContent: "as the training images" });
  add(upright.parentElement, "figcaption", { textContent: "upright" });
  add(made, "p", { textContent: "The picture is slanted until its ink is balanced, and made equally tall for all digits. A balanced digit can look slanted to you." });

  const edges = section("2. Edges"), compass = picture(edges, "Edges in eight directions, around the digit");
  add(edges, "p", { textContent: "Eight pictures around the digit. On the left: where its strokes have a left edge; above: an upper edge; and so on. Bright: many. Each has 7 × 7 places. These 392 numbers are all that the network gets." });

  const fired = section("3. Hidden units"), field = add(fired, "div", { className: "field" });
  const names = add(field, "ol");
  names.setAttribute("aria-hidden", "true");
  for (let k = 0; k < classes; k++) add(names, "li", { textContent: k });
  const map = add(field, "div", { className: "map" }), cells = add(map, "canvas", { tabIndex: 0, width: ACROSS, height: classes * deep - 1 });
  cells.setAttribute("role", "application");
  cells.setAttribute("aria-label", "Hidden units that fire, in rows by the digit that they speak for. Arrow keys choose a unit.");
  const ring = add(map, "i"), count = add(fired, "p");

  const one = section("4. One unit"), pair = add(one, "div", { className: "row" });
  const wants = picture(pair, "The edges that the unit looks for, and those it does not want"), found = picture(pair, "What the unit found of them in this digit");
  add(wants.parentElement, "figcaption", { textContent: "looks for" });
  add(found.parentElement, "figcaption", { textContent: "found here" });
  const about = add(one, "p");
  about.setAttribute("role", "status");

  const voting = section("5. Votes"), question = voting.firstChild, list = add(voting, "ol", { className: "votes" });
  const lines = Array.from({ length: 2 * SHOWN }, (_, n) => {
    const button = add(add(list, "li", { className: n < SHOWN ? "for" : "against" }), "button", { type: "button" });
    const canvas = picture(button, "", "span"), name = add(button, "span", { className: "name" }), bar = add(add(button, "span", { className: "bar" }), "b"), value = add(button, "output");
    canvas.removeAttribute("role");
    canvas.removeAttribute("aria-label");
    const line = { button, canvas, name, bar, value, unit: null };
    button.addEventListener("click", () => {
      if (line.unit === null) return;
      choose(line.unit);
      one.scrollIntoView({ block: "nearest" });
    });
    return line;
  });
  const total = add(voting, "p");

  const why = section("6. Why"), asked = why.firstChild, reasons = picture(why, "What in the digit speaks for it and against it");
  const because = add(why, "p"), back = add(why, "button", { type: "button", textContent: "Back to the drawing", className: "back", hidden: true });
  back.addEventListener("click", () => {
    const pad = root.previousElementSibling; // whose table asked
    pad.querySelector("th [aria-pressed=true]").focus({ preventScroll: true });
    pad.scrollIntoView({ block: "start" });
  });

  let shown = null, unit = null, chosen = false; // the reading, the unit that is shown, and whether the visitor chose it
  const weightsOf = (h) => Float32Array.from(whole.mean, (_, i) => network().hidden_kernel[i * hidden + h]);

  function showUnit() {
    const [r, c] = placeOf.get(unit) ?? [0, 0], size = (n) => `${n}%`;
    Object.assign(ring.style, { display: unit === null ? "none" : "block", left: size((100 * (c - 0.3)) / ACROSS), top: size((100 * (r - 0.3)) / cells.height),
      width: size(160 / ACROSS), height: size(160 / cells.height) });
    if (unit === null) {
      for (const canvas of [wants, found]) paintEdges(canvas, new Float32Array(8 * PLACES * PLACES), signed);
      about.textContent = "Tap or point at a unit.";
      return;
    }
    const used = network(), weights = weightsOf(unit);
    paintEdges(wants, weights, signed);
    const parts = shown ? weights.map((w, i) => w * shown.inputs[i]) : weights.map(() => 0), value = shown?.units[unit] ?? 0;
    paintEdges(found, parts, signed, shown?.upright);
    const best = parts.indexOf(Math.max(...parts)), place = ["top", "middle", "bottom"][Math.floor((3 * Math.floor((best % 49) / 7)) / 7)];
    const votes = Array.from({ length: classes }, (_, k) => used.logits_kernel[unit * classes + k]), most = votes.indexOf(Math.max(...votes)), least = votes.indexOf(Math.min(...votes));
    const text = `Unit ${unit} supports ${most} most and ${least} least. The edges are placed as in 2. Orange: it wants them; blue: it does not. ` + (!shown ? "" : used.isOff?.(unit) ? "It is switched off." : !value ? "It is not active here."
      : shown.sums[unit] < 0 ? `Its sum is negative. ReLU would make it 0; without it the square counts, ${plain(value)}.` : `Here it gives ${value < 0.05 ? "almost 0" : plain(value)}, and found most in the ${NAMES[Math.floor(best / 49)]} edges, ${place}.`);
    about.setAttribute("aria-live", chosen ? "polite" : "off"); // what a new drawing changes is not read out
    if (about.textContent !== text) about.textContent = text;
  }

  function choose(h) {
    [unit, chosen] = [h, true];
    showUnit();
  }

  function show(reading, asks = null) {
    back.hidden = asks === null;
    shown = reading ?? null;
    if (!shown) chosen = false;
    const empty = new Float32Array(N * N), used = network();
    paint(frame, N, N, (r, c) => white((shown?.image[r * N + c] ?? 0) / 255));
    const straight = shown?.upright ?? empty;
    paint(upright, N, N, (r, c) => white(straight[r * N + c]));
    paintEdges(compass, shown?.inputs ?? new Float32Array(8 * PLACES * PLACES), white, straight);
    const units = shown?.units ?? new Float32Array(hidden), most = largest(units);
    paint(cells, cells.height, ACROSS, (r, c) => {
      const h = unitAt(r, c);
      return r % deep === deep - 1 ? LINES : white(h === undefined ? 0 : Math.sqrt(units[h] / most));
    });
    const firing = units.reduce((n, v) => n + (v > 0), 0);
    count.textContent = `Each square is one of ${hidden.toLocaleString("en")} units. A unit adds up the 392 numbers, each with a weight of its own. The rows: which digit it supports most${used.logits_kernel === whole.logits_kernel ? "" : " without the random errors"}. `
      + (shown ? `${firing.toLocaleString("en")} are active (bright). Tap or point at one.` : "Bright ones are active.");

    const probabilities = shown?.probabilities ?? [], order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
    const read = order[0] ?? 0, other = asks === null || asks === read ? order[1] ?? 1 : asks; // the first choice, in orange, and the second or the one asked about
    const votes = votesOf(used, units, read, other), ranked = [...votes.keys()].sort((a, b) => votes[b] - votes[a]);
    if (!chosen || unit === null) unit = shown ? ranked[0] : null;
    showUnit();
    question.textContent = shown ? `5. Votes: ${read} or ${other}?` : "5. Votes";
    const strongest = [...ranked.slice(0, SHOWN), ...ranked.slice(-SHOWN).reverse()], longest = Math.max(1e-12, ...strongest.map((h) => Math.abs(votes[h])));
    lines.forEach((line, n) => {
      const h = strongest[n], value = votes[h], counts = shown && (n < SHOWN ? value > 0 : value < 0);
      line.unit = counts ? h : null;
      line.button.disabled = !counts;
      line.name.textContent = counts ? `unit ${h}` : "–";
      line.bar.style.width = counts ? `${(100 * Math.abs(value)) / longest}%` : "0";
      line.value.textContent = counts ? plain(value, 2) : "";
      paintEdges(line.canvas, counts ? weightsOf(h) : new Float32Array(8 * PLACES * PLACES), signed);
    });
    const sum = votes.reduce((a, b) => a + b, 0), bias = used.logits_bias[read] - used.logits_bias[other], shownSum = strongest.reduce((a, h, n) => a + (lines[n].unit === null ? 0 : votes[h]), 0);
    const lead = sum + bias, [ahead, behind] = lead > 0 ? [read, other] : [other, read], others = firing - lines.filter((line) => line.unit !== null).length;
    const memory = shown?.share > 0.005 ? `What you taught has ${Math.round(100 * shown.share)} % of the answer, and is not shown here. What follows is the network without it. ` : "";
    total.textContent = shown ? `${memory}A vote: what a unit gives, times how much more weight it has for ${read} than for ${other}. The strongest are shown; the other ${others.toLocaleString("en")} add ${plain(sum - shownSum, 2)}, the biases, which are the same for all drawings, ${plain(bias, 2)}; the sum is ${plain(lead, 2)}. So ${ahead} is ${many(Math.abs(lead))} times as probable as ${behind}: e to the power of ${plain(Math.abs(lead), 2)}.`
      : "The strongest votes for the first choice, and for the second.";

    asked.textContent = !shown ? "6. Why" : asks === null || asks === read ? `6. Why ${read}, and not ${other}?` : `6. Why not ${other}, but ${read}?`;
    const given = shown ? reasonsOf(used, shown.inputs, shown.sums, votes) : new Float32Array(PLACES * PLACES), strength = largest(given);
    paint(reasons, N, N, (r, c) => { // a tint over the digit
      const ink = straight[r * N + c], [color, light] = signed(smooth(given, r, c) / strength);
      return [color.map((v) => v * light * (0.45 + 0.55 * ink) + 170 * ink * (1 - light)), 1];
    });
    because.textContent = shown ? `Orange: ink that speaks for ${read}. Blue: for ${other}. ${shown.share > 0.005 ? "What you taught is not in it." : "Choose another row of the table above to compare with it."}` : "What in the ink speaks for the first choice, and what for the second.";
    return asks === null ? null : why;
  }

  // The unit under a pointer: of those within a finger's reach, the one that fires most.
  cells.addEventListener("pointermove", pointed);
  cells.addEventListener("pointerdown", pointed);
  function pointed(event) {
    const box = cells.getBoundingClientRect(), c = Math.floor(((event.clientX - box.left) / box.width) * ACROSS), r = Math.floor(((event.clientY - box.top) / box.height) * cells.height);
    const reach = event.pointerType === "touch" ? 2 : 0, near = [];
    for (let y = r - reach; y <= r + reach; y++) for (let x = c - reach; x <= c + reach; x++)
      if (y >= 0 && x >= 0 && x < ACROSS && unitAt(y, x) !== undefined) near.push(unitAt(y, x));
    if (near.length) choose(near.reduce((a, b) => ((shown?.units[b] ?? 0) > (shown?.units[a] ?? 0) ? b : a)));
  }
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  cells.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    let [r, c] = placeOf.get(unit ?? bands[0][0]);
    do [r, c] = [r + move[0], c + move[1]];
    while (r >= 0 && r < cells.height && c >= 0 && c < ACROSS && unitAt(r, c) === undefined);
    const next = c >= 0 && c < ACROSS && r >= 0 ? unitAt(r, c) : undefined;
    if (next !== undefined) choose(next);
  });
  show(null);
  return show;
}
