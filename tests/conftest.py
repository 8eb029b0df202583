import os, shutil, struct, subprocess, sys, sysconfig
from contextlib import contextmanager
from pathlib import Path
import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).parent.parent
# `THOROUGH=1 pytest tests` tries far more cases, and others each time.
THOROUGH = bool(os.environ.get('THOROUGH'))
settings.register_profile('usual', max_examples=300, derandomize=True, deadline=None)
settings.register_profile('thorough', max_examples=10_000, deadline=None)
settings.load_profile('thorough' if THOROUGH else 'usual')
POSIX = os.name == 'posix'
if not POSIX: collect_ignore = ['test_safety.py', 'test_download.py'] # they send signals, set quotas and mount disks
chromium = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)


def idx(shape, content):
    "The bytes of an IDX file."
    return struct.pack(f'>BBBB{len(shape)}I', 0, 0, 8, len(shape), *shape) + content


@pytest.fixture(scope='session')
def full():
    "The full MNIST as arrays, where it is at hand."
    from mnist_nb.data import load_mnist
    from mnist_nb.files import _read_source
    mnist = load_mnist()
    if mnist.is_sample: pytest.skip('the full MNIST is not at hand')
    return _read_source(mnist.source)[0]


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    "An environment without MNIST and without a network: an empty home, and a proxy that refuses."
    for name in 'MNIST_NB_DATA', 'KERAS_HOME', 'no_proxy', 'NO_PROXY': monkeypatch.delenv(name, raising=False)
    for name in 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy': monkeypatch.setenv(name, 'http://127.0.0.1:9')
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    (tmp_path/'home').mkdir()
    return tmp_path/'home'


def start(command, *args, **kwargs):
    "Start one of the package's commands as a user would, from this environment."
    program = shutil.which(command, path=sysconfig.get_path('scripts'))
    return subprocess.Popen([program, *map(str, args)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def run(command, *args, **kwargs):
    "Run a command to its end: exit status, standard output, standard error."
    process = start(command, *args, **kwargs)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@contextmanager
def small_disk(folder, size):
    "A file system of `size` bytes in `folder`; skips the test where this user may not mount one."
    folder.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder], stderr=subprocess.DEVNULL).returncode:
        pytest.skip('no file system can be mounted here')
    try: yield folder
    finally: subprocess.run(['umount', '-l', folder], check=True)


@pytest.fixture(scope='module')
def browser():
    "A headless Chromium."
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        yield browser
        browser.close()
