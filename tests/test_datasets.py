"Data that is not MNIST: every container gives the same arrays, and what cannot be what it is called is refused."
import csv, gzip, io, os, pickle, struct, tracemalloc, warnings, zipfile
from pathlib import Path
import numpy as np
import pytest
from conftest import POSIX, REPOSITORY, idx
from hypothesis import given, strategies as st
from PIL import Image
from mnist_nb.data import load_mnist
from mnist_nb.datasets import DATASETS, load_dataset, read_kaggle_test, read_table, write_submission
from mnist_nb.files import _IDX_NAMES, MNIST_CHECKSUMS, DataError, checksum, read_arrays, read_idx, read_npz, read_pickle
from mnist_nb.handwriting import normalize_digit

FASHION = Path('/usr/share/datasets/fashion-mnist') # where Debian's package dataset-fashion-mnist keeps it
ASIDE = 'ignore:.*set aside for the test'


@pytest.fixture(scope='session')
def few():
    "Three hundred digits to learn from and a hundred for the test, in MNIST's form."
    sample = read_npz(REPOSITORY/'mnist_nb'/'sample.npz')
    def some(x, y, each): return sample[x][rows := np.sort(np.concatenate([np.flatnonzero(sample[y] == n)[:each] for n in range(10)]))], sample[y][rows]
    return dict(zip(('x_train', 'y_train', 'x_test', 'y_test'), (*some('x_train', 'y_train', 30), *some('x_test', 'y_test', 10))))


def same(a, b): return a.keys() == b.keys() and all(a[k].dtype == np.uint8 and np.array_equal(a[k], b[k]) for k in a)


def images_of(data):
    "The images of all splits with their labels, in an order of their own, to compare what was read with what was written."
    return sorted((np.rint(255*image).astype(np.uint8).tobytes(), data.names[label])
                  for split in (data.train, data.validation, data.test) for image, label in zip(split.images, split.labels))


def pairs(arrays, names='0123456789'):
    return sorted((image.tobytes(), names[label]) for x, y in (('x_train', 'y_train'), ('x_test', 'y_test')) if x in arrays
                  for image, label in zip(arrays[x], arrays[y]))


# Converters: each writes the arrays into `folder`, and says what to name
def write_idx(arrays, folder, ending='', spelling='-idx', name=lambda name: name):
    folder.mkdir(parents=True, exist_ok=True)
    for k, a in arrays.items():
        content = idx(a.shape, a.tobytes())
        (folder/(name(_IDX_NAMES[k]).replace('-idx', spelling) + ending)).write_bytes(gzip.compress(content, 1) if ending else content)
    return folder


def write_npz(arrays, folder, name='mnist.npz'):
    np.savez_compressed(folder/name, **arrays)
    return folder/name


def as_pickle(arrays, protocol=2, scale=256):
    "MNIST as deeplearning.net has it: the last sixth of the training images are for validation."
    def pair(x, y): return (np.float32(x.reshape(-1, 784))/np.float32(scale) if scale > 1 else x), y.astype(np.int64)
    n = len(arrays['y_train'])*5//6
    return pickle.dumps((pair(arrays['x_train'][:n], arrays['y_train'][:n]), pair(arrays['x_train'][n:], arrays['y_train'][n:]),
                         pair(arrays['x_test'], arrays['y_test'])), protocol)


def write_pickle(arrays, folder, name='mnist.pkl.gz', **kwargs):
    content = as_pickle(arrays, **kwargs)
    (folder/name).write_bytes(gzip.compress(content, 1) if name.endswith('.gz') else content)
    return folder/name


def write_csv(x, y, path, header=None, newline='\n', before=''):
    columns = np.column_stack([y, x.reshape(-1, 784)]) if y is not None else x.reshape(-1, 784)
    lines = ([','.join(header)] if header else []) + [','.join(map(str, row)) for row in columns.tolist()]
    content = (before + newline.join([*lines, ''])).encode()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == '.gz' else content)
    return path


KAGGLE = ['label', *(f'pixel{n}' for n in range(784))]
NAMED = ['label', *(f'{row}x{column}' for row in range(1, 29) for column in range(1, 29))]


# --- containers

@pytest.mark.parametrize('within', ['', 'raw', 'FashionMNIST/raw', 'fashion-mnist'])
@pytest.mark.parametrize('ending, spelling', [('', '-idx'), ('.gz', '-idx'), ('', '.idx'), ('.gz', '.idx')])
def test_idx(few, tmp_path, within, ending, spelling):
    write_idx(few, tmp_path/within, ending, spelling)
    data = load_dataset('fashion-mnist', tmp_path)
    assert images_of(data) == pairs(few, DATASETS['fashion-mnist']) and data.dataset == 'fashion-mnist' and data.source == str(tmp_path)
    assert (data.test.images == few['x_test'].astype(np.float32)/255).all() and (data.test.labels == few['y_test']).all()
    assert (len(data.train), len(data.validation), len(data.test)) == (275, 25, 100)
    assert data.checksums == {k: checksum(a) for k, a in few.items()}


def test_the_home_folder(few, tmp_path, monkeypatch):
    "A run keeps where its data are, so `~` must not stay in it."
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('USERPROFILE', str(tmp_path))
    write_idx(few, tmp_path/'digits')
    assert load_dataset('digits', '~/digits').source == str(tmp_path/'digits')


def test_the_folder_of_another_dataset_is_not_taken(few, tmp_path):
    write_idx(few, tmp_path/'FashionMNIST'/'raw')
    for name in 'kmnist', 'other': # what is there is a folder without pictures
        with pytest.raises(DataError): load_dataset(name, tmp_path)


