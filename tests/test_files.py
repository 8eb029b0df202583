"Files from strangers: each is read rightly or refused, and costs no more memory than its size allows."
import gzip, io, os, struct, subprocess, sys, tracemalloc, zipfile
import numpy as np
import pytest
from conftest import POSIX, REPOSITORY, idx
from hypothesis import given, strategies as st
from mnist_nb.data import load_mnist
from mnist_nb.files import _LARGEST, DataError, read_idx, read_npz, read_weights

KEYS = 'x_train', 'y_train', 'x_test', 'y_test'


@st.composite
def damaged(draw, content):
    "The content as it is, or with bytes changed, lost, doubled or added."
    content = bytearray(draw(content))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(['change', 'cut', 'lose', 'double', 'add'])):
            case 'change': content[at:at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 'cut': del content[at:]
            case 'lose': del content[at:at + draw(st.integers(1, 40))]
            case 'double': content[at:at] = content[at:at + 40]
            case 'add': content[at:at] = draw(st.binary(max_size=40))
    return bytes(content)


sizes = st.one_of(st.integers(0, 3), st.sampled_from([28, 60_000, 2**31 - 1, 2**31, 2**32 - 1]))
idx_files = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda n: idx((n, 28, 28), bytes(n*28*28)), st.integers(0, 3)),
    st.builds(lambda labels: idx((len(labels),), labels), st.binary(max_size=30)),
    st.builds(idx, st.lists(sizes, max_size=5), st.binary(max_size=100)),
    st.builds(idx, st.lists(sizes, min_size=3, max_size=3), st.just(b'')),
    st.builds(lambda n: gzip.compress(idx((n, 28, 28), bytes(10*n)), 9, mtime=0), st.integers(10_000, 80_000)))
idx_files = st.one_of(idx_files, damaged(idx_files))
idx_files = st.one_of(idx_files, damaged(idx_files.map(lambda content: gzip.compress(content, mtime=0))))


def measured(read, path):
    "What `read` gives, or None if it refuses the file by name; and the most memory that it held."
    tracemalloc.start()
    try: return read(path), tracemalloc.get_traced_memory()[1]
    except DataError as e:
        assert str(path) in str(e) and len(str(e)) < 2_000
        return None, tracemalloc.get_traced_memory()[1]
    finally: tracemalloc.stop()


def allowed(content):
    "The memory that a file may cost: it holds at most 1,032 times its size, and no more than MNIST; a few copies are made."
    return 8*min(1032*len(content), _LARGEST) + 500_000


def unzipped(content):
    try: return gzip.decompress(content) if content[:2] == b'\x1f\x8b' else content
    except (OSError, EOFError, zipfile.zlib.error): return b''


