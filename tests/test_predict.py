"The command that reads digits: every picture gets an answer or a reason, whatever it is."
import base64, io, json, os, signal
from pathlib import Path
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn.datasets import load_digits
import mnist_nb
from conftest import POSIX, THOROUGH, run, start
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import _enlarged, ink_is_dark, ImageError, extract_ink, find_digit, find_digits, make_photo, normalize_digit
from mnist_nb.predict import NetworkError, mnist_predict, predict, read_file, read_network
from mnist_nb.strokes import DIGITS, OTHERS, draw_images


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
        save(seven.resize((3000, 2800)), tmp_path/'large.jpg')]
    lines, failed = read(capsys, *pictures)
    assert not failed and [line.split(' (')[0] for line in lines] == [f'{p}: 7' for p in pictures]


def test_one_bad_file_does_not_stop_it(seven, tmp_path, capsys):
    good = save(seven, tmp_path/'good.png')
    bad = [save(Image.new('L', (1, 1)), tmp_path/'tiny.png'), save(Image.new('L', (80, 80), 200), tmp_path/'blank.png'),
           save(Image.new('1', (20_000, 20_000)), tmp_path/'huge.png'), tmp_path/'absent.png', tmp_path/'empty.png',
           tmp_path/'cut.jpg']
    (tmp_path/'empty.png').touch()
    data = io.BytesIO()
    seven.save(data, 'JPEG')
    (tmp_path/'cut.jpg').write_bytes(data.getvalue()[:len(data.getvalue())//2])
    lines, failed = read(capsys, *bad, good)
    assert failed and len(lines) == len(bad) + 1 and lines[-1].startswith(f'{good}: 7 (')
    for path, line, reason in zip(bad, lines, ('blank', 'blank', 'far too large', 'does not exist', 'not a picture', 'truncated')):
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
    resource = pytest.importorskip('resource')
    status, out, err = run('mnist_predict', *pictures, huge, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000,)*2))
    assert [line.split(' (')[0] for line in out.splitlines()[:3]] == [f'{p}: 1' for p in pictures], err
    assert status == 1 and 'far too large' in out.splitlines()[3] and not err


def test_all_pages(seven, tmp_path, capsys):
    "Each page of a scan gets an answer of its own; what a phone adds to its photograph is no page."
    blank = Image.new('RGB', seven.size, 'white')
    scan = save(seven, tmp_path/'scan.tif', save_all=True, append_images=[blank, seven])
    others = [save(seven, tmp_path/f'moving.{kind}', save_all=True, append_images=[seven.rotate(90)]) for kind in ('gif', 'png', 'webp')]
    phone = save(seven, tmp_path/'phone.jpg', format='MPO', save_all=True, append_images=[seven.resize((40, 40))])
    lines, failed = read(capsys, scan, *others, phone)
    assert failed and [line.split(' (')[0] for line in lines[:3]] == [f'{scan}, page 1 of 3: 7', f'{scan}, page 2 of 3: the picture is blank.', f'{scan}, page 3 of 3: 7']
    assert [line.split(':')[0] for line in lines[3:]] == [*(f'{p}, page {n} of 2' for p in others for n in (1, 2)), str(phone)]
    answers = [json.loads(line) for line in read(capsys, scan, json=True)[0]]
    assert [(a['file'], a['page'], a['pages']) for a in answers] == [(str(scan), n, 3) for n in (1, 2, 3)]
    with pytest.warns(UserWarning, match='scan.tif has 3 pages, and only the first was read'): normalize_digit(scan)
    with pytest.raises(ImageError, match='scan.tif has no page 3: it has 3, counted from 0'): normalize_digit(scan, page=3)


