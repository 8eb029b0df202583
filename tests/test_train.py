"The commands from end to end, interruption, and errors."
import json, signal, time
import numpy as np
import pytest
from conftest import run, start
from mnist_nb.train import read_history


def weights(path):
    import keras
    return keras.models.load_model(path).get_weights()


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
        'config.json', 'history.csv', 'metrics.json', 'model.keras', 'best.keras', 'history.png', 'predictions.png',
        'mistakes.png', 'confusion.png', 'weights.png', 'reliability.png'}
    config = json.loads((whole/'config.json').read_text())
    assert config['recipe']['epochs'] == 12 and config['data']['source'] == 'sample' and set(config['data']['checksums']) == {'x_train', 'y_train', 'x_test', 'y_test'}
    assert len(read_history(whole)['loss']) == 12
    metrics = json.loads((whole/'metrics.json').read_text())
    assert metrics['best']['epoch'] == read_history(whole)['val_loss'].argmin() + 1
    assert metrics['last']['accuracy'] > .85


def test_evaluate_agrees_with_train(whole):
    status, out, err = run('mnist_evaluate', whole, '--json', '--data', 'sample')
    assert status == 0, err
    assert json.loads(out) == json.loads((whole/'metrics.json').read_text())
    status, out, err = run('mnist_evaluate', whole, '--data', 'sample')
    assert status == 0 and 'precision' in out


@pytest.mark.parametrize('how, status', [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_interrupted_and_resumed(whole, tmp_path, how, status):
    "Ends with the weights and the history of the run that nobody disturbed."
    folder, args = tmp_path/'run', ['--data', 'sample']
    process = start('mnist_train', '--epochs', 12, '--out', folder, *args)
    deadline = time.monotonic() + 120
    while not (folder/'history.csv').exists() or len(read_history(folder)['loss']) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(.01)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    if status == 130: assert f'mnist_train --resume --out {folder}' in err
    before = len(read_history(folder)['loss'])
    assert 3 <= before < 12 and not (folder/'metrics.json').exists()
    status, out, err = run('mnist_train', '--resume', '--out', folder, *args)
    assert status == 0, err
    for a, b in zip(weights(whole/'model.keras'), weights(folder/'model.keras')): assert (a == b).all()
    for a, b in zip(weights(whole/'best.keras'), weights(folder/'best.keras')): assert (a == b).all()
    a, b = read_history(whole), read_history(folder)
    for k in 'loss', 'accuracy', 'val_loss', 'val_accuracy': assert (a[k] == b[k]).all()
    assert json.loads((whole/'metrics.json').read_text()) == json.loads((folder/'metrics.json').read_text())
    assert not list(folder.glob('*.part.*'))


@pytest.mark.parametrize('args, message', [
    (['--recipe', 'none'], 'there is no recipe none. Choose one of: seed'),
    (['--epochs', 0], '0 epochs is too few'),
    (['--resume'], '--resume needs --out'),
    (['--resume', '--out', 'absent'], 'absent holds no run'),
    (['--data', 'absent'], 'absent does not exist'),
    (['--data', 'sample', '--out', 'WHOLE'], 'already holds a run'),
    (['--data', 'sample', '--out', 'WHOLE', '--resume', '--seed', 5], 'seed was 0 and is now 5'),
    (['--data', 'sample', '--out', 'WHOLE', '--resume', '--epochs', 20], 'recipe.epochs was 12 and is now 20'),
])
def test_errors_are_plain(whole, args, message, tmp_path):
    status, out, err = run('mnist_train', *(whole if a == 'WHOLE' else a for a in args), cwd=tmp_path)
    assert status == 1 and message in err and 'Traceback' not in err
    assert not list(tmp_path.rglob('config.json'))


def test_broken_run_folder(whole, tmp_path):
    for name in 'config.json', 'history.csv', 'best.keras': (tmp_path/name).write_bytes((whole/name).read_bytes())
    (tmp_path/'model.keras').write_bytes((whole/'model.keras').read_bytes()[:1000])
    status, out, err = run('mnist_evaluate', tmp_path, '--data', 'sample')
    assert status == 1 and 'model.keras cannot be loaded' in err and 'Traceback' not in err


def test_a_network_is_not_examined_on_what_it_learned(whole, tmp_path):
    "The sample's test images are training images of the full MNIST."
    for path in whole.iterdir(): (tmp_path/path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path/'config.json').read_text())
    config['data']['checksums']['x_train'] = 'that of the full MNIST'
    (tmp_path/'config.json').write_text(json.dumps(config))
    status, out, err = run('mnist_evaluate', tmp_path, '--data', 'sample')
    assert status == 1 and 'learned from all of MNIST' in err
