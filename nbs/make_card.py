"""Make two pictures in `nbs/images`: `postcode.jpg`, a photograph that nobody took, and `card.jpg`, with what is read on it.

`python nbs/make_card.py`, with the full MNIST: a pen writes test digits on rough paper, a lamp shines from the left, and a camera adds its noise."""
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, rotate, zoom
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import find_digits
from mnist_nb.predict import predict

images = Path(__file__).with_name('images')
random = np.random.default_rng(0)
height, width = 756, 1440
rows, columns = np.mgrid[:height, :width]

pen = np.zeros((height, width))
digits = load_mnist().test.images[[5, 6, 7, 8, 9]]
for place, digit in zip(np.linspace(230, 1000, len(digits)), digits):
    stroke = 1/(1 + np.exp(-11*(zoom(digit, 8*random.uniform(.92, 1.08), order=3) - .42)))
    stroke = rotate(stroke, random.uniform(-4, 4), order=1)
    top, left = int(height/2 - len(stroke)/2 + random.normal(0, 9)), int(place + random.normal(0, 8))
    spot = pen[top:top + len(stroke), left:left + stroke.shape[1]]
    np.maximum(spot, stroke, out=spot)

def rough(width): grain = gaussian_filter(random.normal(size=pen.shape), width); return grain/grain.std()

light = 1.05/(1 + ((columns + 200)**2 + (rows - 120)**2)/2000**2) # a lamp at the left, near the paper
light *= 1 - .3/(1 + np.exp(-(columns + 1.4*rows - 2050)/90)) # somebody's shadow
paper = light*(1 + .012*rough(1) + .015*rough(6) + .02*rough(60))
ink = gaussian_filter(pen, 1)*np.clip(.88 + .05*rough(2) + .04*rough(20), 0, 1)
photo = paper[..., None]*[.96, .93, .86]*(1 - ink[..., None]*[.87, .82, .6])
photo = gaussian_filter(photo, (.7, .7, 0)) + random.normal(0, .012, photo.shape)
Image.fromarray((np.clip(photo, 0, 1)*255).astype(np.uint8)).save(images/'postcode.jpg', quality=80)

found = find_digits(images/'postcode.jpg')
fig = plt.figure(figsize=(12, 6.3))
ax = fig.add_axes([0, 0, 1, 1])
ax.imshow(Image.open(images/'postcode.jpg'))
ax.set_axis_off()
readings, boxes, _ = zip(*found)
for (top, left, bottom, right), label in zip(boxes, predict(np.stack(readings)).labels):
    ax.add_patch(plt.Rectangle((left*width, top*height), (right - left)*width, (bottom - top)*height, fill=False, color='#D55E00', linewidth=3))
    ax.text((left + right)/2*width, top*height - .03*height, label, color='#D55E00', fontsize=44, weight='bold', ha='center', va='bottom')
fig.savefig(images/'card.jpg', dpi=100, pil_kwargs=dict(quality=85))
