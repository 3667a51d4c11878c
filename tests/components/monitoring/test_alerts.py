"""k of n windows, a cooldown, and the same alerts however often a history is read."""

from components.monitoring.alerts import Judged, alerts
from components.monitoring.finding import Finding


def window(number: int, *alarms: str, severity: str = "warning") -> Judged:
    findings = [Finding("drift", name, name in alarms, f"{name} moved.", severity=severity) for name in "ab"]
    return Judged(f"w{number}", str(number), tuple(findings))


def told(history: list[Judged], k: int = 1, n: int = 1, cooldown: int = 0) -> list[tuple[str, str]]:
    return [(each.label, each.subject) for each in alerts(history, k=k, n=n, cooldown=cooldown)]


def test_one_of_one_tells_of_each_alarm():
    assert told([window(1, "a"), window(2), window(3, "a", "b")]) == [("1", "a"), ("3", "a"), ("3", "b")]


def test_two_of_three_waits_for_the_second():
    history = [window(1, "a"), window(2), window(3, "a"), window(4, "b"), window(5)]
    assert told(history, k=2, n=3) == [("3", "a")]


def test_alarms_further_apart_are_not_added_up():
    assert told([window(1, "a"), window(2), window(3), window(4, "a")], k=2, n=3) == []


def test_after_an_alert_the_same_is_not_told_again_for_a_while():
    history = [window(number, "a") for number in range(1, 7)]
    assert told(history, cooldown=2) == [("1", "a"), ("4", "a")]


def test_what_became_critical_is_told_in_spite_of_the_cooldown():
    history = [window(1, "a"), window(2, "a", severity="critical"), window(3, "a", severity="critical")]
    assert told(history, cooldown=5) == [("1", "a"), ("2", "a")]


def test_a_longer_history_gives_the_same_alerts_first():
    history = [window(number, *("a" if number % 2 else "")) for number in range(1, 12)]
    whole = alerts(history, k=2, n=4, cooldown=1)
    for end in range(len(history)):
        part = alerts(history[:end], k=2, n=4, cooldown=1)
        assert whole[: len(part)] == part


def test_an_alert_says_why_and_how_often():
    (alert,) = alerts([window(1, "a"), window(2, "a")], k=2, n=3, cooldown=0)
    assert alert.title == "warning: drift a in 2"
    assert alert.reason == "a moved. It alarmed in 2 of the last 3 windows (1, 2); 2 make an alert."
