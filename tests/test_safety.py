"Trainings that are killed, disks that fill up, folders that two want, and networks from strangers."
import io, json, os, random, resource, shutil, signal, subprocess, sys, threading, time, zipfile
from dataclasses import replace
import h5py
import numpy as np
import pytest
from conftest import THOROUGH, run, small_disk, start
from mnist_nb.data import load_mnist
from mnist_nb.evaluate import evaluate, predict_probabilities
from mnist_nb.files import import_keras
from mnist_nb.improve import RECIPES
from mnist_nb.model import build_mlp
from mnist_nb.runs import (RunError, _StopOnSignal, evaluate_run, load_network, mnist_evaluate, mnist_train, read_history,
                           train_run)

keras = import_keras()

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')
EPOCHS = 8


def command(folder, *options): return 'mnist_train', '--out', folder, '--data', 'sample', *options


def new(folder, recipe='baseline'): return command(folder, '--recipe', recipe, '--epochs', EPOCHS)


def whole_run(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')/recipe
    status, out, err = run(*new(folder, recipe))
    assert status == 0, err
    return folder


@pytest.fixture(scope='module')
def baseline(tmp_path_factory): return whole_run('baseline', tmp_path_factory)


@pytest.fixture(scope='module')
def best(tmp_path_factory): return whole_run('best', tmp_path_factory)


def assert_same(a, b):
    "Two run folders hold the same networks, history and figures."
    for name in 'model.keras', 'best.keras':
        one, other = (load_network(folder/name) for folder in (a, b))
        for v, w in zip(one.weights + one.optimizer.variables, other.weights + other.optimizer.variables): assert (v.numpy() == w.numpy()).all()
    one, other = read_history(a), read_history(b)
    for k in 'loss', 'accuracy', 'val_loss', 'val_accuracy': assert (one[k] == other[k]).all()
    assert (a/'metrics.json').read_text() == (b/'metrics.json').read_text()
    assert not list(b.glob('*.part*'))


def await_training(process):
    for line in process.stdout:
        if line.startswith('run folder'): return
    raise AssertionError(process.communicate())


def await_file(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(.002)


def kill(process, folder, moments):
    "Kill it at a random moment, half of the time while it writes a file; was it still alive?"
    if moments.random() < .5:
        while process.poll() is None and not list(folder.glob('*.part*')): time.sleep(.001)
    else:
        await_training(process)
        time.sleep(moments.uniform(0, 3))
    process.kill()
    _, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


@pytest.mark.parametrize('recipe', ['baseline', 'best'])
def test_killed_again_and_again(recipe, request, tmp_path):
    "Killed at random moments and resumed, a run ends as one that nobody disturbed."
    whole, moments, kills, folders = request.getfixturevalue(recipe), random.Random(), 0, []
    while kills < (30 if THOROUGH else 2):
        if not folders or (folders[-1]/'metrics.json').exists(): folders.append(tmp_path/str(len(folders)))
        begun = (folders[-1]/'config.json').exists()
        kills += kill(start(*(command(folders[-1], '--resume') if begun else new(folders[-1], recipe))), folders[-1], moments)
    for folder in folders:
        status, _, err = run(*(command(folder, '--resume') if (folder/'config.json').exists() else new(folder, recipe)))
        assert status == 0, err
        assert_same(whole, folder)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop(how, baseline, tmp_path):
    process = start(*new(tmp_path/'run'))
    await_file(tmp_path/'run/model.keras', process)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and f'mnist_train --resume --out {tmp_path/"run"}' in err and 'Traceback' not in err
    done = len(read_history(tmp_path/'run')['loss'])
    assert 1 <= done < EPOCHS and load_network(tmp_path/'run/model.keras').optimizer.iterations == done*29
    assert not list((tmp_path/'run').glob('*.part*'))
    status, _, err = run(*command(tmp_path/'run', '--resume'))
    assert status == 0, err
    assert_same(baseline, tmp_path/'run')


def test_signals_are_only_held_back_while_it_trains(tmp_path):
    "After the last epoch, Ctrl-C is Python's again."
    before, during = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)], []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: during.append(signal.getsignal(signal.SIGINT)))
    with _StopOnSignal() as stop: train_run(replace(RECIPES['baseline'], epochs=1), load_mnist('sample'), tmp_path/'run', progress=False, callbacks=[stop, note])
    assert during[0] == stop.ask and before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]


