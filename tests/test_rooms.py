"Who may import whom: no arrow points up, also not inside functions, and there is no circle."
import ast, subprocess, sys
import pytest
from conftest import REPOSITORY

FLOORS = [ # from the ground; a module imports from lower floors only
    {'files'}, {'images', 'data'}, {'model', 'network', 'strokes'}, {'handwriting', 'train'}, {'evaluate'}, {'visualize'}, {'improve'},
    {'speed', 'datasets'}, {'runs'}, {'predict', 'search', 'race'}, {'teach', 'exam', 'benchmark'}, {'pad'}]
FLOOR = {name: n for n, names in enumerate(FLOORS) for name in names}
MODULES = sorted(p.stem for p in (REPOSITORY/'mnist_nb').glob('*.py') if not p.stem.startswith('_'))


def imported(name):
    "The modules of this package that a module imports, anywhere in it."
    for node in ast.walk(ast.parse((REPOSITORY/'mnist_nb'/f'{name}.py').read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom):
            parts = [p for p in (node.module or '').split('.') if p]
            if node.level: yield from parts[:1] or [a.name for a in node.names]
            elif parts[0] == 'mnist_nb': yield from parts[1:2] or [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            yield from (a.name.split('.')[1] for a in node.names if a.name.startswith('mnist_nb.'))


def test_each_module_has_a_floor(): assert MODULES == sorted(FLOOR)


@pytest.mark.parametrize('name', MODULES)
def test_no_arrow_points_up(name):
    assert all(FLOOR[other] < FLOOR[name] for other in imported(name))


@pytest.mark.parametrize('name', ['files', 'images', 'network', 'strokes', 'handwriting', 'data', 'evaluate', 'visualize', 'datasets', 'predict', 'teach', 'pad'])
def test_what_knows_arrays_only_needs_no_tensorflow(name):
    code = f"import sys, mnist_nb.{name}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
