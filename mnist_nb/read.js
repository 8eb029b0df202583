// What mnist_nb.handwriting and mnist_nb.predict compute, for a page without Python. tests/test_draw.py compares the two.
const N = 28, PLACES = 7, INK = Math.fround(0.4); // INK: single precision, as in Python

// Where an .npz file has its members: the name of each, and from where on how many bytes, compressed or not.
export function findMembers(buffer) {
  const view = new DataView(buffer), text = new TextDecoder(), members = [];
  let directory = buffer.byteLength - 22;
  while (directory >= 0 && view.getUint32(directory, true) !== 0x06054b50) directory--;
  if (directory < 0) throw new Error("the file is cut off or is another");
  let entry = view.getUint32(directory + 16, true);
  for (let n = view.getUint16(directory + 10, true); n > 0; n--) {
    const [nameLength, extraLength, noteLength] = [28, 30, 32].map((o) => view.getUint16(entry + o, true));
    const name = text.decode(new Uint8Array(buffer, entry + 46, nameLength)).replace(/\.npy$/, "");
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    members.push({ name, start, size: view.getUint32(entry + 20, true) });
    entry += 46 + nameLength + extraLength + noteLength;
  }
  return members;
}

// The arrays of an .npz file whose members are not compressed, as np.savez writes it.
function parseNpz(buffer) {
  const view = new DataView(buffer), text = new TextDecoder(), arrays = {};
  for (const { name, start } of findMembers(buffer)) {
    const headerLength = view.getUint16(start + 8, true);
    const header = text.decode(new Uint8Array(buffer, start + 10, headerLength));
    const kind = /'descr': '(.*?)'/.exec(header)[1];
    const shape = /'shape': \((.*?)\)/.exec(header)[1].split(",").filter((s) => s.trim()).map(Number);
    const size = shape.reduce((a, b) => a * b, 1), at = start + 10 + headerLength;
    if (kind === "<f2") arrays[name] = Float32Array.from({ length: size }, (_, i) => half(view.getUint16(at + 2 * i, true)));
    else if (kind === "<f4") arrays[name] = Float32Array.from({ length: size }, (_, i) => view.getFloat32(at + 4 * i, true));
    else if (kind === "<f8") arrays[name] = Float32Array.from({ length: size }, (_, i) => view.getFloat64(at + 8 * i, true));
    else if (kind === "|u1") arrays[name] = new Uint8Array(buffer, at, size);
    else if (kind === "|i1") arrays[name] = new Int8Array(buffer, at, size);
    else if (kind === "|b1") arrays[name] = [view.getUint8(at) === 1];
    else if (kind.startsWith("<U")) arrays[name] = String.fromCodePoint(...Array.from({ length: +kind.slice(2) }, (_, i) => view.getUint32(at + 4 * i, true)));
    else throw new Error(`${name} is of kind ${kind}, which this page does not read`);
  }
  return arrays;
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

// The rough weights that nbs/make_first.py writes: three of six values in a byte of the hidden layer, a byte for a logit's.
function unpack({ hidden_codes, hidden_steps, logits_codes, logits_steps, ...rest }) {
  const inputs = rest.mean.length, hidden = hidden_steps.length, classes = logits_steps.length, hidden_kernel = new Float32Array(inputs * hidden);
  let p = 0;
  for (let three of hidden_codes)
    for (let k = 0; k < 3; k++, p++, three = Math.floor(three / 6)) hidden_kernel[p] = ((three % 6) - 2.5) * hidden_steps[p % hidden]; // beyond its end nothing is kept
  return { ...rest, hidden_kernel, logits_kernel: Float32Array.from(logits_codes, (code, p) => code * logits_steps[p % classes]) };
}

// --- handwriting: from a drawing to MNIST's form -------------------------------------------------------------------

// What hangs together in a drawing: the number of each pixel's part, from 1 on, and the parts that are no specks, boxes without their ends.
function findParts(ink, side) {
  const label = new Int32Array(ink.length), parts = [], stack = [];
  for (let start = 0; start < label.length; start++) {
    if (label[start] || !(ink[start] > INK)) continue;
    const part = { n: parts.length + 1, size: 0, top: side, bottom: 0, left: side, right: 0 };
    parts.push(part); stack.push(start); label[start] = part.n;
    while (stack.length) {
      const p = stack.pop(), row = Math.floor(p / side), column = p % side;
      part.size++;
      [part.top, part.bottom, part.left, part.right] = [Math.min(part.top, row), Math.max(part.bottom, row + 1), Math.min(part.left, column), Math.max(part.right, column + 1)];
      for (let r = Math.max(0, row - 1); r <= Math.min(side - 1, row + 1); r++)
        for (let c = Math.max(0, column - 1); c <= Math.min(side - 1, column + 1); c++) {
          const q = r * side + c;
          if (!label[q] && ink[q] > INK) { label[q] = part.n; stack.push(q); }
        }
    }
  }
  const limit = Math.max(...parts.map((part) => part.size)) / 20;
  return { label, parts: parts.filter((part) => part.size > limit) };
}

const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const around = (parts) => ({
  top: Math.min(...parts.map((p) => p.top)), bottom: Math.max(...parts.map((p) => p.bottom)),
  left: Math.min(...parts.map((p) => p.left)), right: Math.max(...parts.map((p) => p.right)) });

// Parts in characters: what shares its columns, from the left to the right.
function findCharacters(parts) {
  const groups = [];
  for (const part of [...parts].sort((a, b) => a.left - b.left)) {
    const group = groups.find((g) =>
      Math.min(g.right, part.right) - Math.max(g.left, part.left) > 0.5 * Math.min(g.right - g.left, part.right - part.left) &&
      Math.max(g.top, part.top) - Math.min(g.bottom, part.bottom) < 0.25 * Math.max(g.bottom - g.top, part.bottom - part.top));
    if (group) Object.assign(group, around([group, part]), { parts: [...group.parts, part] });
    else groups.push({ ...around([part]), parts: [part] });
  }
  return groups.sort((a, b) => a.left - b.left);
}

function dilate(mask, columns) {
  return mask.map((m, p) => m || mask[p - columns] || mask[p + columns] || (p % columns && mask[p - 1]) || ((p + 1) % columns && mask[p + 1]) ? 1 : 0);
}

const lanczos = (x) => (x === 0 ? 1 : Math.abs(x) >= 3 ? 0 : (3 * Math.sin(Math.PI * x) * Math.sin((Math.PI * x) / 3)) / (Math.PI * x) ** 2);

// Weights with which `from` pixels become `to`, as Pillow's resize has them: for each, the first pixel and the weights.
function resizeWeights(from, to) {
  const scale = from / to, wide = Math.max(scale, 1), reach = 3 * wide;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(from, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: last - first }, (_, k) => lanczos((first + k - centre + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return [first, weights.map((w) => w / sum)];
  });
}

function resize(pixels, rows, columns, height, width) {
  const across = new Float32Array(rows * width), out = new Float32Array(height * width);
  resizeWeights(columns, width).forEach(([first, weights], c) => {
    for (let r = 0; r < rows; r++) across[r * width + c] = weights.reduce((sum, w, k) => sum + w * pixels[r * columns + first + k], 0);
  });
  resizeWeights(rows, height).forEach(([first, weights], r) => {
    for (let c = 0; c < width; c++) out[r * width + c] = weights.reduce((sum, w, k) => sum + w * across[(first + k) * width + c], 0);
  });
  return out;
}

// A value of a picture between its pixels; nothing is outside of it.
function between(image, row, column) {
  const top = Math.floor(row), left = Math.floor(column);
  const at = (r, c) => (r < 0 || c < 0 || r >= N || c >= N ? 0 : image[r * N + c]);
  const [down, right] = [row - top, column - left];
  return (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) + down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
}

// Some parts of a drawing as MNIST's makers would have made them.
function frameOf(ink, side, label, parts) {
  const { top, bottom, left, right } = around(parts);
  const [rows, columns] = [bottom - top, right - left], kept = [], cut = new Float32Array(rows * columns);
  for (const part of parts) kept[part.n] = 1;
  let near = new Uint8Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) near[r * columns + c] = kept[label[(top + r) * side + left + c]];
  for (let n = Math.max(1, Math.floor(side / 100)); n > 0; n--) near = dilate(near, columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) cut[r * columns + c] = near[r * columns + c] * ink[(top + r) * side + left + c];
  const scale = 20 / Math.max(rows, columns), round = (x) => { const r = Math.round(x); return r - x === 0.5 && r % 2 ? r - 1 : r; }; // to even, as Python does
  const [height, width] = [rows, columns].map((n) => Math.max(1, round(n * scale)));
  const small = resize(cut, rows, columns, height, width).map((v) => Math.max(v, 0)), most = small.reduce((a, b) => Math.max(a, b), 0);
  const frame = new Float32Array(N * N), [above, before] = [(N - height) >> 1, (N - width) >> 1];
  let sum = 0, sumRow = 0, sumColumn = 0;
  small.forEach((v, p) => {
    const [r, c] = [above + Math.floor(p / width), before + (p % width)];
    frame[r * N + c] = v / most;
    sum += v; sumRow += v * r; sumColumn += v * c;
  });
  const [dRow, dColumn] = [13.5 - sumRow / sum, 13.5 - sumColumn / sum];
  return frame.map((_, p) => Math.min(1, Math.max(0, between(frame, Math.floor(p / N) - dRow, (p % N) - dColumn))));
}

