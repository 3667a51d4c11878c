"""The one frame of every page: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from components.reporting.figure import TEMPLATES

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(filters: Iterable[Callable[..., Any]], **named: Any) -> Environment:
    """What makes pages of the templates.

    Args:
        filters: by their own names.
        named: what every template knows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({each.__name__: each for each in filters})
    made.globals.update(named)
    return made
