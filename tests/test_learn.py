"The page on which a network learns: the loop of `02_train` in JavaScript, and what its controls do, in a headless Chromium."
import http.server, re, threading
from functools import partial
import numpy as np
import pytest
from scipy.special import softmax
from conftest import REPOSITORY, chromium
from mnist_nb.data import load_mnist

pytestmark = [pytest.mark.skipif(not chromium, reason='there is no Chromium on the PATH'),
              pytest.mark.filterwarnings('ignore:.*packaged sample')]
PAGE = '''<!doctype html><html lang="en"><title>learn</title><meta name="viewport" content="width=device-width">
<style>body { color: #373a3c; background: #fff } @media (prefers-color-scheme: dark) { body { color: #fff; background: #222 } }</style>
<main><h1>See it learn</h1><div id="learn"></div></main>
<script type="module">import { createLearn } from "./learn/page.js"; createLearn(document.getElementById("learn"))</script>'''


@pytest.fixture(scope='module')
def server():
    "Serves `nbs/`; what is in `server.missing` is not found."
    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {'.js': 'text/javascript', '': 'application/octet-stream'}
        def log_message(self, *args): pass
        def do_GET(self):
            if any(self.path.endswith(name) for name in server.missing): return self.send_error(404)
            if self.path not in ('/', '/empty'): return super().do_GET()
            self.send_response(200)
            self.send_header('Content-Type', 'text/html')
            self.end_headers()
            self.wfile.write(PAGE.encode() if self.path == '/' else b'<!doctype html><title>empty</title>')
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=REPOSITORY/'nbs'))
    server.missing, server.address = [], f'http://127.0.0.1:{server.server_port}/'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def numbers(browser, server):
    "An empty page, for the modules alone."
    page = browser.new_page()
    page.goto(server.address + 'empty')
    yield page
    page.close()


@pytest.fixture
def learn(browser, server):
    "Opens the page, with settings in its address; waits until the digits are there."
    pages = []
    def open_(settings='', ready=True, **kwargs):
        page = browser.new_page(**kwargs)
        pages.append(page)
        page.goto(server.address + settings)
        if ready: page.wait_for_function('document.querySelector(".main")?.disabled === false')
        return page
    yield open_
    for page in pages: page.close()


def says(page, text):
    from playwright.sync_api import expect
    expect(page.locator('.said')).to_have_text(re.compile(text), timeout=60_000)

def button(page, name): return page.get_by_role('button', name=name, exact=True)
def field(page, label): return page.get_by_label(label, exact=True)
def steps(page): return int(re.search(r'after ([\d,]+) steps', page.locator('.key ~ p').inner_text())[1].replace(',', ''))
def accuracy(page): return float(re.search(r'([\d.]+) %', page.locator('.key ~ p').inner_text())[1])/100
def pictures(page): return page.evaluate('document.querySelector(".weights").toDataURL()')

def pad(page):
    page.locator('.own').scroll_into_view_if_needed()
    page.locator('.paper').scroll_into_view_if_needed()
    return page.locator('.paper')

def learn_until(page, text):
    button(page, 'Start').click()
    says(page, text)


# --- the same numbers as in Python ---------------------------------------------------------------------------------

def book(relu):
    "`learn` as in the chapter, with ReLU or without."
    def forward(weights, x):
        W1, b1, W2, b2 = weights
        hidden = x.reshape(-1, 784)@W1 + b1
        if relu: hidden = np.maximum(hidden, 0)
        return hidden, softmax(hidden@W2 + b2, axis=1)
    def gradient(weights, x, y):
        hidden, probabilities = forward(weights, x)
        logit_slopes = (probabilities - np.eye(10, dtype='float32')[y])/len(y)
        sum_slopes = logit_slopes@weights[2].T*((hidden > 0) if relu else 1)
        return [x.reshape(-1, 784).T@sum_slopes, sum_slopes.sum(0), hidden.T@logit_slopes, logit_slopes.sum(0)]
    def learn(weights, batches, rate):
        for x, y in batches:
            weights = [w - rate*slopes for w, slopes in zip(weights, gradient(weights, x, y))]
        return weights
    return forward, learn