def test_signals_are_given_back_after_an_error(tmp_path, monkeypatch):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr('mnist_nb.runs._KeepRun.on_epoch_end', lambda *args: 1/0)
    with pytest.raises(ZeroDivisionError): mnist_train(recipe='baseline', epochs=1, out=tmp_path/'run', data='sample')
    assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]


def test_training_in_a_thread(tmp_path, capsys):
    thread = threading.Thread(target=mnist_train, kwargs=dict(recipe='baseline', epochs=1, out=tmp_path/'run', data='sample'))
    thread.start()
    thread.join(120)
    assert (tmp_path/'run/metrics.json').exists()

def test_a_disk_that_is_full(baseline, tmp_path):
    "The checkpoint before is kept, the message names the file, and with more room the run goes on."
    with small_disk(tmp_path/'disk', 12_000_000) as disk: # two networks and a half
        status, out, err = run(*new(disk/'run'))
        assert status == 1 and 'No space left' in err and str(disk/'run') in err and 'Traceback' not in err
        kept = int(load_network(disk/'run/model.keras').optimizer.iterations)//29
        assert 1 <= kept <= len(read_history(disk/'run')['loss']) < EPOCHS
        assert not list((disk/'run').glob('*.part*'))
        subprocess.run(['mount', '-o', 'remount,size=60m', disk], check=True)
        status, _, err = run(*command(disk/'run', '--resume'))
        assert status == 0, err
        assert_same(baseline, disk/'run')


