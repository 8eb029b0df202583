"Make `nbs/images/card.jpg`, the picture on the first page: `python nbs/make_card.py`, with the full MNIST."
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import find_digits, make_photo
from mnist_nb.predict import predict

photo = make_photo(np.concatenate(load_mnist().test.images[5:10], axis=1), 30)
found = find_digits(photo)
width, height = photo.size
fig = plt.figure(figsize=(12, 6.3))
ax = fig.add_axes([0, 0, 1, 1])
ax.imshow(photo)
ax.set_axis_off()
right_of, above = min(width, height/.525)/2, min(width*.525, height)/2 # a window of the card's shape
middle = [np.mean([(first + last)/2*length for first, last in ends])
          for ends, length in [([(box[1], box[3]) for _, box in found], width), ([(box[0], box[2]) for _, box in found], height)]]
column, row = np.clip(middle[0], right_of, width - right_of), np.clip(middle[1], above, height - above)
ax.set(xlim=(column - right_of, column + right_of), ylim=(row + above, row - above))
for (top, left, bottom, right), label in zip([box for _, box in found], predict(np.stack([image for image, _ in found])).labels):
    ax.add_patch(plt.Rectangle((left*width, top*height), (right - left)*width, (bottom - top)*height, fill=False, color='#D55E00', linewidth=3))
    ax.text((left + right)/2*width, top*height - .03*height, label, color='#D55E00', fontsize=44, weight='bold', ha='center', va='bottom')
fig.savefig(Path(__file__).with_name('images')/'card.jpg', dpi=100, pil_kwargs=dict(quality=85))
