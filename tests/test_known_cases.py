"Small cases whose right answer is known: what a training or an accuracy would hardly notice."
import json, math
from dataclasses import replace
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image, ImageDraw
from conftest import REPOSITORY
from mnist_nb import data, evaluate, files, handwriting, images, improve, model, network, predict, runs, speed, strokes, train, visualize
from mnist_nb.data import Mnist, Split
from mnist_nb.images import Deformation, displacements
from mnist_nb.improve import RECIPES

DOWN, RIGHT = np.mgrid[:28, :28].reshape(2, 784) - 13.5
MAP = np.stack([np.ones(784), DOWN, RIGHT], 1)


@pytest.fixture
def few():
    "Three splits that nobody can mix up: of 64, 32 and 16 images, with other labels each."
    random = np.random.default_rng(0)
    def split(n, *labels): return Split(random.random((n, 28, 28), np.float32), np.resize(labels, n))
    return Mnist(split(64, 0, 1, 2), split(32, 3, 4), split(16, 5), 'nowhere', {})


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close('all')


# Deformation

@pytest.mark.parametrize('kind, limit, places', [
    ('rotation', math.radians(20), {(0, 2), (1, 1)}), ('shear', 20, {(1, 1)}), ('scale', 20, {(0, 1), (1, 2)}), ('shift', 20, {(0, 0), (1, 0)})])
def test_each_deformation_is_what_it_is_called(kind, limit, places):
    "Which of constant, row and column each displacement is made of, how much at most, and to both sides."
    moved = displacements(1000, Deformation(**{kind: 20.}), (0, 0)).numpy()
    parts = np.linalg.lstsq(MAP, moved.reshape(-1, 784).T, rcond=None)[0].T.reshape(1000, 2, 3)
    assert np.abs(np.einsum('nak,pk->nap', parts, MAP) - moved).max() < 1e-3*limit*14
    for place in np.ndindex(2, 3):
        values = parts[(slice(None), *place)]
        if place not in places: assert np.abs(values).max() < 1e-4
        else: assert .95*limit < values.max() <= 1.001*limit and -1.001*limit <= values.min() < -.95*limit and abs(values.mean()) < .1*limit
    if kind == 'rotation': assert np.allclose(parts[:, 0, 2], -parts[:, 1, 1], atol=1e-5)
    if kind in ('scale', 'shift'): assert abs(np.corrcoef(*(parts[(slice(None), *place)] for place in places))[0, 1]) < .1


def test_smooth_displacement():
    "As large as was asked for, in both directions alike, and smooth from pixel to pixel."
    moved = displacements(1000, Deformation(displacement=2.), (0, 0)).numpy().reshape(1000, 2, 28, 28)
    assert np.allclose(moved.std((0, 2, 3)), 2, atol=.1) and abs(moved.mean()) < .05
    assert np.diff(moved, axis=2).std() < .7 and np.diff(moved, axis=3).std() < .7


def test_strokes():
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 10, 10] = 1
    def ink(amount): return float(images.thicken(dot.reshape(1, 784), np.full((1, 1), amount, np.float32)).sum())
    assert [ink(a) for a in (0, 1, .5, -1, -.5)] == [1, 5, 3, 0, .5]
    amounts = images.stroke_amounts(2000, Deformation(stroke=.8), (0, 0)).numpy()
    assert .78 < amounts.max() <= .8 and -.4 <= amounts.min() < -.39


@pytest.mark.parametrize('name', ['best', 'pixels', 'fast'])
def test_training_images_are_deformed_each_time_anew(name):
    "One image many times over: in each batch and at each step it looks different, and never as it was."
    recipe = replace(RECIPES[name], batch_size=10, epochs=2)
    image = data.load_mnist().train.images[0]
    split = Split(np.repeat(image[None], 30, 0), np.zeros(30, np.int64))
    batches = speed.training_batches(recipe, split, seed=3)
    seen = np.concatenate([b for b, _ in batches.as_numpy_iterator()])
    still = recipe.preparation(np.repeat(image[None], 10, 0))
    assert len(seen) == 60 and (still == still[0]).all()
    apart = np.abs(seen[:, None] - seen).mean(2)
    assert (apart + np.eye(60) > .002).all() and np.abs(seen - still[0]).mean(1).min() > .002
    again = speed.training_batches(recipe, split, first_epoch=1, seed=3)
    assert (np.concatenate([b for b, _ in again.as_numpy_iterator()]) == seen[30:]).all()


