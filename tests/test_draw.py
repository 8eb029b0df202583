"The page to draw on computes what Python computes, in a headless Chromium, from the files in `nbs/`."
import http.server, re, threading
from base64 import b64encode
from functools import partial
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from conftest import REPOSITORY, chromium
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import find_drawn
from mnist_nb.predict import predict

pytestmark = [pytest.mark.skipif(not chromium, reason='there is no Chromium on the PATH'),
              pytest.mark.filterwarnings('ignore:.*packaged sample')]
PAGE = '<!doctype html><title>draw</title><div id="pad"></div>'


@pytest.fixture(scope='module')
def page():
    "A page served from `nbs/`."
    from playwright.sync_api import sync_playwright
    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {'.js': 'text/javascript', '': 'application/octet-stream'}
        def log_message(self, *args): pass
        def do_GET(self):
            if self.path != '/': return super().do_GET()
            self.send_response(200)
            self.send_header('Content-Type', 'text/html')
            self.end_headers()
            self.wfile.write(PAGE.encode())
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=REPOSITORY/'nbs'))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        page = browser.new_page()
        page.goto(f'http://127.0.0.1:{server.server_port}/')
        page.evaluate('async () => { window.read = await (await import("./draw/read.js")).loadReader("./draw/pretrained.npz") }')
        yield page
        browser.close()
    server.shutdown()