@given(content=idx_files)
def test_idx(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp()/'idx'
    path.write_bytes(content)
    array, memory = measured(read_idx, path)
    plain = unzipped(content)
    right = False
    if plain[:4] in (b'\0\0\x08\x01', b'\0\0\x08\x03') and len(plain) >= 4 + 4*plain[3]:
        shape = struct.unpack(f'>{plain[3]}I', plain[4:4 + 4*plain[3]])
        pixels = plain[4 + 4*plain[3]:]
        right = len(pixels) == np.prod(shape, dtype=object) <= _LARGEST and max(shape) <= _LARGEST
    assert (array is not None) == right
    if right: assert array.dtype == np.uint8 and array.shape == shape and array.tobytes() == pixels
    assert memory <= allowed(content)


def npy(header, content, version=(1, 0)):
    "An array's file with any header."
    header = header.encode('utf8')
    return b'\x93NUMPY' + bytes(version) + struct.pack('<H' if version == (1, 0) else '<I', len(header)) + header + content


def npz(members, compression=zipfile.ZIP_DEFLATED):
    with io.BytesIO() as f:
        with zipfile.ZipFile(f, 'w', compression) as z:
            for name, content in members: z.writestr(zipfile.ZipInfo(name), content, compression)
        return f.getvalue()


numbers = st.one_of(st.integers(0, 3), st.sampled_from([-1, -28, 28, 60_000, 2**31, 2**32, 2**63, 2**64, 10**30, True, 1.5]))
shapes = st.lists(numbers, max_size=5).map(tuple)
types = st.sampled_from(["'|u1'", "'<u1'", "'|b1'", "'<f4'", "'|O'", "'|S9999999'", "[('a', '|u1')]", "('|u1', (2,))", '(1,)', 'None', "''", "'|u1,|u1'", '[]', "'M8[ns]'"])
headers = st.one_of(
    st.builds("{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}\n".format, types, st.sampled_from(['True', 'False', '0']), shapes),
    st.sampled_from(['', '{}', '[' * 5_000, '(' * 200, '{' + ' ' * 60_000 + '}', '"', '{"descr": "|u1"', "{'descr'", '1L', '\n  1\n 2', '-' * 9_000 + '1']))
saved = st.builds(lambda a: npy(str(np.lib.format.header_data_from_array_1_0(a)) + '\n', a.tobytes('A')),
                  st.builds(lambda shape, fortran: np.full(shape, 7, np.uint8, order='F' if fortran else 'C'),
                            st.lists(st.integers(0, 3), max_size=4), st.booleans()))
arrays = st.one_of(saved, saved, saved, damaged(saved), st.builds(npy, headers, st.binary(max_size=50), st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9)])),
                   st.builds(lambda n: npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", bytes(n)), st.integers(0, 2_000_000)))
compressions = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
npz_files = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda members, compression: npz(zip([f'{k}.npy' for k in KEYS], members), compression),
              st.lists(arrays, min_size=4, max_size=4), compressions),
    st.builds(lambda names: npz([(n, b'') for n in names]), st.lists(st.text(max_size=9), max_size=9, unique=True)))
npz_files = st.one_of(npz_files, damaged(npz_files))


