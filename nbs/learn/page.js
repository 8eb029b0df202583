// "See it learn": controls, what the worker reports, and a pad on which one's own network reads.
import { createPad } from "../draw/pad.js";
import { loadReader } from "../draw/read.js";
import { forward } from "./network.js";
import { add, createConfusion, createCurve, createMistakes, createWeightPictures, percent } from "./views.js";

const CSS = `
.learn { container-type: inline-size; font: 14px/1.45 system-ui, sans-serif; color: inherit; margin-bottom: 24px;
  --blue: color-mix(in srgb, #0072b2 80%, currentColor); --orange: color-mix(in srgb, #d55e00 85%, currentColor); /* told from light and from dark */ }
.learn button, .learn input, .learn select { font: inherit; color: inherit; border: 1px solid #767676; border-radius: 4px; background: none; padding: 4px 8px; min-height: 34px; box-sizing: border-box; }
.learn select option { color: #000; background: #fff; }
.learn button { cursor: pointer; padding: 4px 14px; }
.learn button:disabled { opacity: .6; cursor: default; }
.learn button.main { background: #0072b2; border-color: #0072b2; color: #fff; min-width: 84px; }
.learn :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
.learn .old { opacity: .4; }
.learn [aria-invalid=true] { border: 2px solid var(--orange); }
.learn p, .learn h2 { margin: 0; }
.learn h2 { font-size: 15px; font-weight: 600; line-height: 1.3; padding: 0; border: 0; opacity: 1; }
.learn .tries { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 12px; margin-bottom: 16px; }
.learn .tries button { display: block; width: 100%; text-align: left; padding: 6px 10px; }
.learn .tries strong { display: block; }
.learn form { scroll-margin-top: 64px; display: grid; grid-template-columns: 1fr 1fr; gap: 8px 12px; align-items: end; }
.learn form label { display: block; margin-bottom: 2px; }
.learn form input, .learn form select { display: block; width: 100%; }
.learn .run { display: flex; gap: 8px; grid-column: 1 / -1; }
.learn .said { box-sizing: content-box; min-height: 2.9em; padding: 8px 0 10px; }
.learn .views { display: grid; gap: 20px 28px; }
.learn .view > p { font-size: 13px; }
.learn .key { display: flex; gap: 14px; white-space: nowrap; }
.learn .key span::before { content: ""; display: inline-block; width: 18px; vertical-align: middle; margin-right: 5px; border-top: 2px solid var(--orange); }
.learn .key span:first-child::before { border-top: 2px dashed var(--blue); }
.learn svg { display: block; width: 100%; overflow: visible; font-size: 11px; fill: currentColor; }
.learn svg .level { stroke: currentColor; opacity: .2; }
.learn svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.learn .key span:nth-child(3)::before, .learn svg polyline.before { border-color: currentColor; stroke: currentColor; opacity: .45; }
.learn svg polyline.training { stroke: var(--blue); stroke-dasharray: 4 3; }
.learn svg polyline.validation { stroke: var(--orange); }
.learn svg circle.training { fill: var(--blue); }
.learn svg circle.validation { fill: var(--orange); }
.learn .square { aspect-ratio: 1; }
.learn .choice { display: flex; align-items: center; gap: 6px; margin-top: 4px; }
.learn [type=checkbox] { min-height: 0; margin: 0; width: 16px; height: 16px; accent-color: #0072b2; }
.learn .weights { display: block; width: 100%; image-rendering: pixelated; }
.learn table.confusion { display: table; width: 100%; table-layout: fixed; border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; margin: 0; }
.learn .confusion caption { caption-side: top; padding: 0 0 4px; color: inherit; text-align: left; font-size: 13px; }
.learn .confusion th, .learn .confusion td { height: 22px; padding: 0; border: 1px solid rgb(128 128 128 / .25); text-align: center; font-weight: 400; }
.learn .confusion th, .learn .confusion thead td { border: 0; font-weight: 600; }
.learn .mistakes { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; list-style: none; margin: 4px 0 0; padding: 0; min-height: 286px; align-content: start; font-size: 12px; line-height: 1.3; }
.learn .mistakes span { display: block; white-space: nowrap; }
.learn .mistakes canvas { width: 56px; height: 56px; display: block; image-rendering: pixelated; border: 1px solid #767676; border-radius: 4px; }
.learn .own .answer + p { min-height: 2.9em; }
.learn .own { min-height: 727px; }
.learn .mnist-pad { margin: 8px 0 0; min-height: 0; gap: 8px 28px; }
.learn .mnist-pad .answer { min-height: 1.4em; margin: 0; }
.learn .mnist-pad .seen { height: 56px; margin-top: 6px; }
.learn .mnist-pad .seen button { flex-basis: 56px; min-height: 0; padding: 0; }
@media (pointer: coarse) { .learn input:not([type=checkbox]), .learn select { font-size: 16px; } .learn form button, .learn form input, .learn form select { min-height: 44px; } }
@container (min-width: 560px) {
  .learn .views { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .learn .own { grid-column: 1 / -1; min-height: 397px; }
  .learn form { grid-template-columns: repeat(3, 1fr); }
}
@container (min-width: 860px) {
  .learn .tries { grid-template-columns: repeat(4, 1fr); }
  .learn form { grid-template-columns: auto repeat(6, 1fr); }
  .learn .mnist-pad .paper { width: 210px; }
  .learn .run { grid-column: auto; margin-right: 8px; }
  .learn .views { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .learn .own { grid-column: 3; grid-row: 1 / span 2; }
}
`;

