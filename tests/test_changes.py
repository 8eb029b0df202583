"Natural changes to the network and to how it learns: each is trained whole, kept, resumed bit for bit, evaluated, drawn and used, or refused."
import json, shutil
from dataclasses import replace
import numpy as np
import pytest
from mnist_nb.data import Split, load_mnist, make_batches, steps_per_epoch
from mnist_nb.files import import_keras
from mnist_nb.improve import RECIPES
from mnist_nb.predict import _read_run, predict
from mnist_nb.runs import RunError, evaluate_run, examine, load_network, read_history, train_run

keras = import_keras()
layers, optimizers, schedules = keras.layers, keras.optimizers, keras.optimizers.schedules
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@keras.saving.register_keras_serializable('tests')
class Spy(layers.Layer):
    "Counts the batches that pass in training."
    def build(self, shape): self.calls = self.add_weight(shape=(), initializer='zeros', trainable=False, name='calls')

    def call(self, x, training=False):
        if training: self.calls.assign_add(1)
        return x


def hidden(activation='relu', **kwargs): return layers.Dense(16, activation, **kwargs)


def frozen():
    layer = hidden()
    layer.trainable = False
    return layer


def functional():
    inputs = keras.Input((784,))
    return keras.Model(inputs, hidden()(layers.Dropout(0.)(inputs)))


# What stands before the logits, then the optimizer and the loss where they are not the usual ones
CHANGES = dict(
    momentum=([hidden], lambda: optimizers.SGD(.05, momentum=.9)),
    adamw=([hidden], lambda: optimizers.AdamW(1e-3)),
    lion=([hidden], lambda: optimizers.Lion(1e-4)),
    he=([lambda: hidden(kernel_initializer='he_normal')],),
    l2=([lambda: hidden(kernel_regularizer=keras.regularizers.L2(1e-4))],),
    exponential=([hidden], lambda: optimizers.Adam(schedules.ExponentialDecay(1e-3, 5, .9))),
    piecewise=([hidden], lambda: optimizers.Adam(schedules.PiecewiseConstantDecay([5], [1e-3, 1e-4]))),
    gelu=([lambda: hidden('gelu')],),
    tanh=([lambda: hidden('tanh')],),
    dropout_first=([lambda: layers.Dropout(.2), hidden],),
    dropout_last=([hidden, lambda: layers.Dropout(.2)],),
    noise=([lambda: layers.GaussianNoise(.1), hidden],),
    second_128=([hidden, lambda: layers.Dense(128, 'relu')],),
    second_512=([hidden, lambda: layers.Dense(512, 'relu')],),
    batch_normalization=([lambda: hidden(None), layers.BatchNormalization, layers.ReLU],),
    layer_normalization=([lambda: hidden(None), layers.LayerNormalization, layers.ReLU],),
    dense_before=([lambda: layers.Dense(32), hidden],),
    convolution=([lambda: layers.Reshape((28, 28, 1)), lambda: layers.Conv2D(4, 3, activation='relu'), layers.MaxPooling2D, layers.Flatten, hidden],),
    smoothing=([hidden], optimizers.Adam, lambda: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=.1)),
    clipping=([hidden], lambda: optimizers.Adam(clipnorm=.5)),
    mixed=([lambda: hidden(dtype='mixed_float16')], lambda: optimizers.LossScaleOptimizer(optimizers.Adam())),
    frozen=([frozen, hidden],),
    functional=([functional],),
)
RANDOM = 'dropout_first', 'dropout_last', 'noise'


def build(name, spied=False, inputs=(28, 28)):
    "The changed network, compiled; the same weights each time."
    parts, optimizer, loss, *_ = *CHANGES[name], *(optimizers.Adam, lambda: LOSS)[len(CHANGES[name]) - 1:]
    keras.utils.set_random_seed(0)
    stack = [layers.Flatten(), *(part() for part in parts), layers.Dense(10, dtype='float32')]
    if spied: stack = [part for layer in stack for part in (layer, Spy())]
    network = keras.Sequential([keras.Input(inputs), *stack])
    network.compile(optimizer(), loss(), metrics=['accuracy'])
    return network


@pytest.fixture(scope='module')
def few():
    mnist = load_mnist('sample')
    return replace(mnist, train=Split(mnist.train.images[:640], mnist.train.labels[:640]))


RECIPE = replace(RECIPES['baseline'], epochs=2, batch_size=128)


def evaluated(model, mnist, folder): (folder/'metrics.json').write_text(json.dumps(evaluate_run(folder, mnist)))


@pytest.mark.filterwarnings('ignore:.*sample')
@pytest.mark.parametrize('name', CHANGES)
def test_change(name, few, tmp_path, capsys):
    steps, whole, killed = 5, tmp_path/'whole', tmp_path/'killed'
    def keep(epoch, logs): # as the folder is if the process dies in the second epoch
        if epoch == 0: shutil.copytree(whole, killed)
    keep = keras.callbacks.LambdaCallback(on_epoch_end=keep)
    model = train_run(RECIPE, few, whole, network=build(name, spied=True), progress=False, callbacks=[keep])
    assert all(int(layer.calls.numpy()) == 2*steps for layer in model.layers if isinstance(layer, Spy)) # nothing is bypassed

    # what Keras learns from the same batches
    plain, batches = build(name, spied=True), make_batches(few.train, 128, 2)
    if name == 'smoothing': batches = batches.map(lambda x, y: (x, keras.ops.one_hot(y, 10)))
    losses = plain.fit(batches, epochs=2, steps_per_epoch=steps, verbose=0).history['loss']
    assert np.allclose(read_history(whole)['loss'], losses, rtol=.1 if name in RANDOM else .02 if name == 'mixed' else 2e-3)
    assert losses[1] < losses[0]

    # resumed after the first epoch
    resumed = train_run(RECIPE, few, killed, resume=True, progress=False)
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True): np.testing.assert_array_equal(a, b)

    # evaluated, drawn, used
    (examine if name in ('convolution', 'frozen', 'second_128') else evaluated)(model, few, whole)
    logits = keras.ops.convert_to_numpy(model(few.test.images))
    right = (logits.argmax(1) == few.test.labels).mean()
    assert json.loads((whole/'metrics.json').read_text())['last']['accuracy'] == pytest.approx(right, abs=.002)
    network = replace(_read_run(whole), threshold=-np.inf)
    assert (predict(few.test.images, network).labels == logits.argmax(1)).mean() > .995


