"""A figure: a drawing, the finding it shows in words, and the numbers behind it."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from components.reporting.svg import element

TEMPLATES = Path(__file__).parent / "templates"
WIDE, HALF = 944, 460
"""The widths of figures that stand alone and of those that stand in pairs, in pixels."""


@dataclass(frozen=True)
class Figure:
    """One plot, which also speaks without being seen.

    Attributes:
        key: Unique within a page; letters, digits and hyphens.
        title: What is plotted.
        finding: What it shows, in a sentence or two.
        drawing: The content of the SVG.
        width: In pixels, the widest it is shown.
        height: In pixels.
        header: The names of the data table's columns.
        rows: The data table, written out.
    """

    key: str
    title: str
    finding: str
    drawing: Markup
    width: int
    height: int
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def svg(self) -> Markup:
        """The drawing with its text alternative, to stand in a page that has the style sheet."""
        return self._svg(Markup(""))

    @property
    def image(self) -> str:
        """The drawing as a data URL that stands alone, on white: a Metaflow card takes it as an image."""
        style = element("style", _standalone_style())
        ground = element("rect", width="100%", height="100%", fill="#fff")
        svg = self._svg(style + ground, xmlns="http://www.w3.org/2000/svg", width=self.width)
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"

    def _svg(self, before: Markup, **attributes: object) -> Markup:
        names = f"{self.key}-title {self.key}-finding"
        return element(
            "svg",
            element("title", self.title, id=f"{self.key}-title"),
            element("desc", self.finding, id=f"{self.key}-finding"),
            before,
            self.drawing,
            viewBox=f"0 0 {self.width} {self.height}",
            class_="plot",
            role="img",
            aria_labelledby=names,
            style=f"max-width:{self.width}px",
            **attributes,
        )


def slug(name: str) -> str:
    """The name as letters, digits and hyphens, for ids; different names may meet."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part) or "x"


@cache
def _standalone_style() -> Markup:
    colours = (TEMPLATES / "colours.css").read_text(encoding="utf-8")
    light = colours.split("@media", 1)[0]
    plots = (TEMPLATES / "plots.css").read_text(encoding="utf-8")
    return Markup(escape(light + plots))  # noqa: S704 - escaped here
