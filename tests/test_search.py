"The search on Ray Tune, where the extra `ray` is installed."
from dataclasses import replace
import numpy as np
import pytest
from mnist_nb.data import Split, load_mnist
from mnist_nb.predict import read_file
from mnist_nb.search import SPACE, mnist_sweep, read_table, sweep
from mnist_nb.runs import RunError

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


@pytest.fixture
def few(monkeypatch):
    "A search learns from 512 images."
    def load(source):
        mnist = load_mnist('sample')
        return replace(mnist, train=Split(mnist.train.images[:512], mnist.train.labels[:512]))
    monkeypatch.setattr('mnist_nb.search.load_mnist', load)


def test_a_small_search(tmp_path, few):
    pytest.importorskip('ray')
    mnist_sweep(out=tmp_path/'sweep.csv', samples=3, epochs=2)
    rows = read_table(tmp_path/'sweep.csv')
    assert len(rows) == 3 and set(SPACE) < set(rows[0]) and rows[0]['val_loss'] <= rows[1]['val_loss'] <= rows[2]['val_loss']
    assert rows[0]['epochs'] == 2 and len({row['learning_rate'] for row in rows}) == 3
    for name, (kind, *limits) in SPACE.items():
        drawn = {row[name] for row in rows}
        assert drawn <= set(limits[0]) if kind == 'choice' else all(limits[0] <= v <= limits[1] for v in drawn)


def test_a_search_on_two_nodes(tmp_path, few):
    "`mnist_sweep --address`: the node that it speaks to has no cores, so the trials run on the two others."
    pytest.importorskip('ray')
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0))
    try:
        for _ in range(2): cluster.add_node(num_cpus=1)
        mnist_sweep(out=tmp_path/'sweep.csv', samples=2, epochs=1, cpus=1, address=cluster.address)
    finally: cluster.shutdown()
    rows = read_table(tmp_path/'sweep.csv')
    assert len(rows) == 2 and all(row['epochs'] == 1 and 0 < row['val_loss'] < 5 for row in rows)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'ray', None)
    with pytest.raises(RunError, match=r"pip install 'mnist_nb\[ray\]'"): sweep(load_mnist('sample'))


def test_pictures_on_two_nodes(tmp_path):
    "Ray Data maps the function over files on a cluster; an error is an answer, too."
    ray = pytest.importorskip('ray')
    from ray.cluster_utils import Cluster
    import ray.data
    from mnist_nb.handwriting import make_photo
    sample = load_mnist('sample').test
    files = [tmp_path/f'{n:02}.png' for n in range(12)]
    for n, file in enumerate(files): make_photo(sample.images[n], n).save(file)
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1))
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level='error')
    try:
        def read(row): return [answer | dict(node=ray.get_runtime_context().get_node_id()) for answer in read_file(row['item'])]
        rows = ray.data.from_items([*map(str, files), 'absent.png'], override_num_blocks=6).flat_map(read).take_all()
    finally:
        ray.shutdown()
        cluster.shutdown()
    answers = {row['file']: row for row in rows}
    assert len(rows) == 13 and len({row['node'] for row in rows}) == 2 and 'does not exist' in answers['absent.png']['error']
    assert np.mean([answers[str(file)]['label'] == label for file, label in zip(files, sample.labels)]) > .8
