"The command that reads digits: every picture gets an answer or a reason, whatever it is."
import io, json, resource
import numpy as np
import pytest
from PIL import Image
from conftest import THOROUGH, run
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import extract_ink, make_photo
from mnist_nb.predict import NetworkError, mnist_predict, predict, read_network


@pytest.fixture(scope='module')
def seven():
    "A photograph of a 7."
    with pytest.warns(UserWarning, match='packaged sample'): mnist = load_mnist('sample')
    return make_photo(mnist.test.images[mnist.test.labels == 7][0], 1)


def read(capsys, *files, **options):
    "The lines that the command prints, and whether it says that it failed."
    failed = False
    try: mnist_predict([str(f) for f in files], **options)
    except SystemExit as e: failed = e.code == 1
    return capsys.readouterr().out.splitlines(), failed


def save(image, path, **options):
    image.save(path, **options)
    return path


def test_formats(seven, tmp_path, capsys):
    "Formats, colours, palettes, depths and turns that people have."
    grey = np.asarray(seven.convert('L'))
    ink = (extract_ink(grey.astype(np.float32)/255) > .5).astype(np.uint8)*255
    turned = Image.Exif()
    turned[0x0112] = 6 # the camera was held upright
    pictures = [
        *(save(seven, tmp_path/f'seven.{kind}') for kind in ('png', 'jpg', 'gif', 'tiff', 'webp', 'bmp', 'ppm')),
        save(seven.convert('CMYK'), tmp_path/'cmyk.jpg'), save(seven.quantize(32), tmp_path/'palette.png'),
        save(Image.fromarray(ink).convert('1'), tmp_path/'fax.png'), save(seven.convert('RGBA'), tmp_path/'rgba.png'),
        save(Image.fromarray(ink).convert('P'), tmp_path/'clear.gif', transparency=0),
        save(Image.merge('LA', [Image.new('L', seven.size), Image.fromarray(ink)]), tmp_path/'clear.png'),
        save(Image.fromarray(grey.astype(np.uint16)*257), tmp_path/'deep.png'),
        save(Image.fromarray(grey.astype(np.float32)), tmp_path/'float.tiff'),
        save(seven.rotate(90, expand=True), tmp_path/'turned.jpg', exif=turned),
        save(seven, tmp_path/'animated.gif', save_all=True, append_images=[seven.rotate(90)]),
        save(seven.resize((3000, 2800)), tmp_path/'large.jpg')]
    lines, failed = read(capsys, *pictures)
    assert not failed and [line.split(' (')[0] for line in lines] == [f'{p}: 7' for p in pictures]