def test_idx_beside_torchvisions_plain_files(few, tmp_path):
    "torchvision leaves the gzipped files beside the plain ones, and Kaggle a folder of the same name."
    write_idx(few, tmp_path)
    write_idx(few, tmp_path, '.gz')
    (tmp_path/'more').mkdir()
    assert same(read_arrays(tmp_path), few)
    write_idx(few, tmp_path/'kaggle', spelling='.idx')
    for name in _IDX_NAMES.values(): (tmp_path/'kaggle'/name).mkdir()
    assert same(read_arrays(tmp_path/'kaggle'), few)


@pytest.mark.parametrize('lost', _IDX_NAMES)
def test_an_idx_file_is_lost(few, tmp_path, lost):
    write_idx(few, tmp_path)
    (tmp_path/_IDX_NAMES[lost]).unlink()
    with pytest.raises(DataError, match=f'{tmp_path} has no file {_IDX_NAMES[lost]} or .*All four'): load_dataset('digits', tmp_path)


def test_one_idx_file_is_not_enough(few, tmp_path):
    write_idx(few, tmp_path)
    with pytest.raises(DataError, match='one of four IDX files. Name the folder'): load_dataset('digits', tmp_path/_IDX_NAMES['x_train'])


def test_more_images_than_mnist_has(tmp_path):
    "EMNIST has more, and MNIST's own limit stays."
    x, y = np.zeros((120_000, 28, 28), np.uint8), np.tile(np.arange(10, dtype=np.uint8), 12_000)
    write_idx(dict(x_train=x, y_train=y, x_test=x[:10], y_test=y[:10]), tmp_path)
    with pytest.raises(DataError, match='claims the shape'): read_arrays(tmp_path)
    assert len(read_idx(tmp_path/_IDX_NAMES['x_train'], largest=x.size)) == 120_000
    assert len(load_dataset('digits', tmp_path).train) == 110_000


@pytest.mark.parametrize('named', ['file', 'folder'])
@pytest.mark.parametrize('kind', [np.uint8, np.int64, np.int32])
def test_npz(few, tmp_path, named, kind):
    path = write_npz(few | {k: few[k].astype(kind) for k in ('y_train', 'y_test')}, tmp_path)
    assert images_of(load_dataset('digits', path if named == 'file' else tmp_path)) == pairs(few)


@pytest.mark.parametrize('change, message', [
    (dict(x_train=lambda a: a/255), 'x_train holds numbers of type float64, not uint8. Save the images as bytes'),
    (dict(y_train=lambda a: a + .5), 'y_train must hold whole numbers'),
    (dict(y_test=lambda a: a.astype(int) - 1), 'y_test must hold whole numbers from 0'),
    (dict(y_test=lambda a: a.astype(int) + 256), 'y_test must hold whole numbers from 0 to 255'),
    (dict(y_train=lambda a: a[:-1]), 'there must be one label'),
    (dict(x_train=lambda a: a[:, 1:]), '28 × 28.*must be scaled'),
    (dict(x_train=lambda a: a.reshape(-1, 784)), '28 × 28'),
    (dict(x_train=lambda a: a[..., None]), '28 × 28'),
    (dict(y_train=lambda a: np.eye(10, dtype=np.uint8)[a]), 'there must be one label'),
    (dict(y_test=lambda a: a + np.uint8(1)), 'y_test has the label 10, but the 10 labels of this dataset go from 0 to 9'),
    (dict(x_test=lambda a: a[:0], y_test=lambda a: a[:0]), 'holds no test images'),
], ids=lambda x: x if isinstance(x, str) else '')
def test_arrays_that_do_not_fit(few, tmp_path, change, message):
    path = write_npz(few | {k: f(few[k]) for k, f in change.items()}, tmp_path)
    with pytest.raises(DataError, match=f'{path}.*{message}'): load_dataset('digits', path)


def test_kmnist(few, tmp_path):
    for k, name in dict(x_train='train-imgs', y_train='train-labels', x_test='test-imgs', y_test='test-labels').items():
        np.savez_compressed(tmp_path/f'kmnist-{name}.npz', few[k])
    data = load_dataset('kmnist', tmp_path)
    assert images_of(data) == pairs(few, DATASETS['kmnist']) and data.names[4] == 'na'
    np.savez_compressed(tmp_path/'kmnist-train-imgs.npz', few['x_train']/255)
    with pytest.raises(DataError, match='kmnist-train-imgs.npz: arr_0 holds numbers of type float64, not uint8'): load_dataset('kmnist', tmp_path)
    np.savez_compressed(tmp_path/'kmnist-train-imgs.npz', few['x_train'])
    (tmp_path/'kmnist-test-labels.npz').unlink()
    with pytest.raises(DataError, match='kmnist-test-labels.npz does not exist'): load_dataset('kmnist', tmp_path)


# --- EMNIST

@pytest.fixture(scope='session')
def letters():
    "Images of no symmetry, ten of each letter, labels from 1, as EMNIST has them."
    x = np.random.default_rng(0).integers(0, 256, (416, 28, 28), np.uint8)
    y = np.tile(np.arange(1, 27, dtype=np.uint8), 16)
    return dict(x_train=x, y_train=y, x_test=x[:52], y_test=y[:52])


def emnist(kind): return lambda name: f"emnist-{kind}-{name.replace('t10k', 'test')}"


def upright(arrays, first=1): return {k: a.transpose(0, 2, 1) if k[0] == 'x' else a - first for k, a in arrays.items()}


@pytest.mark.parametrize('within', ['', 'gzip', 'EMNIST/raw'])
def test_emnist_letters(letters, few, tmp_path, within):
    write_idx(letters, tmp_path/within, '.gz', name=emnist('letters'))
    write_idx(few, tmp_path/within, '.gz', name=emnist('digits')) # they come together
    data = load_dataset('emnist-letters', tmp_path)
    assert images_of(data) == pairs(upright(letters), DATASETS['emnist-letters'])
    assert (data.test.images[0] == letters['x_test'][0].T.astype(np.float32)/255).all() and data.names[data.test.labels[0]] == 'A'
    assert images_of(load_dataset('emnist-digits', tmp_path)) == pairs(upright(few, 0))