const FIELDS = [ // 3,667 images are there to learn from
  { name: "hidden", label: "Hidden units", start: "32", min: 1, max: 512, whole: true },
  { name: "rate", label: "Learning rate", start: "0.2", min: 0.0001, max: 100 },
  { name: "batch", label: "Batch size", start: "32", min: 1, max: 3667, whole: true },
  { name: "activation", label: "Activation", start: "relu", options: { relu: "ReLU", none: "none" } },
  { name: "deformation", label: "Deformation", start: "off", options: { off: "off", on: "on" } },
  { name: "seed", label: "Seed", start: "0", min: 0, max: 9999, whole: true },
];
const TRIES = [
  { title: "Learning rate 10", ask: "Will it learn faster?", change: { rate: "10" } },
  { title: "No ReLU", ask: "What is lost without it?", change: { activation: "none" } },
  { title: "4 hidden units", ask: "Are four units enough?", change: { hidden: "4" } },
  { title: "As at first", ask: "All settings go back.", change: {} },
];
const SAID = {
  diverged: "The loss is no longer a number: the learning rate is too large. Make it smaller and start again.",
  dead: "All hidden units are dead: they give 0 for every image, and no step wakes them. Take a smaller learning rate or another seed.",
};

// What is wrong with the value of a field, or "".
function problem({ label, min, max, whole, options }, value) {
  if (options) return value in options ? "" : `${label} must be ${Object.values(options).join(" or ")}.`;
  const number = Number(value), good = value.trim() !== "" && number >= min && number <= max && (!whole || Number.isInteger(number));
  return good ? "" : `${label} must be a ${whole ? "whole " : ""}number from ${min} to ${max}.`;
}

