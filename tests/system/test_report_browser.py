"""The report in a real browser: what it looks like in light and dark, wide and narrow."""

import json
import re
import subprocess
from dataclasses import replace
from html import escape, unescape
from pathlib import Path

import pytest
from PIL import Image

from components.reporting.report import html
from tests.components.reporting.example import inputs, rejected

pytestmark = pytest.mark.system
DARK, LIGHT = 0, 1
MEASURE = """
const seen = element => element.getClientRects().length > 0 && getComputedStyle(element).clipPath === 'none';
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return rgb(getComputedStyle(document.documentElement).getPropertyValue('background-color'));
};
const luminance = colour => colour.slice(0, 3).map(c => c / 255).map(
  c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = element => {
  const style = getComputedStyle(element);
  const drawn = element instanceof SVGElement ? style.fill : style.color;
  const [light, dark] = [luminance(rgb(drawn)), luminance(ground(element))].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};
const texts = [...document.body.querySelectorAll('*')].filter(element => seen(element)
  && !['TITLE', 'DESC', 'STYLE', 'SCRIPT'].includes(element.tagName.toUpperCase())
  && [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
const outside = [...document.querySelectorAll('svg.plot text')].filter(seen).filter(text => {
  const inner = text.getBoundingClientRect(), outer = text.closest('svg').getBoundingClientRect();
  return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 2;
}).map(text => text.textContent);
const overlapping = [...document.querySelectorAll('svg.plot')].filter(seen).flatMap(svg => {
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1).filter(([other, b]) => one && other
    && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5).map(([other]) => one + ' | ' + other));
});
top.document.documentElement.setAttribute('data-measured', JSON.stringify({
  width: innerWidth, scroll: document.scrollingElement.scrollWidth, dark: matchMedia('(prefers-color-scheme: dark)').matches,
  pale: texts.map(t => [t.textContent.trim().slice(0, 40), contrast(t)]).filter(([, c]) => c < 4.5),
  outside, overlapping,
}));
"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    given = inputs(str(folder / "store"))
    for name, which in (("approved", given), ("rejected", rejected(given))):
        (folder / f"{name}.html").write_text(html(which), encoding="utf-8")
    return folder


def chromium(*arguments: str, width: int, height: int = 2000, scheme: int = LIGHT) -> str:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={width},{height}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=180, check=True)
    return done.stdout


def measured(page: Path, *, width: int, scheme: int = LIGHT, opened: bool = False) -> dict[str, object]:
    """What the page's layout says in a frame of this width, read by a script that only the test's copy holds."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    if opened:
        text = text.replace("<details", "<details open")
    content = escape(text.replace("</body>", f"<script>{MEASURE}</script></body>"), quote=True)
    frame = f'<iframe style="border:0; width:{width}px; height:2000px" srcdoc="{content}"></iframe>'
    wrapper = page.with_name(f"measured-{page.name}")
    scheme_named = '<meta name="color-scheme" content="light dark">'
    wrapper.write_text(f"<!doctype html><html>{scheme_named}<body>{frame}</body></html>", encoding="utf-8")
    dom = chromium("--dump-dom", wrapper.as_uri(), width=width + 100, scheme=scheme)
    found = re.search(r'data-measured="([^"]*)"', dom)
    assert found, dom[-2000:]
    result: dict[str, object] = json.loads(unescape(found.group(1)))
    return result


@pytest.mark.parametrize("width", [1280, 1024, 768, 400])
def test_nothing_has_to_be_scrolled_sideways(pages, width):
    layout = measured(pages / "approved.html", width=width, opened=True)
    assert layout["width"] == width
    assert layout["scroll"] <= width


def test_long_names_do_not_widen_the_page(pages):
    given, long = inputs(str(pages / "store")), "a_name_without_a_single_space_" * 6
    wide = replace(
        given,
        project=long,
        statement=long,
        class_names=(long, long),
        lineage={long: long},
        snapshot=replace(given.snapshot, source=long),
        columns=[replace(column, name=long + column.name, summary=long) for column in given.columns],
        decision=replace(
            given.decision,
            run=long,
            checks=tuple(replace(check, title=long, reason=long) for check in given.decision.checks),
        ),
    )
    page = pages / "long.html"
    page.write_text(html(wide), encoding="utf-8")
    assert measured(page, width=1280, opened=True)["scroll"] <= 1280


@pytest.mark.parametrize("name", ["approved", "rejected"])
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_text_has_the_contrast_that_wcag_aa_asks_for(pages, name, scheme):
    layout = measured(pages / f"{name}.html", width=1280, scheme=scheme, opened=True)
    assert layout["dark"] == (scheme == DARK)
    assert layout["pale"] == []


def test_no_label_leaves_its_plot_or_covers_another(pages):
    layout = measured(pages / "approved.html", width=1280, opened=True)
    assert layout["outside"] == []
    assert layout["overlapping"] == []


@pytest.mark.parametrize(("scheme", "dark"), [(LIGHT, False), (DARK, True)])
def test_the_picture_follows_the_reader_s_colour_scheme(pages, tmp_path, scheme, dark):
    picture = tmp_path / "report.png"
    page = pages / "approved.html"
    chromium(f"--screenshot={picture}", page.as_uri(), width=1280, height=900, scheme=scheme)
    image = Image.open(picture).convert("L")
    assert image.size == (1280, 900)
    assert (image.getpixel((5, 880)) < 60) == dark
    assert len(set(image.resize((64, 45)).getdata())) > 30


def test_the_browser_finds_nothing_to_refuse(pages, tmp_path):
    page = pages / "approved.html"
    done = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    assert done.stdout.rstrip().endswith("</html>")


def test_it_prints_on_paper(pages, tmp_path):
    printed = tmp_path / "report.pdf"
    chromium(f"--print-to-pdf={printed}", (pages / "rejected.html").as_uri(), width=1280, scheme=DARK)
    assert printed.read_bytes().startswith(b"%PDF")
    assert printed.stat().st_size > 50_000