def test_emnist_as_tables(letters, tmp_path):
    for part in 'train', 'test': write_csv(letters[f'x_{part}'], letters[f'y_{part}'], tmp_path/f'emnist-letters-{part}.csv')
    assert images_of(load_dataset('emnist-letters', tmp_path)) == pairs(upright(letters), DATASETS['emnist-letters'])
    with pytest.warns(UserWarning, match='set aside'): one = load_dataset('emnist-letters', tmp_path/'emnist-letters-train.csv')
    assert images_of(one) == pairs(upright({k: letters[k] for k in ('x_train', 'y_train')}), DATASETS['emnist-letters'])


def test_files_that_are_not_emnists_own(letters, tmp_path):
    write_npz(letters, tmp_path)
    write_idx(letters, tmp_path)
    write_csv(letters['x_train'], letters['y_train'], tmp_path/'train.csv')
    for source in tmp_path, tmp_path/'mnist.npz', tmp_path/'train.csv':
        with pytest.raises(DataError, match='holds no files of EMNIST.*lie on their side'): load_dataset('emnist-letters', source)


def test_a_letter_of_number_0(letters, tmp_path):
    write_idx(letters | dict(y_train=letters['y_train'] - np.uint8(1)), tmp_path, name=emnist('letters'))
    with pytest.raises(DataError, match='y_train has the label 255'): load_dataset('emnist-letters', tmp_path)


# --- pickles

@pytest.mark.parametrize('protocol', range(5))
@pytest.mark.parametrize('scale', [256, 255, 1])
def test_pickle(few, tmp_path, protocol, scale):
    path = write_pickle(few, tmp_path, protocol=protocol, scale=scale)
    assert same(read_arrays(path), few) and same(read_arrays(tmp_path), few)
    assert images_of(load_dataset('digits', path)) == pairs(few)


