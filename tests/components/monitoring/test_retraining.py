"""Alerts ask for another training once a window, and only those of the kinds that are meant."""

from components.monitoring.alerts import Alert
from components.monitoring.retraining import causes

ENDS = {"production-2016-abc-served": "2017-01-01T00:00:00+00:00", "production-2016-abc-labelled": "2017-01-01T00:00:00+00:00",
    "production-2017-abc-labelled": "2018-01-01T00:00:00+00:00"}  # fmt: skip


def alert(window, kind, subject="") -> Alert:
    return Alert(
        f"{window} {kind} {subject}",
        window,
        window.split("-")[1],
        kind,
        subject,
        "critical",
        (),
        f"{kind} is off",
    )


def test_one_cause_a_window_however_many_alerts_and_stages():
    given = [
        alert("production-2016-abc-served", "drift", "age"),
        alert("production-2017-abc-labelled", "calibration"),
        alert("production-2016-abc-labelled", "calibration"),
    ]
    found = causes(given, ENDS, ("calibration", "drift"))
    assert [each.cause_id for each in found] == [
        "retraining production-2016-abc", "retraining production-2017-abc",
    ]  # fmt: skip
    assert found[0].alerts == (given[0].alert_id, given[2].alert_id)
    assert found[0].reason == "critical: drift age in 2016: drift is off (and 1 more alerts)"
    assert [each.end[:4] for each in found] == ["2017", "2018"]


def test_other_kinds_ask_for_nothing():
    assert causes([alert("production-2016-abc-served", "volume")], ENDS, ("calibration",)) == []
    assert causes([], ENDS, ("calibration",)) == []


def test_two_logs_of_one_window_ask_once():
    """The server's log and batch scores of one champion are watched apart; one training answers both."""
    given = [
        alert("production-2016-abc-labelled", "calibration"),
        alert("production-2016-abc-labelled-0123abcd", "calibration"),
    ]
    ends = {each.window_id: "2017-01-01T00:00:00+00:00" for each in given}
    (one,) = {cause.cause_id for each in given for cause in causes([each], ends, ("calibration",))}
    assert one == "retraining production-2016-abc"
