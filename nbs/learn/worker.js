// Trains beside the page, so that the page stays smooth. It is told {start: settings, run}, or {go: true or false}, and posts {loaded}
// once the images are there, {view} a few times a second, and {error} when something fails.
import { deform } from "./deform.js";
import { createRandom } from "../draw/read.js";
import { createNetwork, measure, PIXELS, step } from "./network.js";
import { loadSample } from "./sample.js";

const LAST = 100, WORST = 9; // epochs after which it pauses; mistakes to show
let sample = null, training = null, timer = null;

function start(settings, run) {
  const random = createRandom(settings.seed);
  training = {
    ...settings, goal: 0, run, random, weights: createNetwork(settings.hidden, random), steps: 0, order: [],
    perEpoch: Math.ceil(sample.train.y.length / settings.batch), x: new Float32Array(settings.batch * PIXELS), y: new Uint8Array(settings.batch),
  };
  report();
}

// The next batch of an order that is new in each epoch; as in the book, the last batch is filled up from its beginning.
function nextBatch({ random, steps, perEpoch, batch, x, y, deformation }) {
  const { x: images, y: labels } = sample.train, n = labels.length, first = (steps % perEpoch) * batch;
  if (first === 0) {
    const order = (training.order = Array.from(labels.keys()));
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
  }
  for (let i = 0; i < batch; i++) {
    const place = training.order[(first + i) % n], image = images.subarray(place * PIXELS, (place + 1) * PIXELS), own = x.subarray(i * PIXELS, (i + 1) * PIXELS);
    if (deformation) deform(image, random, own);
    else own.set(image);
    y[i] = labels[place];
  }
}

// Single steps first, so that one sees the pictures form, then ever more until the next goal, at most an epoch. A slow machine
// shows views between two goals as well.
function learn() {
  const { weights, x, y, rate, relu, perEpoch, steps, interval } = training, begun = performance.now();
  const left = perEpoch * LAST - (steps % (perEpoch * LAST));
  if (steps === training.goal) training.goal += Math.ceil(Math.min(Math.max(interval / 100, (steps * interval) / 600), perEpoch, left));
  while (training.steps < training.goal && performance.now() - begun < interval) {
    nextBatch(training);
    step(weights, x, y, rate, relu);
    training.steps++;
  }
  const { state } = report(training.steps % (perEpoch * LAST) === 0);
  if (state === "learning") timer = setTimeout(learn, Math.max(0, interval - (performance.now() - begun)));
}

function report(paused = false) {
  const { run, weights, steps, perEpoch, relu } = training, { train, validation } = sample, n = validation.y.length;
  const some = measure(weights, train.x.subarray(0, n * PIXELS), train.y.subarray(0, n), relu); // as many as there are for validation
  const { read, sure, ...known } = measure(weights, validation.x, validation.y, relu), confusion = new Uint16Array(100), wrong = [];
  read.forEach((digit, i) => {
    confusion[validation.y[i] * 10 + digit]++;
    if (digit !== validation.y[i]) wrong.push(i);
  });
  const mistakes = wrong.sort((a, b) => sure[b] - sure[a]).slice(0, WORST)
    .map((i) => ({ image: validation.x.slice(i * PIXELS, (i + 1) * PIXELS), digit: validation.y[i], read: read[i], sure: sure[i] }));
  const state = !Number.isFinite(known.loss) ? "diverged" : steps && !known.alive && !some.alive ? "dead" : paused ? "paused" : "learning";
  const view = { run, state, steps, atGoal: steps === training.goal, epochs: steps / perEpoch, last: LAST, training: { loss: some.loss, accuracy: some.accuracy }, validation: known, confusion, mistakes, weights, relu };
  postMessage({ view });
  return view;
}

onmessage = ({ data }) => {
  clearTimeout(timer);
  if (data.start) start(data.start, data.run);
  else if (data.go) learn();
  else if (training) report(true);
};

try {
  sample = await loadSample(new URL("sample.npz", import.meta.url));
  postMessage({ loaded: true });
} catch (error) {
  postMessage({ error: error.message });
}
