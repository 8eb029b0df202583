"Downloads that go wrong, against a server on this machine, and caches that do."
import hashlib, http.server, io, os, socket, struct, subprocess, sys, threading, time
from pathlib import Path
import numpy as np
import pytest
from conftest import small_disk
from mnist_nb.data import load_mnist

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


@pytest.fixture(scope='module')
def content(full):
    "A mnist.npz."
    file = io.BytesIO()
    np.savez_compressed(file, **full)
    return file.getvalue()


@pytest.fixture(scope='module')
def server(content):
    "Serves the file in the way that the path asks for."
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args): pass

        def answer(self, status=200, body=b'', length=None, **headers):
            self.send_response(status)
            for name, value in headers.items(): self.send_header(name, value)
            if length != 'none': self.send_header('Content-Length', len(body) if length is None else length)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            way, half = self.path[1:], content[:len(content)//2]
            try:
                if way.isdigit(): self.answer(int(way), b'<html>no</html>')
                elif way == 'right': self.answer(body=content)
                elif way == 'without-length': self.answer(body=content, length='none')
                elif way == 'redirect': self.answer(302, Location='/right')
                elif way == 'for-ever': self.answer(302, Location='/for-ever')
                elif way == 'elsewhere': self.answer(302, Location='http://127.0.0.1:9/')
                elif way == 'portal': self.answer(body=b'<!doctype html><title>Please log in</title>')
                elif way == 'empty': self.answer()
                elif way == 'changed': self.answer(body=content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:])
                elif way == 'half': self.answer(body=half)
                elif way == 'too-short': self.answer(body=half, length=len(content))
                elif way == 'too-long': self.answer(body=content + b'more')
                elif way == 'nonsense': self.wfile.write(b'\0\1\2 no HTTP at all\r\n\r\n')
                elif way == 'stalls':
                    self.answer(body=half, length=len(content))
                    time.sleep(3)
                elif way == 'silent': time.sleep(3)
                elif way == 'slow':
                    self.answer(body=half, length=len(content))
                    time.sleep(1)
                    self.wfile.write(content[len(half):])
                elif way == 'reset':
                    self.answer(body=half, length=len(content))
                    self.wfile.flush()
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    self.connection.close()
                self.wfile.flush()
            except OSError: pass # who asked went away

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def redirected(get_file, url, content, cache):
    "Keras's `get_file`, with another address, another file to expect there, and another cache."
    digest = hashlib.sha256(content).hexdigest()
    return lambda **options: get_file(**options | dict(origin=url, file_hash=digest, cache_dir=str(cache)))


@pytest.fixture
def cache(no_network, monkeypatch):
    for name in 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy': monkeypatch.delenv(name)
    monkeypatch.setattr('urllib.request._opener', None) # it remembers the proxies of its first use
    (no_network/'.keras').mkdir()
    return no_network/'.keras'


@pytest.fixture
def download(server, content, cache, monkeypatch):
    "A function that asks the server in one way, and says whether the right data came."
    from keras.src.datasets import mnist
    from keras.utils import get_file
    def download(way, cache=cache):
        url = 'http://127.0.0.1:9/' if way == 'refused' else 'http://no-such-host.invalid/' if way == 'unknown' else f'{server}/{way}'
        monkeypatch.setattr(mnist, 'get_file', redirected(get_file, url, content, cache))
        return not load_mnist(timeout=2.).is_sample
    return download


RIGHT = 'right', 'without-length', 'redirect', 'slow'
WRONG = ('refused', 'unknown', 'reset', 'stalls', 'silent', 'too-short', 'too-long', 'half', 'changed', 'portal', 'empty',
         'nonsense', 'for-ever', 'elsewhere', '204', '403', '404', '429', '500', '503')


@pytest.mark.parametrize('way', RIGHT)
def test_good_downloads(way, download, cache):
    assert download(way)
    assert [p.name for p in (cache/'datasets').iterdir()] == ['mnist.npz']
    assert download('404') # from the cache


@pytest.mark.parametrize('way', WRONG)
def test_bad_downloads(way, download, cache):
    with pytest.warns(UserWarning, match=r'could not be downloaded \([^\0-\x1f]+\)\. This is the packaged sample'): assert not download(way)
    assert not list(cache.rglob('*.npz')) and socket.getdefaulttimeout() is None
    assert download('right')