@pytest.mark.filterwarnings('ignore:.*sample')
@pytest.mark.parametrize('name', ['second_128', 'batch_normalization', 'dropout_last'])
def test_change_after_a_preparation(name, few, tmp_path):
    "What the network gets can be something else than pixels."
    recipe = replace(RECIPES['best'], epochs=2, batch_size=128)
    model = train_run(recipe, few, tmp_path/'run', network=build(name, inputs=recipe.preparation.shape), progress=False)
    loaded = load_network(tmp_path/'run'/'model.keras')
    np.testing.assert_array_equal(model.predict(few.test.images, verbose=0), loaded.predict(few.test.images, verbose=0))
    assert evaluate_run(tmp_path/'run', few)['last']['epoch'] == 2


def ends(*last, loss=LOSS, inputs=(28, 28), metrics=('accuracy',), compiled=True):
    network = keras.Sequential([keras.Input(inputs), layers.Flatten(), *last])
    if compiled: network.compile('adam', loss, metrics=list(metrics))
    return network


@keras.saving.register_keras_serializable('tests')
class Forgetful(layers.Layer):
    "Does not say what it was made with, so it does not come back as it was."
    def __init__(self, factor=1., **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x): return x*self.factor

    def get_config(self): return {k: v for k, v in super().get_config().items() if k != 'factor'}


class Unregistered(layers.Layer):
    def call(self, x): return x


@pytest.mark.filterwarnings('ignore:.*sample')
@pytest.mark.parametrize('network, reason', [
    (lambda: ends(layers.Dense(10, 'softmax')), 'ends in a softmax'),
    (lambda: ends(layers.Dense(10), layers.Softmax()), 'ends in a softmax'),
    (lambda: ends(layers.Dense(10, 'softmax'), loss='sparse_categorical_crossentropy'), 'does not take logits'),
    (lambda: ends(layers.Dense(10), loss='mse'), 'does not take logits'),
    (lambda: ends(layers.Dense(9)), 'one logit for each of 10 classes'),
    (lambda: ends(layers.Dense(10), layers.Reshape((5, 2))), 'one logit for each of 10 classes'),
    (lambda: ends(layers.Dense(10), inputs=(784,)), 'the recipe gives'),
    (lambda: ends(layers.Dense(10), compiled=False), 'not compiled'),
    (lambda: ends(layers.Dense(10), metrics=()), "metrics=\\['accuracy'\\]"),
    (lambda: ends(layers.Lambda(lambda x: x), layers.Dense(10)), 'cannot be saved'),
    (lambda: ends(Unregistered(), layers.Dense(10)), 'register'),
    (lambda: ends(Forgetful(3.), layers.Dense(10)), 'other outputs'),
    (lambda: keras.Model(x := keras.Input((28, 28)), layers.Dense(10)(layers.Flatten()(x))), 'no keras.Sequential'),
], ids=lambda x: x if isinstance(x, str) else '')
def test_refused_before_the_first_epoch(network, reason, few, tmp_path):
    with pytest.raises(RunError, match=reason): train_run(RECIPE, few, tmp_path/'run', network=network(), progress=False)
    assert {p.name for p in (tmp_path/'run').iterdir()} <= {'.lock'} # the folder can still be used


@pytest.mark.filterwarnings('ignore:.*sample')
def test_a_run_of_its_own_network_does_not_become_another(few, tmp_path):
    def stop(epoch, logs): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        train_run(RECIPE, few, tmp_path, network=build('second_128'), progress=False, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=stop)])
    with pytest.raises(RunError, match='Give the network again'): train_run(RECIPE, few, tmp_path, resume=True, progress=False)
    train_run(RECIPE, few, tmp_path, resume=True, network=build('second_128'), progress=False)
    with pytest.raises(RunError, match='Leave `network` out'): train_run(RECIPE, few, tmp_path, resume=True, network=build('l2'), progress=False)


@pytest.mark.filterwarnings('ignore:.*sample')
def test_what_was_not_seeded_is_the_same_each_time(few, tmp_path, monkeypatch):
    "A change in `build_mlp` itself, with Keras's own defaults, is still fixed by the seed."
    def changed(hidden, activation, seed, inputs, classes):
        return keras.Sequential([keras.Input(inputs), layers.Flatten(), layers.Dropout(.1), layers.Dense(16, activation), layers.Dense(classes)])
    monkeypatch.setattr('mnist_nb.train.build_mlp', changed)
    first, again, other = (train_run(RECIPE, few, tmp_path/str(n), seed=seed, progress=False).get_weights() for n, seed in enumerate((0, 0, 1)))
    assert all((a == b).all() for a, b in zip(first, again)) and (first[0] != other[0]).any()