// --- predict: from MNIST's form to probabilities -------------------------------------------------------------------

function warp(image) {
  let ink = 0, row = 0, column = 0, rowRow = 0, rowColumn = 0, columnColumn = 0;
  image.forEach((v, p) => {
    const [r, c] = [Math.floor(p / N) - 13.5, (p % N) - 13.5];
    ink += v; row += v * r; column += v * c; rowRow += v * r * r; rowColumn += v * r * c; columnColumn += v * c * c;
  });
  ink = Math.max(ink, 1e-6); row /= ink; column /= ink;
  const down = Math.max(rowRow / ink - row * row, 0.5), slope = (rowColumn / ink - row * column) / down;
  const aside = Math.max(columnColumn / ink - column * column - slope * slope * down, 0.5);
  const tall = Math.sqrt(down) / 5.5, wide = Math.sqrt((tall * Math.sqrt(aside)) / 3.5), clip = (x) => Math.min(26.999, Math.max(0, x));
  return image.map((_, p) => {
    const r = row + 13.5 + (Math.floor(p / N) - 13.5) * tall;
    const c = column + 13.5 + ((p % N) - 13.5) * wide + slope * (r - row - 13.5);
    return between(image, clip(r), clip(c));
  });
}

const BLUR = Array.from({ length: PLACES }, (_, k) => Array.from({ length: N }, (_, i) => Math.exp(-0.5 * ((i - ((k + 0.5) * N / PLACES - 0.5)) / 1.5) ** 2)));

