from dataclasses import replace

from components.data.catalog import listing
from components.data.snapshot import Snapshot

KEPT = [
    Snapshot(
        "d0000000000000001", 173871, ("age", "sex"), 547451, "2026-01-02T03:04:05+00:00", "data/a.parquet"
    ),
    Snapshot("d0000000000000002", 5, ("age",), 1, "2026-02-02T03:04:05+00:00", "s3://bucket/b"),
]


def test_each_version_has_a_line() -> None:
    assert listing(KEPT).splitlines() == [
        "version               rows  columns    size  taken                      source",
        "d0000000000000001  173,871        2  0.5 MB  2026-01-02T03:04:05+00:00  data/a.parquet",
        "d0000000000000002        5        1  0.0 MB  2026-02-02T03:04:05+00:00  s3://bucket/b",
    ]


def test_the_runs_that_used_a_version_stand_beside_it() -> None:
    lines = listing(KEPT, {"d0000000000000001": ["TrainFlow/7", "TrainFlow/9"]}).splitlines()
    assert lines[0].endswith("runs")
    assert lines[1].endswith("TrainFlow/7, TrainFlow/9")
    assert lines[2].endswith("none")


def test_an_empty_store_says_what_to_do() -> None:
    assert "make train" in listing([])


def test_what_exactly_was_read_stands_with_the_source() -> None:
    pin = (("git commit", "0123456789abcdef0123"), ("md5 t.csv", "c40e"))
    kept = replace(KEPT[0], source="dvc://tables/t.csv", pin=pin)
    assert listing([kept]).splitlines()[1].endswith("dvc://tables/t.csv at git commit 0123456789abcd... (+1)")
