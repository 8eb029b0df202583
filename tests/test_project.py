"Notebooks, modules and README are in step."
import json, os, re, shutil, subprocess, sys
from configparser import ConfigParser
from pathlib import Path
import pytest
from conftest import POSIX, REPOSITORY, run

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
    "Every notebook was run from top to bottom without errors, on the full MNIST, and its paths are nobody's; no state of a widget is kept."
    notebook = json.loads(path.read_text())
    assert 'widgets' not in notebook['metadata']
    cells = [c for c in notebook['cells'] if c['cell_type'] == 'code']
    assert any(c['outputs'] for c in cells) or not cells
    outputs = [o for c in cells for o in c['outputs']]
    assert not [o for o in outputs if o['output_type'] == 'error']
    text = json.dumps([{k: v for k, v in o.items() if k != 'data'} for o in outputs])
    assert 'packaged sample' not in text and not re.search(r'/(home|root|Users|site-packages)/', text)


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_every_cell_runs(path):
    "JupyterLab's Run All knows no cell that is not to be run, so there is none."
    for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
        assert not {'nbval-skip', 'skip-execution', 'raises-exception'} & set(cell['metadata'].get('tags', []))
        assert not re.search(r'^#\| *eval: *false', ''.join(cell['source']), re.MULTILINE)


@pytest.mark.skipif(not (REPOSITORY/'.git').exists() or not shutil.which('git') or not POSIX, reason='this is no clone, or Windows')
def test_notebooks_start_on_colab(tmp_path):
    "Their first cell fetches the book from where settings.ini says it is, installs it, and goes to its folder."
    cells = {''.join(c['source']) for path in NOTEBOOKS if path.name != 'index.ipynb' for c in json.loads(path.read_text())['cells'][:2] if c['id'] == 'colab'}
    assert len(cells) == 1
    (tmp_path/'cell').write_text(cells.pop())
    (tmp_path/'pip').write_text('#!/bin/sh\necho "$@" > pip.log\n')
    (tmp_path/'pip').chmod(0o755)
    settings = ConfigParser(delimiters=['='])
    settings.read(REPOSITORY/'settings.ini', encoding='utf-8')
    env = os.environ | dict(PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}', IPYTHONDIR=str(tmp_path), GIT_CONFIG_COUNT='1',
                            GIT_CONFIG_KEY_0=f'url.{REPOSITORY}.insteadOf', GIT_CONFIG_VALUE_0=settings['DEFAULT']['git_url'])
    code = """if True:
        import os, sys
        from IPython.core.interactiveshell import InteractiveShell
        sys.modules['google.colab'] = os
        InteractiveShell.instance().run_cell(open('cell').read()).raise_error()
        assert os.path.exists('results') and os.path.exists('../mnist_nb/data.py'), os.getcwd()
    """
    subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=env, check=True)
    assert (tmp_path/'pip.log').read_text() == 'install -q ./mnist_nb[pad]\n'


def test_readme_leads_to_the_project():
    "Pictures and links are where settings.ini says, so that they are found from GitHub and from PyPI; what is in the repository is there."
    readme = (REPOSITORY/'README.md').read_text(encoding='utf-8').replace('\n', ' ')
    settings = ConfigParser(delimiters=['='])
    settings.read(REPOSITORY/'settings.ini', encoding='utf-8')
    git_url, site = settings['DEFAULT']['git_url'], '{doc_host}{doc_baseurl}/'.format(**settings['DEFAULT'])
    assert f'git clone {git_url} ' in readme and f'({site}index.html)' in readme and f'({site}draw.html)' in readme
    pictures = re.findall(r'!\[[^]]+\]\(([^)]*)\)', readme)
    assert pictures and all(p.startswith(f'{git_url}/raw/main/') for p in pictures)
    links = re.findall(r'\]\(([^)]*)\)', readme)
    assert all(re.match('https://|#', link) for link in links)
    for link in links:
        for kind in 'raw', 'blob':
            if link.startswith(f'{git_url}/{kind}/main/'): assert (REPOSITORY/link.removeprefix(f'{git_url}/{kind}/main/')).is_file()
        if link.startswith(site):
            name = link.removeprefix(site).partition('.')[0]
            assert [p for p in (REPOSITORY/'nbs').iterdir() if re.fullmatch(rf'(\d+_)?{name}\.(ipynb|qmd)', p.name)]


def test_the_picture_to_try_is_read():
    "The README's command, and what it says comes out."
    readme = (REPOSITORY/'README.md').read_text(encoding='utf-8')
    command, output = re.search(r'\.venv/bin/(mnist_predict --line nbs/images/\S+)\n```\n+ +(.+)\n', readme).groups()
    status, out, _ = run(*command.split(), cwd=REPOSITORY)
    assert status == 0 and out.strip() == output and ': 14959 ' in output


def test_readme_has_the_figures_of_the_first_page():
    "Number for number, also where there is no Quarto to make it again."
    def numbers(text): return re.findall(r'\d+(?:[.,]\d+)*%?', re.sub(r'\]\([^)]*\)', ']', text))
    cells = json.loads((REPOSITORY/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']
    outputs = [''.join(o['data']['text/markdown']) for c in cells if c['cell_type'] == 'code' for o in c['outputs'] if 'text/markdown' in o.get('data', {})]
    outputs = [text for text in outputs if 'content-visible' not in text] # what only the site shows
    readme = ' '.join(numbers((REPOSITORY/'README.md').read_text(encoding='utf-8')))
    assert len(outputs) == 6
    for text in outputs: assert ' '.join(numbers(text)) in readme


def test_cells_that_read_results_are_compared():
    "A figure that was changed, in `nbs/results` or in a notebook, does not pass."
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding='utf-8'))['cells']:
            if cell['cell_type'] != 'code' or 'results/' not in ''.join(cell['source']): continue
            printed = [o for o in cell['outputs'] if o['output_type'] == 'stream' or 'text/markdown' in o.get('data', {})]
            assert not printed or 'nbval-check-output' in cell['metadata'].get('tags', []), (path.stem, cell['id'])
