"""A label belongs to a log that has its request, or to a scoring that is there; all others are for nothing."""

import polars as pl
import pytest

from components.monitoring.strangers import unknown
from components.serving.prediction_log import PredictionLog, Record, request_ids, segments

SCORING = "s0123456789abcdef"


@pytest.fixture
def log(tmp_path):
    """A log of two requests, the second damaged in what it answered."""
    log = PredictionLog(tmp_path / "log", worker="w", mode="strict")
    log.append(
        *(Record(name, 0.0, "champion", "b", "1", {"x": [1]}, {"y_score": [0.5]}) for name in ("a:b", "c"))
    )
    log.close()
    return tmp_path / "log"


def labels(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"prediction_id": ids}, schema={"prediction_id": pl.String})


def test_a_label_of_a_request_in_the_log_is_not_unknown(log):
    assert unknown(labels("a:b:0", "a:b:7", "c:0", "a:0", "d:0"), [str(log)])["prediction_id"].to_list() == [
        "a:0",
        "d:0",
    ]


def test_a_label_of_a_scoring_that_is_there_is_not_unknown(log, tmp_path):
    scores = tmp_path / "scores" / SCORING
    scores.mkdir(parents=True)
    (scores / "done.json").write_text("{}")
    given = labels(f"{SCORING}:key:1", "s999:0", "c:0")
    assert unknown(given, [str(log), str(tmp_path / "scores")])["prediction_id"].to_list() == ["s999:0"]
    assert unknown(given, [str(scores)])["prediction_id"].to_list() == ["s999:0", "c:0"]


def test_logs_that_are_not_there_have_nothing(tmp_path):
    assert unknown(labels("c:0"), [str(tmp_path / "nowhere")]).height == 1
    assert unknown(labels(), [str(tmp_path / "nowhere")]).is_empty()


def test_ids_are_read_past_what_is_no_record(log):
    (segment,) = segments(log)
    segment.write_bytes(b"00000000 nothing\n\n" + segment.read_bytes() + b"0123")
    assert list(request_ids(segment)) == ["a:b", "c"]
