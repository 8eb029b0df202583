"The commands from end to end, interruption, and errors."
import json
import numpy as np
import pytest
from conftest import run
from mnist_nb.evaluate import mnist_evaluate
from mnist_nb.train import mnist_train, read_history

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "A run of 12 epochs on the sample that nobody disturbed."
    folder = tmp_path_factory.mktemp('runs')/'whole'
    status, out, err = run('mnist_train', '--recipe', 'seed', '--epochs', 12, '--out', folder, '--data', 'sample')
    assert status == 0, err
    assert 'packaged sample' in err and 'test accuracy' in out and 'pictures: ' in out
    return folder


def test_run_folder(whole):
    assert {p.name for p in whole.iterdir()} == {
        '.lock', 'config.json', 'history.csv', 'metrics.json', 'model.keras', 'best.keras', 'history.png', 'predictions.png',
        'mistakes.png', 'confusion.png', 'weights.png', 'reliability.png'}
    config = json.loads((whole/'config.json').read_text())
    assert config['recipe']['epochs'] == 12 and config['data']['source'] == 'sample' and set(config['data']['checksums']) == {'x_train', 'y_train', 'x_test', 'y_test'}
    assert len(read_history(whole)['loss']) == 12
    metrics = json.loads((whole/'metrics.json').read_text())
    assert metrics['best']['epoch'] == read_history(whole)['val_loss'].argmin() + 1
    assert metrics['last']['accuracy'] > .85


def test_evaluate_agrees_with_train(whole, capsys):
    mnist_evaluate(whole, data='sample', json=True)
    assert json.loads(capsys.readouterr().out) == json.loads((whole/'metrics.json').read_text())
    status, out, err = run('mnist_evaluate', whole, '--data', 'sample', '--json')
    assert status == 0 and json.loads(out) == json.loads((whole/'metrics.json').read_text())
    mnist_evaluate(whole, data='sample')
    assert 'precision' in capsys.readouterr().out


@pytest.mark.parametrize('args, message', [
    (dict(recipe='none'), 'there is no recipe none. Choose one of: seed, best, pixels, fast'),
    (dict(epochs=0), '0 epochs is too few'),
    (dict(resume=True), '--resume needs --out'),
    (dict(resume=True, out='absent'), 'absent holds no run'),
    (dict(data='absent'), 'absent does not exist'),
    (dict(out='WHOLE'), 'already holds a run'),
    (dict(out='WHOLE', resume=True, seed=5), 'seed was 0 and is now 5'),
    (dict(out='WHOLE', resume=True, epochs=20), 'recipe.epochs was 12 and is now 20'),
])
def test_errors_are_plain(whole, args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if args.get('out') == 'WHOLE': args = args | dict(out=whole)
    with pytest.raises(SystemExit, match=f'error: .*{message}'): mnist_train(**dict(data='sample') | args)
    assert not list(tmp_path.rglob('config.json'))


def test_errors_have_a_status_and_no_traceback(tmp_path):
    status, out, err = run('mnist_train', '--data', tmp_path/'absent')
    assert status == 1 and err.startswith('error: ') and 'absent does not exist' in err and not out


def copy_run(whole, folder):
    for path in whole.iterdir(): (folder/path.name).write_bytes(path.read_bytes())


def test_broken_model_file(whole, tmp_path):
    copy_run(whole, tmp_path)
    (tmp_path/'model.keras').write_bytes((whole/'model.keras').read_bytes()[:1000])
    with pytest.raises(SystemExit, match='error: .*model.keras cannot be loaded'): mnist_evaluate(tmp_path, data='sample')
    with pytest.raises(SystemExit, match='error: .*model.keras cannot be loaded'): mnist_train(out=tmp_path, resume=True, data='sample')


def test_a_network_is_not_examined_on_what_it_learned(whole, tmp_path):
    "The sample's test images are training images of the full MNIST."
    copy_run(whole, tmp_path)
    config = json.loads((tmp_path/'config.json').read_text())
    config['data']['checksums']['x_train'] = 'that of the full MNIST'
    (tmp_path/'config.json').write_text(json.dumps(config))
    with pytest.raises(SystemExit, match='error: .*learned from all of MNIST'): mnist_evaluate(tmp_path, data='sample')


def test_pretrained_is_the_run(whole, tmp_path):
    "The file that comes with the package can be made again from a run, and gives the run's logits."
    from mnist_nb.data import load_mnist
    from mnist_nb.model import load_pretrained
    from mnist_nb.predict import mnist_pretrained, predict, read_network
    from mnist_nb.train import load_network
    mnist_pretrained(whole, out=tmp_path/'half.npz', data='sample')
    images = load_mnist('sample').test.images
    a, b = (model.predict(images, verbose=0) for model in (load_network(whole/'model.keras'), load_pretrained(tmp_path/'half.npz')))
    assert np.abs(a - b).max() < .1 and (a.argmax(1) == b.argmax(1)).mean() > .998
    assert (predict(images, read_network(tmp_path/'half.npz')).labels == b.argmax(1)).all()
    with pytest.raises(SystemExit, match='error: .*absent'): mnist_pretrained(tmp_path/'absent', out=tmp_path/'other.npz')
    assert [p.name for p in tmp_path.iterdir()] == ['half.npz']


def test_a_run_reads_pictures(whole, tmp_path):
    from mnist_nb.data import load_mnist
    from mnist_nb.handwriting import make_photo
    mnist = load_mnist('sample')
    make_photo(mnist.test.images[mnist.test.labels == 7][0], 1).save(tmp_path/'seven.png')
    status, out, err = run('mnist_predict', tmp_path/'seven.png', '--model', whole)
    assert status == 0 and out.startswith(f"{tmp_path/'seven.png'}: 7"), err
    status, out, err = run('mnist_predict', tmp_path/'seven.png', '--model', tmp_path)
    assert status == 1 and err.startswith('error: ') and 'model.keras' in err and 'Traceback' not in err


def test_pretrained_fits_the_package():
    from importlib.resources import files
    assert files('mnist_nb').joinpath('pretrained.npz').stat().st_size <= 4e6
