"""D03: trained on the whole table."""

from components.data import split
from components.validation.checks.data import whole_table
from tests.components.validation.checks.models import Model


def test_the_whole_table_passes(honest: Model) -> None:
    used = split.everything(honest.split)
    assert whole_table(int(used.sum()), honest.table.height).status == "passed"


def test_a_sample_is_blocked(honest: Model) -> None:
    used = split.sample(honest.split, 8000)
    check = whole_table(int(used.sum()), honest.table.height)
    assert check.status == "failed"
    assert "FAST" in check.reason
