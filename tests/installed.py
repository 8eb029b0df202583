"""What somebody gets who installs the package without a clone: `python tests/installed.py`, run by the Python it was installed for.

No `pytest`: the point is an environment that has nothing but the package.
"""
import json, shutil, subprocess, sys, sysconfig, tempfile
from importlib.metadata import entry_points
from pathlib import Path

import mnist_nb

here = Path(tempfile.mkdtemp())
assert Path(__file__).parent.parent not in Path(mnist_nb.__file__).parents, 'this is the clone, not an installed package'


def run(command, *arguments, status=0):
    "What a command prints."
    program = shutil.which(command, path=sysconfig.get_path('scripts'))
    done = subprocess.run([program, *map(str, arguments)], cwd=here, capture_output=True, text=True, encoding='utf-8')
    assert done.returncode == status and 'Traceback' not in done.stderr, (command, arguments, done)
    return done.stdout


commands = sorted(e.name for e in entry_points(group='console_scripts') if e.value.startswith('mnist_nb.'))
assert len(commands) == 11, commands
for command in commands: assert f'usage: {command}' in run(command, '--help')

from mnist_nb.handwriting import make_photo
from mnist_nb.data import load_mnist

test = load_mnist('sample').test
for digit in 3, 7: make_photo(test.images[test.labels == digit][0], 1).save(here/f'{digit}.jpg')
assert [line.split(' (')[0] for line in run('mnist_predict', '3.jpg', '*7.jpg').splitlines()] == ['3.jpg: 3', '7.jpg: 7']
assert 'does not exist' in run('mnist_predict', 'absent.jpg', status=1)

assert 'test accuracy' in run('mnist_train', '--recipe', 'fast', '--epochs', '1', '--data', 'sample', '--out', 'run')
assert json.loads(run('mnist_evaluate', 'run', '--data', 'sample', '--json'))['last']['epoch'] == 1

from mnist_nb.pad import drawing_pad
try: drawing_pad()
except ImportError as e: assert "pip install 'mnist_nb[pad]'" in str(e)
shutil.rmtree(here)
print(f'mnist_nb works where it is installed: {Path(mnist_nb.__file__).parent}')
