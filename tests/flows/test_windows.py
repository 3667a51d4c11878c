"""Which windows a monitor looks at: those that have ended, as of a moment that is not to come."""

from datetime import UTC, datetime

import pytest

from components.errors import ConfigError
from flows.monitoring import looked_at

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "found"),
    [
        ("", NOW),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-03-10T14:00+01:00", NOW),
        ("2026-12-31", NOW),
    ],
)
def test_nothing_is_looked_at_before_it_has_happened(until, found):
    assert looked_at(until, NOW) == found


def test_what_is_no_time_is_refused():
    with pytest.raises(ConfigError, match="UNTIL is 'tomorrow'; give a time in ISO 8601"):
        looked_at("tomorrow", NOW)