@pytest.mark.parametrize('cached', [b'', b'half a file', 'half', 'folder'])
def test_bad_caches(cached, content, download, cache):
    "They are replaced by a good download and by nothing else."
    path = cache/'datasets'/'mnist.npz'
    path.parent.mkdir()
    if cached == 'folder': path.mkdir()
    else: path.write_bytes(content[:len(content)//2] if cached == 'half' else cached)
    with pytest.warns(UserWarning, match='of no use.*mnist.npz'): assert not download('changed')
    assert path.is_dir() or path.stat().st_size < len(content)
    with pytest.warns(UserWarning): assert download('right') == (cached != 'folder')


PROGRAM = """if True:
    import sys, warnings
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from test_download import redirected
    from keras.src.datasets import mnist
    from mnist_nb.data import load_mnist
    mnist.get_file = redirected(mnist.get_file, sys.argv[2], Path(sys.argv[3]).read_bytes(), sys.argv[4])
    warnings.simplefilter('ignore')
    print('ready', flush=True)
    sys.stdin.readline()
    print(load_mnist().is_sample)
"""


@pytest.fixture
def processes(server, content, cache, tmp_path):
    "A function that starts processes which download when they are told to."
    (tmp_path/'content').write_bytes(content)
    started = []
    def start(way, n):
        here = [subprocess.Popen([sys.executable, '-c', PROGRAM, Path(__file__).parent, f'{server}/{way}', tmp_path/'content', cache],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(n)]
        started.extend(here)
        for p in here: assert p.stdout.readline() == 'ready\n'
        for p in here: print(file=p.stdin, flush=True)
        return here
    yield start
    for p in started: p.kill(), p.communicate()


def test_two_at_once(processes, cache):
    for p in processes('slow', 2): assert p.communicate(timeout=60)[0] == 'False\n'
    assert [p.name for p in (cache/'datasets').iterdir()] == ['mnist.npz']


def test_killed_half_way(processes, download, cache):
    [p] = processes('stalls', 1)
    while not list(cache.glob('datasets/mnist-*.part.npz')): time.sleep(.01)
    time.sleep(.2)
    p.kill()
    p.wait()
    [part] = (cache/'datasets').iterdir()
    assert 0 < part.stat().st_size
    assert download('right') and part.exists() # it might be somebody else's
    (cache/'datasets'/'mnist.npz').unlink()
    os.utime(part, (0, 0))
    assert download('right') and not part.exists()


def test_a_full_disk(download, content, cache, tmp_path):
    with small_disk(tmp_path/'disk', 3_000_000) as disk:
        cache.rmdir()
        cache.symlink_to(disk)
        with pytest.warns(UserWarning, match='could not be downloaded.*No space left'): assert not download('right')
        assert not list(disk.rglob('*.npz'))


def test_a_disk_that_may_only_be_read(download, content, cache, tmp_path, monkeypatch):
    "The data go to the temporary folder, as Keras does it; what is cached already is used."
    monkeypatch.setattr('mnist_nb.files._TEMPORARY', tmp_path/'tmp')
    monkeypatch.setattr('keras.src.utils.file_utils.os.path.isdir', lambda path: path != '/tmp' and Path(path).is_dir())
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path/'tmp'))
    with small_disk(tmp_path/'disk', 20_000_000) as disk:
        cache.rmdir()
        cache.symlink_to(disk)
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        assert download('right') and (tmp_path/'tmp/.keras/datasets/mnist.npz').exists() and not list(disk.iterdir())
        (tmp_path/'tmp/.keras/datasets/mnist.npz').unlink()
        subprocess.run(['mount', '-o', 'remount,rw', disk], check=True)
        (disk/'datasets').mkdir()
        (disk/'datasets/mnist.npz').write_bytes(content)
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        assert download('404')


def test_a_home_that_is_no_folder(download, cache):
    cache.rmdir()
    cache.write_text('a file')
    try: download('right') # to the sample, or by way of the temporary folder
    finally: assert cache.read_text() == 'a file'
