"The rendered site, page by page: links, pictures, widths, both themes, accessibility. Screenshots go to `_proc/screenshots`."
import http.server, re, threading
from configparser import ConfigParser
from functools import partial
from urllib.parse import unquote, urldefrag
import pytest
from conftest import REPOSITORY, chromium

SITE = REPOSITORY/'_docs'
settings = ConfigParser(delimiters=['='])
settings.read(REPOSITORY/'settings.ini', encoding='utf-8')
home = '{doc_host}{doc_baseurl}/'.format(**settings['DEFAULT']) # where nbdev's links between symbols lead
PAGES = sorted(p.name for p in SITE.glob('*.html'))
pytestmark = [pytest.mark.skipif(not chromium, reason='there is no Chromium on the PATH'),
              pytest.mark.skipif(not PAGES, reason='the site was not rendered: nbdev_docs does, where Quarto is installed')]


@pytest.fixture(scope='module')
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture(scope='module')
def address():
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


def test_all_pages_are_there():
    modules = {p.stem for p in (REPOSITORY/'mnist_nb').glob('[a-z]*.py')}
    assert {f'{m}.html' for m in modules} | {'index.html', 'draw.html', 'learn.html', 'change.html', 'glossary.html'} == set(PAGES)


@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('name', PAGES or ['none'])
def test_page(browser, address, name, theme):
    from axe_playwright_python.sync_playwright import Axe
    shots, foreign, failed = REPOSITORY/'_proc/screenshots', [], []
    shots.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(color_scheme=theme)
    page.on('request', lambda r: foreign.append(r.url) if not r.url.startswith((address, 'data:', 'blob:')) else None)
    page.on('response', lambda r: failed.append(r.url) if r.status >= 400 else None)
    page.on('pageerror', lambda e: failed.append(str(e)))
    for width in 360, 768, 1440:
        page.set_viewport_size(dict(width=width, height=900))
        page.goto(address + name, wait_until='load')
        page.wait_for_timeout(300)
        page.screenshot(path=shots/f'{name[:-5]}-{width}-{theme}.png', full_page=True)
        assert page.evaluate('document.documentElement.scrollWidth') <= width
    assert page.evaluate('document.body.classList.contains("quarto-dark")') == (theme == 'dark')
    violations = Axe().run(page).response['violations']
    found = [(v['id'], node['html'][:150], node.get('failureSummary', '')[:200]) for v in violations for node in v['nodes']]
    assert not found
    assert not foreign and not failed
    page.close()


@pytest.mark.parametrize('name', PAGES or ['none'])
def test_links_and_pictures(browser, address, name):
    page = browser.new_page()
    page.goto(address + name)
    links = page.evaluate('Array.from(document.querySelectorAll("a[href], img[src]"), e => [e.href || e.src, e.alt])')
    anchors = {}
    for target, _ in links:
        if target.startswith(home): target = address + target.removeprefix(home)
        if not target.startswith(address): continue
        path, anchor = urldefrag(target.removeprefix(address))
        path = path or 'index.html'
        assert (SITE/unquote(path)).is_file(), target
        if not anchor: continue
        if path not in anchors:
            other = browser.new_page()
            other.goto(address + path)
            anchors[path] = set(other.evaluate('Array.from(document.querySelectorAll("[id]"), e => e.id)'))
            other.close()
        assert unquote(anchor) in anchors[path], target
    assert '](http' not in page.locator('main').inner_text()
    without = page.evaluate('Array.from(document.querySelectorAll("main img"), e => [e.src, e.alt]).filter(([_, alt]) => !alt).map(([src]) => src)')
    assert not without
    page.close()


@pytest.mark.parametrize('name', PAGES or ['none'])
def test_source_links_and_captions(browser, address, name):
    "Each page leads to its source and, if it is a notebook but the first page, to Colab; no figure has a number that nothing refers to."
    page = browser.new_page()
    page.goto(address + name)
    links = page.eval_on_selector_all('.toc-actions a', 'links => links.map(a => [a.textContent.trim(), a.href])')
    git_url = settings['DEFAULT']['git_url']
    sources = {href.removeprefix(f'{git_url}/blob/main/') for text, href in links if text == 'View source'}
    assert len(sources) == 1 and (REPOSITORY/min(sources)).is_file()
    colab = {href for text, href in links if text == 'Open in Colab'}
    assert not colab or page.locator('.toc-actions').count() == len([text for text, _ in links if text == 'Open in Colab'])
    notebooks = (p.name for p in (REPOSITORY/'nbs').glob('*.ipynb') if p.name != 'index.ipynb')
    numbered = {re.sub(r'^\d+_', '', p).replace('.ipynb', '.html'): p for p in notebooks}
    assert colab == ({f'{git_url}/blob/main/nbs/{numbered[name]}'.replace('github.com', 'colab.research.google.com/github')} if name in numbered else set())
    figures = page.eval_on_selector_all('.quarto-float[id]', 'floats => floats.map(f => [f.id, f.querySelector("figcaption").innerText])')
    references = set(page.eval_on_selector_all('a.quarto-xref', 'links => links.map(a => a.hash.slice(1))'))
    assert references == {id for id, _ in figures} and all(text.startswith('Figure') for _, text in figures)
    assert page.eval_on_selector_all('.cell-output-display img', 'images => images.filter(i => !i.closest("figure")).length') <= (name == 'handwriting.html') # the card
    page.close()
