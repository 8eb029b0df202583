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


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_one_menu_on_a_phone(browser, address, theme):
    "One button opens all pages and, under the page's own name, what is on it; what is tapped there is then to be seen."
    from axe_playwright_python.sync_playwright import Axe
    page = browser.new_page(viewport=dict(width=360, height=800), color_scheme=theme)
    page.goto(address + 'evaluate.html')
    contents = page.eval_on_selector_all('#TOC > ul a', 'links => links.map(a => [a.textContent, a.hash])')
    buttons = [b for b in page.locator('#quarto-header [data-bs-toggle=collapse]').all() if b.is_visible()]
    assert len(buttons) == 1 and not page.locator('#quarto-sidebar').is_visible()
    buttons[0].click()
    page.wait_for_timeout(600)
    shown = page.eval_on_selector_all('#quarto-sidebar a', 'links => links.filter(a => a.checkVisibility()).map(a => [a.textContent.trim(), a.hash, new URL(a.href || ".", location).pathname.slice(1)])')
    assert set(PAGES) <= {path or 'index.html' for *_, path in shown}
    assert contents and [[text, hash] for text, hash, path in shown if hash] == contents
    assert page.evaluate('document.querySelector("#quarto-sidebar").scrollWidth') <= 360
    assert not Axe().run(page).response['violations']
    page.screenshot(path=REPOSITORY/f'_proc/screenshots/menu-360-{theme}.png')
    page.locator('.page-contents').get_by_text('The exam', exact=True).click()
    page.wait_for_timeout(1000)
    assert not page.locator('#quarto-sidebar').is_visible()
    assert 0 <= page.evaluate('document.querySelector("#the-exam h2").getBoundingClientRect().top') < 400
    page.close()


@pytest.mark.parametrize('width', [360, 1440])
def test_long_lines_and_names(browser, address, width):
    "What does not fit into a line of code never goes on further out than it began, and a function's name breaks only after an underscore."
    page = browser.new_page(viewport=dict(width=width, height=900))
    for name in PAGES:
        page.goto(address + name)
        page.wait_for_timeout(100)
        bad = page.evaluate("""() => Array.from(document.querySelectorAll("main code.sourceCode > span")).filter((line) => {
            if (!line.checkVisibility() || !line.textContent.trim()) return false;
            const range = document.createRange(), texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT), rects = [];
            while (texts.nextNode()) for (const part of texts.currentNode.textContent.matchAll(/\\S+/g)) {
                range.setStart(texts.currentNode, part.index); range.setEnd(texts.currentNode, part.index + part[0].length);
                rects.push(...range.getClientRects());
            }
            const box = line.closest("pre").getBoundingClientRect();
            return rects.some((r) => r.right > box.right + 1 || r.left < rects[0].left - 1);
        }).map((line) => line.textContent)""")
        assert not bad, name
        broken = page.evaluate("""() => Array.from(document.querySelectorAll("main h3, #TOC a")).filter((e) => {
            if (!e.checkVisibility() || !/^\\w+$/.test(e.innerText.trim())) return false;
            const range = document.createRange();
            return e.scrollWidth > e.clientWidth + 1 || Array.from(e.childNodes).some((node) => {
                range.selectNodeContents(node);
                return node.nodeType === Node.TEXT_NODE && new Set(Array.from(range.getClientRects(), (r) => r.top)).size > 1; });
        }).map((e) => e.textContent)""")
        assert not broken, name
    page.close()


DRAWN = [f'{name}.html' for name in 'data model train evaluate visualize improve images datasets strokes teach search benchmark'.split()]


@pytest.mark.parametrize('name', DRAWN)
def test_figures(browser, address, name):
    "Drawings, sharp at any size; on a phone their words can be read; a tap opens them alone, also with no network."
    from axe_playwright_python.sync_playwright import Axe
    page, foreign = browser.new_page(viewport=dict(width=360, height=800), color_scheme='dark'), []
    page.on('request', lambda r: foreign.append(r.url) if not r.url.startswith((address, 'data:')) else None)
    page.goto(address + name, wait_until='load')
    figures = page.eval_on_selector_all('.cell-output-display img', 'images => images.map(i => [i.getAttribute("src"), i.naturalWidth, i.clientWidth])')
    assert figures and all(src.endswith('.svg') for src, *_ in figures)
    assert all(shown >= .95*min(natural, 590) for _, natural, shown in figures)
    for link in page.locator('.cell-output-display a.lightbox').all()[:2]:
        link.click()
        page.wait_for_timeout(800)
        assert page.locator('.gslide.current img').is_visible()
        assert not Axe().run(page).response['violations']
        page.keyboard.press('Escape')
        page.wait_for_timeout(800)
        assert not page.locator('.gslide.current').is_visible()
    assert page.locator('.cell-output-display a.lightbox').count() == len(figures) and not foreign
    page.close()


# Names of our functions that are words, and Keras's names, too. Each such link was read, and is meant; add yours if it is.
PLAIN_WORDS = {('speed.html', 'train'), ('index.html', 'predict'), ('teach.html', 'teach'),
               ('exam.html', 'predict'), ('exam.html', 'evaluate')}


def test_automatic_links():
    "nbdev's links stay inside the site, and none leads to a function of ours where a plain word, or Keras's, is meant."
    from html import unescape
    for name in PAGES:
        text = (SITE/name).read_text(encoding='utf-8')
        main = unescape(text[text.index('<main'):text.index('</main>')])
        assert home not in main, name
        words = {word for word in re.findall(r'<a href="[\w.]+html#\w+"><code>(\w+)(?:\(\))?</code>', main) if re.fullmatch('[a-z]+', word)}
        assert {(name, word) for word in words} <= PLAIN_WORDS


def test_search_finds(browser, address):
    "What a reader may look for, and the page that tells about it."
    for words, target in {'overfitting': 'train.html', 'dropout': 'train.html', 'drawing pad': 'draw.html', 'calibration': 'evaluate.html', 'postcode': 'index.html'}.items():
        page = browser.new_page()
        page.goto(address + 'glossary.html')
        page.locator('#quarto-search button, #quarto-search input').first.click()
        page.keyboard.type(words)
        page.wait_for_timeout(1200)
        found = page.eval_on_selector_all('.aa-Panel a', 'links => links.map(a => a.href)')
        assert any(target in href for href in found), (words, found)
        page.close()
