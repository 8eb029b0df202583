// The page to draw on: the pad, the way through the network, three ways to break it, a link and a picture of what was drawn.
import { add, article, createPad, fromText, LONGEST, toText } from "./pad.js";
import { loadReader } from "./read.js";
import { createTeacher, withTaught } from "./teach.js";
import { createWay } from "./way.js";

const CSS = `
.mnist-break { font-family: system-ui, sans-serif; font-size: 14px; flex: 1 1 220px; max-width: 320px; }
.mnist-break fieldset { border: 1px solid #767676; border-radius: 4px; padding: 4px 12px 10px; margin: 0 0 8px; }
.mnist-break legend { float: none; width: auto; font-size: 16px; font-weight: 600; padding: 0 4px; margin: 0; }
.mnist-break label { display: flex; gap: 8px; align-items: start; margin-top: 6px; line-height: 1.3; }
.mnist-break input[type="checkbox"] { width: 16px; height: 16px; margin: 1px 0 0; flex: none; }
.mnist-break p { margin: 8px 0 0; line-height: 1.4; }
`;
const FIRST = [[...Array.from({ length: 60 }, (_, n) => [146 + 46 * Math.cos(n / 9 - 0.5), 96 - 50 * Math.sin(n / 9 - 0.5)]), [190, 110], [172, 236]]]; // a 9 to watch

const playFirst = (pad) => pad.play(FIRST, matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 1400);