function directionFeatures(image) {
  const maps = Array.from({ length: 8 }, () => new Float32Array(N * N)), at = (r, c) => (r < 0 || c < 0 || r >= N || c >= N ? 0 : image[r * N + c]);
  for (let r = 0; r < N; r++) for (let c = 0; c < N; c++) {
    const tall = (k) => at(r - 1, k) + 2 * at(r, k) + at(r + 1, k), wide = (k) => at(k, c - 1) + 2 * at(k, c) + at(k, c + 1);
    const across = (tall(c + 1) - tall(c - 1)) / 4, along = (wide(r + 1) - wide(r - 1)) / 4;
    const [x, y] = [Math.abs(across), Math.abs(along)], p = r * N + c;
    maps[across > 0 ? 0 : 1][p] = Math.max(x - y, 0);
    maps[along > 0 ? 2 : 3][p] = Math.max(y - x, 0);
    maps[4 + (across > 0 ? 0 : 2) + (along > 0 ? 0 : 1)][p] = Math.SQRT2 * Math.min(x, y);
  }
  const features = new Float32Array(8 * PLACES * PLACES), partly = new Float32Array(N);
  maps.forEach((map, d) => BLUR.forEach((columns, k) => {
    for (let r = 0; r < N; r++) { let sum = 0; for (let c = 0; c < N; c++) sum += map[r * N + c] * columns[c]; partly[r] = sum; }
    BLUR.forEach((rows, j) => { let sum = 0; for (let r = 0; r < N; r++) sum += partly[r] * rows[r]; features[(d * PLACES + j) * PLACES + k] = Math.sqrt(sum); });
  }));
  return features;
}

// What the network gets of an image in MNIST's form.
export const describe = (image) => directionFeatures(warp(image));

// --- teach: what was taught has its share in the answer --------------------------------------------------------------

export function unitLength(inputs) {
  const length = Math.max(1e-9, Math.hypot(...inputs));
  return inputs.map((v) => v / length);
}

export function distance(a, b) { // of two inputs of length 1
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += a[i] * b[i];
  return 1 - cosine;
}

function recall(taught, inputs) {
  if (!taught.length) return { share: 0 };
  const unit = unitLength(inputs), doubts = new Array(10).fill(1);
  for (const example of taught) doubts[example.label] *= Math.min(1, Math.max(0, distance(unit, example.inputs) / example.reach));
  const least = Math.min(...doubts);
  return { share: Math.min(1 - least, 0.99), label: doubts.indexOf(least) };
}

// Uniform in [0, 1), fixed by the seed: Mulberry32, by Tommy Ettinger, in the public domain
// (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c).
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Weights with noise: `times` as large as they are.
function noisy(weights, times, seed) {
  const random = createRandom(seed), normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()); // Box and Muller 1958
  const size = times * Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
  return weights.map((w) => w + size * normal());
}

