import base64
import xml.etree.ElementTree as ElementTree

import pytest
from markupsafe import Markup

from components.reporting.figure import Figure, slug


@pytest.fixture
def figure():
    return Figure(
        "roc", "Curve <1>", "It is & was.", Markup('<path class="line model" d="M0 0L1 1"/>'), 100, 50
    )


def test_the_text_alternative_is_title_and_finding(figure):
    svg = ElementTree.fromstring(figure.svg)
    named = [svg.find(f"*[@id='{name}']").text for name in svg.get("aria-labelledby").split()]
    assert svg.get("role") == "img"
    assert named == ["Curve <1>", "It is & was."]


def test_the_image_stands_alone_and_needs_nothing(figure):
    kind, content = figure.image.split(",", 1)
    svg = base64.b64decode(content).decode()
    assert kind == "data:image/svg+xml;base64"
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "--accent:" in svg
    assert svg.count("http") == 1


@pytest.mark.parametrize(
    ("name", "written"),
    [("sex × race", "sex-race"), ("Age (years)", "age-years"), ("übung", "bung"), ("×", "x"), ('"><', "x")],
)
def test_slugs_are_safe_as_ids(name, written):
    assert slug(name) == written
