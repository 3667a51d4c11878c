"""Metrics in the text format: every label escaped, one family a name, a value a line."""

import re

from components.monitoring.accounts import Account
from components.monitoring.alerts import alerts
from components.monitoring.exposition import HELP, exposition
from components.monitoring.finding import Finding

FINDINGS = (
    Finding("drift", 'a"b\\c\nd', True, "It moved.", 0.3, 0.2, 0.4, 0.1),
    Finding("volume", "", False, "Enough.", 10.0, judged=False),
)
ACCOUNT = Account(
    "w", "served", "2016", "2016-01-01T00:00:00+00:00", "2017-01-01T00:00:00+00:00", "production", "b" * 64, 10, FINDINGS, {}
)  # fmt: skip
LINE = re.compile(r'\w+\{(\w+="(\\\\|\\"|\\n|[^"\\\n])*",?)*\} -?[\d.e+-]+')


def test_every_line_is_a_comment_or_a_sample():
    lines = exposition([ACCOUNT], alerts([ACCOUNT.judged], k=1, n=1, cooldown=0)).splitlines()
    assert lines
    assert all(line.startswith("# ") or LINE.fullmatch(line) for line in lines)


def test_the_alarm_and_its_numbers_are_there():
    text = exposition([ACCOUNT], alerts([ACCOUNT.judged], k=1, n=1, cooldown=0))
    assert r'subject="a\"b\\c\nd",severity="warning"} 1.0' in text
    assert (
        'monitoring_alerts_total{environment="production",bundle_id="bbbbbbbbbbbb",severity="warning"} 1.0'
        in text
    )
    assert "monitoring_window_end_timestamp_seconds" in text
    assert text.count("# TYPE") == len(set(re.findall(r"# TYPE (\w+)", text))) <= len(HELP)


def test_before_the_first_window_there_is_nothing_to_collect():
    assert exposition([], []) == ""


def test_two_logs_give_no_two_samples_of_one_name_and_labels():
    usual, other = (exposition([ACCOUNT.of(log, "")], []) for log in ("", "store/scores"))
    named = [
        {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"} for text in (usual, other)
    ]
    assert len(named[0]) == len(named[1]) > 0
    assert not named[0] & named[1]