@pytest.mark.parametrize('most', [300, 1_000_000])
def test_a_file_that_may_not_grow(most, tmp_path):
    "A quota: no file may have more bytes, so that the configuration or the first network cannot be written."
    status, out, err = run(*new(tmp_path/'run'), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    assert status == 1 and f"error: {tmp_path/'run'}" in err and 'File too large' in err and 'Traceback' not in err
    assert {p.name for p in (tmp_path/'run').iterdir()} <= {'.lock', 'config.json', 'history.csv'}


def test_two_runs_want_one_folder(tmp_path):
    both = [start(*new(tmp_path/'run')) for _ in range(2)]
    errors = [p.communicate(timeout=120)[1] for p in both]
    assert sorted(p.returncode for p in both) == [0, 1]
    assert [e for p, e in zip(both, errors) if p.returncode][0].count('error: ') == 1
    assert len(read_history(tmp_path/'run')['loss']) == EPOCHS


def test_nobody_else_may_go_on_with_a_run_that_is_going(tmp_path):
    process = start(*new(tmp_path/'run', 'best'))
    await_file(tmp_path/'run/history.csv', process)
    process.send_signal(signal.SIGSTOP) # the laptop sleeps
    for options in dict(resume=True), dict(recipe='best', epochs=EPOCHS):
        with pytest.raises(SystemExit, match='error: .*run is in use'): mnist_train(out=tmp_path/'run', data='sample', **options)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err


def test_a_loss_that_is_no_number(tmp_path):
    few = load_mnist('sample')
    recipe = replace(RECIPES['baseline'], epochs=3, learning_rate=1e37)
    with pytest.raises(RunError, match=r'The loss is (nan|inf) since epoch 1'): train_run(recipe, few, tmp_path/'run', progress=False)
    assert not (tmp_path/'run/model.keras').exists()


def test_resuming_with_other_data(baseline, tmp_path):
    "The difference is named, and nothing is touched."
    shutil.copytree(baseline, tmp_path/'run')
    sample = load_mnist('sample')
    other = replace(sample, checksums=sample.checksums | dict(x_train='another'))
    before = {p.name: p.read_bytes() for p in (tmp_path/'run').iterdir()}
    recipe = replace(RECIPES['baseline'], epochs=EPOCHS)
    for mnist, recipe, seed_, message in ((other, recipe, 0, r'checksums.x_train was \w+ and is now another'), (sample, recipe, 1, 'seed was 0 and is now 1'),
                                          (sample, replace(recipe, hidden=9), 0, 'recipe.hidden was 512 and is now 9')):
        with pytest.raises(RunError, match=message): train_run(recipe, mnist, tmp_path/'run', seed_, resume=True)
    assert before == {p.name: p.read_bytes() for p in (tmp_path/'run').iterdir()}


@pytest.mark.parametrize('content', ['', '[]', '{}', 'null', '"text"', '{"recipe": 3, "seed": 0, "data": {"checksums": {}}}', '{"recipe": {"unknown": 1}, "seed": 0}',
                                     '['*100_000, '{"recipe": {"name": "baseline"}, "seed": 0, "data": []}', '\0\1\2',
                                     '{"recipe": {"name": "baseline"}, "seed": 0, "steps": 0, "data": {"checksums": {}}}'])
def test_damaged_configurations(content, baseline, tmp_path):
    shutil.copytree(baseline, tmp_path/'run')
    (tmp_path/'run/config.json').write_text(content)
    for call in lambda: mnist_train(out=tmp_path/'run', resume=True, data='sample'), lambda: mnist_evaluate(tmp_path/'run', data='sample'):
        with pytest.raises(SystemExit, match='error: .*config.json is not the configuration of a run'): call()


def test_killed_between_history_and_network(baseline, tmp_path):
    "The network tells its epoch itself: no figure gets the name of an epoch that it is not of."
    shutil.copytree(baseline, tmp_path/'run')
    with (tmp_path/'run/history.csv').open('a') as f: f.write('9,.1,.9,.001,.9,1\n')
    found, known = (evaluate_run(folder, load_mnist('sample')) for folder in (tmp_path/'run', baseline))
    assert found == known and found['last']['epoch'] == EPOCHS


def test_a_network_without_its_optimizer(baseline, tmp_path):
    shutil.copytree(baseline, tmp_path/'run')
    build_mlp().save(tmp_path/'run/model.keras')
    with pytest.raises(SystemExit, match='error: .*its network has seen 0 epochs'): mnist_train(out=tmp_path/'run', resume=True, data='sample')


@pytest.mark.parametrize('content', ['', 'epoch,loss\n', 'a,b\n1,2\n', 'epoch,loss,accuracy,val_loss,val_accuracy,seconds\n1,.5,.9,.5,.9,1\n',
                                     'epoch,loss,accuracy,val_loss,val_accuracy,seconds\n1,x,.9,.5,.9,1\n'])
def test_damaged_histories(content, baseline, tmp_path):
    shutil.copytree(baseline, tmp_path/'run')
    (tmp_path/'run/history.csv').write_text(content)
    with pytest.raises(SystemExit, match='error: .*history'): mnist_train(out=tmp_path/'run', resume=True, data='sample')


def test_damaged_networks(baseline, tmp_path):
    "A file is loaded as it was saved, or refused by name."
    whole, content = [w.numpy() for w in load_network(baseline/'model.keras').weights], (baseline/'model.keras').read_bytes()
    moments = np.random.default_rng(None if THOROUGH else 0)
    for n in range(300 if THOROUGH else 30):
        damaged = bytearray(content)
        if n % 3 == 0: del damaged[moments.integers(len(damaged)):]
        elif n % 3 == 1: damaged[moments.integers(len(damaged))] ^= 1 << moments.integers(8)
        else: # the small files in it, and the archive's own lists, are where it hurts most
            for at in moments.integers(4_000, size=5): damaged[at if n % 2 else -at] = moments.integers(256)
        (tmp_path/'model.keras').write_bytes(damaged)
        try: model = load_network(tmp_path/'model.keras')
        except RunError as e: assert str(tmp_path/'model.keras') in str(e)
        else:
            for v, w in zip(whole, model.weights, strict=True): assert (v == w.numpy()).all()


def rewritten(model, config, path):
    "The network's file with another configuration."
    model.save(path)
    with zipfile.ZipFile(path) as z: files = {name: z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(path, 'w') as z:
        for name, content in (files | {'config.json': json.dumps(config(json.loads(files['config.json'])))}).items(): z.writestr(name, content)
    return path


def with_layer(layer):
    "A function that puts a layer of another kind into a network's configuration."
    def config(config):
        config['config']['layers'].insert(1, layer)
        return config
    return config


def marked(tmp_path, layer):
    "The layer, with a command in it that would leave a file."
    return json.loads(json.dumps(layer).replace('MARK', f'touch {tmp_path/"mark"}'))


@pytest.mark.parametrize('layer', [
    dict(module='builtins', class_name='eval', config=dict(source='__import__("os").system("MARK")')),
    dict(module='os', class_name='system', config='MARK', registered_name=None),
    dict(module='os', class_name='function', config='system', registered_name='system'),
    dict(module='subprocess', class_name='Popen', config=dict(args=['sh', '-c', 'MARK'])),
    dict(module='keras.layers', class_name='Activation', config=dict(name='a', activation=dict(module='os', class_name='function', config='system', registered_name='system'))),
    dict(module='keras.layers', class_name='TFSMLayer', config=dict(name='a', filepath='/tmp')),
    dict(module='keras.src.utils.python_utils', class_name='func_load', config=dict(code='MARK')),
    dict(module='pickle', class_name='loads', config='MARK'),
    dict(module='keras.config', class_name='function', config='enable_unsafe_deserialization', registered_name='enable_unsafe_deserialization'),
    dict(module='keras.config', class_name='enable_unsafe_deserialization', config={}),
    dict(module='keras.models', class_name='load_model', config={}),
    dict(module='os', class_name='function', config='system', registered_name='mnist_nb>Normalize'), # under a borrowed name
    dict(module='os', class_name='mnist_nb>Normalize', config={}, registered_name=None),
    dict(module='keras.layers', class_name='StringLookup', config=dict(name='a', vocabulary='/etc/passwd')),
])
def test_networks_that_would_run_code(layer, tmp_path):
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    path = rewritten(model, with_layer(marked(tmp_path, layer)), tmp_path/'model.keras')
    with pytest.raises(RunError, match='model.keras cannot be loaded: it holds .*could run code'): load_network(path)
    assert not (tmp_path/'mark').exists()


@pytest.mark.parametrize('before', ['', 'keras.config.enable_unsafe_deserialization()'])
def test_lambdas_are_refused(before, tmp_path):
    "Even where somebody has told Keras to trust such files."
    code = f"""if True:
        import os, sys, keras
        from mnist_nb.runs import RunError, load_network
        leave_a_mark = lambda x: (open('mark', 'w'), x)[1]
        keras.Sequential([keras.Input((28, 28)), keras.layers.Lambda(leave_a_mark), keras.layers.Flatten(), keras.layers.Dense(10)]).save('model.keras')
        os.remove('mark')
        {before}
        try: load_network('model.keras')
        except RunError as e: sys.exit(7 if "it holds '__lambda__'" in str(e) and not os.path.exists('mark') else str(e))
    """
    assert subprocess.run([sys.executable, '-c', code], cwd=tmp_path).returncode == 7


def with_units(config, units=2_000_000):
    "A network's configuration that asks for a layer of so many units."
    return json.loads(json.dumps(config).replace('"units": 7', f'"units": {units}').replace('7]', f'{units}]'))


@pytest.mark.parametrize('nested', [False, True])
def test_a_small_file_with_a_large_network(nested, tmp_path):
    "Refused before it is built, wherever the layer hides: two gigabytes would not hold it."
    hidden = [keras.layers.Dense(7), keras.layers.Dense(7)]
    if nested: hidden = [keras.Sequential([keras.Input((784,)), *hidden])]
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10)])
    path = rewritten(model, with_units, tmp_path/'model.keras')
    code = """if True:
        import resource, sys
        from mnist_nb.runs import RunError, load_network
        with open('/proc/self/statm') as f: used = int(f.read().split()[0])*resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2_000_000_000,)*2)
        try: load_network(sys.argv[1])
        except RunError as e: sys.exit(7 if 'more weights than a file of its size can hold' in str(e) else str(e))
    """
    done = subprocess.run([sys.executable, '-c', code, path], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize('how', ['zip', 'HDF5'])
def test_a_small_file_with_large_arrays(how, tmp_path):
    "Zeros that were packed, by zip or by HDF5, are not unpacked."
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path/'whole.keras')
    with zipfile.ZipFile(tmp_path/'whole.keras') as z: files = {name: z.read(name) for name in z.namelist()}
    if how == 'zip': files['model.weights.h5'] += bytes(100_000_000)
    else:
        with io.BytesIO(files['model.weights.h5']) as content:
            with h5py.File(content, 'r+') as weights: weights.create_dataset('more', (100_000_000,), 'u1', compression=9)
            files['model.weights.h5'] = content.getvalue()
    with zipfile.ZipFile(tmp_path/'model.keras', 'w', zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items(): z.writestr(name, content)
    with pytest.raises(RunError, match='model.keras cannot be loaded: its .* bytes claim to be'): load_network(tmp_path/'model.keras')


def test_foreign_networks(tmp_path):
    path = tmp_path/'model.keras'
    keras.Sequential([keras.Input((20, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(path)
    with pytest.raises(RunError, match=r'model.keras is another network: from \(None, 20, 28\) to \(None, 10\)'): load_network(path)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, name='logits')])
    for value in np.nan, np.inf:
        model.layers[-1].set_weights([np.full((784, 10), value), np.zeros(10)])
        model.save(path)
        with pytest.raises(RunError, match='model.keras: .*logits/kernel holds numbers that are not finite'): load_network(path)
    np.savez(path, weights=np.zeros(3))
    os.replace(tmp_path/'model.keras.npz', path)
    with pytest.raises(RunError, match='model.keras cannot be loaded'): load_network(path)


def test_accuracy_is_the_same_whichever_way(baseline, tmp_path):
    "For any batch size, in this process or another, after save and load, and through the half-precision file."
    from mnist_nb.runs import load_pretrained
    from mnist_nb.predict import mnist_pretrained, predict, read_network
    test, model = load_mnist('sample').test, load_network(baseline/'model.keras')
    known = json.loads((baseline/'metrics.json').read_text())['last'] # from another process
    for size in 1, 7, 333, 1000:
        logits = model.predict(test.images, batch_size=size, verbose=0)
        assert (logits.argmax(1) == test.labels).mean() == known['accuracy']
    assert abs(evaluate(predict_probabilities(model, test.images), test.labels)['loss'] - known['loss']) < 1e-6
    model.save(tmp_path/'again.keras')
    assert (predict_probabilities(load_network(tmp_path/'again.keras'), test.images) == predict_probabilities(model, test.images)).all()
    mnist_pretrained(baseline, out=tmp_path/'half.npz', data='sample')
    half = load_pretrained(tmp_path/'half.npz').predict(test.images, verbose=0).argmax(1)
    assert (half == predict(test.images, read_network(tmp_path/'half.npz')).labels).all()
    assert abs((half == test.labels).mean() - known['accuracy']) <= .002


def test_one_thread(tmp_path):
    "With one thread, too, a seed fixes every bit."
    env = os.environ | {name: '1' for name in ('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS')}
    for name in 'one', 'other': assert run(*command(tmp_path/name, '--recipe', 'best', '--epochs', 1), env=env)[0] == 0
    assert_same(tmp_path/'one', tmp_path/'other')


@pytest.mark.parametrize('how', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_network_packed_as_keras_never_does(how, tmp_path):
    "These unpack without bound, so nothing in them is opened."
    with zipfile.ZipFile(tmp_path/'model.keras', 'w', how) as z: z.writestr('config.json', b' '*50_000_000)
    with pytest.raises(RunError, match='model.keras cannot be loaded: it is packed in a way that Keras never uses'): load_network(tmp_path/'model.keras')


def test_networks_are_loaded_by_several_threads(tmp_path):
    keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(tmp_path/'model.keras')
    usual, loaded = keras.Layer.add_weight, []
    threads = [threading.Thread(target=lambda: loaded.extend(load_network(tmp_path/'model.keras') for _ in range(3))) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(loaded) == 12 and keras.Layer.add_weight is usual
