"Where MNIST comes from, and what is refused."
import gzip, subprocess, sys
import numpy as np
import pytest
from conftest import idx
from mnist_nb.data import _IDX_NAMES, DataError, MNIST_CHECKSUMS, _read_sample, load_mnist

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


def test_every_image_of_the_sample_is_one_of_mnist(full):
    sample, _ = _read_sample('A test.')
    known = {(image.tobytes(), label) for image, label in zip(full['x_train'], full['y_train'])}
    for x, y in ('x_train', 'y_train'), ('x_test', 'y_test'):
        assert all((image.tobytes(), label) in known for image, label in zip(sample[x], sample[y]))
    assert len({image.tobytes() for x in ('x_train', 'x_test') for image in sample[x]}) == 5_000


@pytest.mark.parametrize('form', ['plain', 'gzipped', 'dotted', 'npz', 'npz in a folder'])
def test_all_forms_give_the_same(full, form, tmp_path, monkeypatch):
    source = tmp_path
    if 'npz' in form:
        np.savez(tmp_path/'mnist.npz', **full)
        if form == 'npz': source = tmp_path/'mnist.npz'
    else:
        for key, name in _IDX_NAMES.items():
            content = idx(full[key].shape, full[key].tobytes())
            if form == 'gzipped': (tmp_path/f'{name}.gz').write_bytes(gzip.compress(content, 1))
            else: (tmp_path/(name.replace('-idx', '.idx') if form == 'dotted' else name)).write_bytes(content)
    monkeypatch.setenv('MNIST_NB_DATA', str(source))
    mnist = load_mnist()
    assert mnist.checksums == MNIST_CHECKSUMS and mnist.source == str(source)
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert (mnist.test.images == full['x_test'].astype(np.float32)/255).all()


def test_validation_split_is_stratified(full, tmp_path):
    mnist = load_mnist()
    share = np.bincount(full['y_train'])/60_000
    assert np.abs(np.bincount(mnist.validation.labels)/5_000 - share).max() < 2e-4


def test_cache_is_used(full, no_network, monkeypatch, recwarn):
    (no_network/'.keras/datasets').mkdir(parents=True)
    np.savez(no_network/'.keras/datasets/mnist.npz', **full)
    assert not load_mnist().is_sample
    assert not [w for w in recwarn if 'sample' in str(w.message)]


def test_no_network_gives_the_sample_with_a_warning(no_network):
    with pytest.warns(UserWarning, match='could not be downloaded.*packaged sample'): mnist = load_mnist()
    assert mnist.is_sample and mnist.source == 'sample'
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (3_667, 333, 1_000)
    assert not list(no_network.rglob('*.npz'))


def test_what_is_named_must_be_right(tmp_path, monkeypatch):
    monkeypatch.setenv('MNIST_NB_DATA', str(tmp_path))
    with pytest.raises(DataError, match=f'{tmp_path} has no file train-images-idx3-ubyte'): load_mnist()
    with pytest.raises(DataError, match='nowhere does not exist'): load_mnist(tmp_path/'nowhere')


def test_another_dataset_of_the_same_form(full, tmp_path):
    changed = full['x_test'].copy()
    changed[77, 14, 14] ^= 1
    np.savez(tmp_path/'mnist.npz', **full | dict(x_test=changed))
    with pytest.raises(DataError, match=r'mnist.npz is not MNIST: wrong checksum of x_test \(`t10k-images'): load_mnist(tmp_path)


def test_mixed_up_files(full, tmp_path):
    for key, name in _IDX_NAMES.items():
        array = full[key.replace('y_test', 'y_train')]
        (tmp_path/name).write_bytes(idx(array.shape, array.tobytes()))
    with pytest.raises(DataError, match='sizes disagree.*t10k-labels'): load_mnist(tmp_path)


def test_data_needs_no_tensorflow():
    code = "import sys, mnist_nb.data, mnist_nb.evaluate, mnist_nb.visualize, mnist_nb.handwriting; mnist_nb.data.load_mnist('sample'); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, '-W', 'ignore', '-c', code]).returncode == 0