// Build the page in `root`.
export function createLearn(root) {
  root.classList.add("learn");
  root.replaceChildren();
  add(root, "style", { textContent: CSS });

  const tries = add(root, "div", { className: "tries" }, { role: "group", "aria-label": "Experiments" });
  for (const { title, ask, change } of TRIES) {
    const button = add(tries, "button", { type: "button", onclick: () => tryOut(title, ask, change) });
    add(button, "strong", { textContent: title });
    button.append(ask);
  }
  const form = add(root, "form", { noValidate: true }), buttons = add(form, "div", { className: "run" });
  const go = add(buttons, "button", { type: "submit", textContent: "Start", className: "main", disabled: true });
  const again = add(buttons, "button", { type: "button", textContent: "Start again", disabled: true });
  const inputs = FIELDS.map(({ name, label, start, whole, options }) => {
    const box = add(form, "div"), id = `learn-${name}`;
    add(box, "label", { textContent: label, htmlFor: id });
    const input = add(box, options ? "select" : "input", { name, id }, options ? {} : { inputmode: whole ? "numeric" : "decimal", autocomplete: "off" });
    for (const [value, textContent] of Object.entries(options ?? {})) add(input, "option", { value, textContent });
    input.value = start;
    return input;
  });
  const said = add(root, "p", { className: "said", id: "learn-said", textContent: "Loading 5,000 digits, 0.8 MB …" }, { role: "status" });
  const views = add(root, "div", { className: "views" });
  const view = (title, className = "") => {
    const box = add(views, "div", { className: `view ${className}` });
    add(box, "h2", { textContent: title });
    return box;
  };
  const curves = view("Loss and accuracy over epochs"), key = add(curves, "p", { className: "key" });
  for (const split of ["training", "validation"]) add(key, "span", { textContent: split });
  const keyBefore = add(key, "span", { textContent: "before", hidden: true });
  const showCurves = ["loss", "accuracy"].map((name) => createCurve(curves, name)), figures = add(curves, "p", { textContent: "\u00a0" });
  const pictures = view("What each unit has learned");
  add(pictures, "p", { textContent: "Ink on purple adds, on orange subtracts." });
  const showWeights = createWeightPictures(add(pictures, "div", { className: "square" }));
  const choice = add(pictures, "p", { className: "choice" }), random = add(choice, "input", { type: "checkbox", id: "learn-random" });
  add(choice, "label", { textContent: "with the random weights of the start", htmlFor: random.id });
  const showConfusion = createConfusion(view("What it confuses")), showMistakes = createMistakes(view("Its worst mistakes"));
  const own = view("Draw: your network reads", "own");

  let loaded = false, over = false, run = 0, running = false, latest = null, first = null, points = [], before = [], reached = 0, read = () => {};

  const say = (text) => { if (said.textContent !== text) said.textContent = text; };
  function settings() {
    FIELDS.forEach(({ whole }, n) => { if (!whole) inputs[n].value = inputs[n].value.replace(",", "."); }); // 0,2 in much of the world
    const problems = FIELDS.map((field, n) => problem(field, inputs[n].value));
    problems.forEach((text, n) => {
      for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", said.id]])
        if (text) inputs[n].setAttribute(name, value);
        else inputs[n].removeAttribute(name);
    });
    const wrong = problems.filter((text) => text);
    if (wrong.length) return say(wrong.join(" ")), null;
    const { hidden, rate, batch, activation, deformation, seed } = Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
    const interval = matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 100; // between views, ms
    return { hidden: +hidden, rate: +rate, batch: +batch, relu: activation === "relu", deformation: deformation === "on", seed: +seed, interval };
  }

  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  function fail(text) {
    [loaded, again.disabled] = [false, true];
    setRunning(false);
    say(text);
  }
  worker.onerror = (event) => fail(`The network cannot be trained here (${event.message || "the worker did not start"}). Reload the page, or try a newer browser.`);
  worker.onmessage = ({ data }) => {
    if (data.error) return fail(`The digits could not be loaded (${data.error}). Reload the page to try again.`);
    if (data.loaded) {
      [loaded, again.disabled] = [true, false];
      return begin();
    }
    if (data.view.run === run) show(data.view);
  };

  // A new network, untrained.
  function begin() {
    const chosen = settings();
    if (running) worker.postMessage({ go: false });
    if (latest?.steps) before = points;
    [latest, points, reached, run, over] = [null, [], 0, run + 1, false];
    setRunning(false);
    views.classList.toggle("old", !chosen); // of other settings
    if (!chosen) return false;
    worker.postMessage({ start: chosen, run });
    say("A new network, untrained. Guess how well it will read, then press Start.");
    return true;
  }
  function setRunning(on) {
    running = on;
    go.disabled = !loaded || over; // no further step would change anything
    go.textContent = on ? "Pause" : latest?.steps ? "Go on" : "Start";
    own.querySelector(".answer")?.setAttribute("aria-live", on ? "off" : "polite"); // what changes ten times a second is not spoken
  }
  function resume() {
    if (!settings()) return;
    if (figures.getBoundingClientRect().top > innerHeight) form.scrollIntoView({ behavior: "instant" }); // on a phone: what learns comes into view
    setRunning(true);
    say("Learning …");
    worker.postMessage({ go: true });
  }

  function show(next) {
    over = next.state in SAID;
    if (next.state === "diverged") return setRunning(false), say(SAID.diverged); // what was seen last stays
    latest = next;
    if (next.state !== "learning") setRunning(false);
    const { state, steps, epochs, validation, training, confusion, mistakes, weights } = next, { accuracy } = validation;
    points.push({ epochs, training, validation });
    if (points.length > 400) points = points.filter((_, n) => n % 2 === 0 || n === points.length - 1);
    for (const curve of showCurves) curve(points, before);
    keyBefore.hidden = !before.length;
    if (!steps) first = weights;
    showWeights(weights, random.checked ? null : first);
    showConfusion(confusion);
    showMistakes(mistakes);
    figures.textContent = `Validation ${percent(accuracy)} after ${steps.toLocaleString("en")} steps`;
    read();
    const level = [0.95, 0.9, 0.8, 0.5].find((share) => accuracy >= share) ?? 0;
    if (state === "dead") say(SAID.dead);
    else if (state === "paused") say(`Paused after ${steps.toLocaleString("en")} steps: ${percent(accuracy)} of the validation images are right.${epochs && epochs % next.last === 0 ? ` It pauses after every ${next.last} epochs.` : ""}`);
    else if (running && level > reached && next.atGoal) { // the same steps on every machine
      reached = level;
      say(`Learning … ${percent(level, 0)} of the validation images were right after ${steps.toLocaleString("en")} steps.`);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) worker.postMessage({ go: false });
    else resume();
  });
  random.addEventListener("change", () => { if (latest) showWeights(latest.weights, random.checked ? null : first); });
  again.addEventListener("click", () => { if (begin()) resume(); });

  // The settings stand in the address, so that it can be shared.
  form.addEventListener("change", () => {
    if (loaded) begin();
    history.replaceState(null, "", `#${new URLSearchParams(inputs.map(({ name, value }) => [name, value]))}`);
  });
  function tryOut(title, ask, change) {
    FIELDS.forEach(({ name, start }, n) => { inputs[n].value = change[name] ?? start; });
    form.dispatchEvent(new Event("change"));
    if (!loaded) return;
    if (Object.keys(change).length) say(`${title}, untrained. ${ask} Guess, then press Start.`);
    go.focus();
  }
  function fromAddress() {
    const asked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (!FIELDS.some(({ name }) => name in asked)) return; // a place on the page
    FIELDS.forEach(({ name, start }, n) => { inputs[n].value = asked[name] ?? start; });
    if (loaded) begin();
  }
  addEventListener("hashchange", fromAddress);
  fromAddress();

  // The pad, and what the packaged network of 1.6 MB reads on it, once one comes near.
  const loading = add(own, "p", { textContent: "Loading the packaged network, 1.6 MB …" });
  function showPad(readDrawing) {
    loading.remove();
    let drawn = [];
    const show = createPad(add(own, "div"), (ink) => {
      drawn = readDrawing(ink);
      const text = drawn.map(({ label }) => label ?? "?").join(""), sure = Math.min(...drawn.map(({ probabilities }) => Math.max(...probabilities)));
      other.textContent = `Packaged network: ${text}${text.includes("?") ? ", no digit it knows. Yours has not learned to say that." : text && `, ${percent(sure)} sure`}`;
      read();
    });
    const other = document.createElement("p");
    other.textContent = "Packaged network:";
    own.querySelector(".answer").after(other);
    // Both see the same 28 × 28 pixels. The network that learns here has no score that tells what is no digit.
    read = () => {
      if (!latest) return showAnswer([]);
      const { weights, relu } = latest;
      show(drawn.map(({ image }) => {
        const probabilities = Array.from(forward(weights, Float32Array.from(image, (byte) => byte / 255), relu).probabilities);
        return { image, probabilities, label: probabilities.indexOf(Math.max(...probabilities)) };
      }));
    };
    setRunning(running);
  }
  new IntersectionObserver(([{ isIntersecting }], observer) => {
    if (!isIntersecting) return;
    observer.disconnect();
    loadReader(new URL("../draw/pretrained.npz", import.meta.url)).then(showPad)
      .catch((error) => { loading.textContent = `The packaged network could not be loaded (${error.message}). Reload the page to draw.`; });
  }, { rootMargin: "600px" }).observe(own);
}
