"Notebooks, modules and README are in step."
import json, os, re, shutil, subprocess, sys
from pathlib import Path
import pytest
from conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY/'nbs').glob('*.ipynb'))


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    "A copy of the project's files, to generate in."
    folder = tmp_path_factory.mktemp('copy')/REPOSITORY.name
    shutil.copytree(REPOSITORY, folder, symlinks=True, ignore=shutil.ignore_patterns('.git', '.venv', 'runs', '_docs', '_proc', '__pycache__', '*.keras'))
    return folder


def generate(copy, command):
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = subprocess.run([command], cwd=copy, capture_output=True, text=True, env=os.environ | dict(PATH=path, PYTHONPATH=str(copy)))
    assert done.returncode == 0, done.stderr


def test_export_and_clean_change_nothing(copy):
    names = [p.relative_to(REPOSITORY) for folder in ('nbs', 'mnist_nb') for p in (REPOSITORY/folder).rglob('*') if p.suffix in ('.ipynb', '.py')]
    for command in 'nbdev_export', 'nbdev_clean': generate(copy, command)
    changed = [str(n) for n in [*names, Path('pyproject.toml')] if (REPOSITORY/n).read_bytes() != (copy/n).read_bytes()]
    assert not changed
    assert {p.name for p in (copy/'mnist_nb').glob('*.py')} == {p.name for p in (REPOSITORY/'mnist_nb').glob('*.py')}


@pytest.mark.skipif(not shutil.which('quarto'), reason='Quarto, which makes the README, is not installed')
def test_readme_is_in_step(copy):
    generate(copy, 'nbdev_readme')
    assert (copy/'README.md').read_text() == (REPOSITORY/'README.md').read_text()


def test_readme_has_the_tested_commands():
    readme = (REPOSITORY/'README.md').read_text()
    assert ".venv/bin/pip install -e '.[dev]' && .venv/bin/pytest" in readme
    assert '.venv/bin/pip install -e . && .venv/bin/mnist_train' in readme


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_outputs_are_of_a_real_run(path):
    "Every notebook was run from top to bottom without errors, on the full MNIST, and its paths are nobody's."
    cells = [c for c in json.loads(path.read_text())['cells'] if c['cell_type'] == 'code']
    assert any(c['outputs'] for c in cells)
    outputs = [o for c in cells for o in c['outputs']]
    assert not [o for o in outputs if o['output_type'] == 'error']
    text = json.dumps([{k: v for k, v in o.items() if k != 'data'} for o in outputs])
    assert 'packaged sample' not in text and not re.search(r'/(home|root|Users)/', text)
