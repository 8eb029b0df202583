"Where MNIST comes from, and what is refused."
import gzip, os, subprocess, sys
import numpy as np
import pytest
from conftest import POSIX, idx
from mnist_nb.data import load_mnist
from mnist_nb.files import _IDX_NAMES, DataError, MNIST_CHECKSUMS, _read_sample, _replace, import_keras

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


PROGRAM = "import sys, mnist_nb.model as m; print('made', m.keras.config.backend()); m.build_mlp(8)"


def test_another_backend_of_keras():
    "TensorFlow is used, and it is said, whether the other one is installed or not."
    done = subprocess.run([sys.executable, '-c', PROGRAM], env=os.environ | dict(KERAS_BACKEND='jax'), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == 'made tensorflow\n' and 'KERAS_BACKEND is jax, but mnist_nb needs TensorFlow' in done.stderr


def test_another_backend_in_the_home_folder(tmp_path):
    (tmp_path/'keras.json').write_text('{"backend": "jax"}')
    done = subprocess.run([sys.executable, '-c', PROGRAM], env=os.environ | dict(KERAS_HOME=str(tmp_path)), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == 'made tensorflow\n'


def test_keras_with_another_backend_already(monkeypatch):
    import keras
    monkeypatch.setattr(keras.config, 'backend', lambda: 'torch')
    with pytest.raises(ImportError, match='here it does with torch. Start Python again with the environment variable KERAS_BACKEND=tensorflow'): import_keras()


@pytest.mark.skipif(not POSIX, reason='as a shell of POSIX closes it')
def test_standard_error_may_be_closed():
    done = subprocess.run(['sh', '-c', f'{sys.executable} -c "{PROGRAM}" 2>&-'], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == 'made tensorflow\n'


def test_windows_refuses_to_replace_what_is_open(tmp_path, monkeypatch):
    "It is tried again, and what was to be written is lost only if that goes on."
    (tmp_path/'part').write_text('new')
    (tmp_path/'file').write_text('old')
    tries, usual = [], os.replace
    def refuse(part, path):
        tries.append(part)
        if len(tries) < 3: raise PermissionError(13, 'in use')
        usual(part, path)
    monkeypatch.setattr('os.replace', refuse)
    monkeypatch.setattr('time.sleep', lambda seconds: None)
    with pytest.raises(PermissionError): _replace(tmp_path/'part', tmp_path/'file')
    assert (tmp_path/'file').read_text() == 'old' and len(tries) == 1
    monkeypatch.setattr('sys.platform', 'win32')
    _replace(tmp_path/'part', tmp_path/'file')
    assert (tmp_path/'file').read_text() == 'new' and len(tries) == 3


def test_data_needs_no_tensorflow():
    code = "import sys, mnist_nb.data, mnist_nb.evaluate, mnist_nb.visualize, mnist_nb.handwriting; mnist_nb.data.load_mnist('sample'); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, '-W', 'ignore', '-c', code]).returncode == 0
