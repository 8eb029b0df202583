// The network of the book and its loop `learn`, as nbs/02_train.ipynb has them, in place of NumPy with Float32Arrays.
// Weights are [W1, b1, W2, b2]; images are n × 784 numbers from 0 to 1. tests/test_learn.py compares the two.
export const PIXELS = 784, DIGITS = 10;

// Glorot's uniform weights, as Keras starts; its biases are 0.
export function createNetwork(hidden, random) {
  const kernel = (inputs, outputs) => Float32Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * Math.sqrt(6 / (inputs + outputs)));
  return [kernel(PIXELS, hidden), new Float32Array(hidden), kernel(hidden, DIGITS), new Float32Array(DIGITS)];
}

// What the hidden units give and the probabilities, row after row. Most pixels are 0 and need no multiplication.
export function forward([W1, b1, W2, b2], x, relu) {
  const n = x.length / PIXELS, units = b1.length, hidden = new Float32Array(n * units), probabilities = new Float32Array(n * DIGITS);
  for (let i = 0; i < n; i++) {
    const h = hidden.subarray(i * units, (i + 1) * units), p = probabilities.subarray(i * DIGITS, (i + 1) * DIGITS);
    h.set(b1);
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      const v = x[i * PIXELS + pixel];
      if (v !== 0) for (let u = 0, w = pixel * units; u < units; u++, w++) h[u] += v * W1[w];
    }
    p.set(b2);
    for (let u = 0; u < units; u++) {
      if (relu && h[u] < 0) h[u] = 0;
      const v = h[u];
      if (v !== 0) for (let k = 0; k < DIGITS; k++) p[k] += v * W2[u * DIGITS + k];
    }
    softmax(p);
  }
  return { hidden, probabilities };
}

function softmax(p) {
  let top = -Infinity, sum = 0;
  for (let k = 0; k < p.length; k++) if (p[k] > top) top = p[k];
  for (let k = 0; k < p.length; k++) sum += p[k] = Math.exp(p[k] - top);
  for (let k = 0; k < p.length; k++) p[k] /= sum;
}

// One step of gradient descent: each weight moves by minus its slope times the rate, in place.
export function step(weights, x, y, rate, relu) {
  const [W1, b1, W2, b2] = weights, n = y.length, units = b1.length, { hidden, probabilities } = forward(weights, x, relu);
  const logitMoves = probabilities, sumMoves = new Float32Array(n * units); // slopes times the rate
  for (let i = 0; i < n; i++) logitMoves[i * DIGITS + y[i]] -= 1;
  for (let k = 0; k < logitMoves.length; k++) logitMoves[k] *= rate / n;
  for (let i = 0; i < n; i++)
    for (let u = 0; u < units; u++) {
      if (relu && !(hidden[i * units + u] > 0)) continue;
      let sum = 0;
      for (let k = 0; k < DIGITS; k++) sum += logitMoves[i * DIGITS + k] * W2[u * DIGITS + k];
      sumMoves[i * units + u] = sum;
    }
  for (let i = 0; i < n; i++) {
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      const v = x[i * PIXELS + pixel];
      if (v !== 0) for (let u = 0, w = pixel * units, s = i * units; u < units; u++, w++, s++) W1[w] -= v * sumMoves[s];
    }
    for (let u = 0; u < units; u++) {
      const v = hidden[i * units + u];
      b1[u] -= sumMoves[i * units + u];
      if (v !== 0) for (let k = 0; k < DIGITS; k++) W2[u * DIGITS + k] -= v * logitMoves[i * DIGITS + k];
    }
    for (let k = 0; k < DIGITS; k++) b2[k] -= logitMoves[i * DIGITS + k];
  }
}

// Loss and accuracy; for each image the digit read and how sure; and whether any hidden unit gives anything but 0.
export function measure(weights, x, y, relu) {
  const { hidden, probabilities } = forward(weights, x, relu), read = new Uint8Array(y.length), sure = new Float32Array(y.length);
  let loss = 0, right = 0;
  for (let i = 0; i < y.length; i++) {
    const p = probabilities.subarray(i * DIGITS, (i + 1) * DIGITS);
    read[i] = p.indexOf(Math.max(...p));
    sure[i] = p[read[i]];
    right += read[i] === y[i];
    loss -= Math.log(Math.max(p[y[i]], 2 ** -149)); // the smallest float32: no loss is infinite
  }
  return { loss: loss / y.length, accuracy: right / y.length, read, sure, alive: hidden.some((v) => v !== 0) };
}
