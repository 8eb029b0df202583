"Wrong labels, spoiled images, and the command that counts the answers."
import csv, json
import numpy as np
import pytest
from skimage.transform import AffineTransform, warp
from mnist_nb import exam
from mnist_nb.data import Mnist, Split, load_mnist
from mnist_nb.exam import CORRUPTIONS, DISPUTED, VOTES, WRONG, corrupt, count_answers, grade, mnist_exam, normalize_all, survey
from mnist_nb.predict import read_network
from mnist_nb.runs import mnist_train

pytestmark = pytest.mark.filterwarnings('ignore:.*packaged sample')
FIXED = {'scale', 'brightness', 'stripe', 'canny_edges'} # nothing in them is random


@pytest.fixture(scope='module')
def images(): return load_mnist('sample').test.images[:40]


def test_there_are_fifteen(): assert len(CORRUPTIONS) == 15


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_corruption(name, images):
    before = images.copy()
    spoiled = corrupt(images, name)
    assert np.array_equal(images, before)
    assert spoiled.dtype == np.float32 and spoiled.shape == images.shape
    assert 0 <= spoiled.min() and spoiled.max() <= 1 and (spoiled != images).any((1, 2)).all()
    assert np.array_equal(spoiled, corrupt(images, name, 0))
    assert np.array_equal(spoiled, corrupt(images, name, 1)) == (name in FIXED)


@pytest.mark.parametrize('name', ['shot_noise', 'glass_blur', 'motion_blur', 'shear', 'scale', 'rotate', 'translate', 'canny_edges'])
def test_no_image_reaches_into_another(name, images):
    images = images.copy()
    images[1::2] = 0
    assert not corrupt(images, name)[1::2].any()


def test_unknown_corruption(images):
    with pytest.raises(ValueError, match="no corruption 'rain'. Choose one of: shot_noise, .*, canny_edges"): corrupt(images, 'rain')


