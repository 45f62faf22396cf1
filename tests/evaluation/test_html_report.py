"""The report's page in a real browser, with names that try to break out of it."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest

from halokeras.evaluation.contenders import Contenders
from halokeras.evaluation.page import flattened, page
from halokeras.evaluation.provenance import provenance
from halokeras.evaluation.scorecard import score
from halokeras.evaluation.verdict import Verdict
from halokeras.painters.model_store import load_painter

EVIL = "<img src=x onerror=alert(1)>"
BOX = "box $\\alpha</title><script>document.title='broken in'</script>"
TWIN = '_"><b>{{ 7 * 7 }}</b>&lt;'

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium to look at the page with")

WRAPPER = """<!DOCTYPE html><link rel="icon" href="data:,">
<iframe src="page.html" style="width: %dpx; height: 800px; border: 0"></iframe><script>
addEventListener("load", async () => {
  const seen = document.querySelector("iframe").contentWindow, page = seen.document;
  const root = page.documentElement, found = {images: [], drawings: []};
  found.title = page.title;
  found.width = root.clientWidth;
  found.scrolled = Math.max(root.scrollWidth, page.body.scrollWidth);
  const scrolls = (part) => part.closest(".scroll");
  found.outside = [...page.body.querySelectorAll("*")].filter((part) =>
    !scrolls(part) && part.getBoundingClientRect().right > root.clientWidth + 1
  ).map((part) => part.tagName);
  found.requests = seen.performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("data:"));
  found.scripts = page.querySelectorAll("script").length;
  for (const drawing of page.querySelectorAll(".drawing svg")) {
    const {width, height} = drawing.getBoundingClientRect();
    found.drawings.push([width, height, drawing.querySelectorAll("path").length]);
  }
  for (const image of page.querySelectorAll("image, img")) {
    const copy = new Image();
    copy.src = image.href ? image.href.baseVal : image.src;
    try { await copy.decode(); } catch (error) { }
    found.images.push(copy.naturalWidth);
  }
  const ids = [...page.querySelectorAll("[id]")].map((part) => part.id);
  found.repeated = ids.length - new Set(ids).size;
  found.dangling = [...page.querySelectorAll("use")].map((part) => part.href.baseVal)
    .filter((href) => !page.getElementById(href.slice(1)));
  const section = page.querySelector("section") || page;
  found.targets = [...section.querySelectorAll("table")].map((table) =>
    [...table.querySelectorAll("tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent)));
  fetch("/found", {method: "POST", body: JSON.stringify(found)});
});
</script>
"""


@contextmanager
def served(pages):
    """Serve pages on this machine; give the address, what is asked and what is sent back."""
    asked, sent = [], Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.answer(200 if self.path in pages else 404, pages.get(self.path, "").encode())

        def do_POST(self):
            sent.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200, b"")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked, sent
        finally:
            server.shutdown()
            thread.join()


def look(text, width, folder):
    """Return what a browser finds on a page `width` pixels wide, complaints and requests."""
    folder.mkdir()
    words = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    words += " --disable-background-networking --disable-component-update --disable-extensions"
    words += " --disable-dev-shm-usage --enable-logging=stderr --window-size=1400,900"
    command = [BROWSER, *words.split(), f"--user-data-dir={folder / 'profile'}"]
    log = folder / "log"
    pages = {"/": WRAPPER % width, "/page.html": text}
    with served(pages) as (address, asked, sent), log.open("w") as stderr:
        browser = subprocess.Popen([*command, address], stderr=stderr, stdout=subprocess.DEVNULL)
        try:
            found = sent.get(timeout=120)
        finally:
            browser.terminate()
            browser.wait(timeout=60)
    complaints = [line for line in log.read_text().splitlines() if "CONSOLE" in line]
    return found, complaints, asked


@pytest.fixture(scope="module")
def made(shared_box, tiny_models):
    saved = load_painter(tiny_models / "drawing")
    kept = saved.provenance.model_copy(update={"note": EVIL, "machine": EVIL})
    saved = replace(saved, provenance=kept)
    told = replace(shared_box, provenance={**shared_box.provenance, "halo_finder": EVIL})
    boxes, others = {BOX: told, "two": shared_box}, {TWIN: saved}
    contenders = Contenders(saved, others, 2)
    return score(boxes, contenders), provenance(boxes, contenders, EVIL, notes=[EVIL])


@pytest.fixture(scope="module")
def shown(made):
    return page(*made)


@in_a_browser
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_all_of_it_and_asks_for_nothing(shown, width, tmp_path):
    found, complaints, asked = look(shown, width, tmp_path / "browser")
    assert complaints == []
    assert asked == ["/", "/page.html"]
    assert found["requests"] == []
    assert found["width"] in range(width - 20, width + 1)  # less a scroll bar
    assert found["scrolled"] <= found["width"]
    assert found["outside"] == []
    assert len(found["drawings"]) == 10  # four slices, six curves
    for across, down, paths in found["drawings"]:
        assert 200 < across < width
        assert 100 < down < 1000
        assert paths > 20
    assert len(found["images"]) >= 4
    assert min(found["images"]) > 0
    assert found["repeated"] == 0
    assert found["dangling"] == []
    assert found["scripts"] == 0
    assert found["title"].startswith(EVIL)


@in_a_browser
@pytest.mark.usefixtures("undrawn")
def test_the_words_on_the_page_are_the_verdicts_of_the_json(made, tmp_path):
    card, about = made
    first, *others = card.lines
    first = replace(first, verdict=dict.fromkeys(first.verdict, Verdict.UNDECIDED))
    card = replace(card, lines=(first, *others))
    found, _, _ = look(page(card, about), 1200, tmp_path / "browser")
    told = json.loads(json.dumps(card.to_json()))
    lines = {line["statistic"]: line for line in told["lines"]}
    shown = set()
    for (_, _, *names), *rows in found["targets"]:
        for statistic, target, *cells in rows:
            assert lines[statistic]["target"] == target
            for name, cell in zip(names, cells, strict=True):
                number, *words = cell.split()
                worst = lines[statistic]["worst"][name]
                verdict = lines[statistic]["verdict"].get(name)
                if worst is None:
                    assert number == "-"
                else:
                    scale = 1 if target.startswith("above") else 100
                    assert float(number.replace(",", "")) == pytest.approx(
                        scale * worst, rel=1e-3, abs=0.06
                    )
                if name == names[0]:
                    assert words[-1] == verdict
                    shown.add((statistic, name))
        assert TWIN not in names or names[0] == "painted field"
    verdicts = [verdict for line in told["lines"] for verdict in line["verdict"].values()]
    assert len(shown) == len(verdicts)
    assert found["title"].endswith(f"{verdicts.count('met')} of {len(verdicts)} targets met")
    assert {"missed", "undecided"} <= set(verdicts)


@in_a_browser
def test_the_browser_would_tell_of_a_bad_page(tmp_path):
    bad = """<!DOCTYPE html><title>bad</title><table></table><img src="not/there.png">
    <div style="width: 600px">wide</div><script>console.error("trouble")</script>"""
    found, complaints, asked = look(bad, 390, tmp_path / "browser")
    assert found["scrolled"] >= 600
    assert "DIV" in found["outside"]
    assert "/not/there.png" in asked
    assert len(found["requests"]) == 1
    assert found["images"] == [0]
    assert found["scripts"] == 1
    assert any("trouble" in line for line in complaints)


def test_nothing_from_a_file_becomes_markup_and_nothing_is_elsewhere(shown):
    assert "<script" not in shown.lower()
    assert "<img" not in shown
    assert "<b>{{" not in shown
    assert "49</b>" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    addresses = set(re.findall(r"https?://[^\s\"'<]+", shown))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_scorecard_gives_the_same_page(made, shown):
    assert page(*made) == shown


def test_what_is_printed_is_no_json_and_tables_show_that_they_scroll(shown):
    assert "<pre" not in shown
    assert "details { display: none; }" in shown[shown.index("@media print") :]
    assert "var(--shade)" in shown
    rows = dict(flattened({"box": {"train": [{"id": "00", "seed": 1}], "sides": [1.0, 2.5e-5]}}))
    assert rows == {
        "box, train, 0, id": "00",
        "box, train, 0, seed": "1",
        "box, sides": "1, 2.5 × 10⁻⁵",
    }


@pytest.mark.usefixtures("undrawn")
def test_a_painter_that_cannot_draw_has_a_page_without_draws(tiny_box, tiny_model):
    saved = load_painter(tiny_model)
    boxes, contenders = {"one": tiny_box}, Contenders(saved, {}, 1)
    text = page(score(boxes, contenders), provenance(boxes, contenders, "tiny"))
    assert "the painter has no law of counts" in text
    assert "a draw" not in re.findall(r"<h3>(.*?)</h3>", text)
    assert "painted field" in re.findall(r"<h3>(.*?)</h3>", text)


def test_a_painter_does_not_tell_its_own_hash(tiny_box, tiny_model):
    saved = load_painter(tiny_model)
    boast = saved.provenance.model_copy(update={"hash": "0" * 64, "name": "another"})
    contenders = Contenders(replace(saved, provenance=boast), {}, 1)
    told = provenance({"one": tiny_box}, contenders, "tiny")
    assert told["painter"]["hash"] == saved.hash
    assert told["painter"]["name"] == "tiny"