def test_validation_images_are_not_deformed(few, tmp_path):
    recipe = replace(RECIPES['best'], hidden=4, epochs=1, batch_size=32)
    network = runs.train_run(recipe, few, tmp_path/'run', progress=False)
    logits = network.predict(few.validation.images, verbose=0)
    loss = -np.log(np.exp(logits)/np.exp(logits).sum(1, keepdims=True))[np.arange(32), few.validation.labels].mean()
    history = runs.read_history(tmp_path/'run')
    assert abs(history['val_loss'][-1] - loss) < 1e-4 and abs(history['val_accuracy'][-1] - (logits.argmax(1) == few.validation.labels).mean()) < 1e-6


# Preparation

def test_bilinear():
    image = np.arange(784, dtype=np.float32).reshape(1, 784)
    def at(row, column): return images.bilinear(image, np.full((1, 784), row, np.float32), np.full((1, 784), column, np.float32))[0, 0]
    assert [at(3, 5), at(3.5, 5), at(3, 5.25), at(-4, 0), at(0, -4)] == [89, 103, 89.25, 0, 0] and abs(at(99, 99) - 783) < .05


def test_moments_of_a_bar_that_leans():
    "A line of ten columns in twenty rows leans half a column a row, to the right as it goes down."
    image = np.zeros((28, 28), np.float32)
    for row in range(4, 24): image[row, 5 + (row - 4)//2] = 1
    row, column, down, aside, slope = (float(m[0, 0]) for m in images.moments(image.reshape(1, 784)))
    assert row == 13.5 and column == 9.5 and abs(slope - .5) < .01 and abs(down - np.std(range(20))) < 1e-3 and abs(aside - math.sqrt(.5)) < 1e-3
    upright = images.normalize(image[None], rescale=False)[0]
    assert np.ptp(np.argmax(upright[6:22], 1)) <= 1


def test_rescaled_digits_have_one_size():
    box = np.zeros((1, 28, 28), np.float32)
    box[0, 2:12, 3:9] = 1
    row, column, down, aside, slope = (float(m[0, 0]) for m in images.moments(images.normalize(box).reshape(1, 784)))
    assert abs(row - 13.5) < .1 and abs(column - 13.5) < .1 and abs(down - 5.5) < .2
    before = [float(m[0, 0]) for m in images.moments(box.reshape(1, 784))]
    assert abs(aside - math.sqrt(before[3]*5.5*3.5/before[2])) < .2 # half-way between the scale of the height and one of its own


@pytest.mark.parametrize('direction, gradient', [*enumerate([(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)])])
def test_directions_of_edges(direction, gradient):
    "An edge, darker towards (down, right), is found in its own direction of the eight."
    image = (DOWN*gradient[0] + RIGHT*gradient[1] > 0).astype(np.float32)
    assert images.direction_features(image[None]).reshape(8, 7, 7)[:, 3, 3].argmax() == direction


def test_places_of_edges():
    "Rows are rows: a dot above and to the right is found there."
    dot = np.zeros((28, 28), np.float32)
    dot[3:6, 21:24] = 1
    places = images.direction_features(dot.reshape(1, 784)).reshape(8, 7, 7).sum(0)
    assert np.unravel_index(places.argmax(), (7, 7)) == (1, 5)


# Network and training

def test_glorot_uniform():
    "Glorot and Bengio (2010): uniform up to the root of 6/(inputs + outputs); biases are 0."
    hidden, bias, output, last = model.build_mlp(512, seed=1).get_weights()
    for kernel in hidden, output:
        limit = math.sqrt(6/sum(kernel.shape))
        assert .98*limit < np.abs(kernel).max() <= limit and abs(kernel.std() - limit/math.sqrt(3)) < .03*limit and abs(kernel.mean()) < .03*limit
    assert not bias.any() and not last.any()


def test_squared_relu_and_relu():
    values = np.array([-2., 0, 3])
    assert np.array(improve.squared_relu(values)).tolist() == [0, 0, 9]
    assert model.build_mlp(4).get_layer('hidden').activation(values).numpy().tolist() == [0, 0, 3]


def test_an_untrained_network_knows_nothing():
    digits = data.load_mnist().train.images[:500]
    loss = train.compile_mlp(RECIPES['baseline'], 10).evaluate(digits, np.arange(500) % 10, verbose=0)[0]
    assert abs(loss - math.log(10)) < .2


@pytest.mark.parametrize('name', list(RECIPES))
def test_learning_rates(name):
    "A cosine from the recipe's rate by way of half of it to 0 at the last step, or the same all along; Adam's own settings."
    recipe = RECIPES[name]
    optimizer = train.compile_mlp(recipe, 20).optimizer
    rates = []
    for step in 0, 10*recipe.epochs, 20*recipe.epochs:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert np.allclose(rates, np.array([1, .5, 0] if recipe.schedule == 'cosine' else [1, 1, 1])*recipe.learning_rate, atol=1e-8)
    assert (type(optimizer).__name__, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == ('Adam', .9, .999, 1e-7)


@pytest.mark.parametrize('name, count', [('baseline', 3), ('pixels', 5), ('best', 5)])
def test_stored_runs_are_of_the_recipes_of_today(name, count):
    for seed in range(count):
        config = json.loads((REPOSITORY/'nbs'/'results'/f'{name}-{seed}'/'config.json').read_text())
        assert runs.read_recipe(config['recipe']) == RECIPES[name] and config['seed'] == seed and config['data']['checksums'] == files.MNIST_CHECKSUMS
        history, metrics = (runs.read_history(REPOSITORY/'nbs'/'results'/f'{name}-{seed}'), json.loads((REPOSITORY/'nbs'/'results'/f'{name}-{seed}'/'metrics.json').read_text()))
        assert metrics['last']['epoch'] == len(history['loss']) == RECIPES[name].epochs and metrics['best']['epoch'] == history['val_loss'].argmin() + 1
        for m in metrics.values():
            confusion = np.array(m['confusion'])
            assert confusion.sum() == 10_000 and abs(confusion.trace()/10_000 - m['accuracy']) < 1e-9
            assert np.allclose(confusion.diagonal()/confusion.sum(0), m['precision']) and np.allclose(confusion.diagonal()/confusion.sum(1), m['recall'])
            assert np.allclose(m['accuracy_interval'], evaluate.wilson_interval(confusion.trace(), 10_000))


def test_what_learns_is_the_training_split(few, tmp_path):
    "Five epochs on labels 0 to 2 teach no other answer, whatever the other splits hold."
    recipe = replace(RECIPES['baseline'], hidden=16, epochs=5, batch_size=16, learning_rate=.01)
    network = runs.train_run(recipe, few, tmp_path/'run', seed=7, progress=False)
    assert set(network.predict(few.train.images, verbose=0).argmax(1)) <= {0, 1, 2} and runs.read_history(tmp_path/'run')['val_accuracy'].max() == 0
    assert json.loads((tmp_path/'run/config.json').read_text())['seed'] == 7


def test_a_resumed_command_keeps_its_seed(few, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr('mnist_nb.runs.load_mnist', lambda source: few)
    runs.train_run(replace(RECIPES['baseline'], hidden=4, epochs=1), few, tmp_path/'run', seed=5, progress=False)
    monkeypatch.setattr('mnist_nb.runs.train_run', lambda recipe, mnist, folder, seed, resume, **kwargs: asked.append((recipe.hidden, recipe.epochs, seed, resume)))
    monkeypatch.setattr('mnist_nb.runs.examine', lambda *args: None)
    runs.mnist_train(out=tmp_path/'run', resume=True)
    runs.mnist_train(recipe='baseline', out=tmp_path/'other')
    assert asked == [(4, 1, 5, True), (512, 100, 0, False)]


def test_seeds_matter(few, tmp_path):
    "Weights, order and deformations: each alone follows the seed."
    recipe = replace(RECIPES['best'], hidden=4, epochs=1, batch_size=32)
    kernels = [train.compile_mlp(recipe, 2, seed).get_weights()[0] for seed in (0, 0, 1)]
    assert (kernels[0] == kernels[1]).all() and (kernels[0] != kernels[2]).any()
    orders = [np.concatenate([b for _, b in data.make_batches(Split(few.train.images, np.arange(64)), 16, seed=seed).as_numpy_iterator()]) for seed in (0, 0, 1)]
    assert (orders[0] == orders[1]).all() and (orders[0] != orders[2]).any() and sorted(orders[2]) == list(range(64))
    views = [recipe.preparation.augment(few.train.images[:4], (seed, 9)).numpy() for seed in (0, 0, 1)]
    assert (views[0] == views[1]).all() and (views[0] != views[2]).any()


def test_a_training_follows_its_seed(few, tmp_path):
    "Order of the batches, strokes, and initial weights."
    split = Split(few.train.images, np.arange(64))
    recipe = replace(RECIPES['baseline'], batch_size=16, epochs=1, hidden=4)
    orders = [np.concatenate([b for _, b in speed.training_batches(recipe, split, seed=seed).as_numpy_iterator()]) for seed in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) and (orders[0] != orders[1]).any()
    thicker = images.Preparation(deformation=Deformation(stroke=1.))
    assert np.abs(thicker.augment(few.train.images[:4], (0, 0)) - thicker(few.train.images[:4])).max() > .05
    config = dict(network='recipe', steps=4)
    first = [runs._first_network(recipe, few, seed, config).get_weights()[0] for seed in (0, 1)]
    assert (first[0] == train.compile_mlp(recipe, 4, 0).get_weights()[0]).all() and (first[0] != first[1]).any()


def test_preparation_is_its_parts(few):
    "And the layers of a saved network compute the same."
    flat = few.train.images.reshape(-1, 784)
    whole = images.direction_features(images.warp(flat, None, True, True))
    preparation = images.Preparation(rescale=True, deskew=True, directions=True, disturbed=.25)
    assert np.allclose(preparation(few.train.images), whole, atol=1e-6)
    assert np.abs(images.Preparation(deskew=True)(few.train.images) - flat).max() > .1
    for preparation in preparation, images.Preparation(deskew=True), images.Preparation(rescale=True):
        model = train.keras.Sequential([train.keras.Input((28, 28)), *improve.preparation_layers(preparation)])
        assert np.allclose(model(few.train.images), preparation(few.train.images), atol=1e-4)


class _Spy:
    "A preparation that does nothing, and says what was asked of it."
    shape = (28, 28)
    def __init__(self): self.augmented, self.prepared = [], []
    def augment(self, batch, seed, compiled=None):
        import tensorflow as tf
        tf.py_function(lambda step: self.augmented.append((seed[0], int(step))), [seed[1]], [])
        return batch
    def __call__(self, batch):
        self.prepared.append(np.array(batch))
        return batch


def test_train_augments_training_images_and_watches_validation_images(few):
    spy = _Spy()
    train.train(train.Recipe('spied', hidden=4, batch_size=16, epochs=2, preparation=spy), few, seed=3)
    assert sorted(spy.augmented)[:8] == [(3, step) for step in range(8)]
    assert len(spy.prepared) == 1 and (spy.prepared[0] == few.validation.images).all()


def test_first_weights_of_each_layer_have_a_seed_of_their_own():
    first, _, last, _ = model.build_mlp(784, seed=3, classes=784).get_weights()
    for kernel, seed in (first, 6), (last, 7):
        assert (kernel == np.array(train.keras.initializers.GlorotUniform(seed=seed)((784, 784)))).all()


def test_an_output_activation_is_not_left_out(few):
    "What NumPy cannot compute here is left to Keras."
    layers = train.keras.layers
    def fields(activation): return runs.pretrained_fields(train.keras.Sequential([
        train.keras.Input((28, 28)), layers.Flatten(), layers.Dense(4, 'relu'), layers.Dense(10, activation)]))
    assert fields('linear') is not None and fields('tanh') is None


def test_one_hot_labels(few):
    "The same labels, as a probability for each class."
    plain, hot = (speed.training_batches(replace(RECIPES['baseline'], batch_size=16, epochs=1), few.train, one_hot=n) for n in (0, 10))
    for (_, labels), (_, probabilities) in zip(plain, hot): assert (np.eye(10)[labels] == probabilities.numpy()).all()


def test_stacked_batches_are_learned_one_by_one(few):
    "Six different batches in one call give the weights of Keras's own `fit`."
    recipe = replace(RECIPES['baseline'], hidden=8, batch_size=11, epochs=2, learning_rate=.01)
    models = [train.compile_mlp(recipe, 6) for _ in range(2)]
    for model in models: model.compile(train.keras.optimizers.SGD(.1), model.loss) # Adam makes much of a rounding error
    def batches(): return speed.training_batches(recipe, few.train)
    models[0].fit(batches(), steps_per_epoch=6, epochs=2, shuffle=False, verbose=0)
    speed.fast_fit(models[1], speed.training_stacks(recipe, few.train), 6, epochs=2, verbose=0)
    assert models[1].optimizer.iterations == 12
    for a, b in zip(*(m.get_weights() for m in models)): assert np.allclose(a, b, atol=1e-5)


def test_a_run_learns_in_the_order_of_its_seed(few, tmp_path):
    "The same first weights, another order."
    recipe = replace(RECIPES['baseline'], hidden=4, batch_size=16, epochs=2)
    for seed in 0, 5:
        network, expected = (train.compile_mlp(recipe, 4, 1) for _ in range(2))
        for model in network, expected: model.compile(train.keras.optimizers.SGD(.1), model.loss, metrics=['accuracy'])
        runs.train_run(recipe, few, tmp_path/str(seed), seed=seed, network=network, progress=False)
        expected.fit(speed.training_batches(recipe, few.train, seed=seed), steps_per_epoch=4, epochs=2, shuffle=False, verbose=0)
        for a, b in zip(network.get_weights(), expected.get_weights()): assert np.allclose(a, b, atol=1e-5)


def test_last_and_best(few, tmp_path):
    "The loss on labels that were never learned rises, so the best epoch is the first."
    recipe = replace(RECIPES['baseline'], hidden=16, epochs=4, batch_size=16, learning_rate=.01)
    runs.train_run(recipe, few, tmp_path/'run', progress=False)
    history, found = runs.read_history(tmp_path/'run'), runs.evaluate_run(tmp_path/'run', few)
    assert history['val_loss'].argmin() == 0 < history['val_loss'].argmax()
    assert (found['last']['epoch'], found['best']['epoch']) == (4, 1) and found['last']['loss'] > found['best']['loss']


def test_splits():
    "Full ink is 1, each class has its share, and nothing is in two splits."
    mnist = data.load_mnist()
    assert mnist.train.images.max() == mnist.validation.images.max() == mnist.test.images.max() == 1
    shares = [np.bincount(s.labels, minlength=10)/len(s) for s in (mnist.train, mnist.validation)]
    assert np.abs(shares[0] - shares[1]).max() < 1.2/len(mnist.validation)
    few = data.split_arrays(dict(x_train=np.arange(120, dtype=np.uint8)[:, None, None]*np.ones((1, 28, 28), np.uint8), y_train=np.arange(120) % 2,
                                 x_test=np.zeros((1, 28, 28), np.uint8), y_test=np.zeros(1, int)), 'here', {}, names='ab')
    assert sorted((np.concatenate([few.train.images, few.validation.images])[:, 0, 0]*255).round().astype(int)) == list(range(120))
    assert len(few.validation) == 10 and few.names == ('a', 'b')


# Evaluation

def test_evaluation_of_five_images():
    "Two 0 read rightly, a 0 read as 1, a 1 read rightly, a 2 read as 0."
    probabilities = np.full((5, 10), .02)
    for n, (read, p) in enumerate([(0, .8), (0, .6), (1, .5), (1, .9), (0, .7)]):
        probabilities[n] = (1 - p)/9
        probabilities[n, read] = p
    labels = np.array([0, 0, 0, 1, 2])
    e = evaluate.evaluate(probabilities, labels)
    assert e['accuracy'] == .6 and abs(e['loss'] + np.mean(np.log([.8, .6, .5/9, .9, .3/9]))) < 1e-12
    confusion = np.array(e['confusion'])
    assert confusion[0].tolist() == [2, 1] + [0]*8 and confusion[2, 0] == 1 and confusion[1, 1] == 1 and confusion.sum() == 5
    assert np.allclose(e['precision'][:3], [2/3, 1/2, 0]) and np.allclose(e['recall'][:3], [2/3, 1, 0])


def test_wilson_interval():
    "Wilson (1927), by his formula."
    z, p, n = 1.959963984540054, .99, 10_000
    middle, half = p + z*z/2/n, z*math.sqrt(p*(1 - p)/n + z*z/4/n/n)
    assert np.allclose(evaluate.wilson_interval(9_900, n), [(middle - half)/(1 + z*z/n), (middle + half)/(1 + z*z/n)], atol=1e-9)


def test_calibration():
    "Four images at 75 %, two of them right; two at 95 %, both right."
    probabilities, labels = np.zeros((6, 10)), np.array([0, 0, 1, 1, 0, 0])
    probabilities[:4, 0], probabilities[4:, 0], probabilities[:4, 1], probabilities[4:, 1] = .74, .95, .26, .05
    bins = evaluate.calibration_bins(probabilities, labels, 10)
    assert bins['count'].tolist() == [0]*7 + [4, 0, 2] and bins['accuracy'][7] == .5 and bins['accuracy'][9] == 1 and abs(bins['confidence'][7] - .74) < 1e-9
    assert abs(evaluate.expected_calibration_error(probabilities, labels, 10) - (4*.24 + 2*.05)/6) < 1e-9


def test_probabilities_in_double_precision():
    "What single precision would round to 0, or add up to not quite 1, counts in the loss."
    class Logits:
        def predict(self, images, **kwargs): return np.array([[0, -100, -120] + [-200]*7, [12, 11, 10] + [0]*7], np.float32)
    p = evaluate.predict_probabilities(Logits(), None)
    assert p.dtype == np.float64 and abs(p[0, 1]/math.exp(-100) - 1) < 1e-9 and p[0, 3] > 0 and np.allclose(p.sum(1), 1, atol=1e-15, rtol=0)


# Pictures

def test_history_plot():
    history = dict(loss=np.array([5., 4, 3]), val_loss=np.array([6., 7, 8]), accuracy=np.array([.1, .2, .3]), val_accuracy=np.array([.4, .5, .6]))
    for ax, name in zip(visualize.plot_history(history).axes, ('loss', 'accuracy')):
        training, validation = ax.lines
        assert (ax.get_xlabel(), ax.get_ylabel()) == ('epoch', name)
        assert training.get_ydata().tolist() == history[name].tolist() and validation.get_ydata().tolist() == history[f'val_{name}'].tolist()
        assert training.get_xdata().tolist() == validation.get_xdata().tolist() == [1, 2, 3]
        assert (training.get_label(), training.get_linestyle(), validation.get_label(), validation.get_linestyle()) == ('training', '--', 'validation', '-')


def test_confusion_plot():
    confusion = np.diag([90]*10)
    confusion[7, 2] = 5
    ax = visualize.plot_confusion(confusion).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ('read as', 'written')
    assert [t.xy for t in ax.texts if t.get_text() == '5'] == [(2, 7)]
    colours = ax.images[0].get_array()
    assert colours[7, 2] == 5 and colours.sum() == 5 and ax.yaxis_inverted()


def test_mistakes_plot():
    "Only what is read wrongly, the right digit's lowest probability first."
    probabilities = np.full((4, 10), .01)
    for n, (read, p, other, q) in enumerate([(1, .6, 0, .3), (0, .9, 1, .02), (2, .9, 0, .05), (3, .5, 0, .4)]): probabilities[n, [read, other]] = p, q
    images = np.arange(4.)[:, None, None]*np.ones((4, 28, 28))
    axes = visualize.plot_mistakes(images, probabilities, np.zeros(4, int)).axes
    shown = [(ax.images[0].get_array()[0, 0], ax.get_title().split('\n')[0]) for ax in axes if ax.images]
    assert shown == [(2, '0 read as 2'), (0, '0 read as 1'), (3, '0 read as 3')]


def test_predictions_plot():
    probabilities = np.eye(10)[[3, 4]]*.8 + .02
    rows = np.reshape(visualize.plot_predictions(np.zeros((2, 28, 28)), probabilities, np.array([3, 9])).axes, (2, 2))
    for (_, ax), p, label, verdict in zip(rows, probabilities, (3, 9), ('3, 82% sure, right', '4, 82% sure, but it is a 9')):
        assert np.allclose([bar.get_height() for bar in ax.patches], p) and [n for n, bar in enumerate(ax.patches) if bar.get_hatch()] == [label]
        assert ax.texts[0].get_text() == verdict


def test_weights_plot():
    "The largest weights first, as pictures the right way up, and white is 0."
    kernel = np.zeros((784, 3))
    kernel[28*2 + 5, 1], kernel[0, 2], kernel[783, 0] = 9, -4, 1
    axes = [ax for ax in visualize.plot_weights(kernel).axes if ax.images]
    assert [ax.images[0].get_array()[place] for ax, place in zip(axes, [(2, 5), (0, 0), (27, 27)])] == [9, -4, 1]
    assert axes[0].images[0].get_clim() == (-9, 9) and axes[0].images[0].get_cmap().name == 'PuOr'


def test_reliability_plot():
    probabilities, labels = np.tile([.75, .25] + [0]*8, (4, 1)), np.array([0, 1, 1, 1])
    above, below = visualize.plot_reliability(probabilities, labels, 10).axes
    assert [b.get_height() for b in above.patches][7] == .25 and [b.get_height() for b in below.patches][7] == 4


def test_images_are_the_right_way_up():
    image = np.arange(784.).reshape(28, 28)
    shown = visualize.plot_images(image[None], titles=['seven'], columns=3).axes[0]
    assert (shown.images[0].get_array() == image).all() and shown.images[0].origin == 'upper' and shown.get_title() == 'seven' and shown.images[0].get_cmap().name == 'gray_r'


# Handwriting

@pytest.mark.parametrize('height, width', [(40, 20), (30, 60), (10, 10)])
def test_frame(height, width):
    "Twenty pixels on the longer side, the shape kept, the ink's centre in the middle."
    frame = handwriting.fit_frame(np.ones((height, width), np.float32))
    scale = 20/max(height, width)
    for axis, length in enumerate((height, width)): assert abs((frame.max(1 - axis) > .5).sum() - length*scale) <= 1
    heavy = np.full((40, 20), .6, np.float32)
    heavy[:8] = 1
    rows = handwriting.fit_frame(heavy).sum(1)
    assert abs((rows*np.arange(28)).sum()/rows.sum() - 13.5) < .1


def page(*digits):
    "A white page with bars as digits: their left and top corners."
    image = Image.new('L', (400, 300), 'white')
    for left, top in digits: ImageDraw.Draw(image).rectangle([left, top, left + 12, top + 60], fill=0)
    return image


def test_reading_order():
    "Lines from the top, each from the left, though the second begins further left and the first is not straight."
    found = [found.box for found in handwriting.find_digits(page((300, 40), (200, 50), (100, 45), (250, 180), (50, 190)))]
    assert [(round(left*400), round(top*300)) for top, left, _, _ in found] == [(100, 45), (200, 50), (300, 40), (50, 190), (250, 180)]
    top, left, bottom, right = found[0]
    assert abs(bottom*300 - 106) < 2 and abs(right*400 - 113) < 2


@pytest.mark.parametrize('paper, ink', [('white', 0), ('black', 255), (200, 90)])
def test_dark_and_light_ink(paper, ink):
    image = Image.new('L', (200, 200), paper)
    ImageDraw.Draw(image).rectangle([90, 40, 110, 160], fill=ink)
    frame = handwriting.normalize_digit(image)
    assert frame[14, 13:15].min() > .9 and frame[:, :8].max() < .1 and frame[:, 20:].max() < .1


def test_a_line_is_as_sure_as_its_least_sure_digit(monkeypatch):
    def answer(images, network=None): return predict.Predictions(np.array([4, 2]), np.stack([np.eye(10)[4]*.9, np.eye(10)[2]*.6]), np.ones(2), np.array([True, False]))
    monkeypatch.setattr('mnist_nb.predict.predict', answer)
    text, result, _ = predict._read_line(page((100, 100), (200, 100)), predict.read_network())
    assert text == '4? (60.0% or more each)' and result['text'] == '4?' and [d['probability'] for d in result['digits']] == [.9, .6]


# Predictions without TensorFlow

def test_residual():
    mean, components = np.array([1., 0, 0]), np.array([[1.], [0], [0]])
    assert np.allclose(network.residual(np.array([[5., 3, 4]]), mean, components), 5)


def test_score_and_threshold():
    digits = data.load_mnist().validation.images[:200]
    read = replace(network.read_network(), score_kernel=np.linspace(-.01, .02, 2048))
    p, inputs = predict.predict(digits, read), read.inputs(digits)
    hidden = np.maximum(inputs @ read.hidden_kernel + read.hidden_bias, 0)**2
    logits = hidden @ read.logits_kernel + read.logits_bias
    energy, residual = np.log(np.exp(logits).sum(1)), network.residual(inputs, read.mean, read.components)
    assert np.allclose(p.scores, energy - read.residual_weight*residual + np.minimum(hidden @ read.score_kernel, 4), atol=1e-3)
    assert (p.is_digit == (p.scores >= read.threshold)).all() and np.allclose(p.probabilities.sum(1), 1, atol=1e-4) and (p.labels == logits.argmax(1)).all()
    plain = predict.predict(digits, replace(read, score_kernel=None))
    assert np.allclose(plain.scores, energy - read.residual_weight*residual, atol=1e-3) and (plain.probabilities == p.probabilities).all()


# Drawn digits

def test_a_form_goes_through_its_points():
    points = strokes._points('00 90/09 99 99')
    assert [p.tolist() for p in points] == [[[0, 0], [1, 0]], [[0, 1], [1, 1], [1, 1]]]
    curve = strokes._curve(np.array([[0., 0], [1, 0], [1, 1], [0, 1]]))
    for point in ([0, 0], [1, 0], [1, 1], [0, 1]): assert np.abs(curve - point).sum(1).min() < 1e-9
    direction = curve[13] - curve[11] # at the second point it runs as from the first to the third
    assert abs(direction[0] - direction[1]) < .02*np.abs(direction).sum()


def test_a_drawing_has_the_form_of_mnist():
    images, labels = strokes.draw_images(strokes.DIGITS, 40)
    assert images.shape == (40, 28, 28) and images.dtype == np.float32 and (np.bincount(labels) == 4).all()
    for image in images:
        rows, columns = (np.flatnonzero((image > .3*image.max()).any(axis)) for axis in (1, 0))
        assert 17 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 24 and image.max() > .3
        centre = [(image.sum(1 - axis)*(np.arange(28) - 13.5)).sum()/image.sum() for axis in (0, 1)]
        assert np.abs(centre).max() < .3
    assert all((a == b).all() for a, b in zip(strokes.draw_images(strokes.DIGITS, 40), (images, labels)))
    assert (strokes.draw_images(strokes.DIGITS, 40, seed=1)[0] != images).any()


def test_drawn_digits_are_added_to_the_training_images_only(few):
    more = strokes.with_drawn(few, .5)
    assert len(more.train) == 96 and (more.train.images[:64] == few.train.images).all() and more.validation is few.validation and more.test is few.test
    assert strokes.with_drawn(few, 0) is few
    with pytest.raises(ValueError, match='digits cannot be added to images of a, b'): strokes.with_drawn(replace(few, names=('a', 'b')), .5)


def test_a_recipe_trains_on_what_it_draws(few, monkeypatch):
    seen = []
    monkeypatch.setattr(train, 'make_batches', lambda split, *a, **k: seen.append(len(split)) or data.make_batches(split, *a, **k))
    train.train(train.Recipe('drawing', hidden=4, batch_size=16, epochs=1, drawn=.5), few)
    assert seen == [96]