def test_a_folder_and_a_pattern(seven, tmp_path, capsys):
    "The pictures in a folder, in order; what is not read is named."
    for name in 'b.png', 'a.JPG', 'c.heic', '.hidden.png', 'notes.txt': save(seven, tmp_path/name, format='PNG')
    (tmp_path/'empty').mkdir()
    (tmp_path/'c.heic').write_bytes(b'\0\0\0\x18ftypheic\0\0\0\0')
    with pytest.raises(SystemExit): mnist_predict([str(tmp_path)])
    out, err = capsys.readouterr()
    assert [line.split(' (')[0] for line in out.splitlines()] == [f"{tmp_path/'a.JPG'}: 7", f"{tmp_path/'b.png'}: 7", f"{tmp_path/'c.heic'}: is not a picture that Pillow can read. It is a HEIC picture: `heif-convert`"]
    assert err == f'{tmp_path}: not read, since not named as pictures are: empty, notes.txt\n'
    assert [line.split(' (')[0] for line in read(capsys, tmp_path/'?.*G', tmp_path/'*.png')[0]] == [f"{tmp_path/'a.JPG'}: 7", f"{tmp_path/'b.png'}: 7"]
    for nothing in tmp_path/'empty', tmp_path/'*.bmp': assert read(capsys, nothing)[1] and read(capsys, nothing)[0][0].endswith('does not exist. Check the path.')