// Build the page in `root`; resolves when a digit can be drawn. It is read with the small network at the address `first` until
// the full one has come.
export async function createPage(root, first, full) {
  let read = await loadReader(first);
  root.replaceChildren();
  add(root, "style", { textContent: CSS });
  const top = add(root, "div"), below = add(root, "div");
  let way = null, last = [null, null];
  function view() { // its rows are by the weights that are here
    below.replaceChildren();
    way = createWay(below, () => read.network);
    way(...last);
  }
  let taught = [], whole = false; // whether the full weights are here
  let mixed = () => {}; // says that what was taught is not broken
  const teacher = createTeacher((examples) => {
    taught = read.taught = examples;
    mixed();
  });
  const kept = () => `It knows ${taught.length} of your digits.`;
  const pad = createPad(top, (ink) => read(ink), {
    keys: document,
    look(...seen) {
      last = seen;
      if (way) return way(...last);
      if (last[0]) setTimeout(() => way ?? view()); // the answer comes first
    },
    edit: () => {
      said.textContent = "";
      if (whole && !navigator.connection?.saveData) teacher.prepare(); // 0.8 MB
    },
    teach: async (digit, label, say) => {
      await teacher.teach(digit.image, label, digit.untaught[label], say);
      pad.changed();
      return `Learned: this is ${article(label)}. ${kept()}`;
    },
    forget: async () => {
      if (!taught.length) return "There is nothing to forget.";
      teacher.forget();
      pad.changed();
      return `Forgotten. ${kept()}`;
    },
  });

  const side = add(top, "div", { className: "mnist-break" }), box = add(side, "fieldset");
  add(box, "legend", { textContent: "Break it" });
  function damage() {
    const on = Object.fromEntries(switches.map((s) => [s.name, s.checked]));
    mixed();
    read.damage({ noise: on.noise ? 2 : 0, half: on.half, relu: !on.relu });
    pad.changed();
  }
  const switches = Object.entries({ noise: "random errors in its numbers (weights)", half: "half of its hidden units switched off", relu: "no ReLU, which turns negative sums into 0" }).map(([name, text]) => {
    const label = add(box, "label"), input = add(label, "input", { type: "checkbox", name });
    label.append(text);
    input.addEventListener("change", damage);
    return input;
  });
  add(box, "p", { textContent: "Which of them changes the answer? Guess, then try." });
  const unbroken = add(box, "p");
  mixed = () => { unbroken.textContent = taught.length && switches.some((s) => s.checked) ? "What you taught stays whole: digits like yours are still read by it. “Forget last” takes it away." : ""; };
  const link = add(side, "button", { type: "button", textContent: "Copy link" }), save = add(side, "button", { type: "button", textContent: "Save picture" });
  const learned = add(side, "button", { type: "button", textContent: "Save what it learned" });
  const said = add(side, "p");
  said.setAttribute("role", "status");
  add(side, "p", { textContent: "Nothing that you draw or teach is sent anywhere. A link holds the drawing after its #, and browsers do not send that part. What it learned stays in this browser." });

  link.addEventListener("click", async () => {
    if (!pad.strokes.length) return (said.textContent = "Draw something first.");
    const broken = switches.filter((s) => s.checked).map((s) => s.name).join("-");
    const text = toText(pad.strokes);
    if (text.length > LONGEST) return (said.textContent = "The drawing is too long for a link.");
    history.replaceState(null, "", `#drawing=${text}${broken && `&broken=${broken}`}`);
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = "The link is copied.";
    } catch {
      said.textContent = "The link is in the address bar: copy it there.";
    }
  });
  save.addEventListener("click", () => {
    if (!pad.strokes.length) return (said.textContent = "Draw something first.");
    const answer = top.querySelector(".answer").textContent, page = Object.assign(document.createElement("canvas"), { width: 560, height: 640 }), on = page.getContext("2d");
    on.fillStyle = "#fff";
    on.fillRect(0, 0, 560, 640);
    on.drawImage(pad.paper, 0, 0, 560, 560);
    Object.assign(on, { fillStyle: "#000", font: "600 26px system-ui, sans-serif", textAlign: "center" });
    on.fillText(answer, 280, 610, 540);
    download(page.toDataURL("image/png"), "mnist_nb.png");
  });
  learned.addEventListener("click", async () => {
    if (!taught.length) return (said.textContent = "It has learned nothing from you yet: use the keys below the pad.");
    try {
      const response = await fetch(full);
      if (!response.ok) throw new Error(`${full}: ${response.status}`);
      download(URL.createObjectURL(withTaught(await response.arrayBuffer(), taught)), "taught.npz");
      said.textContent += ". Read with it: mnist_predict --model taught.npz my-digit.jpg";
    } catch (error) {
      said.textContent = `It could not be saved (${error.message}).`;
    }
  });
  function download(href, name) {
    if (href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(href), 10_000);
    Object.assign(document.createElement("a"), { href, download: name }).click();
    said.textContent = `It is among your downloads: ${name}`;
  }

  function open() {
    const link = new URLSearchParams(location.hash.slice(1)), drawing = fromText(link.get("drawing") ?? ""), broken = (link.get("broken") ?? "").split("-");
    if (drawing.length) {
      for (const s of switches) s.checked = broken.includes(s.name);
      damage();
      pad.put(drawing);
    } else if (location.hash.startsWith("#drawing=")) said.textContent = "The link holds no drawing that can be read. Perhaps it was cut off.";
    return drawing.length > 0;
  }
  const loading = add(side, "p", { className: "loading", textContent: "Rough weights read until the full ones are here, 1.6 MB …" });
  loadReader(full).then((reader) => {
    read = Object.assign(reader, { taught });
    whole = true;
    view();
    damage();
    loading.textContent = "";
  }, (error) => (loading.textContent = `The full weights could not be loaded (${error.message}). The rough ones read on. Reload the page to try again.`));
  addEventListener("hashchange", open);
  if (!open()) playFirst(pad);
}

// The pad alone, for the first page.
export async function createHome(root, first, full) {
  let read = await loadReader(first), taught = [];
  root.replaceChildren();
  createTeacher((examples) => { taught = read.taught = examples; });
  const pad = createPad(root, (ink) => read(ink), { keys: document });
  add(root.querySelector(".left"), "p", { textContent: "Draw here. It is read while you draw.", className: "hint" });
  playFirst(pad);
  loadReader(full).then((reader) => {
    read = Object.assign(reader, { taught });
    pad.changed();
  }, () => {}); // the small one reads on
}
