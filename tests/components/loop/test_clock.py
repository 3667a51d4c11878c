"""A log moved in time: each request once, in the order of the time that it stands for, all else as it was."""

from datetime import UTC, datetime

import pytest

from components.loop.clock import Clock
from components.serving import prediction_log
from components.serving.prediction_log import PredictionLog, Record


@pytest.fixture
def served(tmp_path):
    log = PredictionLog(tmp_path / "served", worker="a", mode="strict")
    yield log
    log.close()


def answered(number: int, variant: str = "champion") -> Record:
    return Record(
        f"2016-{number}",
        1e9 + number,
        variant,
        "b" * 64,
        "TrainFlow/1",
        {"age": [30, 40]},
        {"y_pred": [0, 1]},
    )


def in_2016(record: Record) -> float | None:
    name, _, number = record.request_id.partition("-")
    return datetime(2016, 1, 1 + int(number), tzinfo=UTC).timestamp() if name == "2016" else None


def test_requests_are_moved_to_the_time_that_they_stand_for(tmp_path, served):
    served.append(answered(3), answered(1))
    Clock(tmp_path / "served", tmp_path / "told").move(in_2016)
    told, damaged = prediction_log.read(tmp_path / "told")
    assert damaged == 0
    assert told["served_at"].dt.day().to_list() == [2, 2, 4, 4]
    assert told["prediction_id"].to_list() == ["2016-1:0", "2016-1:1", "2016-3:0", "2016-3:1"]
    assert told["age"].to_list() == [30, 40, 30, 40]


def test_each_request_is_moved_once_however_often_it_is_looked_at(tmp_path, served):
    clock = Clock(tmp_path / "served", tmp_path / "told")
    served.append(answered(1))
    clock.move(in_2016)
    served.append(answered(2, "challenger"))
    clock.move(in_2016)
    clock.move(in_2016)
    told, _ = prediction_log.read(tmp_path / "told")
    assert told["prediction_id"].to_list() == ["2016-1:0", "2016-1:1", "2016-2:0", "2016-2:1"]
    assert told["variant"].unique().sort().to_list() == ["challenger", "champion"]
    assert clock.moved == {"2016-1", "2016-2"}


def test_the_clock_never_goes_back(tmp_path, served):
    clock = Clock(tmp_path / "served", tmp_path / "told")
    served.append(answered(5))
    clock.move(in_2016)
    served.append(answered(2))
    clock.move(in_2016)
    told, _ = prediction_log.read(tmp_path / "told")
    assert told["served_at"].is_sorted()


def test_requests_of_no_period_are_left_out(tmp_path, served):
    served.append(Record("later-1", 1e9, "champion", "b" * 64, "TrainFlow/1", {"age": [30]}, {"y_pred": [0]}))
    clock = Clock(tmp_path / "served", tmp_path / "told")
    clock.move(in_2016)
    assert clock.moved == set()