// Load the network at an address (or take its bytes) and return the function that reads a drawing. Its `network` has the arrays
// that it reads with; its `damage({noise, half, relu})` breaks them: noise so many times as large as the weights, every second
// unit off, no ReLU.
export async function loadReader(source) {
  const response = source instanceof ArrayBuffer ? null : await fetch(source);
  if (response && !response.ok) throw new Error(`${source}: ${response.status} ${response.statusText}`.trim());
  const buffer = response ? await response.arrayBuffer() : source;
  const arrays = parseNpz(buffer), whole = arrays.hidden_codes ? unpack(arrays) : arrays, hidden = whole.hidden_bias.length, parts = whole.components.length / whole.mean.length;
  if (!whole.rescale[0] || !whole.deskew[0] || !whole.directions[0] || whole.activation !== "squared_relu") throw new Error("this page reads networks of the recipe best only");
  if (whole.taught_labels?.length) throw new Error("this network was taught examples, which this page would not know");
  let network = whole, half = false, relu = true;
  function readFrame(image) {
    const upright = warp(image), inputs = directionFeatures(upright), sums = Float32Array.from(network.hidden_bias), logits = Float32Array.from(network.logits_bias);
    inputs.forEach((v, i) => { if (v) for (let h = 0, w = i * hidden; h < hidden; h++, w++) sums[h] += v * network.hidden_kernel[w]; });
    const units = sums.map((v, h) => ((v > 0 || !relu) && !(half && h % 2 === 1) ? v * v : 0));
    let evidence = 0;
    units.forEach((v, h) => {
      if (!v) return;
      for (let k = 0; k < 10; k++) logits[k] += v * network.logits_kernel[h * 10 + k];
      evidence += v * network.score_kernel[h];
    });
    const top = Math.max(...logits), energy = top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
    const centred = inputs.map((v, i) => v - network.mean[i]), residual = centred.slice();
    for (let k = 0; k < parts; k++) {
      let along = 0;
      centred.forEach((v, i) => { along += v * network.components[i * parts + k]; });
      centred.forEach((_, i) => { residual[i] -= along * network.components[i * parts + k]; });
    }
    let score = energy - network.residual_weight[0] * Math.hypot(...residual) + Math.min(evidence, 8);
    const untaught = Array.from(logits, (z) => Math.exp(z - energy)), probabilities = [...untaught], { share, label } = recall(read.taught, inputs);
    if (share) {
      probabilities.forEach((p, k) => { probabilities[k] = p * (1 - share) + (k === label ? share : 0); });
      score = Math.max(score, network.threshold[0] + Math.log(share / (1 - share)));
    }
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { label: score >= network.threshold[0] ? best : null, best, score, probabilities, untaught, share,
      image: Array.from(image, (v) => Math.round(v * 255)), upright, inputs, sums, units };
  }
  // The runs of neighbouring characters that together are read best, as in Python's find_drawn.
  function readRuns(pieces, framed) {
    const tall = Math.max(...pieces.map((p) => p.bottom - p.top)), best = [{ cost: 0, read: [] }];
    for (let first = 0; first < pieces.length; first++)
      for (let stop = first + 1; stop <= pieces.length; stop++) {
        const run = pieces.slice(first, stop), box = around(run), last = run.at(-1);
        if (run.length > 1 && (last.left - around(run.slice(0, -1)).right > 0.12 * tall || box.right - box.left > 1.4 * tall)) break;
        const read = readFrame(framed(run.flatMap((p) => p.parts)));
        const cost = best[first].cost + softplus((network.threshold[0] - read.score) / 4) + 1 - Math.max(...read.probabilities)
          + 0.15 + 0.3 * (run.length - 1) + 3 * Math.max(0, 0.75 - (box.bottom - box.top) / tall);
        if (!best[stop] || cost < best[stop].cost) best[stop] = { cost, read: [...best[first].read, read] };
      }
    return best[pieces.length].read;
  }
  // What was drawn, side × side bytes from 0 (paper) to 255 (ink): a reading for each digit, from the left to the right.
  function read(drawing) {
    const side = Math.round(Math.sqrt(drawing.length)), ink = new Float32Array(drawing.length);
    for (let p = 0; p < ink.length; p++) ink[p] = drawing[p] / 255;
    const { label, parts } = findParts(ink, side);
    return parts.length ? readRuns(findCharacters(parts), (some) => frameOf(ink, side, label, some)) : [];
  }
  read.taught = []; // examples of this writer's digits: {inputs, label, reach}
  read.network = whole;
  read.damage = (what) => {
    ({ half = false, relu = true } = what);
    const [hidden_kernel, logits_kernel] = ["hidden_kernel", "logits_kernel"].map((name, seed) => (what.noise ? noisy(whole[name], what.noise, seed) : whole[name]));
    network = read.network = { ...whole, hidden_kernel, logits_kernel, isOff: (h) => half && h % 2 === 1 };
  };
  return read;
}
