"What is taught is read so, and nothing else is lost; what would do harm is refused, and why."
import re, subprocess, sys
from dataclasses import replace
import numpy as np
import pytest
from PIL import Image
from mnist_nb.data import load_mnist
from mnist_nb.network import DIGIT_NAMES, NetworkError, predict, read_network
from mnist_nb.predict import KerasNetwork, _save, mnist_predict
from mnist_nb.strokes import OTHERS, draw_form, draw_images
from mnist_nb.teach import TeachError, mnist_teach, teach

BARRED = '13 40 40 49 49/05 85' # a 1 with a bar
FLAGGED = '02 50 59' # a 1 with a long flag
SQUARE = '00 00 90 90 99 99 09 09 00 00' # a 0 that is refused
CORNER = '00 00 60 60 69 69' # a 1, and the 7 of others


def drawn(form, n, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([draw_form(form, random) for _ in range(n)])


@pytest.fixture(scope='module')
def network(): return read_network()


@pytest.fixture(scope='module')
def sample():
    with pytest.warns(UserWarning, match='packaged sample'): return load_mnist('sample')


@pytest.fixture(scope='module')
def taught(network): return teach(network, np.concatenate([drawn(BARRED, 3), drawn(SQUARE, 3)]), [1]*3 + [0]*3)


def right(form, label, network):
    read = predict(drawn(form, 40, 1), network)
    return ((read.labels == label) & read.is_digit).mean()


@pytest.mark.parametrize('form, label', [(BARRED, 1), (SQUARE, 0)])
def test_misread_and_refused_digits_are_learned(network, taught, form, label):
    read = predict(drawn(form, 3), taught)
    assert (read.labels == label).all() and read.is_digit.all() and right(form, label, taught) > right(form, label, network) + .2
    p = predict(drawn(form, 40, 1), taught).probabilities
    assert np.allclose(p.sum(1), 1, atol=1e-5) and (p >= 0).all()


def test_others_are_read_as_before(network, taught, sample):
    "Also the letters and signs that are no digits."
    before, after = (predict(sample.test.images, n) for n in (network, taught))
    assert (before.labels == after.labels).mean() >= .999 and (before.is_digit <= after.is_digit).all()
    signs = draw_images(OTHERS, 500, seed=3)[0]
    assert predict(signs, taught).is_digit.mean() <= predict(signs, network).is_digit.mean() + .03


def test_the_old_network_is_unchanged(network, taught):
    "So to undo is to use it."
    assert network.taught_labels.size == 0 and read_network() is network and right(BARRED, 1, network) < .5
    assert taught.logits_kernel is network.logits_kernel or (taught.logits_kernel == network.logits_kernel).all()


def test_one_after_the_other_is_as_all_at_once(network):
    images, labels = np.concatenate([drawn(BARRED, 2), drawn(SQUARE, 2)]), [1, 1, 0, 0]
    one, all_, by_one = images[:1], teach(network, images, labels), network
    for image, label in zip(images, labels): by_one = teach(by_one, image[None], [label])
    for name in 'taught_inputs', 'taught_labels', 'taught_reach': assert np.allclose(getattr(all_, name), getattr(by_one, name), atol=1e-5)
    assert teach(network, one, [1]).taught_inputs.shape == (1, 392)


def test_digits_that_are_read_right_do_no_harm(network, sample):
    images, labels = sample.validation.images[:40], sample.validation.labels[:40]
    after = teach(network, images, labels)
    assert (predict(images, after).labels == labels).all()
    assert (predict(sample.test.images, after).labels == sample.test.labels).sum() >= (predict(sample.test.images, network).labels == sample.test.labels).sum()


def test_wrong_labels_are_refused(network, sample):
    images = sample.validation.images[:30]
    with pytest.raises(TeachError, match='hardly to be told from a usual'): teach(network, images, (sample.validation.labels[:30] + 1) % 10)
    with pytest.raises(TeachError, match='image .: taught as 1, and hardly to be told from a usual 7.\n(.*\n)*Correct the label, or leave it out'):
        teach(network, drawn(CORNER, 3, 3), [1, 1, 1])
    with pytest.raises(TeachError, match='usual'): teach(network, sample.validation.images[:50], [3]*50)
    with pytest.raises(TeachError, match='100 examples are too many: 50 are the most'): teach(network, sample.validation.images[:100], [3]*100)


def test_what_the_network_gives_a_chance_may_be_nearer(network, sample, monkeypatch):
    "A 1 with a long flag is near to usual 7s; it is learned, and no usual 7 becomes a 1."
    images, more = drawn(FLAGGED, 10), drawn(FLAGGED, 40, 1)
    after = teach(network, images, [1]*10)
    assert (predict(images, after).labels == 1).all()
    assert (predict(more, after).labels == 1).sum() > 1.5*(predict(more, network).labels == 1).sum()
    sevens = sample.test.images[sample.test.labels == 7]
    assert (predict(sevens, after).labels == 1).sum() <= (predict(sevens, network).labels == 1).sum()
    monkeypatch.setattr('mnist_nb.teach._CHANCE', 1.1)
    with pytest.raises(TeachError, match='usual 7'): teach(network, images, [1]*10)


def test_examples_that_contradict_each_other_are_refused(network):
    one = drawn(BARRED, 1)
    with pytest.raises(TeachError, match='image 1: taught as 2, and hardly to be told from image 0, taught as 1'):
        teach(network, np.concatenate([one, one]), [1, 2])
    with pytest.raises(TeachError, match='mine: taught as 2, and hardly to be told from an example taught before, taught as 1'):
        teach(teach(network, one, [1]), one, [2], ['mine'])


@pytest.mark.parametrize('images, labels, message', [
    (np.zeros((0, 28, 28)), [], 'no example'), (drawn(BARRED, 2), [1], '2 images need as many labels'), (drawn(BARRED, 1), [10], 'from 0 to 9'),
    (drawn(BARRED, 1), [-1], 'from 0 to 9'), (drawn(BARRED, 1), [1.], 'float64'), (drawn(BARRED, 1), ['1'], 'whole numbers'),
    (np.zeros((1, 28, 28)), [1], 'image 0: blank')])
def test_what_is_no_example(network, images, labels, message):
    with pytest.raises(TeachError, match=message): teach(network, images, labels)


def test_what_is_no_image(network):
    with pytest.raises(ValueError, match='should be float'): teach(network, np.zeros((1, 784)), [1])
    with pytest.raises(ValueError, match='Divide them'): teach(network, drawn(BARRED, 1)*255, [1])


def test_networks_that_cannot_be_taught(network):
    letters = replace(network, names=tuple('abcdefghij'))
    for other in letters, KerasNetwork(None, DIGIT_NAMES):
        with pytest.raises(TeachError, match='cannot be taught'): teach(other, drawn(BARRED, 1), [1])


def test_files(network, taught, tmp_path):
    "What was taught is kept to the bit, and files of earlier editions are read."
    _save(tmp_path/'taught.npz', taught, np.float32)
    again, images = read_network(tmp_path/'taught.npz'), np.concatenate([drawn(BARRED, 9, 1), drawn(SQUARE, 9, 1)])
    for a, b in zip(predict(images, taught), predict(images, again)): assert (a == b).all()
    with np.load(tmp_path/'taught.npz') as file: arrays = {k: file[k] for k in file if 'taught' not in k}
    np.savez(tmp_path/'old.npz', **arrays)
    assert (predict(images, read_network(tmp_path/'old.npz')).probabilities == predict(images, network).probabilities).all()


@pytest.mark.parametrize('changed', [dict(taught_labels=np.float32([11]*6)), dict(taught_labels=np.float32([.5]*6)), dict(taught_reach=np.zeros(6)),
                                     dict(taught_reach=np.full(6, np.nan)), dict(taught_inputs=np.zeros((6, 784))), dict(taught_inputs=np.zeros((5, 392))),
                                     dict(taught_labels=np.zeros((6, 1)))])
def test_damaged_files(taught, tmp_path, changed):
    _save(tmp_path/'taught.npz', taught, np.float32)
    with np.load(tmp_path/'taught.npz') as file: arrays = dict(file)
    np.savez(tmp_path/'bad.npz', **arrays | changed)
    with pytest.raises(NetworkError, match='bad.npz'): read_network(tmp_path/'bad.npz')


def test_keras_has_no_place_for_examples(taught, network, tmp_path):
    from mnist_nb.runs import load_pretrained
    _save(tmp_path/'taught.npz', taught, np.float32)
    with pytest.raises(ValueError, match='was taught 6 examples, for which a Keras network has no place'): load_pretrained(tmp_path/'taught.npz')
    _save(tmp_path/'plain.npz', network, np.float32)
    assert load_pretrained(tmp_path/'plain.npz').count_params()


def picture(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - (np.pad(image, 8)*255).astype(np.uint8)).resize((352, 352), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def folder(tmp_path):
    for n, image in enumerate(drawn(BARRED, 3)): picture(image, tmp_path/'mine'/'1'/f'{n}.png')
    for n, image in enumerate(drawn(SQUARE, 3)): picture(image, tmp_path/'mine'/f'0_{n}.png')
    (tmp_path/'mine'/'.hidden').touch()
    return tmp_path/'mine'


def test_the_command(folder, tmp_path, capsys):
    for n, image in enumerate(drawn(BARRED, 10, 1)): picture(image, tmp_path/'new'/f'{n}.png')
    mnist_teach(folder, tmp_path/'taught')
    assert '6 digits learned' in (out := capsys.readouterr().out) and f"{tmp_path/'taught.npz'}: written" in out
    assert read_network(tmp_path/'taught.npz').taught_labels.tolist() == [0, 0, 0, 1, 1, 1]
    ones = []
    for model in None, tmp_path/'taught.npz':
        mnist_predict([str(tmp_path/'new')], model=model)
        ones.append(sum(': 1 (' in line for line in capsys.readouterr().out.splitlines()))
    assert ones[0] <= 2 and ones[1] >= 5
    mnist_teach(folder, tmp_path/'more.npz', model=tmp_path/'taught.npz') # goes on
    assert len(read_network(tmp_path/'more.npz').taught_labels) == 12 and not list(tmp_path.glob('*.part.npz'))


def fails(capsys, *arguments, **options):
    with pytest.raises(SystemExit) as e: mnist_teach(*arguments, **options)
    assert str(e.value).startswith('error: ') and not capsys.readouterr().out
    return str(e.value)


def test_the_command_names_what_it_cannot_use(folder, tmp_path, capsys):
    "And then writes nothing."
    out = tmp_path/'taught.npz'
    (folder/'notes.txt').write_text('Dear Sir')
    (folder/'ten').mkdir()
    (folder/'1'/'broken.png').write_bytes(b'\x89PNG')
    (folder/'2'/'more').mkdir(parents=True)
    Image.new('L', (80, 80), 200).save(folder/'3_blank.png')
    picture(drawn(BARRED, 1)[0], folder/'12_a.png')
    message = fails(capsys, folder, out)
    for name in 'notes.txt', 'ten', '12_a.png': assert f'{folder/name}: which digit is it?' in message
    for name in '1/broken.png', '2/more', '3_blank.png': assert str(folder/name) in message
    assert not out.exists()


def test_the_command_refuses(folder, tmp_path, capsys):
    (tmp_path/'empty').mkdir()
    (tmp_path/'there.npz').touch()
    assert 'holds no pictures' in fails(capsys, tmp_path/'empty', tmp_path/'out.npz')
    assert 'absent' in fails(capsys, tmp_path/'absent', tmp_path/'out.npz')
    assert 'exists already' in fails(capsys, folder, tmp_path/'there.npz') and (tmp_path/'there.npz').stat().st_size == 0
    assert 'does not exist' in fails(capsys, folder, tmp_path/'out.npz', model='absent.npz')
    assert str(tmp_path/'no') in fails(capsys, folder, tmp_path/'no'/'out.npz')
    for n, image in enumerate(drawn(CORNER, 3, 3)): picture(image, folder/'1'/f'corner-{n}.png')
    assert re.search(r'1.corner-.\.png: taught as 1, and hardly to be told from a usual 7', fails(capsys, folder, tmp_path/'out.npz'))
    assert not (tmp_path/'out.npz').exists()


def test_all_pages(tmp_path, capsys):
    pages = [Image.fromarray(255 - (np.pad(image, 8)*255).astype(np.uint8)).resize((352, 352)) for image in drawn(BARRED, 3)]
    (tmp_path/'mine').mkdir()
    pages[0].save(tmp_path/'mine'/'1_scan.tif', save_all=True, append_images=pages[1:])
    mnist_teach(tmp_path/'mine', tmp_path/'taught.npz')
    assert read_network(tmp_path/'taught.npz').taught_labels.tolist() == [1, 1, 1]


def test_no_tensorflow(folder, tmp_path):
    code = f"import sys, mnist_nb.teach as t; t.mnist_teach({str(folder)!r}, {str(tmp_path/'out.npz')!r}); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True).returncode == 0
