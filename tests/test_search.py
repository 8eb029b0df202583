"The search on Ray Tune, where the extra `sweep` is installed."
from dataclasses import replace
import pytest
from mnist_nb.data import Split, load_mnist
from mnist_nb.search import SPACE, mnist_sweep, read_table, sweep
from mnist_nb.runs import RunError

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


def test_a_small_search(tmp_path, monkeypatch):
    pytest.importorskip('ray')
    def few(source):
        mnist = load_mnist('sample')
        return replace(mnist, train=Split(mnist.train.images[:512], mnist.train.labels[:512]))
    monkeypatch.setattr('mnist_nb.search.load_mnist', few)
    mnist_sweep(out=tmp_path/'sweep.csv', samples=3, epochs=2)
    rows = read_table(tmp_path/'sweep.csv')
    assert len(rows) == 3 and set(SPACE) < set(rows[0]) and rows[0]['val_loss'] <= rows[1]['val_loss'] <= rows[2]['val_loss']
    assert rows[0]['epochs'] == 2 and len({row['learning_rate'] for row in rows}) == 3
    for name, (kind, *limits) in SPACE.items():
        drawn = {row[name] for row in rows}
        assert drawn <= set(limits[0]) if kind == 'choice' else all(limits[0] <= v <= limits[1] for v in drawn)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'ray', None)
    with pytest.raises(RunError, match=r"pip install 'mnist_nb\[sweep\]'"): sweep(load_mnist('sample'))
