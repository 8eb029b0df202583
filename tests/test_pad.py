"The drawing pad in a real JupyterLab, in a headless Chromium: strokes are drawn, the label comes back."
import json, os, re, socket, subprocess, sys, time
from urllib.error import URLError
from urllib.request import urlopen
import pytest
from conftest import chromium

pytestmark = pytest.mark.skipif(not chromium, reason='there is no Chromium on the PATH')
SEVEN = [(80, 60), (200, 60), (120, 230)]

@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "The address of a JupyterLab with one notebook, whose cell shows a pad."
    folder = tmp_path_factory.mktemp('lab')
    cell = dict(cell_type='code', id='pad', metadata={}, outputs=[], execution_count=None,
                source='from mnist_nb.pad import drawing_pad\npad = drawing_pad()\npad')
    (folder/'draw.ipynb').write_text(json.dumps(dict(cells=[cell], nbformat=4, nbformat_minor=5, metadata=dict(
        kernelspec=dict(name='python3', display_name='Python 3', language='python')))))
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    environment = {k: str(folder/k) for k in ('HOME', 'JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'IPYTHONDIR')}
    server = subprocess.Popen(
        [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', f'--port={port}', '--ip=127.0.0.1',
         f'--notebook-dir={folder}', '--IdentityProvider.token=', '--LabApp.news_url=None'],
        env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=(folder/'log').open('w'))
    try:
        for _ in range(120):
            try: urlopen(f'http://127.0.0.1:{port}/api', timeout=5); break
            except (URLError, OSError): time.sleep(.5)
            assert server.poll() is None, (folder/'log').read_text()
        yield f'http://127.0.0.1:{port}/lab/tree/draw.ipynb'
    finally:
        server.terminate()
        server.wait(30)

@pytest.fixture(scope='module')
def page(lab):
    from playwright.sync_api import TimeoutError, sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        page = browser.new_page(viewport=dict(width=1100, height=800))
        page.goto(lab)
        cell = page.locator('.jp-CodeCell .cm-content').first
        cell.wait_for(timeout=90_000)
        for attempt in range(8): # JupyterLab drops what is run before its kernel is ready, and asks when the kernel is slow
            for button in page.locator('.jp-Dialog .jp-mod-accept').all(): button.click()
            cell.click()
            page.keyboard.press('Shift+Enter')
            try: page.locator('.mnist-pad .paper').wait_for(timeout=10_000); break
            except TimeoutError: pass
        yield page
        browser.close()

def draw(page, points):
    box = page.locator('.mnist-pad .paper').bounding_box()
    def at(point): return tuple(corner + p*box['width']/280 for corner, p in zip((box['x'], box['y']), point))
    page.mouse.move(*at(points[0]))
    page.mouse.down()
    for point in points[1:]: page.mouse.move(*at(point), steps=8)
    page.mouse.up()

def settled(page):
    "Wait until Python has read all that was drawn: its pictures of the digits no longer change."
    seen = lambda: page.locator('.mnist-pad .seen canvas').evaluate_all('all => all.map(canvas => canvas.toDataURL()).join()')
    before, since = seen(), time.monotonic()
    while time.monotonic() < since + 2:
        page.wait_for_timeout(100)
        if seen() != before: before, since = seen(), time.monotonic()

def answers(page, pattern):
    from playwright.sync_api import expect
    expect(page.locator('.mnist-pad .answer')).to_have_text(re.compile(pattern), timeout=30_000)

def test_a_drawn_digit_is_read_undone_and_cleared(page):
    answers(page, 'Draw a digit')
    draw(page, SEVEN)
    answers(page, r'^7, [\d.]+ % sure$')
    shares = page.locator('.mnist-pad tr td:last-child').all_inner_texts()
    assert len(shares) == 10 and max(shares, key=lambda s: float(s.split()[0])) == shares[7]
    seen = page.evaluate("""() => { const c = document.querySelector('.mnist-pad .seen canvas').getContext('2d');
                                    return Array.from(c.getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 == 0) }""")
    assert max(seen) > 200 and 30 < sum(v > 100 for v in seen) < 300
    page.get_by_role('heading', name=re.compile('^6. Why 7, and not')).wait_for() # Python has sent the views
    page.get_by_text(re.compile(r'one of 2,048 units.*\d+ are active')).wait_for()
    draw(page, [(40, 40), (240, 240)])
    draw(page, [(40, 240), (240, 40)])
    page.get_by_role('button', name='Undo').click()
    page.get_by_role('button', name='Undo').click()
    answers(page, '^7, ')
    page.get_by_role('button', name='Clear').click()
    answers(page, 'Draw a digit')

def test_it_can_be_drawn_with_the_keyboard(page):
    page.locator('.mnist-pad .paper').focus()
    for key, times in dict(ArrowUp=8, Space=1, ArrowDown=16).items():
        for _ in range(times): page.keyboard.press(key)
    answers(page, '^1, ')
    page.get_by_role('button', name='Clear').click()

def test_what_is_no_digit_is_said(page):
    draw(page, [(30, 30), (250, 250)])
    draw(page, [(250, 30), (30, 250)])
    draw(page, [(140, 20), (140, 260)])
    draw(page, [(20, 140), (260, 140)])
    settled(page)
    answers(page, 'Looks most like an? [0-9], but is no digit I know')
    page.get_by_role('button', name='Clear').click()

def test_it_is_taught_and_forgets(page):
    draw(page, [(140, 40), (140, 240)])
    draw(page, [(60, 150), (220, 150)])
    settled(page) # what is shown is taught
    answers(page, 'Looks most like an? [0-9], but is no digit I know')
    page.locator('.keys button').nth(1).click()
    page.get_by_text('Learned: this is a 1. It knows 1 of your digits.').wait_for(timeout=30_000)
    answers(page, '^1, 99.0 % sure')
    page.get_by_role('button', name='Forget last').click()
    page.get_by_text('Forgotten. It knows 0 of your digits.').wait_for(timeout=30_000)
    answers(page, 'Looks most like an? [0-9], but is no digit I know')
    page.get_by_role('button', name='Clear').click()
    page.locator('.keys button').nth(1).click()
    page.get_by_text('Draw a digit first.').wait_for(timeout=30_000)
