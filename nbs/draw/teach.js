// What mnist_nb.teach computes, for a page without Python: examples of a writer's digits, kept in this browser.
import { article } from "./pad.js";
import { describe, distance, unitLength } from "./read.js";

const NEAR = 0.03, NEAREST = 0.01, CHANCE = 0.001, MOST = 50, WAY = 0.55, MARGIN = 0.005, SAME = 1e-4; // as in Python
const STORE = "mnist_nb.taught", PIXELS = 784;
const inputsOf = (image) => unitLength(describe(Float32Array.from(image, (byte) => byte / 255)));

// 4,000 known digits, loaded before something is taught for the first time, and described without blocking the page.
let known = null;
function loadKnown() {
  return (known ??= (async () => {
    const { loadSample } = await import("../learn/sample.js"), { train, validation } = await loadSample(new URL("../learn/sample.npz", import.meta.url)), all = [];
    for (const { x, y } of [train, validation])
      for (let n = 0; n < y.length; n++) {
        if (all.length % 10 === 0) await new Promise((done) => setTimeout(done));
        all.push({ inputs: unitLength(describe(x.subarray(n * PIXELS, (n + 1) * PIXELS))), label: y[n] });
      }
    return all;
  })().catch((error) => ((known = null), Promise.reject(error))));
}

function nearest(inputs, label, others) {
  let near = Infinity, other = null;
  for (const o of others) {
    if (o.label === label) continue;
    const d = distance(inputs, o.inputs);
    if (d < near) [near, other] = [d, o];
  }
  return { near, other };
}

const isExample = (e) => Array.isArray(e?.image) && e.image.length === PIXELS && e.image.every((v) => Number.isInteger(v) && v >= 0 && v < 256)
  && Number.isInteger(e.label) && e.label >= 0 && e.label < 10 && e.near >= NEAREST;
function load() { // what this page stored; anything else under its name is passed over
  try {
    return JSON.parse(localStorage.getItem(STORE)).filter(isExample).slice(0, MOST).map((e) => ({ ...e, inputs: inputsOf(e.image) }));
  } catch {
    return [];
  }
}

// Examples in this browser. `use(examples)` gets them, each time that they change, in another tab, too.
export function createTeacher(use) {
  let kept = load();
  const tell = () => use(kept.map(({ inputs, label, near }) => ({ inputs, label, reach: 2 * (WAY * near - MARGIN) })));
  function changed() {
    try {
      localStorage.setItem(STORE, JSON.stringify(kept.map(({ image, label, near }) => ({ image, label, near }))));
    } catch { /* a browser that keeps nothing: it is known until the page is closed */ }
    tell();
  }
  addEventListener("storage", ({ key }) => {
    if (key !== STORE && key !== null) return;
    kept = load();
    tell();
  });
  tell();
  return {
    prepare: () => void loadKnown().catch(() => {}), // so that the first correction is as quick as the next; `teach` tries again
    // Teach what an image of 784 bytes is; `chance` is the probability that the network gives the label by itself. Throws an error
    // that says why, if that would do harm.
    async teach(image, label, chance, say) {
      if (kept.length >= MOST) throw new Error(`${MOST} examples are the most. Forget some first.`);
      say("It is compared with 4,000 known digits …");
      const inputs = inputsOf(image), { near, other } = nearest(inputs, label, await loadKnown());
      if (near < (chance < CHANCE ? NEAR : NEAREST)) throw new Error(`Not learned: it is hardly to be told from a usual ${other.label}. Other people’s would be misread.`);
      const before = nearest(inputs, label, kept);
      if (before.near < NEAREST) throw new Error(`You have taught nearly the same as ${article(before.other.label)}.`);
      if (kept.some((e) => distance(inputs, e.inputs) < SAME)) throw new Error("It knows this one already. Draw another.");
      kept.push({ image: Array.from(image), label, near, inputs });
      changed();
    },
    forget() {
      kept.pop();
      changed();
    },
  };
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
function checksum(bytes) { // CRC-32, as ZIP has it
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// An array of float32 as NumPy writes it.
function npy(values, shape) {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`, padded = head.padEnd(117) + "\n", bytes = new Uint8Array(128 + 4 * values.length), view = new DataView(bytes.buffer);
  bytes.set([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]);
  bytes.set(new TextEncoder().encode(padded), 10);
  values.forEach((v, i) => view.setFloat32(128 + 4 * i, v, true));
  return bytes;
}

// The file of the network with what was taught in it, for `mnist_predict --model`: three more members of the ZIP, and its directory anew.
export function withTaught(network, examples) {
  const view = new DataView(network);
  let end = network.byteLength - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  const count = view.getUint16(end + 10, true), size = view.getUint32(end + 12, true), start = view.getUint32(end + 16, true);
  const arrays = { taught_inputs: npy(examples.flatMap((e) => Array.from(e.inputs)), [examples.length, examples[0].inputs.length]),
    taught_labels: npy(examples.map((e) => e.label), [examples.length]), taught_reach: npy(examples.map((e) => e.reach), [examples.length]) };
  const bodies = [], entries = [new Uint8Array(network, start, size)];
  let at = start;
  for (const [key, bytes] of Object.entries(arrays)) {
    const name = new TextEncoder().encode(`${key}.npy`), local = new DataView(new ArrayBuffer(30)), entry = new DataView(new ArrayBuffer(46));
    local.setUint32(0, 0x04034b50, true);
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(4, 20, true);
    entry.setUint32(42, at, true);
    for (const [header, o] of [[local, 4], [entry, 6]]) {
      header.setUint16(o, 20, true);
      header.setUint16(o + 8, 0x21, true); // 1 January 1980
      header.setUint32(o + 10, checksum(bytes), true);
      header.setUint32(o + 14, bytes.length, true);
      header.setUint32(o + 18, bytes.length, true);
      header.setUint16(o + 22, name.length, true);
    }
    bodies.push(local, name, bytes);
    entries.push(entry, name);
    at += 30 + name.length + bytes.length;
  }
  const last = new DataView(network.slice(end, end + 22)), directory = entries.reduce((sum, e) => sum + e.byteLength, 0);
  for (const o of [8, 10]) last.setUint16(o, count + 3, true);
  last.setUint32(12, directory, true);
  last.setUint32(16, at, true);
  last.setUint16(20, 0, true);
  return new Blob([new Uint8Array(network, 0, start), ...bodies, ...entries, last], { type: "application/zip" });
}
