"""Make `nbs/draw/first.npz`, a small network for the first seconds of the page to draw on: `python nbs/make_first.py`

It is the packaged network with those of its hidden units that count most, and six values for a hidden weight: 2.6 bits
instead of 16, and eight bits for a logit's.
"""
from dataclasses import asdict, replace
from pathlib import Path
import numpy as np
from mnist_nb.data import load_mnist
from mnist_nb.network import read_network
from mnist_nb.predict import fit_score

def fewer_units(network, images, kept=384):
    "A `Network` with the hidden units that count most on these images, and no score; the others give what they give on average."
    hidden = network.hidden(network.inputs(images))
    order = np.argsort(-hidden.mean(0)*network.logits_kernel.std(1))
    some, others = order[:kept], order[kept:]
    return replace(network, hidden_kernel=network.hidden_kernel[:, some], hidden_bias=network.hidden_bias[some],
                   logits_kernel=network.logits_kernel[some], logits_bias=network.logits_bias + hidden[:, others].mean(0) @ network.logits_kernel[others],
                   score_kernel=np.zeros(kept))

def make_first(network):
    "The arrays of the small network: the weights of the hidden layer three to a byte, from −2.5 to 2.5 steps."
    sample = load_mnist('sample')
    network = fewer_units(network, sample.train.images)
    steps, scale = 1.2*network.hidden_kernel.std(0), np.abs(network.logits_kernel).max(0)/127
    codes, logits_codes = np.clip(np.floor(network.hidden_kernel/steps), -3, 2) + 3, np.round(network.logits_kernel/scale)
    network = fit_score(replace(network, hidden_kernel=(codes - 2.5)*steps, logits_kernel=logits_codes*scale), sample)
    threes = np.pad(codes.astype(int).ravel(), (0, -codes.size % 3)).reshape(-1, 3)
    arrays = {name: a for name, a in asdict(network).items() if name not in ('hidden_kernel', 'logits_kernel', 'names') and not name.startswith('taught')}
    return ({name: np.asarray(a, np.float16 if np.ndim(a) and name != 'score_kernel' else None) for name, a in arrays.items()}
            | dict(hidden_codes=(threes @ np.array([1, 6, 36])).astype(np.uint8), hidden_steps=steps.astype(np.float32),
                   logits_codes=logits_codes.astype(np.int8), logits_steps=scale.astype(np.float32)))

if __name__ == '__main__': np.savez(Path(__file__).parent/'draw'/'first.npz', **make_first(read_network()))
