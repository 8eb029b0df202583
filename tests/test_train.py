"The commands from end to end, interruption, and errors."
import json, os, subprocess, sys
import numpy as np
import pytest
from conftest import run
from mnist_nb.runs import mnist_evaluate, mnist_train, read_history

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "A run of 12 epochs on the sample that nobody disturbed."
    folder = tmp_path_factory.mktemp('runs')/'whole'
    status, out, err = run('mnist_train', '--recipe', 'baseline', '--epochs', 12, '--out', folder, '--data', 'sample')
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
    (dict(recipe='none'), 'there is no recipe none. Choose one of: baseline, best, pixels, fast, styles'),
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
    from mnist_nb.runs import load_pretrained
    from mnist_nb.predict import mnist_pretrained, predict, read_network
    from mnist_nb.runs import load_network
    mnist_pretrained(whole, out=tmp_path/'half.npz', data='sample')
    images = load_mnist('sample').test.images
    a, b = (model.predict(images, verbose=0) for model in (load_network(whole/'model.keras'), load_pretrained(tmp_path/'half.npz')))
    assert np.abs(a - b).max() < .1 and (a.argmax(1) == b.argmax(1)).mean() > .998
    assert (predict(images, read_network(tmp_path/'half.npz')).labels == b.argmax(1)).all()
    with pytest.raises(SystemExit, match='error: .*absent'): mnist_pretrained(tmp_path/'absent', out=tmp_path/'other.npz')
    assert [p.name for p in tmp_path.iterdir()] == ['half.npz']


def test_a_plain_network_needs_no_package_of_ours(whole):
    "Keras alone loads what the recipe `baseline` has trained, optimizer and all."
    code = """if True:
        import sys, keras, numpy as np
        model = keras.models.load_model(sys.argv[1])
        print(int(model.optimizer.iterations), model.predict(np.full((1, 28, 28), .5), verbose=0).tolist(), 'mnist_nb' in sys.modules)
    """
    out = subprocess.run([sys.executable, '-c', code, whole/'model.keras'], capture_output=True, text=True, check=True).stdout
    from mnist_nb.runs import load_network
    assert out == f"{12*29} {load_network(whole/'model.keras').predict(np.full((1, 28, 28), .5), verbose=0).tolist()} False\n"


def test_what_a_run_reads_is_kept_beside_it(whole, tmp_path):
    "Fitting the score takes TensorFlow and MNIST once, for the last network and for the best, and again when the network is another."
    from mnist_nb.data import load_mnist
    from mnist_nb.handwriting import make_photo
    from mnist_nb.predict import read_network
    copy_run(whole, tmp_path)
    (tmp_path/'best.keras').write_bytes((whole/'best.keras').read_bytes())
    mnist = load_mnist('sample')
    make_photo(mnist.test.images[mnist.test.labels == 7][0], 1).save(tmp_path/'seven.jpg')
    sample, nothing = os.environ | dict(MNIST_NB_DATA='sample'), os.environ | dict(MNIST_NB_DATA=str(tmp_path/'absent'))
    def read(env, *options): return run('mnist_predict', tmp_path/'seven.jpg', '--model', tmp_path, *options, env=env)
    for options, kept in ((), 'model.npz'), (('--best',), 'best.npz'):
        first, second = read(sample, *options), read(nothing, *options)
        assert first[0] == 0 and ': 7 (' in first[1] and 'finding out what is no digit' in first[2] and (tmp_path/kept).exists()
        assert second == (0, first[1], '')
    assert (read_network(tmp_path/'best.npz').hidden_kernel != read_network(tmp_path/'model.npz').hidden_kernel).any()
    (tmp_path/'model.keras').write_bytes((tmp_path/'best.keras').read_bytes())
    status, _, err = read(nothing)
    assert status == 1 and 'absent does not exist' in err
    (tmp_path/'best.npz').write_bytes(b'damaged')
    assert read(sample, '--best')[:2] == first[:2] and read(nothing, '--best')[2] == ''


def test_a_score_of_other_data_is_not_kept(whole, tmp_path):
    copy_run(whole, tmp_path)
    config = json.loads((tmp_path/'config.json').read_text())
    config['data']['checksums']['x_train'] = 'that of the full MNIST'
    (tmp_path/'config.json').write_text(json.dumps(config))
    status, out, err = run('mnist_predict', whole/'history.png', '--model', tmp_path, env=os.environ | dict(MNIST_NB_DATA='sample'))
    assert 'history.png: ' in out and 'learned from other data than are here' in err and not (tmp_path/'model.npz').exists()


def test_the_best_needs_a_run(tmp_path):
    status, out, err = run('mnist_predict', 'seven.png', '--best')
    assert (status, out, err) == (1, '', 'error: --best needs a run folder: --model RUN --best.\n')
    status, out, err = run('mnist_predict', 'seven.png', '--model', tmp_path)
    assert status == 1 and err == f"error: {tmp_path} holds no network: there is no {tmp_path/'model.keras'}.\n"


def test_pretrained_fits_the_package():
    from importlib.resources import files
    assert files('mnist_nb').joinpath('pretrained.npz').stat().st_size <= 4e6
