// The page to draw on: the pad, the way through the network, three ways to break it, a link and a picture of what was drawn.
import { createPad, fromText, toText } from "./pad.js";
import { loadReader } from "./read.js";
import { createWay } from "./way.js";

const CSS = `
.mnist-break { font-family: system-ui, sans-serif; font-size: 14px; flex: 1 1 220px; max-width: 320px; }
.mnist-break fieldset { border: 1px solid #767676; border-radius: 4px; padding: 4px 12px 10px; margin: 0 0 8px; }
.mnist-break legend { float: none; width: auto; font-size: 16px; font-weight: 600; padding: 0 4px; margin: 0; }
.mnist-break label { display: block; margin-top: 4px; }
.mnist-break p { margin: 8px 0 0; line-height: 1.4; }
.mnist-break input[type="text"] { width: 100%; font: inherit; }
`;
const FIRST = [[...Array.from({ length: 60 }, (_, n) => [146 + 46 * Math.cos(n / 9 - 0.5), 96 - 50 * Math.sin(n / 9 - 0.5)]), [190, 110], [172, 236]]]; // a 9 to watch

function add(parent, tag, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

// Build the page in `root`; resolves when a digit can be drawn. It is read with the small network at the address `first` until
// the full one has come.
export async function createPage(root, first, full) {
  let read = await loadReader(first);
  root.replaceChildren();
  add(root, "style", { textContent: CSS });
  const top = add(root, "div"), below = add(root, "div");
  const way = createWay(below, () => read.network);
  const pad = createPad(top, (ink) => read(ink), way);

  const side = add(top, "div", { className: "mnist-break" }), box = add(side, "fieldset");
  add(box, "legend", { textContent: "Break it" });
  function damage() {
    const on = Object.fromEntries(switches.map((s) => [s.name, s.checked]));
    read.damage({ noise: on.noise ? 2 : 0, half: on.half, relu: !on.relu });
    pad.changed();
  }
  const switches = Object.entries({ noise: "noise, twice as large as the weights", half: "every second hidden unit off", relu: "no ReLU: negative sums count, too" }).map(([name, text]) => {
    const label = add(box, "label"), input = add(label, "input", { type: "checkbox", name });
    label.append(` ${text}`);
    input.addEventListener("change", damage);
    return input;
  });
  add(box, "p", { textContent: "Which one stops the reading? Predict, then try." });
  const link = add(side, "button", { type: "button", textContent: "Copy link" }), save = add(side, "button", { type: "button", textContent: "Save picture" });
  const said = add(side, "p");
  said.setAttribute("role", "status");
  add(side, "p", { textContent: "Nothing you draw is sent anywhere. A link holds the drawing in the part after #, which stays in the browser." });

  const linked = () => fromText(new URLSearchParams(location.hash.slice(1)).get("drawing") ?? "");
  link.addEventListener("click", async () => {
    if (!pad.strokes.length) return (said.textContent = "Draw something first.");
    history.replaceState(null, "", `#drawing=${toText(pad.strokes)}`);
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = "The link is copied.";
    } catch {
      said.textContent = "The link is in the address bar: copy it there.";
    }
  });
  save.addEventListener("click", () => {
    const answer = top.querySelector(".answer").textContent, page = Object.assign(document.createElement("canvas"), { width: 560, height: 640 }), on = page.getContext("2d");
    on.fillStyle = "#fff";
    on.fillRect(0, 0, 560, 640);
    on.drawImage(pad.paper, 0, 0, 560, 560);
    Object.assign(on, { fillStyle: "#000", font: "600 26px system-ui, sans-serif", textAlign: "center" });
    on.fillText(answer, 280, 610, 540);
    Object.assign(document.createElement("a"), { href: page.toDataURL("image/png"), download: "mnist_nb.png" }).click();
    said.textContent = "The picture is among your downloads: mnist_nb.png";
  });

  function open() {
    const drawing = linked();
    if (drawing.length) {
      pad.strokes.splice(0, Infinity, ...drawing);
      pad.changed();
    } else if (location.hash.startsWith("#drawing=")) said.textContent = "The link holds no drawing that can be read. Perhaps it was cut off.";
    return drawing.length > 0;
  }
  const loading = add(side, "p", { className: "loading", textContent: "Rough weights read until the full ones are here, 1.6 MB …" });
  loadReader(full).then((reader) => {
    read = reader;
    damage();
    loading.textContent = "";
  }, (error) => (loading.textContent = `The full weights could not be loaded (${error.message}). The rough ones read on. Reload the page to try again.`));
  addEventListener("hashchange", open);
  if (!open()) pad.play(FIRST, matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 1400);
}