def test_one_bad_file_does_not_stop_it(seven, tmp_path, capsys):
    good = save(seven, tmp_path/'good.png')
    bad = [save(Image.new('L', (1, 1)), tmp_path/'tiny.png'), save(Image.new('L', (80, 80), 200), tmp_path/'blank.png'),
           save(Image.new('1', (20_000, 20_000)), tmp_path/'huge.png'), tmp_path, tmp_path/'absent.png', tmp_path/'empty.png',
           tmp_path/'cut.jpg']
    (tmp_path/'empty.png').touch()
    data = io.BytesIO()
    seven.save(data, 'JPEG')
    (tmp_path/'cut.jpg').write_bytes(data.getvalue()[:len(data.getvalue())//2])
    lines, failed = read(capsys, *bad, good)
    assert failed and len(lines) == len(bad) + 1 and lines[-1].startswith(f'{good}: 7 (')
    for path, line, reason in zip(bad, lines, ('blank', 'blank', 'far too large', 'cannot be read', 'does not exist', 'not a picture', 'truncated')):
        assert line.startswith(f'{path}: ') and reason in line
    answers = [json.loads(line) for line in read(capsys, *bad, good, json=True)[0]]
    assert ['error' in a for a in answers] == [True]*len(bad) + [False] and answers[-1]['label'] == 7 and len(answers[-1]['probabilities']) == 10


def test_thin_pictures(tmp_path, capsys):
    "A picture may be a single row or column of pixels."
    noise = np.random.default_rng(0).integers(0, 255, (1, 10_000), dtype=np.uint8)
    pictures = [save(Image.fromarray(a), tmp_path/f'{n}.png') for n, a in enumerate([noise, noise.T, noise[:, :2], noise[:, :50]])]
    assert len(read(capsys, *pictures)[0]) == len(read(capsys, *pictures, line=True)[0]) == 4


def test_pictures_as_large_as_may_be(tmp_path):
    "Nine thousand pixels high and wide, of four colours or of 32 bits: two gigabytes are enough. More pixels are refused."
    ink = np.full((9400, 9400), 230, np.uint8)
    ink[3000:6500, 4500:5000] = 20
    pictures = [save(Image.fromarray(ink).convert('RGBA'), tmp_path/'rgba.png'), save(Image.fromarray(ink).convert('CMYK'), tmp_path/'cmyk.jpg'),
                save(Image.fromarray(ink.astype(np.float32)), tmp_path/'float.tiff', compression='tiff_deflate')]
    huge = save(Image.new('L', (10_000, 10_000)), tmp_path/'huge.png')
    status, out, err = run('mnist_predict', *pictures, huge, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,)*2))
    assert [line.split(' (')[0] for line in out.splitlines()[:3]] == [f'{p}: 1' for p in pictures], err
    assert status == 1 and 'far too large' in out.splitlines()[3] and not err


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'GIF', 'TIFF', 'WEBP', 'BMP', 'PPM'])
def test_damaged_files(seven, kind, tmp_path, capsys):
    "Files with random bytes changed, cut off or put in: an answer or a reason for each, and nothing else."
    random, data, files = np.random.default_rng(None if THOROUGH else 0), io.BytesIO(), []
    seven.resize((120, 110)).save(data, kind)
    for n in range(1000 if THOROUGH else 40):
        damaged = bytearray(data.getvalue())
        for _ in range(random.integers(1, 20)): damaged[random.integers(len(damaged) if n % 2 else 64)] = random.integers(256)
        if n % 5 == 0: del damaged[random.integers(len(damaged)):]
        if n % 7 == 0: damaged[50:50] = random.bytes(30)
        files.append(tmp_path/str(n))
        files[-1].write_bytes(damaged)
    lines, _ = read(capsys, *files)
    assert len(lines) == len(files) and all(line.startswith(f'{f}: ') and len(line) > len(str(f)) + 2 for f, line in zip(files, lines))


def test_as_a_program(seven, tmp_path):
    "From a shell: standard input, exit status, messages without a traceback."
    save(seven, tmp_path/'seven.png')
    status, out, err = run('mnist_predict', 'seven.png', '-', cwd=tmp_path, stdin=(tmp_path/'seven.png').open('rb'))
    assert status == 0 and [line.split(' (')[0] for line in out.splitlines()] == ['seven.png: 7', '-: 7'] and not err
    status, out, err = run('mnist_predict', 'absent.png', cwd=tmp_path)
    assert (status, out, err) == (1, 'absent.png: does not exist. Check the path.\n', '')
    status, out, err = run('mnist_predict', 'seven.png', '--model', 'absent.npz', cwd=tmp_path)
    assert status == 1 and err.startswith('error: ') and 'absent.npz' in err and 'Traceback' not in err


def test_damaged_weights(tmp_path):
    "A file with weights is used as it was written, or refused."
    whole = read_network()
    from importlib.resources import files
    content = files('mnist_nb').joinpath('pretrained.npz').read_bytes()
    random = np.random.default_rng(None if THOROUGH else 0)
    for n in range(400 if THOROUGH else 40):
        damaged = bytearray(content)
        if n % 2: del damaged[random.integers(len(damaged)):]
        else: damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        path = tmp_path/f'{n}.npz'
        path.write_bytes(damaged)
        try: network = read_network(path)
        except NetworkError as e: assert str(path) in str(e)
        else: assert (network.hidden_kernel == whole.hidden_kernel).all() and network.threshold == whole.threshold
    np.savez(tmp_path/'pickle.npz', activation=np.array([print], object))
    with pytest.raises(NetworkError, match='pickle.npz'): read_network(tmp_path/'pickle.npz')


def test_many_or_few_at_once():
    "An image gets the same answer alone and among others."
    images = np.random.default_rng(0).random((1003, 28, 28))
    together, alone = predict(images), [predict(images[i:i + 1]) for i in range(0, 1003, 100)]
    assert np.allclose(np.concatenate([p.probabilities for p in alone]), together.probabilities[::100], atol=1e-4)
