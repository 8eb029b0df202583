"""Make `nbs/draw/first.npz`, a small network for the first seconds of the page to draw on: `python nbs/make_first.py`

It is the packaged network with six values for a hidden weight, 2.6 bits instead of 16, and eight bits for a logit's.
"""
from pathlib import Path
import numpy as np
from mnist_nb.network import read_network

def make_first(network):
    "The arrays of a `Network` with rough weights: those of the hidden layer three to a byte, from −2.5 to 2.5 steps."
    steps, scale = .8*network.hidden_kernel.std(0), np.abs(network.logits_kernel).max(0)/127
    codes = (np.clip(np.floor(network.hidden_kernel/steps), -3, 2) + 3).astype(int).ravel()
    codes = np.pad(codes, (0, -len(codes) % 3)).reshape(-1, 3)
    kept = {name: getattr(network, name) for name in ('hidden_bias', 'logits_bias', 'mean', 'components')}
    return ({name: a.astype(np.float16) for name, a in kept.items()}
            | {name: np.asarray(getattr(network, name)) for name in ('activation', 'rescale', 'deskew', 'directions', 'residual_weight', 'threshold', 'score_kernel')}
            | dict(hidden_codes=(codes @ np.array([1, 6, 36])).astype(np.uint8), hidden_steps=steps.astype(np.float32),
                   logits_codes=np.round(network.logits_kernel/scale).astype(np.int8), logits_steps=scale.astype(np.float32)))

if __name__ == '__main__': np.savez(Path(__file__).parent/'draw'/'first.npz', **make_first(read_network()))