@pytest.mark.parametrize('relu, rate', [(True, .5), (False, .2)])
def test_learns_as_the_book_does(numbers, relu, rate):
    "The same initial weights and batches give the same weights after 20 steps, and then the same loss and accuracy."
    train, hidden, random = load_mnist('sample').train, 20, np.random.default_rng(0)
    order, (forward, learn) = random.permutation(len(train))[:20*64].reshape(20, 64), book(relu)
    weights = [random.uniform(-.1, .1, shape).astype('float32') for shape in ((784, hidden), hidden, (hidden, 10), 10)]
    batches = [(train.images[i], train.labels[i]) for i in order]
    answer = numbers.evaluate('''async ([weights, batches, rate, relu]) => {
        const { step, measure } = await import("./learn/network.js");
        weights = weights.map(w => Float32Array.from(w));
        const images = batches.map(([x, y]) => [Float32Array.from(x, v => v/255), y]);
        for (const [x, y] of images) step(weights, x, y, rate, relu);
        const { loss, accuracy } = measure(weights, ...images[0], relu);
        return { weights: weights.map(w => Array.from(w)), loss, accuracy } }''',
        [[w.ravel().tolist() for w in weights], [(np.rint(x.ravel()*255).astype(int).tolist(), y.tolist()) for x, y in batches], rate, relu])
    python = learn(weights, batches, rate)
    apart = max(np.abs(p.ravel() - a).max() for p, a in zip(python, answer['weights']))
    moved = max(np.abs(p - w).max() for p, w in zip(python, weights))
    print(f'largest difference {apart:.1e}, largest move {moved:.2f}')
    assert apart < 1e-4 and moved > .1
    probabilities, y = forward(python, batches[0][0])[1], batches[0][1]
    assert abs(answer['loss'] + np.log(probabilities[range(64), y]).mean()) < 1e-3
    assert answer['accuracy'] == (probabilities.argmax(1) == y).mean()


def test_the_same_split_as_in_python(numbers):
    "The images to learn from and those for validation, with their labels; no test image is among them."
    got, mnist = numbers.evaluate('''async () => {
        const { train, validation } = await (await import("./learn/sample.js")).loadSample("./learn/sample.npz");
        const text = ({ x, y }) => Array.from(y, (label, i) => label + ":" + Array.from(x.subarray(784*i, 784*i + 784), v => Math.round(255*v)));
        return [text(train), text(validation)] }'''), load_mnist('sample')
    for ours, split in zip(got, (mnist.train, mnist.validation)):
        assert sorted(ours) == sorted(f'{y}:' + ','.join(map(str, np.rint(x.ravel()*255).astype(int))) for x, y in zip(split.images, split.labels))


def test_nine_in_ten_with_the_default_settings(numbers):
    "Within 400 steps, on the validation images; the initial weights are Glorot's."
    first, limit, largest = numbers.evaluate('''async () => {
        const { createNetwork, measure, step } = await import("./learn/network.js"), { createRandom } = await import("./draw/read.js");
        const { train, validation } = await (await import("./learn/sample.js")).loadSample("./learn/sample.npz");
        const weights = createNetwork(32, createRandom(0)), limit = Math.sqrt(6/(784 + 32)), largest = weights[0].reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        for (let n = 0; n < 400; n++) {
            const at = (n % 114)*32;
            step(weights, train.x.subarray(784*at, 784*(at + 32)), train.y.subarray(at, at + 32), .2, true);
            if (measure(weights, validation.x, validation.y, true).accuracy >= .9) return [n + 1, limit, largest];
        }
        return [null, limit, largest] }''')
    print(f'{first} steps')
    assert first and .98*limit < largest <= limit


