"""Who was the champion, and when: promotions, rollbacks, and the same bundle again."""

from components.release.ledger import Ledger
from components.release.tenures import tenures
from components.store import Store


def test_each_champion_has_its_time(tmp_path):
    ledger = Ledger(Store(str(tmp_path)))

    def happen(event, name, environment="production"):
        entry = ledger.append(
            event=event, run=f"TrainFlow/{name}", bundle_id=name * 64, by="ada", why="so", details={"environment": environment}
        )  # fmt: skip
        return entry.at

    def found():
        return [
            (each.promotion.bundle_id[0], each.since.isoformat(), each.until and each.until.isoformat())
            for each in tenures(ledger.entries())
        ]

    assert found() == []
    a = happen("promoted", "a")
    happen("promoted", "a")
    happen("promoted", "x", "staging")
    assert found() == [("a", a, None)]
    b = happen("promoted", "b")
    back = happen("rolled back", "b")
    assert found() == [("a", a, b), ("b", b, back), ("a", back, None)]
    gone = happen("rolled back", "a")
    assert found()[-1] == ("a", back, gone)
    c = happen("promoted", "c")
    assert found()[3:] == [("c", c, None)]