def drawings():
    "Test digits enlarged, turned and thickened, and drawn strokes: uint8 `(n, 280, 280)`."
    random, digits = np.random.default_rng(0), load_mnist('sample').test.images
    for digit in digits[random.choice(len(digits), 200, replace=False)]:
        size = int(random.integers(120, 270))
        large = Image.fromarray((digit*255).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        page = Image.new('L', (280, 280))
        page.paste(large, tuple(int(random.integers(0, 281 - size)) for _ in range(2)))
        page = np.asarray(page.rotate(random.uniform(-15, 15), Image.Resampling.BILINEAR))
        yield ndimage.grey_dilation(page, size=int(random.integers(1, 12)))
    for _ in range(60):
        page, points = Image.new('L', (280, 280)), random.integers(20, 260, (random.integers(2, 6), 2))
        ImageDraw.Draw(page).line([tuple(map(int, p)) for p in points], 255, 20, joint='curve')
        yield np.asarray(page)


def pairs():
    "Two test digits side by side, apart or nearly touching: uint8 `(n, 280, 280)`."
    random, digits = np.random.default_rng(1), load_mnist('sample').test.images
    for two in digits[random.choice(len(digits), (40, 2), replace=False)]:
        page, left = np.zeros((280, 280), np.uint8), 10
        for digit in two:
            digit = digit[:, digit.any(0)]
            large = Image.fromarray((digit*255).astype(np.uint8)).resize((min(120, digit.shape[1]*6), 168), Image.Resampling.BICUBIC)
            page[50:218, left:left + large.width] = np.asarray(large)
            left += large.width + int(random.integers(4, 25))
        yield page


@pytest.mark.parametrize('make', [drawings, pairs])
def test_same_as_python(page, make):
    "The same digits, with the same probabilities."
    images = list(make())
    answers = [page.evaluate('drawing => read(Uint8Array.from(atob(drawing), c => c.charCodeAt(0)))', b64encode(image.tobytes()).decode()) for image in images]
    python = [predict(np.stack([found.image for found in find_drawn(image)])) for image in images]
    alike = [(p, a) for p, a in zip(python, answers) if len(p.labels) == len(a)]
    apart = np.array([np.abs(p.probabilities - [d['probabilities'] for d in a]).max() for p, a in alike])
    same = np.mean([p.labels.tolist() == [d['best'] for d in a] for p, a in alike])
    verdict = np.mean([p.is_digit.tolist() == [d['label'] is not None for d in a] for p, a in alike])
    print(f'{len(images)} drawings: as many digits {len(alike)/len(images):.1%}, same labels {same:.1%}, probabilities within 0.02 '
          f'{(apart < .02).mean():.1%}, largest difference {apart.max():.4f}, same verdict {verdict:.1%}')
    assert len(alike) >= .99*len(images) and same >= .995 and (apart < .02).mean() >= .99 and verdict >= .99
    assert np.mean([len(a) for a in answers]) > (1.9 if make is pairs else .99)


def test_empty_page(page):
    assert page.evaluate('read(new Uint8Array(280*280))') == []


@pytest.fixture
def pad(page):
    "A new pad on the page; `window.ink` is what was read last."
    page.evaluate("""async () => {
        const root = Object.assign(document.createElement("div"), { id: "pad" });
        document.getElementById("pad").replaceWith(root);
        (await import("./draw/pad.js")).createPad(root, ink => { window.ink = ink; return read(ink) }) }""")
    return page

def answers(page, text):
    from playwright.sync_api import expect
    expect(page.locator('.answer')).to_have_text(re.compile(text))

def stroke(page, *points):
    box = page.locator('.paper').bounding_box()
    page.mouse.move(box['x'] + points[0][0], box['y'] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]: page.mouse.move(box['x'] + x, box['y'] + y, steps=8)
    page.mouse.up()

def inked(page, *point):
    "Whether there is ink at a place, after the next frame."
    page.evaluate('() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
    return page.evaluate('([x, y]) => window.ink[y*280 + x] > 128', point)


def test_drawn_on_the_page(pad):
    "The pad and the reader together, as on the page; prints how long a drawing is read."
    stroke(pad, (80, 60), (200, 60), (120, 230))
    answers(pad, '^7, ')
    times = pad.evaluate('''() => { const times = [];
        for (let n = 0; n < 30; n++) { const start = performance.now(); read(window.ink); times.push(performance.now() - start); }
        return times }''')
    print(f'a drawing is read in {np.median(times):.1f} ms (median of {len(times)})')
    pad.get_by_role('button', name='Clear').click()
    answers(pad, 'Draw a digit')


def test_several_digits(pad):
    stroke(pad, (30, 60), (30, 140), (90, 140))
    stroke(pad, (100, 60), (100, 220))
    answers(pad, '^4, ')
    stroke(pad, (150, 100), (200, 70), (240, 110), (150, 220), (250, 220))
    answers(pad, r'^42, [\d.]+ % sure$')
    assert pad.evaluate('document.querySelector(".seen").width') == 56 and 'the least sure' in pad.locator('caption').inner_text()


def test_a_click_is_a_dot_and_goes_back(pad):
    stroke(pad, (80, 60), (200, 60), (120, 230))
    stroke(pad, (240, 240))
    assert inked(pad, 240, 240)
    pad.keyboard.press('Control+z')
    assert not inked(pad, 240, 240) and inked(pad, 120, 60)
    answers(pad, '^7, ')
    pad.keyboard.press('Control+z')
    answers(pad, 'Draw a digit')


def test_a_stroke_from_outside(pad):
    "It is drawn from where it enters, and selects no text."
    stroke(pad, (-5, 100), (250, 100))
    assert inked(pad, 20, 100) and inked(pad, 240, 100)
    assert pad.evaluate('String(getSelection())') == ''


def test_a_second_finger_draws_nothing(pad):
    box, devtools = pad.locator('.paper').bounding_box(), pad.context.new_cdp_session(pad)
    def touch(kind, *points): devtools.send('Input.dispatchTouchEvent', dict(type=kind, touchPoints=[
        dict(x=box['x'] + x, y=box['y'] + y, id=n) for n, (x, y) in enumerate(points)]))
    touch('touchStart', (60, 60))
    touch('touchStart', (60, 60), (220, 60))
    for step in range(1, 9): touch('touchMove', (60, 60 + 20*step), (220, 60 + 20*step))
    touch('touchEnd')
    assert inked(pad, 60, 140) and not inked(pad, 140, 140) and not inked(pad, 220, 140)


@pytest.mark.parametrize('strokes, text', [
    ([[(140, 40), (140, 240)], [(40, 140), (240, 140)]], 'Looks most like a ., but is no digit I know'),
    ([[(130, 130), (160, 130), (140, 160)]], 'Too small to read: draw larger')])
def test_no_bar_says_otherwise(pad, strokes, text):
    for points in strokes: stroke(pad, *points)
    answers(pad, text)
    assert pad.locator('tr.top').count() == 0 and pad.locator('table.refused').count() == 1


def test_as_sharp_as_the_display(page):
    sharp = page.context.browser.new_page(device_scale_factor=2)
    sharp.goto(page.url)
    sharp.evaluate("""async () => { const read = await (await import("./draw/read.js")).loadReader("./draw/pretrained.npz");
        (await import("./draw/pad.js")).createPad(document.getElementById("pad"), read) }""")
    stroke(sharp, (80, 60), (200, 60), (120, 230))
    answers(sharp, '^7, ')
    assert sharp.evaluate('document.querySelector(".paper").width') == 560
    sharp.close()


@pytest.mark.parametrize('source, text', [('"./draw/absent.npz"', 'absent.npz: 404'), ('new ArrayBuffer(100)', 'cut off')])
def test_weights_that_are_missing_or_cut_off(page, source, text):
    assert text in page.evaluate(f'async () => {{ try {{ await (await import("./draw/read.js")).loadReader({source}) }} catch (e) {{ return e.message }} }}')


def test_size():
    assert sum((REPOSITORY/'nbs/draw'/name).stat().st_size for name in ('pad.js', 'read.js', 'pretrained.npz')) <= 2e6