def test_deformation_moves_no_digit_far(numbers):
    "Each time another picture, with about as much ink at about the same place."
    before, *after = np.array(numbers.evaluate('''async () => {
        const { deform } = await import("./learn/deform.js"), { createRandom } = await import("./draw/read.js");
        const { train } = await (await import("./learn/sample.js")).loadSample("./learn/sample.npz"), random = createRandom(0), image = train.x.subarray(0, 784);
        return [image, ...Array.from({ length: 200 }, () => { const out = new Float32Array(784); deform(image, random, out); return out })].map(x => Array.from(x)) }'''))
    ink, shift = np.array([a.sum()/before.sum() for a in after]), np.array([a@np.arange(784)//28/a.sum() - before@np.arange(784)//28/before.sum() for a in after])
    assert len({a.tobytes() for a in after}) == 200 and min(map(np.min, after)) >= 0 and max(map(np.max, after)) <= 1
    assert .5 < ink.min() < .9 and 1.1 < ink.max() < 1.7 and abs(ink.mean() - 1) < .1
    assert abs(shift).max() < 2 and abs(shift.mean()) < .3


# --- the page --------------------------------------------------------------------------------------------------------

def test_start_pause_go_on_start_again(learn):
    page = learn()
    says(page, 'untrained')
    assert steps(page) == 0 and accuracy(page) < .3
    untrained = pictures(page)
    learn_until(page, '90 %')
    button(page, 'Pause').click()
    says(page, r'^Paused after ([\d,]+) steps: \d\d\.\d %')
    paused = steps(page)
    assert paused > 50 and f'{paused:,} steps' in page.locator('.said').inner_text() and accuracy(page) > .85
    page.wait_for_timeout(300)
    assert steps(page) == paused and pictures(page) != untrained
    button(page, 'Go on').click()
    page.wait_for_function('n => !document.querySelector(".key ~ p").textContent.includes(n)', arg=f'{paused:,}')
    assert steps(page) > paused
    button(page, 'Start again').click()
    says(page, 'Learning')
    button(page, 'Pause').click()
    says(page, 'Paused')
    assert steps(page) < paused


def test_the_run_before_stays_to_compare(learn):
    from playwright.sync_api import expect
    page = learn()
    learn_until(page, '80 %')
    expect(page.locator('.key span').last).to_be_hidden()
    page.get_by_role('button', name='4 hidden units').click()
    says(page, 'untrained')
    expect(page.locator('.key span').last).to_be_visible()
    for curve in page.locator('polyline.before').all(): assert len(curve.get_attribute('points').split()) > 3
    page.get_by_role('button', name='No ReLU').click() # what was not trained is no run
    says(page, 'No ReLU, untrained')
    assert len(page.locator('polyline.before').first.get_attribute('points').split()) > 3


def test_the_same_seed_learns_in_the_same_steps(learn):
    "Also on a slow machine, which shows views more often than the steps go on: here it has 2 ms for each."
    page, said = learn(), []
    code = (REPOSITORY/'nbs/learn/worker.js').read_text(encoding='utf-8')
    slow = code.replace('begun < interval', 'begun < 2')
    assert slow != code
    for _ in range(2):
        says(page, 'untrained')
        learn_until(page, '80 % of the validation images were right after')
        said.append(re.search(r'80 %.*steps', page.locator('.said').inner_text())[0])
        page.route('**/worker.js', lambda route: route.fulfill(body=slow, content_type='text/javascript'))
        page.reload()
    assert said[0] == said[1]


def test_views_agree(learn):
    "The confusion matrix holds the 333 validation images, its diagonal the right ones; mistakes are mistakes, the surest first."
    page = learn()
    learn_until(page, '80 %')
    button(page, 'Pause').click()
    says(page, 'Paused')
    counts = np.array(page.eval_on_selector_all('.confusion tbody tr', 'rows => rows.map(r => Array.from(r.querySelectorAll("td"), c => +c.textContent))'))
    assert counts.sum(1).tolist() == np.bincount(load_mnist('sample').validation.labels).tolist()
    assert abs(np.trace(counts)/333 - accuracy(page)) < .001
    found = [re.fullmatch(r'(\d) read as (\d)(\d+) % sure', text) for text in page.locator('.mistakes li:visible').all_text_contents()]
    assert len(found) == 9 and all(counts[int(m[1]), int(m[2])] and m[1] != m[2] for m in found)
    sure = [int(m[3]) for m in found]
    assert sure == sorted(sure, reverse=True)
    curves = page.locator('svg[role=img]')
    assert curves.count() == 2 and f'validation {accuracy(page):.1%}'.replace('%', ' %') in curves.nth(1).get_attribute('aria-label')
    assert not page.locator('polyline.before').first.get_attribute('points')
    assert len(page.locator('polyline.validation').first.get_attribute('points').split()) > 5


@pytest.mark.parametrize('label, value', [('Hidden units', '7'), ('Seed', '1')])
def test_settings_of_the_untrained_network(learn, label, value):
    "They change the weights, of which each hidden unit has a picture."
    page = learn()
    page.get_by_role('checkbox').check()
    before = pictures(page)
    field(page, label).fill(value)
    field(page, label).press('Tab')
    page.wait_for_function('before => document.querySelector(".weights").toDataURL() !== before', arg=before)
    assert label == 'Seed' or page.get_by_role('img', name='Weights of 7 hidden units').count() == 1


TOLD = '''() => { window.told = []; const post = Worker.prototype.postMessage; Worker.prototype.postMessage = function (data) { told.push(data); post.call(this, data) } }'''

@pytest.mark.parametrize('settings, told', [
    ('#rate=0.05', dict(rate=.05)), ('#batch=100', dict(batch=100)), ('#activation=none', dict(relu=False)), ('#deformation=on', dict(deformation=True)),
    ('#hidden=9&seed=3', dict(hidden=9, seed=3)), ('', dict(hidden=32, rate=.2, batch=32, relu=True, deformation=False, seed=0))])
def test_settings_reach_the_worker(learn, settings, told):
    page = learn(settings)
    page.evaluate(TOLD)
    button(page, 'Start again').click()
    page.wait_for_function('told.some(t => t.go)')
    assert told.items() <= page.evaluate('told.find(t => t.start).start').items()


@pytest.mark.parametrize('change', ['rate=0.05', 'batch=100', 'activation=none', 'deformation=on'])
def test_settings_change_what_is_learned(numbers, change):
    "The worker, asked twice for the same 30 steps, gives the same weights; with another setting it gives others."
    first, second, other = numbers.evaluate('''async change => {
        const worker = new Worker("./learn/worker.js", { type: "module" }), next = accept => new Promise(done => { worker.onmessage = ({ data }) => accept(data) && done(data) });
        const start = { hidden: 8, rate: .2, batch: 32, relu: true, deformation: false, seed: 0, interval: 100 }, [[name, value]] = new URLSearchParams(change);
        const changed = { ...start, ...(name === "activation" ? { relu: false } : name === "deformation" ? { deformation: true } : { [name]: +value }) };
        await next(data => data.loaded);
        const results = [];
        for (const settings of [start, start, changed]) {
            worker.postMessage({ start: settings, run: results.length });
            worker.postMessage({ go: true });
            results.push((await next(({ view }) => view.run === results.length && view.steps === 3)).view.weights[0].join());
        }
        return results }''', change)
    assert first == second != other


def test_it_pauses_by_itself(numbers):
    "After 100 epochs, and after 100 more."
    seen = numbers.evaluate('''async () => {
        const worker = new Worker("./learn/worker.js", { type: "module" }), next = accept => new Promise(done => { worker.onmessage = ({ data }) => accept(data) && done(data) });
        await next(data => data.loaded);
        worker.postMessage({ start: { hidden: 1, rate: .1, batch: 3667, relu: true, deformation: false, seed: 0, interval: 1 }, run: 0 });
        const seen = [];
        for (let n = 0; n < 2; n++) {
            worker.postMessage({ go: true });
            seen.push((await next(({ view }) => view.state !== "learning" || view.steps > 250)).view);
        }
        return seen.map(({ state, steps, epochs }) => [state, steps, epochs]) }''')
    assert seen == [['paused', 100, 100], ['paused', 200, 200]]


def test_fewer_views_for_who_wants_less_motion(learn):
    page = learn(reduced_motion='reduce')
    page.evaluate(TOLD)
    button(page, 'Start').click()
    button(page, 'Start again').click()
    assert page.evaluate('told.find(t => t.start).start.interval') == 500


@pytest.mark.parametrize('settings, text', [
    ('#rate=10&activation=none', '^The loss is no longer a number: the learning rate is too large. Make it smaller and start again.$'),
    ('#rate=10', '^All hidden units are dead: .* Take a smaller learning rate or another seed.$')])
def test_a_rate_that_is_too_large(learn, settings, text):
    page = learn(settings)
    learn_until(page, text)
    assert button(page, 'Pause').count() == 0 and 'NaN' not in page.locator('.learn').inner_text()
    assert button(page, 'Go on').is_disabled() # no further step would change anything
    field(page, 'Learning rate').fill('0.2')
    field(page, 'Learning rate').press('Tab')
    learn_until(page, '80 %')


@pytest.mark.parametrize('label, value, text', [
    ('Hidden units', '0', 'Hidden units must be a whole number from 1 to 512.'), ('Hidden units', '2.5', 'Hidden units must be a whole number'),
    ('Learning rate', '-1', 'Learning rate must be a number from 0.0001 to 100.'), ('Learning rate', '', 'Learning rate must be a number'),
    ('Batch size', '4000', 'Batch size must be a whole number from 1 to 3667.'), ('Seed', '-1', 'Seed must be a whole number from 0 to 9999.')])
def test_values_out_of_range_are_told(learn, label, value, text):
    page = learn()
    box = field(page, label)
    box.fill(value)
    box.press('Tab')
    says(page, text)
    assert box.get_attribute('aria-invalid') == 'true' and box.input_value() == value
    button(page, 'Start').click()
    says(page, text)
    assert button(page, 'Start').count() == 1 and page.locator('.views.old').count() == 1 # faint: of other settings
    box.fill('1')
    box.press('Enter')
    says(page, 'Learning')
    assert box.get_attribute('aria-invalid') is None and page.locator('.views.old').count() == 0


def test_the_address_holds_the_settings(learn):
    page = learn('#hidden=4&activation=none')
    assert field(page, 'Hidden units').input_value() == '4' and field(page, 'Activation').input_value() == 'none'
    field(page, 'Deformation').select_option('on')
    assert page.url.endswith('#hidden=4&rate=0.2&batch=32&activation=none&deformation=on&seed=0')
    page.evaluate('location.hash = "#seed=5"')
    page.wait_for_function('document.querySelector("[name=seed]").value === "5" && document.querySelector("[name=hidden]").value === "32"')
    page.evaluate('location.hash = "#title"')
    assert field(page, 'Seed').input_value() == '5'


@pytest.mark.parametrize('settings, text', [('#hidden=9999', 'Hidden units must be'), ('#activation=tanh', 'Activation must be ReLU or none'), ('#seed=x', 'Seed must be')])
def test_an_address_that_is_wrong(learn, settings, text):
    page = learn(settings)
    says(page, text)
    assert page.locator('[aria-invalid=true]').count() == 1


@pytest.mark.parametrize('name, settings', [('Learning rate 10', 'rate=10&'), ('No ReLU', 'activation=none'), ('4 hidden units', 'hidden=4&')])
def test_experiments(learn, name, settings):
    page = learn('#seed=5')
    page.get_by_role('button', name=name).click()
    says(page, f'{name}, untrained. ')
    assert settings in page.url and page.url.endswith('seed=0') and steps(page) == 0
    page.get_by_role('button', name='As at first').click()
    says(page, 'A new network, untrained.')
    assert page.url.endswith('#hidden=32&rate=0.2&batch=32&activation=relu&deformation=off&seed=0')


def test_a_comma_is_a_decimal_point(learn):
    page = learn()
    field(page, 'Learning rate').fill('')
    field(page, 'Learning rate').press_sequentially('0,1')
    field(page, 'Learning rate').press('Tab')
    says(page, 'A new network, untrained.')
    assert field(page, 'Learning rate').input_value() == '0.1' and 'rate=0.1&' in page.url
    field(page, 'Hidden units').fill('1,000')
    field(page, 'Hidden units').press('Tab')
    says(page, 'Hidden units must be a whole number')


def test_on_a_phone_start_shows_what_learns(learn):
    page = learn(viewport=dict(width=360, height=740))
    button(page, 'Start').click()
    says(page, 'Learning')
    for selector in '.main', '.said', '.key', '.learn svg >> nth=0', '.learn svg >> nth=1':
        box = page.locator(selector).bounding_box()
        assert box['y'] >= 0 and box['y'] + box['height'] <= 740, (selector, box)


def test_a_drawing_is_read_by_both_networks(learn):
    "The one that learns gives what its weights give for the frame shown; the packaged one stands beside it."
    from playwright.sync_api import expect
    page = learn()
    learn_until(page, '90 %')
    button(page, 'Pause').click()
    says(page, 'Paused')
    box = pad(page).bounding_box()
    at = lambda x, y: (box['x'] + x*box['width'], box['y'] + y*box['height'])
    page.mouse.move(*at(.3, .2))
    page.mouse.down()
    for point in ((.72, .2), (.43, .82)): page.mouse.move(*at(*point), steps=8)
    page.mouse.up()
    expect(page.locator('.answer')).to_have_text(re.compile(r'^7, [\d.]+ % sure'))
    expect(page.locator('.answer + p')).to_have_text(re.compile(r'^Packaged network: 7, [\d.]+ % sure$'))
    sure, packaged = page.locator('.answer').inner_text(), page.locator('.answer + p').inner_text()
    assert sure not in packaged
    field(page, 'Seed').fill('1')
    field(page, 'Seed').press('Tab')
    expect(page.locator('.answer')).not_to_have_text(sure)
    expect(page.locator('.answer + p')).to_have_text(packaged)
    for start, end in (((.5, .2), (.5, .9)), ((.1, .5), (.9, .5)), ((.1, .1), (.9, .9))): # the packaged one knows what is no digit
        page.mouse.move(*at(*start))
        page.mouse.down()
        page.mouse.move(*at(*end), steps=8)
        page.mouse.up()
    expect(page.locator('.answer + p')).to_have_text('Packaged network: ?, no digit it knows. Yours has not learned to say that.')


@pytest.mark.parametrize('missing, selector, text', [
    ('sample.npz', '.said', r'^The digits could not be loaded \(sample.npz: 404'), ('worker.js', '.said', '^The network cannot be trained here'),
    ('pretrained.npz', '.own', r'The packaged network could not be loaded \(.*404')])
def test_what_is_missing_is_told(learn, server, missing, selector, text):
    from playwright.sync_api import expect
    server.missing.append(missing)
    try:
        page = learn(ready=False)
        expect(page.locator(selector)).to_contain_text(re.compile(text))
        expect(button(page, 'Start')).to_be_enabled(enabled=missing == 'pretrained.npz')
    finally: server.missing.clear()


@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('width', [360, 768, 1440])
def test_accessible_and_no_wider_than_the_page(learn, width, theme):
    from axe_playwright_python.sync_playwright import Axe
    page = learn(color_scheme=theme, viewport=dict(width=width, height=900))
    pad(page)
    learn_until(page, '80 %')
    button(page, 'Pause').click()
    says(page, 'Paused')
    violations = Axe().run(page).response['violations']
    assert not [(v['id'], node['html'][:150], node.get('failureSummary', '')[:200]) for v in violations for node in v['nodes']]
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    narrow = page.eval_on_selector_all('.learn button, .learn form input, .learn select', 'all => all.filter(e => e.offsetHeight < 24 || e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML)')
    assert not narrow


@pytest.mark.parametrize('width', [360, 768, 1440])
def test_nothing_moves_while_it_loads_and_learns(learn, width):
    page = learn('empty', ready=False, viewport=dict(width=width, height=3600))
    page.evaluate('''async () => {
        const { createLearn } = await import("./learn/page.js");
        document.body.innerHTML = '<main><div id="learn"></div></main><footer>below</footer>';
        createLearn(document.getElementById("learn"));
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        window.moved = 0;
        new PerformanceObserver(list => { for (const entry of list.getEntries()) moved += entry.value }).observe({ type: "layout-shift" }) }''')
    says(page, 'untrained')
    pad(page)
    learn_until(page, '90 %')
    field(page, 'Hidden units').fill('2') # two pictures need less room than 32
    field(page, 'Hidden units').press('Enter')
    page.get_by_role('img', name='of 2 hidden units').wait_for()
    assert page.evaluate('moved') == 0


def test_the_packaged_network_is_loaded_when_the_pad_comes_near(learn):
    page = learn(viewport=dict(width=360, height=700))
    loaded = 'performance.getEntriesByType("resource").some(e => e.name.endsWith("pretrained.npz"))'
    page.wait_for_timeout(300)
    assert not page.evaluate(loaded)
    pad(page)
    assert page.evaluate(loaded)


def test_it_is_spoken_rarely(learn):
    "What changes ten times a second is outside of what is read aloud."
    page = learn()
    pad(page)
    page.evaluate('''() => { window.spoken = new Set(); new MutationObserver(() => spoken.add(document.querySelector(".said").textContent)).observe(document.querySelector(".said"), { childList: true, characterData: true, subtree: true }) }''')
    learn_until(page, '90 %')
    assert page.locator('.answer').get_attribute('aria-live') == 'off'
    button(page, 'Pause').click()
    says(page, 'Paused')
    assert page.evaluate('spoken.size') <= 6 and page.locator('.answer').get_attribute('aria-live') == 'polite'


def test_size(): assert sum(p.stat().st_size for p in (REPOSITORY/'nbs/learn').iterdir()) < 9e5