@given(content=npz_files)
def test_npz(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp()/'file.npz'
    path.write_bytes(content)
    read, memory = measured(read_npz, path)
    assert memory <= allowed(content)
    if read is None: return
    with np.load(path) as file:
        for k in KEYS: assert read[k].dtype == np.uint8 and read[k].shape == file[k].shape and (read[k] == file[k]).all()


@pytest.mark.parametrize('compression', [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize('version', [(1, 0), (2, 0)])
def test_bombs_in_an_npz(tmp_path, compression, version):
    "Three hundred megabytes in a small file, as an array or as the header of one, are not unpacked."
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28)}"
    header += ' '*(0 if version == (1, 0) else 300_000_000)
    content = npz([(f'{k}.npy', npy(header, bytes(0 if version == (2, 0) else 300_000_000), version)) for k in KEYS[:1]]
                  + [(f'{k}.npy', b'') for k in KEYS[1:]], compression)
    (tmp_path/'bomb.npz').write_bytes(content)
    array, memory = measured(read_npz, tmp_path/'bomb.npz')
    assert array is None and memory <= allowed(content)


def test_a_gzip_bomb(tmp_path):
    content = gzip.compress(idx((60_000, 28, 28), bytes(300_000_000)), 9)
    (tmp_path/'bomb.gz').write_bytes(content)
    array, memory = measured(read_idx, tmp_path/'bomb.gz')
    assert array is None and memory <= allowed(content)


@pytest.mark.skipif(not POSIX, reason='these are things of POSIX')
@pytest.mark.parametrize('read', [read_idx, read_npz, load_mnist])
def test_what_is_no_file(read, tmp_path):
    "A folder, a pipe, a device, a link that leads nowhere or to itself, a name that cannot be: refused, and nobody waits."
    (tmp_path/'folder').mkdir()
    os.mkfifo(tmp_path/'pipe')
    (tmp_path/'dead').symlink_to(tmp_path/'absent')
    (tmp_path/'loop').symlink_to(tmp_path/'loop')
    for path in *tmp_path.iterdir(), '/dev/zero', tmp_path/('x'*300), tmp_path/'folder'/'file'/'in it', tmp_path/'nul\0':
        with pytest.raises(DataError): read(path)


@pytest.mark.skipif(not POSIX, reason='permissions are those of POSIX')
def test_what_may_not_be_read():
    "Tried as somebody who may not read the files."
    code = """if True:
        import os, sklearn.model_selection, tempfile
        from pathlib import Path
        from mnist_nb.data import load_mnist
        from mnist_nb.files import DataError, read_idx, read_npz
        folder = Path(tempfile.mkdtemp())
        (folder/'closed').mkdir()
        for name in 'mnist.npz', 'closed/mnist.npz', 'train-images-idx3-ubyte': (folder/name).touch()
        for path in sorted(folder.rglob('*'), reverse=True): path.chmod(0)
        if os.getuid() == 0: folder.chmod(0o755), os.setuid(65534)
        for read, name in (load_mnist, '.'), (load_mnist, 'closed'), (load_mnist, 'closed/mnist.npz'), (read_idx, 'train-images-idx3-ubyte'), (read_npz, 'mnist.npz'):
            try: read(folder/name)
            except DataError as e: assert 'cannot be read' in str(e) and 'ermission denied' in str(e), e
            else: raise AssertionError(name)
    """
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize('bomb', ['hidden_kernel', 'hidden_bias', 'mean', 'activation'])
def test_weights_take_memory_in_proportion(bomb, tmp_path):
    "A small file with weights that are mostly zeros, or that asks for a wide network, is refused before anything is made of it."
    from mnist_nb.runs import load_pretrained
    from mnist_nb.predict import read_network
    with np.load(REPOSITORY/'mnist_nb'/'pretrained.npz') as whole: arrays = dict(whole)
    zeros = dict(hidden_kernel=(392, 400_000), hidden_bias=(30_000_000,), mean=(40_000_000,), activation=())[bomb]
    arrays[bomb] = np.zeros(zeros, 'U20000000' if bomb == 'activation' else np.float16)
    np.savez_compressed(tmp_path/'bomb.npz', **arrays)
    most = 25*(tmp_path/'bomb.npz').stat().st_size
    for read in read_network, load_pretrained:
        tracemalloc.start()
        try:
            if read is read_network or bomb != 'mean':
                with pytest.raises(ValueError, match='bomb.npz claims to hold'): read(tmp_path/'bomb.npz')
            assert tracemalloc.get_traced_memory()[1] < most
        finally: tracemalloc.stop()


def test_arrays_share_what_a_file_can_hold(tmp_path):
    "Each of two arrays would do, but not both."
    random = np.random.default_rng(0).bytes(100_000)
    zeros = np.zeros(300_000, np.float32)
    np.savez_compressed(tmp_path/'file.npz', noise=np.frombuffer(random, np.float16), one=zeros, other=zeros)
    for names in ['noise', 'one'], ['noise', 'other']: assert set(read_weights(tmp_path/'file.npz', names)) == set(names)
    with pytest.raises(DataError, match='file.npz claims to hold'): read_weights(tmp_path/'file.npz', ['noise', 'one', 'other'])


def test_a_wide_network_is_refused_before_it_is_built(tmp_path):
    "The bias alone, which fits into the file, asks for a kernel that does not."
    from mnist_nb.runs import load_pretrained
    with np.load(REPOSITORY/'mnist_nb'/'pretrained.npz') as whole: arrays = dict(whole)
    np.savez(tmp_path/'wide.npz', **arrays | dict(hidden_bias=np.zeros(2_000_000, np.float16)))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r'wide.npz.*hidden_kernel has shape \(392, 2048\) and should have \(392, 2000000\)'): load_pretrained(tmp_path/'wide.npz')
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()