def test_what_each_does(images):
    def made(name): return corrupt(images, name)
    assert (made('brightness') >= images).all()
    assert np.allclose(corrupt(made('stripe'), 'stripe'), images) and np.array_equal(made('stripe')[:, :, 7:21], images[:, :, 7:21])
    few = corrupt(images/4, 'shot_noise') # dark enough that nothing is clipped
    assert not few[images == 0].any() and abs(few.mean()/images.mean() - .25) < .01
    changed = made('impulse_noise') != images
    assert .08 < changed.mean() < .17 and set(np.unique(made('impulse_noise')[changed])) == {0, 1}
    for name in 'dotted_line', 'zigzag': assert (made(name) >= images).all()
    assert not (made('dotted_line') != images)[:, :, np.arange(28)//2 % 2 == 0].any()
    assert not (made('zigzag') != images)[:, :, :1].any()
    assert set(np.unique(made('canny_edges'))) == {0, 1}
    assert (made('fog').std((1, 2)) < .5*images.std((1, 2))).all() and made('fog').mean() > images.mean()
    mud = (made('spatter') != images) & (images == 0)
    assert mud.any() and made('spatter')[mud].max() <= 63/255 + 1e-6


def test_translate_keeps_the_ink(images):
    inside = np.zeros_like(images)
    inside[:, 4:24, 4:24] = images[:, 4:24, 4:24]
    moved = corrupt(inside, 'translate')
    assert np.allclose(moved.sum((1, 2)), inside.sum((1, 2)))
    for before, after in zip(inside, moved): assert any(np.array_equal(np.roll(before, (r, c), (0, 1)), after) for r in (-3, 3) for c in (-3, 3))


@pytest.mark.parametrize('name, matrix', [
    ('shear', lambda sign: [[1, -np.sin(sign*.4), 0], [0, np.cos(.4), 0], [0, 0, 1]]),
    ('rotate', lambda sign: [[np.cos(.4), -np.sin(sign*.4), 0], [np.sin(sign*.4), np.cos(.4), 0], [0, 0, 1]]),
    ('scale', lambda sign: np.diag([1/.7, 1/.7, 1]))])
def test_bent_as_scikit_image_does(name, matrix, images):
    "Column before row, about the middle, as the original calls it."
    to_middle, signs = AffineTransform(translation=(-13.5, -13.5)), set()
    for before, after in zip(images, corrupt(images, name)):
        ways = [warp(before, to_middle + AffineTransform(matrix(sign)) + to_middle.inverse) for sign in (-1, 1)]
        close = [np.allclose(way, after, atol=1e-5) for way in ways]
        assert any(close)
        signs.add(close.index(True))
    assert signs == ({0} if name == 'scale' else {0, 1})


def test_motion_blur_smears_to_one_side():
    dot = np.zeros((30, 28, 28), np.float32)
    dot[:, 14, 20] = 1
    smeared = corrupt(dot, 'motion_blur')
    assert np.allclose(smeared.sum((1, 2)), 1, atol=1e-3) and (smeared[:, 14, 20] > .1).all() and not smeared[:, :, 21:].any()
    assert np.allclose(corrupt(np.full((3, 28, 28), .5, np.float32), 'motion_blur'), .5)


def test_wrong_labels(full):
    assert WRONG == (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
    assert full['y_test'][list(WRONG)].tolist() == [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
    assert len(DISPUTED) == 25 and sorted(WRONG + DISPUTED) == sorted(VOTES) and full['y_test'][9850] == 0


def test_a_perfect_reader(full):
    "It reads all digits but those that are labelled wrongly."
    mnist = load_mnist()
    probabilities = np.full((10_000, 10), .01)
    read = mnist.test.labels.copy()
    read[list(WRONG)] = (read[list(WRONG)] + 1) % 10
    probabilities[range(10_000), read] = .91
    marks = grade(probabilities, mnist)
    assert marks['accuracy'] == .9985 and marks['accuracy_without'] == 1
    assert marks['loss_without'] == pytest.approx(-np.log(.91)) and marks['loss'] > marks['loss_without']


def test_the_sample_has_none_of_these_images():
    mnist = load_mnist('sample')
    marks = grade(np.full((len(mnist.test), 10), .1), mnist)
    assert marks['accuracy_without'] is None and marks['loss_without'] is None and marks['loss'] == pytest.approx(np.log(10))


def test_answers_add_up(images):
    labels = load_mnist('sample').test.labels[:40]
    counts = count_answers(images, labels)
    assert counts['right'] + counts['wrong'] + counts['refused'] == 40 and counts['right'] > 35
    assert count_answers(images, (labels + 1) % 10) == dict(right=0, wrong=counts['right'], refused=counts['refused'], misread=40)
    assert count_answers(corrupt(images, 'stripe'), labels)['refused'] > 35
    counts = count_answers(corrupt(images, 'glass_blur'), labels)
    assert counts['right'] + counts['wrong'] + counts['refused'] == 40 and 0 < counts['wrong'] < counts['misread'] and counts['refused'] > 0
    assert count_answers(images[:0], labels[:0]) == dict(right=0, wrong=0, refused=0, misread=0)


def test_what_has_no_ink_is_refused(images):
    blank = np.zeros_like(images[:1])
    frames, found = normalize_all(np.concatenate([images[:2], blank]))
    assert frames.shape == (2, 28, 28) and found.tolist() == [True, True, False]
    empty = Mnist(*[Split(blank, np.array([3]))]*3, source='', checksums={})
    rows = survey(dict(packaged=read_network()), empty, 1)
    assert {(row['way'], row['refused']) for row in rows if row['corruption'] == 'none'} == {('direct', 1), ('normalized', 1)}


@pytest.fixture(scope='module')
def sample_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')/'fast'
    mnist_train(recipe='fast', epochs=1, out=folder, data='sample')
    return folder


def rows(path):
    with path.open(newline='') as f: return list(csv.DictReader(f))


def test_command(sample_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exam, 'train_cnn', lambda mnist, train=exam.train_cnn: train(mnist, epochs=1))
    mnist_exam([str(sample_run)], out=str(tmp_path/'new'), data='sample', count=3)
    assert 'mean nothing here' in capsys.readouterr().out
    marks, counts = rows(tmp_path/'new'/'exam.csv'), rows(tmp_path/'new'/'corruptions.csv')
    assert [(m['recipe'], m['network']) for m in marks] == [('fast', 'last'), ('fast', 'best'), ('packaged', 'last'), ('cnn', 'last')]
    evaluated = json.loads((sample_run/'metrics.json').read_text())
    for mark in marks[:2]: assert float(mark['loss']) == pytest.approx(evaluated[mark['network']]['loss'], rel=1e-5) and mark['loss_without'] == ''
    assert len(counts) == 16*3*2 and {c['reader'] for c in counts} == {'packaged', 'fast', 'cnn'}
    for c in counts: assert sum(int(c[k]) for k in ('right', 'wrong', 'refused')) == int(c['images']) == 3 and int(c['misread']) >= int(c['wrong'])
    assert not any(int(c['refused']) for c in counts if c['reader'] == 'cnn' and c['way'] == 'direct')
    assert 'fast' in exam.show_marks(tmp_path/'new'/'exam.csv').data


def test_command_refuses(sample_run, tmp_path, monkeypatch):
    def said(message, *args, **kwargs):
        with pytest.raises(SystemExit, match=f'error: .*{message}'): mnist_exam(*args, **dict(out=str(tmp_path/'out'), data='sample') | kwargs)
    said('holds no run', [str(tmp_path/'absent')])
    said('0 images are too few', [], count=0)
    config = json.loads((sample_run/'config.json').read_text())
    config['data']['checksums']['x_train'] = 'of other images'
    (tmp_path/'other').mkdir()
    (tmp_path/'other'/'config.json').write_text(json.dumps(config))
    said('learned from other data', [str(tmp_path/'other')])
    assert not (tmp_path/'out').exists()