def python2(arrays):
    "A pickle as Python 2 wrote it, by hand: names without underscore, bytes as text of one byte a character."
    def text(b): return b'U' + bytes([len(b)]) + b if len(b) < 256 else b'T' + struct.pack('<i', len(b)) + b
    def number(n): return b'J' + struct.pack('<i', n)
    def array(a):
        code, order = a.dtype.str[1:].encode(), a.dtype.str[:1].encode()
        kind = b'cnumpy\ndtype\n' + b'(' + text(code) + number(0) + number(1) + b'tR' + b'(' + number(3) + text(order) + b'NNN' + number(-1)*2 + number(0) + b'tb'
        return (b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(' + number(0) + b't' + text(b'b') + b'tR('
                + number(1) + b'(' + b''.join(map(number, a.shape)) + b't' + kind + b'I00\n' + text(a.tobytes()) + b'tb')
    splits = [(arrays['x_train'][:200], arrays['y_train'][:200]), (arrays['x_train'][200:], arrays['y_train'][200:]), (arrays['x_test'], arrays['y_test'])]
    return b'\x80\x02(' + b''.join(b'(' + array(np.float32(x.reshape(-1, 784))/256) + array(y.astype(np.int64)) + b't' for x, y in splits) + b't.'


def test_pickle_of_python_2(few, tmp_path):
    (tmp_path/'mnist.pkl').write_bytes(python2(few))
    assert pickle.loads(python2(few), encoding='latin1')[0][0].shape == (200, 784) # it is a good one
    assert same(read_arrays(tmp_path), few)


RAN = "S'echo > ran'\n"
EMPTY = b'(cnumpy.core.multiarray\n_reconstruct\n(tR'
MALICIOUS = dict(
    system=f'(cos\nsystem\n({RAN}tRt.', posix=f'(cposix\nsystem\n({RAN}tRt.', instance=f'(({RAN}ios\nsystem\nt.', obj=f'((cos\nsystem\n{RAN}ot.',
    stacked=b'\x80\x04(\x8c\x02os\x8c\x06system\x93(' + RAN.encode() + b'tRt.', newobj=f'\x80\x02(cos\nsystem\n({RAN}t\x81t.'.encode('latin1'),
    eval="(cbuiltins\neval\n(S'open(\"ran\", \"w\")'\ntRt.", eval2="(c__builtin__\neval\n(S'open(\"ran\", \"w\")'\ntRt.",
    dotted=b'\x80\x04(\x8c\x05numpy\x8c\x13ndarray.__subclasses__\x93(tRt.', another_of_numpy="(cnumpy\nload\n(S'evil.npy'\ntRt.",
    runstring="(cnumpy.testing._private.utils\nrunstring\n(S'open(\"ran\", \"w\")'\n}tRt.", codecs="(c_codecs\nopen\n(S'ran'\nS'w'\ntRt.",
    getattr="(c__builtin__\ngetattr\n(cnumpy\nndarray\nS'tofile'\ntRt.", persistent='(Pran\nt.', extension=b'\x80\x02(\x82\x01(tRt.',
    memo_of_billions=b'\x80\x02(]r\xff\xff\xff\xff0t.', memo_of_billions_in_text='(lp4000000000\n0t.', bytes_of_terabytes=b'\x80\x05(\x96' + struct.pack('<Q', 2**40) + b't.',
    text_of_terabytes=b'\x80\x04(\x8d' + struct.pack('<Q', 2**40) + b't.', deep='(' * 100_000 + 't' * 100_000 + '.', deep_lists=b'\x80\x02' + b']'*100_000 + b'a'*99_999 + b'.',
    keys_that_take_for_ever=b'\x80\x02)' + b'q\x00h\x00\x86'*100 + b'}q\x01N0h\x00Ns.', frozen=b'\x80\x04(' + b'('*3 + b'\x91t.', build_on_a_class=b'(cnumpy\nndarray\n(Nt}bt.',
    many=b'(' + b'N'*5_000 + b't.', nothing='.', a_number='(I1\n.', cut=b'\x80\x02(cnumpy', no_end='(', not_three='((I1\nI2\nttt.', digits_for_ever='(L' + '9'*100_000 + 'L\nt.')


def check_refused(path, limit):
    tracemalloc.start()
    try:
        for read in read_pickle, lambda p: load_dataset('other', p), load_mnist:
            with pytest.raises(DataError) as e: read(path)
            assert str(path) in str(e.value) and len(str(e.value)) < 1000
        assert tracemalloc.get_traced_memory()[1] < limit
    finally: tracemalloc.stop()
    assert not os.path.exists('ran')


@pytest.mark.parametrize('content', MALICIOUS.values(), ids=MALICIOUS)
def test_malicious_pickle(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'evil.pkl').write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as e: read_pickle(tmp_path/'evil.pkl')
    assert not os.path.exists('ran') and len(str(e.value)) < 1000
    check_refused(tmp_path/'evil.pkl', 3_000_000)


@pytest.mark.parametrize('name, opcode', [('memo_of_billions', 'LONG_BINPUT'), ('memo_of_billions_in_text', 'PUT'), ('many', 'NONE'),
                                          ('keys_that_take_for_ever', 'EMPTY_DICT'), ('bytes_of_terabytes', ''), ('instance', 'INST'), ('persistent', 'PERSID')])
def test_refused_before_the_unpickler_starts(tmp_path, monkeypatch, name, opcode):
    monkeypatch.setattr('mnist_nb.files._Calls', None)
    content = MALICIOUS[name]
    (tmp_path/'evil.pkl').write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f'opcode {opcode} ' if opcode else None): read_pickle(tmp_path/'evil.pkl')


def array_pickle(shape=(2, 784), code='u1', order='|', content=bytes(1568), fortran=False):
    "A pickle of MNIST's form, in which the first array is described as told."
    class Described:
        def __reduce__(self): return REBUILD, (np.ndarray, (0,), b'b'), (1, shape, Kind(), fortran, content)
    class Kind:
        def __reduce__(self): return np.dtype, ('f4', False, True), (3, order, None, None, None, -1, -1, 0)
    REBUILD = np.empty(1).__reduce__()[0]
    labels = np.zeros(2, np.int64)
    raw = pickle.dumps(((Described(), labels), (np.zeros((1, 784), np.uint8), labels[:1]), (np.zeros((1, 784), np.uint8), labels[:1])), 2)
    return raw.replace(b'X\x02\x00\x00\x00f4', b'X' + struct.pack('<I', len(code)) + code.encode(), 1)


@pytest.mark.parametrize('kwargs', [dict(shape=(10**9, 784)), dict(shape=(2**62, 2**62)), dict(shape=(1, 784)), dict(shape=(-5, 784)), dict(shape=('a',)), dict(shape=None),
                                    dict(code='O8'), dict(code='O'), dict(code='V8'), dict(code='S9'), dict(code='M8[s]'), dict(code='f3'), dict(code='u1,O'),
                                    dict(code='(9999999,9999999)u1'), dict(order='O'), dict(order=None), dict(content=None), dict(content=(1, 2)), dict(content='ü')], ids=str)
def test_an_array_that_lies(tmp_path, kwargs):
    (tmp_path/'lie.pkl').write_bytes(array_pickle(**kwargs))
    check_refused(tmp_path/'lie.pkl', 3_000_000)
    if 'code' in kwargs:
        with pytest.raises(DataError, match='none of plain numbers'): read_pickle(tmp_path/'lie.pkl')


def test_columns_before_rows(tmp_path, few):
    "Arrays in Fortran's order come out as they were."
    def turned(a): return np.asfortranarray(np.float32(a.reshape(-1, 784))/256)
    (tmp_path/'mnist.pkl').write_bytes(pickle.dumps(((turned(few['x_train'][:250]), few['y_train'][:250]), (turned(few['x_train'][250:]), few['y_train'][250:]), (turned(few['x_test']), few['y_test'])), 2))
    assert same(read_arrays(tmp_path), few)


def test_the_same_array_that_does_not_lie(tmp_path):
    for kwargs in {}, dict(fortran=True), dict(order='<'), dict(code='f4', order='>', content=bytes(4*1568)):
        (tmp_path/'true.pkl').write_bytes(array_pickle(**kwargs))
        assert read_arrays(tmp_path/'true.pkl')['x_train'].shape == (3, 28, 28)


@pytest.mark.parametrize('bad', [.3, -1/256, 1.5, np.nan, np.inf])
def test_pixels_that_are_no_fractions_of_bytes(tmp_path, few, bad):
    x = np.float32(few['x_train'].reshape(-1, 784))/256
    x[7, 77] = bad
    (tmp_path/'mnist.pkl').write_bytes(pickle.dumps(((x, few['y_train'].astype(int)),)*3))
    with pytest.raises(DataError, match='no fractions of 256 or 255'): read_arrays(tmp_path)


def test_a_bomb_of_a_pickle(tmp_path):
    "A gigabyte of zeros in a megabyte."
    with gzip.open(tmp_path/'bomb.pkl.gz', 'wb', 9) as f:
        f.write(b'\x80\x02(T' + struct.pack('<i', 2**30))
        for _ in range(1024): f.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(DataError, match='bomb.pkl.gz .*unpacks to more than 268,435,456 bytes'): read_pickle(tmp_path/'bomb.pkl.gz')
    assert tracemalloc.get_traced_memory()[1] < 3*2**28
    tracemalloc.stop()


HONEST = as_pickle(dict(x_train=np.zeros((6, 28, 28), np.uint8), y_train=np.arange(6), x_test=np.zeros((2, 28, 28), np.uint8), y_test=np.arange(2)))


@given(st.lists(st.tuples(st.integers(0, len(HONEST)), st.sampled_from(['change', 'cut', 'lose', 'add']), st.binary(min_size=1, max_size=8)), min_size=1, max_size=3))
def test_damaged_pickles(tmp_path_factory, changes):
    content = bytearray(HONEST)
    for at, how, new in changes:
        at = at % 900 if len(new) % 2 else at # most are at the start, where the structure is
        if how == 'change': content[at:at + len(new)] = new
        elif how == 'cut': del content[at:]
        elif how == 'lose': del content[at:at + len(new)]
        else: content[at:at] = new
    path = tmp_path_factory.getbasetemp()/'damaged.pkl'
    path.write_bytes(content)
    try: arrays = read_pickle(path)
    except DataError as e: assert str(path) in str(e) and len(str(e)) < 1000
    else: assert arrays['x_train'].dtype == np.uint8 and arrays['x_train'].shape[1:] == (28, 28)


# --- MNIST itself stays strict, in more containers

@pytest.mark.parametrize('form', ['torchvision', 'raw', 'pickle'])
def test_mnist_in_other_containers(full, tmp_path, form):
    if form == 'pickle': source = write_pickle(full, tmp_path)
    else: source = [tmp_path, write_idx(full, tmp_path/'MNIST'/'raw').parent][form == 'raw']
    assert load_mnist(source).checksums == MNIST_CHECKSUMS


def test_mnist_in_another_order_is_not_mnist(full, tmp_path):
    with pytest.raises(DataError, match='is not MNIST: wrong checksum of x_train'): load_mnist(write_pickle(full | dict(x_train=full['x_train'][::-1]), tmp_path))


def test_other_data_is_not_mnist(few, tmp_path):
    for source in write_npz(few, tmp_path, 'few.npz'), write_pickle(few, tmp_path, 'few.pkl.gz'), write_idx(few, tmp_path/'MNIST'/'raw'):
        with pytest.raises(DataError, match='is not MNIST: wrong checksum'): load_mnist(source)
    with pytest.raises(DataError, match='not a file that MNIST comes in.*mnist_nb.datasets'): load_mnist(write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv'))


def test_mnist_under_another_name(full, tmp_path):
    path = write_npz(full, tmp_path)
    for name in 'fashion-mnist', 'kmnist':
        with pytest.raises(DataError, match=f'mnist.npz is not {name}: its content is that of mnist. Use load_mnist'): load_dataset(name, path)
    for name in 'digits', 'other':
        data = load_dataset(name, path)
        assert data.checksums == MNIST_CHECKSUMS and data.names == tuple('0123456789') and data.dataset == name


@pytest.mark.skipif(not FASHION.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist(tmp_path):
    data = load_dataset('fashion-mnist', FASHION)
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert [data.names[label] for label in read_idx(FASHION/'train-labels-idx1-ubyte.gz')[:3]] == ['Ankle boot', 'T-shirt/top', 'T-shirt/top']
    for name in 'kmnist', 'digits':
        with pytest.raises(DataError, match="its content is that of fashion-mnist. Call it 'fashion-mnist'"): load_dataset(name, FASHION)
    with pytest.raises(DataError, match='is not MNIST'): load_mnist(FASHION)
    assert load_dataset('other', FASHION).names == tuple('0123456789')


# --- tables

@pytest.mark.parametrize('header', [None, KAGGLE, NAMED, [f'"{name}"' for name in KAGGLE]], ids=['none', 'kaggle', 'named', 'quoted'])
@pytest.mark.parametrize('newline, before, ending', [('\n', '', ''), ('\r\n', '\ufeff', ''), ('\n', '', '.gz')])
def test_tables(few, tmp_path, header, newline, before, ending):
    for part in 'train', 'test': write_csv(few[f'x_{part}'], few[f'y_{part}'], tmp_path/f'mnist_{part}.csv{ending}', header, newline, before)
    assert images_of(load_dataset('digits', tmp_path)) == pairs(few)
    images, labels = read_table(tmp_path/f'mnist_test.csv{ending}')
    assert (images == few['x_test']).all() and (labels == few['y_test']).all()


def test_empty_lines(few, tmp_path):
    "At the end of a table, or between images, as editors leave them; an image stays an image."
    path = write_csv(few['x_test'], few['y_test'], tmp_path/'test.csv', KAGGLE)
    path.write_text(path.read_text().replace('\n', '\n\n', 5) + '\n  \n')
    assert (read_table(path)[0] == few['x_test']).all()


def test_kaggles_folder(few, tmp_path):
    write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv', KAGGLE)
    write_csv(few['x_test'], None, tmp_path/'test.csv', KAGGLE[1:])
    (tmp_path/'sample_submission.csv').write_text('ImageId,Label\n1,0\n')
    with pytest.warns(UserWarning, match='no test images with labels, so 42 of its 300 images, a seventh'): data = load_dataset('digits', tmp_path)
    assert images_of(data) == pairs({k: few[k] for k in ('x_train', 'y_train')})
    assert (len(data.train), len(data.validation), len(data.test)) == (258 - 21, 21, 42)
    assert (np.bincount(data.test.labels) >= 4).all() and (np.bincount(data.validation.labels) >= 2).all()


@pytest.mark.filterwarnings(ASIDE)
def test_seed_chooses_what_is_set_aside(few, tmp_path):
    path = write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv')
    first, again, other = (load_dataset('digits', path, seed) for seed in (0, 0, 1))
    assert first.checksums == again.checksums != other.checksums and (first.validation.images == again.validation.images).all()


def test_seed_chooses_the_validation_images(few, tmp_path):
    path = write_npz(few, tmp_path)
    first, again, other = (load_dataset('digits', path, seed) for seed in (0, 0, 1))
    assert (first.validation.images == again.validation.images).all() and not (first.validation.images == other.validation.images).all()
    assert first.checksums == other.checksums and (first.test.images == other.test.images).all()


def edited(lines, n, how):
    return [*lines[:n], how(lines[n]), *lines[n + 1:]]


def value(k, new):
    def change(line):
        values = line.split(',')
        values[k] = new
        return ','.join(values)
    return change


@pytest.mark.parametrize('header', [True, False])
@pytest.mark.parametrize('how, message', [
    (value(5, '256'), 'value 6 is .256., not a whole number'), (value(784, '-1'), 'value 785 is .-1.'), (value(9, '0.5'), 'value 10 is .0.5.'),
    (value(9, ''), "value 10 is ''"), (value(9, '9'*6000), 'value 10 is .9999'), (value(0, 'A'), "value 1 is 'A'"), (value(9, '"7"'), 'value 10'), (value(9, '1;2'), 'value 10'),
    (lambda line: line[:100], 'has .* values instead of 785'), (lambda line: line + ',0', 'has 786 values instead of 785'), (lambda line: line*6, 'values instead of 785'),
    (lambda line: line.rpartition(',')[0], 'has 784 values instead of 785'), (lambda line: 'Total', 'has 1 values instead of 785'), (lambda line: '\0'*785, 'has 1 values'),
], ids=range(14))
def test_a_line_that_is_wrong(few, tmp_path, header, how, message):
    path = write_csv(few['x_train'][:50], few['y_train'][:50], tmp_path/'train.csv', KAGGLE if header else None)
    path.write_text('\n'.join(edited(path.read_text().splitlines(), 20, how)))
    with pytest.raises(DataError, match=f'{path}: line 21.*{message}') as e: load_dataset('digits', path)
    assert len(str(e.value)) < 300 + len(str(path))


@pytest.mark.parametrize('content, message', [
    ('', 'is empty'), ('\n', 'line 1 has 1 values'), ('<!doctype html>', 'line 1 has 1 values'), (','.join('0'*1025), 'line 1 has 1,025 values.*scaled'),
    (','.join([*KAGGLE[1:], 'label']), "is called 'pixel0'.*label must come first"), (';'.join(KAGGLE), 'line 1 has 1 values, separated by commas'),
    (','.join(KAGGLE), 'holds .*images'), (','.join(KAGGLE[1:]) + '\n' + ','.join('0'*784), 'has no labels'), (','.join('0'*784), 'has no labels'),
    (','.join([*'0'*9, 'x', *'0'*774]), "line 1, value 10 is 'x'"), (','.join([*'0'*9, 'x', *'0'*775]), "line 1, value 10 is 'x'"),
    (b'\xff\xfe' + ','.join(KAGGLE).encode('utf-16-le'), 'is called'), (b'\x1f\x8b\x08' + bytes(40), 'cannot be read'), (bytes(range(256)), 'line 1 has'), (b'0'*10**6, 'line 1 has')], ids=range(15))
def test_what_is_no_table(tmp_path, content, message):
    (tmp_path/'train.csv').write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f'(?s){tmp_path/"train.csv"}.*{message}'): load_dataset('digits', tmp_path/'train.csv')


def test_a_first_line_without_header_is_an_image(few, tmp_path):
    "Neither lost as a header, nor excused from being checked."
    assert len(read_table(write_csv(few['x_train'][:3], None, tmp_path/'a.csv'))[0]) == 3
    broken = few['x_train'][:3].reshape(3, 784).astype(object)
    broken[0, 400] = 'x'
    with pytest.raises(DataError, match="line 1, value 401 is 'x'"): read_table(write_csv(broken, None, tmp_path/'b.csv'))


def test_limits_of_tables(few, tmp_path, monkeypatch):
    path = write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv', KAGGLE)
    monkeypatch.setattr('mnist_nb.datasets._MOST', 300)
    assert len(read_table(path)[0]) == 300
    monkeypatch.setattr('mnist_nb.datasets._MOST', 299)
    with pytest.raises(DataError, match='more than 299 lines'): read_table(path)
    with gzip.open(tmp_path/'bomb.csv', 'wb', 9) as f:
        for _ in range(200): f.write(b'0'*2**20)
    tracemalloc.start()
    with pytest.raises(DataError, match='bomb.csv is no table'): read_table(tmp_path/'bomb.csv')
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_cut_gzipped_table(few, tmp_path):
    path = write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv.gz')
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match='train.csv.gz cannot be read: .*again'): read_table(path)


def test_several_tables(few, tmp_path):
    for name in 'a_train.csv', 'b_train.csv': write_csv(few['x_train'], few['y_train'], tmp_path/name)
    with pytest.raises(DataError, match='several tables: a_train.csv, b_train.csv. Name one'): load_dataset('digits', tmp_path)


# --- pictures

def draw(folder, classes, n=20, start=0):
    "Pictures of crosses and bars, each class its own."
    for k, name in enumerate(classes):
        (folder/name).mkdir(parents=True, exist_ok=True)
        for i in range(start, start + n):
            picture = np.full((40, 50), 250, np.uint8)
            picture[5 + k % 3*3:35, 18 + i % 5:23 + i % 5] = 10
            if k % 2: picture[15 + i % 7:20 + i % 7, 5:45] = 10
            Image.fromarray(picture).save(folder/name/f'{i}.png')
    return folder


@pytest.mark.filterwarnings(ASIDE)
def test_pictures(tmp_path):
    draw(tmp_path, ['bar', 'cross'])
    for hidden in '.DS_Store', 'Thumbs.db', 'bar/.hidden', 'bar/desktop.ini': (tmp_path/hidden).touch()
    with pytest.warns(UserWarning, match='so 5 of its 40'): data = load_dataset('other', tmp_path)
    assert data.names == ('bar', 'cross') and data.dataset == 'other' and data.source == str(tmp_path)
    expected = sorted((np.rint(255*normalize_digit(file)).astype(np.uint8).tobytes(), file.parent.name) for file in tmp_path.rglob('*.png'))
    assert images_of(data) == expected # as `mnist_predict` will see new ones


@pytest.mark.filterwarnings(ASIDE)
def test_order_of_names(tmp_path):
    assert load_dataset('other', draw(tmp_path/'n', ['10', '9', '2'])).names == ('2', '9', '10')
    assert load_dataset('other', draw(tmp_path/'t', ['b', 'a', 'C', '7'])).names == ('7', 'C', 'a', 'b')


def test_pictures_in_train_and_test(tmp_path):
    draw(tmp_path/'train', ['a', 'b', 'c'])
    draw(tmp_path/'test', ['b', 'c'], 3)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        data = load_dataset('other', tmp_path)
    assert (len(data.train) + len(data.validation), len(data.test)) == (60, 6) and data.names == ('a', 'b', 'c')
    assert (np.bincount(data.test.labels) == [0, 3, 3]).all()
    draw(tmp_path/'test', ['d'], 3)
    with pytest.raises(DataError, match='test has the class d, which is not among'): load_dataset('other', tmp_path)


@pytest.mark.filterwarnings(ASIDE)
def test_only_train(tmp_path):
    draw(tmp_path/'train', ['a', 'b'])
    assert load_dataset('other', tmp_path).names == ('a', 'b')
    draw(tmp_path/'validation', ['a', 'b'])
    with pytest.raises(DataError, match='holds validation beside train'): load_dataset('other', tmp_path)


@pytest.mark.filterwarnings(ASIDE)
def test_a_class_called_train(tmp_path):
    assert load_dataset('other', draw(tmp_path, ['bus', 'test', 'train'])).names == ('bus', 'test', 'train')


@pytest.mark.parametrize('add, message', [
    (lambda f: (f/'readme.txt').write_text('hello'), 'readme.txt lies beside the folders'),
    (lambda f: (f/'a'/'labels.txt').write_text('hello'), '1 of 41 pictures cannot be used. .*a/labels.txt is not a picture'),
    (lambda f: (f/'a'/'cut.png').write_bytes((f/'a'/'0.png').read_bytes()[:60]), 'a/cut.png'),
    (lambda f: (f/'a'/'empty.png').touch(), 'a/empty.png'),
    (lambda f: Image.new('L', (50, 50), 255).save(f/'a'/'blank.png'), 'a/blank.png: the picture is blank'),
    (lambda f: (f/'a'/'old').mkdir(), 'a/old is a folder, where there should be pictures only'),
    (lambda f: draw(f, ['tiny'], 2), "2 images of class 'tiny'"),
    (lambda f: (f/'none').mkdir(), "0 images of class 'none'"),
    (lambda f: os.mkfifo(f/'a'/'pipe'), 'a/pipe is no plain file'),
    (lambda f: (f/'a'/'dead.png').symlink_to('nowhere'), 'a/dead.png does not exist'),
], ids=range(10))
@pytest.mark.skipif(not POSIX, reason='pipes and links are those of POSIX')
def test_pictures_that_are_refused(tmp_path, add, message):
    add(draw(tmp_path, ['a', 'b']))
    with pytest.raises(DataError, match=f'{tmp_path}.*{message}'): load_dataset('other', tmp_path)


def test_many_pictures_that_are_refused(tmp_path):
    draw(tmp_path, ['a', 'b'])
    for n in range(15): (tmp_path/'b'/f'x{n}.png').write_bytes(b'x')
    with pytest.raises(DataError, match='15 of 55 pictures') as e: load_dataset('other', tmp_path)
    assert len(str(e.value)) < 1000


@pytest.mark.filterwarnings(ASIDE)
def test_pictures_of_digits(tmp_path):
    with pytest.raises(DataError, match='folders a, b. Digits are in ten folders, 0 to 9'): load_dataset('digits', draw(tmp_path/'ab', ['a', 'b']))
    data = load_dataset('digits', draw(tmp_path/'digits', [str(n) for n in range(10)]))
    assert data.names == tuple('0123456789')
    with pytest.raises(DataError, match='A folder of pictures is read as other'): load_dataset('fashion-mnist', tmp_path/'digits')


def test_limits_of_pictures(tmp_path, monkeypatch):
    draw(tmp_path, ['a', 'b'])
    monkeypatch.setattr('mnist_nb.datasets._MOST', 39)
    with pytest.raises(DataError, match='holds 40 pictures, more than the 39'): load_dataset('other', tmp_path)
    for n in range(257): (tmp_path/'many'/str(n)).mkdir(parents=True)
    with pytest.raises(DataError, match='257 classes, more than the 256'): load_dataset('other', tmp_path/'many')


# --- names and counts

def test_names():
    assert set(DATASETS) == {'fashion-mnist', 'kmnist', 'emnist-digits', 'emnist-letters', 'digits', 'other'}
    assert [len(set(names)) for names in DATASETS.values()] == [10, 10, 10, 26, 10, 0]
    assert DATASETS['fashion-mnist'] == ('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot')
    assert ' '.join(DATASETS['kmnist']) == 'o ki su tsu na ha ma ya re wo' and ''.join(DATASETS['emnist-letters']) == 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'


@pytest.mark.parametrize('name', ['mnist', 'MNIST', 'fashion', '', None])
def test_no_such_dataset(name, tmp_path):
    with pytest.raises(DataError, match='Choose one of: fashion-mnist, kmnist.*load_mnist'): load_dataset(name, tmp_path)


@pytest.mark.parametrize('source, message', [('nowhere', 'does not exist'), ('.', 'holds nothing that is read as'), ('a.zip', 'is an archive. Unpack it')])
def test_nothing_to_read(tmp_path, source, message):
    for name in DATASETS:
        with pytest.raises(DataError, match=message if source != '.' or name[:6] != 'emnist' else 'no files of EMNIST'): load_dataset(name, tmp_path/source)


def test_labels_that_are_found(few, tmp_path):
    "Numbers with gaps become labels without gaps, and keep their names."
    numbers = np.array([3, 7, 8, 11, 12, 100, 101, 200, 254, 255], np.uint8)
    arrays = few | {k: numbers[few[k]] for k in ('y_train', 'y_test')}
    data = load_dataset('other', write_npz(arrays, tmp_path))
    assert data.names == tuple(map(str, numbers)) and images_of(data) == pairs(few, data.names)
    with pytest.raises(DataError, match='the label 99 is in the test images, but not'): load_dataset('other', write_npz(arrays | dict(y_test=arrays['y_test']*0 + np.uint8(99)), tmp_path))


@pytest.mark.parametrize('keep, message', [
    (lambda y: y != 7, "0 images of class '7'.*use 'other'"), (lambda y: (y != 7) | (np.cumsum(y == 7) < 3), "2 images of class '7'"),
    (lambda y: np.arange(len(y)) % 3 == 0, 'holds 100 images, and for 10 classes at least 120 are needed')])
def test_too_few_images(few, tmp_path, keep, message):
    kept = keep(few['y_train'])
    with pytest.raises(DataError, match=message): load_dataset('digits', write_npz(few | {k: few[k][kept] for k in ('x_train', 'y_train')}, tmp_path))


def test_too_few_images_to_set_aside_a_test(few, tmp_path):
    kept = np.arange(300) % 30 < 13
    path = write_csv(few['x_train'][kept], few['y_train'][kept], tmp_path/'train.csv')
    with pytest.raises(DataError, match='holds 130 images, and for 10 classes at least 140 are needed'): load_dataset('digits', path)


@pytest.mark.filterwarnings(ASIDE)
@pytest.mark.parametrize('test', [True, False])
@pytest.mark.parametrize('classes', [2, 3, 10])
@pytest.mark.parametrize('least', [3, 4, 7])
def test_the_fewest_images(few, tmp_path, test, classes, least):
    "What is not refused can be split, however uneven the classes are; each image is in one split, and each class in training."
    total = (12 if test else 14)*classes
    y = np.repeat(np.arange(classes, dtype=np.uint8), [total - least*(classes - 1), *[least]*(classes - 1)])
    x = np.random.default_rng(0).integers(0, 256, (total, 28, 28), np.uint8)
    if test: source = write_npz(dict(x_train=x, y_train=y, x_test=few['x_test'][:1], y_test=y[:1]), tmp_path)
    else: source = write_csv(x, y, tmp_path/'train.csv')
    data = load_dataset('other', source)
    assert set(data.train.labels) == set(range(classes)) and len(data.validation) >= classes
    assert len(images_of(data)) == len(set(images_of(data))) == total + test


def test_one_class(few, tmp_path):
    with pytest.raises(DataError, match='holds 1 class'): load_dataset('other', write_npz(few | {k: few[k]*0 for k in ('y_train', 'y_test')}, tmp_path))


@pytest.mark.skipif(not POSIX or not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='this user may read everything')
def test_what_may_not_be_read(few, tmp_path):
    path = write_csv(few['x_train'], few['y_train'], tmp_path/'train.csv')
    path.chmod(0)
    with pytest.raises(DataError, match='cannot be read: Permission denied'): load_dataset('digits', path)


# --- Kaggle

def test_a_submission(few, tmp_path):
    path = write_csv(few['x_test'], None, tmp_path/'test.csv', KAGGLE[1:])
    images = read_kaggle_test(path)
    assert images.dtype == np.uint8 and (images == few['x_test']).all()
    write_submission(tmp_path/'submission.csv', few['y_test'])
    with open(tmp_path/'submission.csv', newline='') as f: rows = list(csv.reader(f))
    assert rows == [['ImageId', 'Label'], *([str(n + 1), str(label)] for n, label in enumerate(few['y_test']))]
    assert b'\r' not in (tmp_path/'submission.csv').read_bytes()
    write_submission(text := io.StringIO(), few['y_test'])
    assert text.getvalue() == (tmp_path/'submission.csv').read_text()


def test_a_submission_of_wrong_things(few, tmp_path):
    for labels in few['y_test']/2, few['y_test'][:, None], ['a'], 3:
        with pytest.raises(ValueError, match='whole numbers'): write_submission(tmp_path/'submission.csv', labels)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match='has a column of labels.*test.csv'): read_kaggle_test(write_csv(few['x_test'], few['y_test'], tmp_path/'train.csv', KAGGLE))
    with pytest.raises(DataError, match='nowhere.csv is not a file'): read_kaggle_test(tmp_path/'nowhere.csv')
    (tmp_path/'bare.csv').write_text(','.join(KAGGLE[1:]) + '\n')
    with pytest.raises(DataError, match='bare.csv holds no images'): read_kaggle_test(tmp_path/'bare.csv')
    path = write_csv(few['x_test'], None, tmp_path/'test.csv', KAGGLE[1:])
    path.write_text(path.read_text().replace('\n0,0,0,', '\n0,0,?,', 1))
    with pytest.raises(DataError, match="line 2, value 3 is '\\?'"): read_kaggle_test(path)
