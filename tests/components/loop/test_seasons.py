"""How a retraining that gave no new champion is told."""

import pytest

from components.loop.seasons import unchanged


@pytest.mark.parametrize(
    ("code", "stopped", "failed_requests", "status"),
    [(0, False, 0, "blocked"), (1, False, 0, "failed"), (1, True, 0, "blocked"), (0, False, 2, "failed")],
)
def test_it_failed_if_it_broke_off_or_a_request_failed_not_if_a_person_was_called(
    code, stopped, failed_requests, status
):
    assert unchanged(code, stopped=stopped, failed_requests=failed_requests) == status
