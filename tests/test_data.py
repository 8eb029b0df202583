"Where MNIST comes from, and what is refused."
import gzip, shutil, socket, struct, subprocess, sys, threading
import numpy as np
import pytest
from mnist_nb.data import _IDX_NAMES, DataError, MNIST_CHECKSUMS, _read_folder, _read_sample, load_mnist, read_idx, read_npz

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


@pytest.fixture(scope='module')
def full():
    "The full MNIST as arrays, where it is at hand."
    mnist = load_mnist()
    if mnist.is_sample: pytest.skip('the full MNIST is not at hand')
    from pathlib import Path
    source = Path(mnist.source)
    return _read_folder(source) if source.is_dir() else read_npz(source)


def idx(array): return struct.pack(f'>BBBB{array.ndim}I', 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


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
            content = idx(full[key])
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


def test_broken_cache_is_not_trusted(no_network):
    cache = no_network/'.keras/datasets/mnist.npz'
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b'half a file')
    with pytest.warns(UserWarning) as warned: mnist = load_mnist()
    assert mnist.is_sample and str(cache) in str(warned[0].message)


def test_download_that_hangs_gives_up(no_network, monkeypatch):
    monkeypatch.setattr('urllib.request._opener', None) # it remembers the proxies of its first use
    with socket.create_server(('127.0.0.1', 0)) as server:
        for name in 'HTTPS_PROXY', 'https_proxy': monkeypatch.setenv(name, f'http://127.0.0.1:{server.getsockname()[1]}')
        with pytest.warns(UserWarning, match='timed out'): mnist = load_mnist(timeout=.5)
    assert mnist.is_sample and socket.getdefaulttimeout() is None


def test_download_replaces_the_cache_only_when_whole(full, no_network, monkeypatch):
    import keras
    datasets = no_network/'.keras/datasets'
    datasets.mkdir(parents=True)
    def die(path):
        (datasets/path).write_bytes(b'half a file')
        raise OSError('the network went away')
    monkeypatch.setattr(keras.datasets.mnist, 'load_data', die)
    with pytest.warns(UserWarning, match='the network went away'): assert load_mnist().is_sample
    assert not list(datasets.iterdir())
    monkeypatch.setattr(keras.datasets.mnist, 'load_data', lambda path: np.savez(datasets/path, **full))
    assert not load_mnist().is_sample
    assert [p.name for p in datasets.iterdir()] == ['mnist.npz']


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
    for key, name in _IDX_NAMES.items(): (tmp_path/name).write_bytes(idx(full[key.replace('y_test', 'y_train')]))
    with pytest.raises(DataError, match='sizes disagree.*t10k-labels'): load_mnist(tmp_path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    with gzip.open(tmp_path/'bomb.gz', 'wb', 9) as f:
        f.write(struct.pack('>BBBB3I', 0, 0, 8, 3, 60_000, 28, 28))
        for _ in range(300): f.write(bytes(1_000_000))
    with pytest.raises(DataError, match='bomb.gz is too long'): read_idx(tmp_path/'bomb.gz')


def test_data_needs_no_tensorflow():
    code = "import sys, mnist_nb.data, mnist_nb.evaluate, mnist_nb.visualize, mnist_nb.handwriting; mnist_nb.data.load_mnist('sample'); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, '-W', 'ignore', '-c', code]).returncode == 0