@pytest.mark.parametrize('content, way_out', [
    (b'%PDF-1.4', 'pdftoppm'), (b'\0\0\0\x1cftypheix', 'heif-convert'), (b'\0\0\0\x1cftypmif1', 'pillow-heif'), (b'<svg xmlns="', 'rsvg-convert'),
    (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n', 'gs -sDEVICE'), (b'Dear Sir', 'Save it as PNG or JPEG')])
def test_what_converts_it(content, way_out, tmp_path, capsys):
    (tmp_path/'file').write_bytes(content)
    lines, failed = read(capsys, tmp_path/'file')
    assert failed and len(lines) == 1 and way_out in lines[0]


def test_what_a_program_gives(seven, capsys):
    "Bytes and the data URL of a canvas are read as files are; another text is quoted, but not at length."
    content = io.BytesIO()
    seven.save(content, 'PNG')
    url = 'data:image/png;base64,' + base64.b64encode(content.getvalue()).decode()
    for form in content.getvalue(), bytearray(content.getvalue()), url, url.replace('data', 'DATA'): assert (normalize_digit(form) == normalize_digit(content)).all()
    [line], failed = read(capsys, url)
    assert not failed and line.startswith(f'{url[:99]}…: 7 (') and json.loads(read(capsys, url, json=True)[0][0])['file'] == f'{url[:99]}…'
    for wrong in url[22:], url[:60] + '!' + url[61:], 'data:nothing', 'x'*500, 'x'*9_000, 'nul\0':
        with pytest.raises(ImageError) as e: normalize_digit(wrong)
        assert len(str(e.value)) < 250 and wrong[:99] in str(e.value)


@pytest.mark.skipif(not POSIX, reason='these are things of POSIX')
def test_what_is_no_file(tmp_path):
    "Nobody waits for a pipe, and any name can be printed."
    os.mkfifo(tmp_path/'pipe')
    odd = os.fsencode(tmp_path) + b'/\xff.png'
    status, out, err = run('mnist_predict', tmp_path/'pipe', tmp_path/'absent.png', os.fsdecode(odd), env=os.environ | dict(PYTHONIOENCODING='utf-8:strict'))
    assert status == 1 and not err and [line.split(': ')[1] for line in out.splitlines()] == ['is no plain file, not a picture.'] + ['does not exist. Check the path.']*2


def test_a_reader_that_has_had_enough(seven, tmp_path):
    "As `head -1`: it ends quietly."
    save(seven, tmp_path/'seven.png')
    process = start('mnist_predict', *['seven.png']*200, cwd=tmp_path)
    assert process.stdout.readline().startswith('seven.png: 7')
    process.stdout.close()
    assert process.stderr.read() == '' and process.wait(60) == 141


def test_a_fault_of_ours_stops_nothing(seven, tmp_path, monkeypatch, capsys):
    good, usual = save(seven, tmp_path/'good.png'), find_digit
    def fails(source, **kwargs):
        if 'bad' in source: raise IndexError('index -1')
        return usual(source, **kwargs)
    monkeypatch.setattr('mnist_nb.predict.find_digit', fails)
    lines, failed = read(capsys, save(seven, tmp_path/'bad.png'), good)
    assert failed and 'by a fault of mnist_nb' in lines[0] and 'index -1' in lines[0] and lines[1].startswith(f'{good}: 7')


@pytest.mark.parametrize('line', [1, 2, 4])
def test_a_picture_in_a_thin_dark_frame(line):
    "It used to end in an IndexError."
    page = Image.new('L', (200, 200), 'white')
    ImageDraw.Draw(page).line([(70, 60), (130, 60), (90, 150)], 0, 12)
    ImageDraw.Draw(page).rectangle([0, 0, 199, 199], outline=0, width=line)
    for read in normalize_digit, find_digits:
        try: read(page)
        except ImageError: pass


def _ink(digit, height=150, shape=(300, 300)):
    "A test digit of the sample as a drawing of strokes on an empty page, 0 for paper and 1 for ink."
    test = load_mnist('sample').test
    image = test.images[test.labels == digit][1]
    rows, columns = (np.flatnonzero((image > .1).any(axis)) for axis in (1, 0))
    image = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    large = np.asarray(Image.fromarray(image).resize([round(n*height/max(image.shape)) for n in image.shape[::-1]], Image.Resampling.BICUBIC))
    page, (h, w) = np.zeros(shape, np.float32), large.shape
    page[(shape[0] - h)//2:][:h, (shape[1] - w)//2:][:, :w] = np.clip(large, 0, 1)
    return page

def _frame(page, inset, width):
    page = page.copy()
    end = len(page) - inset
    for side in (slice(inset, inset + width), slice(end - width, end)): page[side, inset:end] = page[inset:end, side] = 1
    return page

def _rules(page, spacing):
    lines = np.zeros_like(page)
    for start in (10, 11): lines[start::spacing] = lines[:, start::spacing] = .8
    return np.maximum(page, lines)

def _desk(paper, margin):
    page = np.full([n + 2*margin for n in paper.shape], .25, np.float32)
    page[margin:-margin, margin:-margin] = paper
    return page

_Y, _X = np.mgrid[-.5:.5:300j, -.5:.5:300j]
SITUATIONS = dict(
    clean=lambda ink: 1 - .9*ink, board=lambda ink: .1 + .8*ink, faint=lambda ink: (.9 + .1*_X)*(1 - .12*ink),
    flash=lambda ink: (1 - .9*ink)*(1 - .6*(_X**2 + _Y**2)), shadow=lambda ink: (1 - .9*np.pad(ink[::2, ::2], 75))*np.where(_X + .5*_Y > .02, .6, 1),
    thin_frame=lambda ink: 1 - _frame(ink, 0, 2), thick_frame=lambda ink: 1 - _frame(ink, 0, 10), box=lambda ink: 1 - .9*_frame(ink, 20, 4),
    squares=lambda ink: 1 - _rules(ink, 37), desk=lambda ink: _desk(1 - .9*ink, 50),
    one_side=lambda ink: np.hstack([1 - .9*ink, np.full((300, 75), .2)]), tight=lambda ink: 1 - ink[75:225][:, ink.any(0)])

@pytest.mark.parametrize('situation', SITUATIONS)
def test_digits_where_people_write_them(situation):
    "Each digit in light, shadow, frames and squares, on boards and desks: none is lost, one may be refused."
    read = []
    for digit in range(10):
        try: p = predict(normalize_digit(SITUATIONS[situation](_ink(digit)).astype(np.float32))[None])
        except ImageError: read.append('?')
        else: read.append(int(p.labels[0]) if p.is_digit[0] else '?')
    assert all(answer in (digit, '?') for digit, answer in enumerate(read)) and read.count('?') <= 1, read


def test_one_drawing_one_answer(tmp_path):
    "Whatever container: 8 or 16 bits, floats of any range, transparent or not, turned by EXIF."
    ink = _ink(7, 60, (120, 120))
    grey, expected = ((1 - ink)*255).round().astype(np.uint8), normalize_digit(1 - ink)
    Image.fromarray(grey.astype(np.uint16)*257).save(tmp_path/'16.png')
    turned = Image.fromarray(np.rot90(grey, -1).astype(np.uint16)*257)
    exif = Image.Exif()
    exif[274] = 8 # turn it back
    turned.save(tmp_path/'turned.tif', exif=exif)
    margin = np.zeros((180, 180, 2), np.uint8)
    margin[30:150, 30:150] = np.stack([grey, np.full_like(grey, 255)], 2)
    for form in (grey, grey/255., grey.astype(np.float32), grey/127.5 - 1, grey/80. - .4, grey/245. - .02,
                 grey.astype(np.uint16)*257, tmp_path/'16.png', tmp_path/'turned.tif',
                 Image.merge('LA', [Image.new('L', (120, 120)), Image.fromarray(255 - grey)]), Image.fromarray(margin, 'LA')):
        assert np.abs(normalize_digit(form) - expected).mean() < .02
    for dark in grey//16, (grey//16).astype(float):
        assert predict(normalize_digit(dark)[None]).labels[0] == 7


def _row(*characters, gap=16):
    "Digits and signs on a base line."
    high = max(map(len, characters))
    parts = [np.pad(c, (((high - len(c))//2, (high - len(c) + 1)//2), (gap, gap))) for c in characters]
    return np.pad(np.hstack(parts), 40)

def _tight(digit):
    ink = _ink(digit, 90, (90, 90))
    return ink[:, ink.max(0) > .05]

def _sign(kind):
    image = Image.new('L', (40, 120 if kind == 'slash' else 90))
    pen = ImageDraw.Draw(image)
    dict(point=lambda: pen.ellipse([16, 80, 24, 88], 255), minus=lambda: pen.line([(5, 48), (35, 48)], 255, 7), slash=lambda: pen.line([(37, 3), (3, 117)], 255, 7),
         colon=lambda: [pen.ellipse([16, y, 24, y + 8], 255) for y in (30, 74)])[kind]()
    return np.asarray(image, np.float32)/255

def _text(page): return ''.join(f.sign or str(predict(f.image[None]).labels[0]) for f in find_digits(1 - .9*page))

def test_signs_are_no_digits():
    "475.35 is not 47535, and -42 is not 42."
    assert _text(_row(*map(_tight, (4, 7)), _sign('point'), _tight(3))) == '47.3'
    assert _text(_row(_sign('minus'), *map(_tight, (3, 2)))) == '-32'
    assert _text(_row(*map(_tight, (4, 7)), _sign('slash'), _tight(3))) == '47/3'
    assert _text(_row(*map(_tight, (4, 7)), _sign('colon'), _tight(3))) == '47:3'


def test_nothing_vanishes():
    "A blot that is no sign is named, a low point stays in its line, and a wide digit is one."
    blot, low = np.zeros((90, 30), np.float32), np.zeros((140, 30), np.float32)
    blot[20:34, 8:22] = low[116:126, 8:18] = 1
    assert _text(_row(_tight(4), blot, _tight(3))) == '4?3'
    assert len(_text(_row(_tight(4), low, _tight(3)))) == 3 and _text(_row(_tight(4), low, _tight(3)))[::2] == '43'
    wide = np.asarray(Image.fromarray(_tight(0)).resize((150, 90)))
    assert _text(_row(_tight(4), wide, _tight(3))) == '403'


def test_a_meter():
    "White digits on black drums in a grey case, of any weight."
    for weight in 0, 1, 2:
        page = Image.new('L', (540, 180), 118)
        pen = ImageDraw.Draw(page)
        for n, digit in enumerate('58953'):
            pen.rectangle([25 + 100*n, 25, 113 + 100*n, 155], 18)
            pen.text((69 + 100*n, 90), digit, 235, ImageFont.load_default(90), 'mm', stroke_width=weight, stroke_fill=235)
        found = predict(np.stack([f.image for f in find_digits(page)]))
        assert ''.join(map(str, found.labels)) == '58953' and found.is_digit.all()


def _touching(*digits):
    "Digits on a page, each pushed three pixels into the one before."
    page, *parts = map(_tight, digits)
    def reach(ink): return np.where((ink > .5).any(1), (ink > .5).argmax(1), 1000)
    for part in parts:
        overlap = int((reach(page[:, ::-1]) + reach(part)).min()) + 3
        wide = np.pad(page, ((0, 0), (0, part.shape[1] - overlap)))
        wide[:, -part.shape[1]:] = np.maximum(wide[:, -part.shape[1]:], part)
        page = wide
    return np.pad(page, 50)

def test_digits_that_touch():
    "They are taken apart where the parts are read better than the whole: most pairs, not all."
    pages = {(a, b): _touching(a, b) for a in range(10) for b in range(10)}
    assert all(ndimage.label(page > .5, np.ones((3, 3)))[1] <= 2 for page in pages.values())
    assert sum(_text(page) == f'{a}{b}' for (a, b), page in pages.items()) >= 70
    assert _text(_touching(5, 6, 7)) == '567'


def test_dark_and_light_alike():
    "Tiny digits in their own tight box: their polarity is found either way."
    digits = load_digits()
    for pictures, dark in (digits.images/16, False), (1 - digits.images/16, True):
        read = predict(np.stack([normalize_digit(picture) for picture in pictures[:200]]))
        assert (read.labels == digits.target[:200]).mean() > .93
        assert np.mean([ink_is_dark(_enlarged(picture.astype(np.float32))) == dark for picture in pictures]) > .99


def test_what_is_no_digit():
    "Drawn letters and signs are refused; digits of MNIST and drawn ones are not. What the score was fitted on had other seeds."
    def refused(images): return 1 - predict(images).is_digit.mean()
    assert refused(draw_images(OTHERS, 700, seed=99)[0]) >= .9 and refused(draw_images(DIGITS, 700, seed=99)[0]) <= .01
    mnist = load_mnist()
    assert refused(mnist.test.images) <= (.01 if mnist.is_sample else .005)


def test_why_a_picture_is_not_read():
    blank, random = np.full((200, 200), .9, np.float32), np.random.default_rng(0)
    with pytest.raises(ImageError, match='blank'): normalize_digit(blank)
    with pytest.raises(ImageError, match='stands out'): normalize_digit(np.clip(blank + .01*random.normal(size=blank.shape), 0, 1).astype(np.float32))
    with pytest.raises(ImageError, match='2 shapes stand side by side'): normalize_digit(1 - _row(_tight(3), _tight(2)))
    with pytest.raises(ImageError, match='lines and frames'): normalize_digit(1 - _frame(np.zeros((200, 200), np.float32), 20, 4))


@given(st.data())
@settings(max_examples=2_000 if THOROUGH else 60)
def test_any_page(data):
    "Frames, rules, desks, blots and noise of any size and darkness: an answer or a reason."
    height, width = (data.draw(st.integers(1, 260)) for _ in 'hw')
    page = Image.new('L', (width, height), data.draw(st.integers(0, 255)))
    pen = ImageDraw.Draw(page)
    for _ in range(data.draw(st.integers(0, 6))):
        ends = sorted(data.draw(st.integers(-5, width + 5)) for _ in 'lr'), sorted(data.draw(st.integers(-5, height + 5)) for _ in 'tb')
        box, grey, line = [ends[0][0], ends[1][0], ends[0][1], ends[1][1]], data.draw(st.integers(0, 255)), data.draw(st.integers(1, 20))
        kind = data.draw(st.sampled_from(['frame', 'line', 'area', 'circle', 'border']))
        if kind == 'line': pen.line(box, grey, line)
        elif kind == 'border': pen.rectangle([0, 0, width - 1, height - 1], outline=grey, width=line)
        elif kind == 'circle': pen.ellipse(box, outline=grey, width=line)
        else: pen.rectangle(box, fill=grey if kind == 'area' else None, outline=grey, width=line)
    for read in normalize_digit, find_digits:
        try: read(page)
        except ImageError: pass


def test_any_tiny_page():
    "Bars across pages of a few pixels: an answer or a reason."
    for height, width, line in np.ndindex(12, 12, 3):
        page = Image.new('L', (width + 1, height + 1), 255)
        ImageDraw.Draw(page).rectangle([-1, 0, width + 1, 0], outline=0, width=line + 1)
        for read in normalize_digit, find_digits:
            try: read(page)
            except ImageError: pass


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


def test_weights_that_have_changed(tmp_path):
    "A network is read once, and again when its file is another."
    from importlib.resources import files
    path, content = tmp_path/'network.npz', files('mnist_nb').joinpath('pretrained.npz').read_bytes()
    path.write_bytes(content)
    first = read_network(path)
    assert read_network(path) is first
    with np.load(path) as file: arrays = dict(file)
    np.savez(path, **arrays | dict(logits_bias=np.arange(10, dtype=np.float16)))
    assert read_network(path).logits_bias.tolist() == list(range(10))


def test_many_or_few_at_once():
    "An image gets the same answer alone and among others."
    images = np.random.default_rng(0).random((1003, 28, 28))
    together, alone = predict(images), [predict(images[i:i + 1]) for i in range(0, 1003, 100)]
    assert np.allclose(np.concatenate([p.probabilities for p in alone]), together.probabilities[::100], atol=1e-4)


def test_many_files_in_order(seven, tmp_path, capsys):
    "Several processes say what one says, in the order of the files; pages and errors too."
    names = [save(seven.rotate(n), tmp_path/f'{n}.png') for n in range(6)]
    names += [save(seven, tmp_path/'scan.tif', save_all=True, append_images=[seven, seven]), tmp_path/'absent.png']*5
    one, several = (read(capsys, *names, jobs=jobs) for jobs in (1, 2))
    assert one == several and len(one[0]) == 6 + 5*4 and one[1]


def test_interrupted(seven, tmp_path):
    "What was printed is whole lines, and nothing is left running."
    first = save(seven, tmp_path/'0000.png')
    for n in range(1, 3000): os.link(first, tmp_path/f'{n:04}.png')
    process = start('mnist_predict', tmp_path, '--jobs', 2)
    first = [process.stdout.readline() for _ in range(3)]
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    lines = ''.join(first + [out]).splitlines(keepends=True)
    assert process.returncode == 130 and 3 <= len(lines) < 3000 and lines[-1].endswith('\n') and 'Traceback' not in err
    assert [line.split(':')[0] for line in lines] == [str(tmp_path/f'{n:04}.png') for n in range(len(lines))]


def test_a_lost_interruption(seven, tmp_path, monkeypatch):
    "Ctrl-C ends it even where Python swallows the exception, as it does in callbacks."
    def answers(*_):
        try: signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt: pass
        yield 'a', [('a', 'not to be printed', {})]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr('mnist_nb.predict._all_answers', answers)
    try:
        with pytest.raises(SystemExit) as e: mnist_predict([save(seven, tmp_path/'a.png')])
        assert e.value.code == 130 and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally: signal.signal(signal.SIGINT, before)


def test_interrupted_while_processes_read():
    "An exception amid a lock could leave it locked for ever: Ctrl-C is only noted, and raised where nothing is locked; a second one is not waited for."
    from concurrent.futures import Future
    from mnist_nb.predict import _answer, _interruptible
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _interruptible(False) as check:
            check()
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt): _answer(Future(), check)
            with pytest.raises(KeyboardInterrupt): signal.raise_signal(signal.SIGINT)
        with _interruptible(True), pytest.raises(KeyboardInterrupt): signal.raise_signal(signal.SIGINT)
    finally: signal.signal(signal.SIGINT, before)


def test_shown(seven, tmp_path, capsys):
    "What was found is drawn, and so is a picture that cannot be read; nothing else is overwritten."
    lines, _ = read(capsys, save(seven, tmp_path/'seven.png'), show=str(tmp_path/'shown.png'))
    assert lines[0].startswith(f"{tmp_path/'seven.png'}: 7") and np.ptp(np.asarray(Image.open(tmp_path/'shown.png').convert('L'))) > 100
    lines, _ = read(capsys, save(Image.new('L', (80, 80), 200), tmp_path/'blank.png'), show=str(tmp_path/'blank-shown.png'))
    assert 'blank' in lines[0] and (tmp_path/'blank-shown.png').is_file()
    assert run('mnist_predict', tmp_path/'seven.png', '--show', tmp_path/'x.unknown')[0] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ['blank-shown.png', 'blank.png', 'seven.png', 'shown.png']


def test_as_a_function(seven, tmp_path):
    scan = save(seven, tmp_path/'scan.tif', save_all=True, append_images=[seven])
    assert [(a['file'], a['page'], a['label']) for a in read_file(scan)] == [(str(scan), n, 7) for n in (1, 2)]
    assert read_file(scan, line=True)[0]['text'] == '7' and 'does not exist' in read_file('absent.png')[0]['error']


@pytest.mark.parametrize('arguments', [['a.png', 'b.png', '--show', 'x.png'], ['a.png', '--json', '--show', 'x.png'], ['a.png', '--jobs', '0'], ['a.png', '--out', 'x.csv'], ['--csv', 'a.csv', '--line'], ['--csv', 'a.csv', '--json'], ['--csv', 'a.csv', 'a.png'], []])
def test_options_that_do_not_go_together(arguments):
    "None is silently left out."
    status, out, err = run('mnist_predict', *arguments)
    assert status == 1 and err.startswith('error: ') and not out


def test_a_submission(tmp_path):
    "Kaggle's test.csv, read as the arrays are."
    images = load_mnist('sample').test.images[:20]
    rows = (images*255).round().astype(int).reshape(20, 784)
    header = ','.join(f'pixel{n}' for n in range(784))
    (tmp_path/'test.csv').write_text('\n'.join([header, *(','.join(map(str, row)) for row in rows)]) + '\n')
    status, out, err = run('mnist_predict', '--csv', 'test.csv', cwd=tmp_path)
    assert status == 0, err
    labels = predict(images).labels
    assert (tmp_path/'submission.csv').read_text() == 'ImageId,Label\n' + ''.join(f'{n},{label}\n' for n, label in enumerate(labels, 1))


def test_names_are_not_guessed(tmp_path):
    "A file without names is of the first edition, and of digits; damaged names are no digits."
    with np.load(Path(mnist_nb.__file__).with_name('pretrained.npz')) as file: arrays = dict(file)
    arrays.pop('names', None)
    np.savez(tmp_path/'old.npz', **arrays)
    np.savez(tmp_path/'new.npz', **arrays, names=np.array(list('abcdefghij')))
    np.savez(tmp_path/'wrong.npz', **arrays, names=np.arange(10))
    assert read_network(tmp_path/'old.npz').names == tuple('0123456789') and read_network(tmp_path/'new.npz').names == tuple('abcdefghij')
    with pytest.raises(ValueError, match='names'): read_network(tmp_path/'wrong.npz')
