"The page to draw on computes what Python computes, in a headless Chromium, from the files in `nbs/`."
import http.server, threading
from base64 import b64encode
from functools import partial
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from conftest import REPOSITORY, chromium
from mnist_nb.data import load_mnist
from mnist_nb.handwriting import normalize_drawing
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


def test_same_probabilities(page):
    images = list(drawings())
    python = predict(np.stack([normalize_drawing(image) for image in images]))
    answers = [page.evaluate('drawing => read(Uint8Array.from(atob(drawing), c => c.charCodeAt(0)))', b64encode(image.tobytes()).decode()) for image in images]
    apart = np.abs(python.probabilities - [a['probabilities'] for a in answers]).max(1)
    same = python.labels == [a['best'] for a in answers]
    print(f'{len(images)} drawings: same label {same.mean():.1%}, probabilities within 0.02 {(apart < .02).mean():.1%}, '
          f'largest difference {apart.max():.4f}, same verdict {np.mean(python.is_digit == [a["label"] is not None for a in answers]):.1%}')
    assert same.mean() >= .995 and (apart < .02).mean() >= .99
    assert np.mean(python.is_digit == [a['label'] is not None for a in answers]) >= .99


def test_empty_page(page):
    assert page.evaluate('read(new Uint8Array(280*280))') == {}


def test_drawn_on_the_page(page):
    "The pad and the reader together, as on the page; prints the time from stroke to probabilities."
    page.evaluate('async () => (await import("./draw/pad.js")).createPad(document.getElementById("pad"), read)')
    box = page.locator('.paper').bounding_box()
    page.mouse.move(box['x'] + 80, box['y'] + 60)
    page.mouse.down()
    for x, y in (200, 60), (120, 230): page.mouse.move(box['x'] + x, box['y'] + y, steps=8)
    page.mouse.up()
    from playwright.sync_api import expect
    expect(page.locator('.answer')).to_contain_text('7, ')
    times = page.evaluate('''() => { const pen = document.querySelector(".paper").getContext("2d"), times = [];
        for (let n = 0; n < 30; n++) { const start = performance.now(), rgba = pen.getImageData(0, 0, 280, 280).data;
            const ink = new Uint8Array(280*280);
            for (let i = 0; i < ink.length; i++) ink[i] = 255 - rgba[4*i];
            read(ink); times.push(performance.now() - start); }
        return times }''')
    print(f'from stroke to probabilities: {np.median(times):.1f} ms (median of {len(times)})')
    page.get_by_role('button', name='Clear').click()
    expect(page.locator('.answer')).to_have_text('Draw a digit')


def test_size():
    assert sum((REPOSITORY/'nbs/draw'/name).stat().st_size for name in ('pad.js', 'read.js', 'pretrained.npz')) <= 2e6
