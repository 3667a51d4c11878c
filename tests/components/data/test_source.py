import gc
import logging
import tempfile
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import fsspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.source import load, read, take
from components.errors import ConfigError, DataError


@pytest.fixture
def parquet(sample: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    sample.write_parquet(path)
    return path


@pytest.fixture
def csv(sample: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    sample.write_csv(path)
    return path


def test_parquet_keeps_its_types(parquet: Path, sample: pl.DataFrame) -> None:
    assert_frame_equal(load(str(parquet)), sample)


def test_the_values_of_a_csv_stay_texts(csv: Path, sample: pl.DataFrame) -> None:
    assert_frame_equal(load(str(csv)), sample.select(pl.all().cast(pl.String)))


def test_nothing_is_read_before_it_is_asked_for(parquet: Path) -> None:
    assert isinstance(read(str(parquet)), pl.LazyFrame)


def test_an_empty_field_of_a_csv_is_missing(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,\n")
    assert load(str(tmp_path / "table.csv"))["b"].to_list() == [None]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_folder_is_read_in_the_order_of_its_names(
    suffix: str, sample: pl.DataFrame, tmp_path: Path
) -> None:
    texts = sample.select(pl.all().cast(pl.String))
    (tmp_path / "part=2").mkdir()
    for name, part in {"b": texts[20:30], "a": texts[:20], "part=2/c": texts[30:60]}.items():
        getattr(part, f"write_{suffix}")(tmp_path / f"{name}.{suffix}")
    assert_frame_equal(load(str(tmp_path)), texts[:60])


def test_what_writers_leave_beside_a_table_is_left_out(parquet: Path, sample: pl.DataFrame) -> None:
    for name in ("_SUCCESS", ".table.parquet.crc", "_temporary.parquet", "README.md"):
        (parquet.parent / name).write_text("not a table")
    assert_frame_equal(load(str(parquet.parent)), sample)


def test_files_may_store_a_column_differently(sample: pl.DataFrame, tmp_path: Path) -> None:
    sample[:10].write_parquet(tmp_path / "a.parquet")
    wider = sample[10:20].with_columns(pl.col("age").cast(pl.Int64)).select(reversed(sample.columns))
    wider.write_parquet(tmp_path / "b.parquet")
    assert load(str(tmp_path))["age"].to_list() == sample["age"][:20].to_list()


@pytest.mark.parametrize("place", ["memory://tables/one.parquet", "memory://tables"])
def test_a_url_is_read_like_a_path(place: str, parquet: Path, sample: pl.DataFrame) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/tables/one.parquet", parquet.read_bytes())
    assert_frame_equal(load(place), sample)


def test_a_file_url_is_a_path(parquet: Path, sample: pl.DataFrame) -> None:
    assert_frame_equal(load(parquet.as_uri()), sample)


def test_only_the_columns_asked_for_are_read(parquet: Path) -> None:
    assert load(str(parquet), columns=["race", "age"]).columns == ["race", "age"]


def test_a_column_that_is_not_there_is_named(parquet: Path) -> None:
    with pytest.raises(DataError, match=r"has no column income; it has year, age"):
        load(str(parquet), columns=["age", "income"])


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.parquet does not exist"):
        load(str(tmp_path / "nowhere.parquet"))


def test_a_folder_without_tables_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no table")
    with pytest.raises(DataError, match=r"holds no \.parquet and no \.csv file \(only notes\.txt"):
        load(str(tmp_path))


def test_a_mixed_folder_is_refused(parquet: Path, csv: Path) -> None:
    with pytest.raises(DataError, match=r"mixes \.csv and \.parquet"):
        load(str(parquet.parent))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"ends neither in \.parquet nor in \.csv"):
        load(str(tmp_path / "table.xlsx"))


def test_files_with_different_columns_are_named(sample: pl.DataFrame, tmp_path: Path) -> None:
    sample.write_parquet(tmp_path / "a.parquet")
    sample.drop("race").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet and a\.parquet do not have the same columns \(race\)"):
        load(str(tmp_path))


def test_files_whose_types_do_not_fit_are_refused(sample: pl.DataFrame, tmp_path: Path) -> None:
    sample.write_parquet(tmp_path / "a.parquet")
    sample.with_columns(pl.date("year", 1, 1).alias("age")).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="one type in one file and another in the next"):
        load(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing more"])
def test_a_parquet_file_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"table\.parquet cannot be read"):
        load(str(tmp_path / "table.parquet"))


def test_a_truncated_parquet_file_is_named(parquet: Path) -> None:
    parquet.write_bytes(parquet.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"table\.parquet cannot be read"):
        read(str(parquet))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n", b"a,b\n1,\xff\xfe\n"])
def test_a_csv_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"table\.csv cannot be read"):
        load(str(tmp_path / "table.csv"))


def test_a_protocol_that_nobody_knows_is_named() -> None:
    with pytest.raises(DataError, match="gopher://table cannot be read: Protocol not known"):
        load("gopher://table")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_fields_of_a_csv_are_parted_by_what_parts_its_head(tmp_path: Path, mark: str) -> None:
    (tmp_path / "table.csv").write_text(f'"a,b; c"{mark}d\n"1{mark}5"{mark}x\n')
    assert load(str(tmp_path / "table.csv")).rows() == [(f"1{mark}5", "x")]


def test_a_mark_of_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes("\ufeffa,b\n1,2\n".encode())
    assert load(str(tmp_path / "table.csv")).columns == ["a", "b"]


@pytest.mark.parametrize("content", ["na\u00efve,b\n1,2\n", "a,b\n1,\u00e9\n"])
def test_texts_that_are_not_utf_8_are_said_to_be_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match="not in UTF-8; save it"):
        load(str(tmp_path / "table.csv"))


def test_a_column_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,a,b\n1,2,3\n")
    with pytest.raises(DataError, match=r"\['a'\] more than once"):
        load(str(tmp_path / "table.csv"))


def test_files_are_taken_without_a_pin(parquet: Path, sample: pl.DataFrame) -> None:
    taken = take(str(parquet))
    assert_frame_equal(taken.table, sample)
    assert taken.pin == ()


def test_what_was_pinned_is_asked_for_again(parquet: Path) -> None:
    query = f"SELECT age FROM '{parquet}' ORDER BY age LIMIT 5"
    first = take("duckdb:", query=query)
    again = take("duckdb:", query="SELECT 1", pinned=first.pin)
    assert_frame_equal(again.table, first.table)


def test_a_source_of_sql_can_be_read_like_a_file(parquet: Path) -> None:
    frame = read("duckdb:", columns=["age"], query=f"SELECT age, race FROM '{parquet}'")
    assert frame.collect().columns == ["age"]


@pytest.mark.parametrize("options", [{"query": "SELECT 1"}, {"revision": "main"}])
def test_what_does_not_go_with_a_file_is_refused(parquet: Path, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.(query|revision): only"):
        take(str(parquet), **options)


def test_a_revision_of_a_folder_without_a_delta_table_is_refused(parquet: Path) -> None:
    with pytest.raises(DataError, match="is no Delta table"):
        take(str(parquet.parent), revision="3")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_are_read_one_by_one_as_they_stand_in_the_table(
    form: str, csv: Path, parquet: Path, sample: pl.DataFrame
) -> None:
    path = csv if form == "csv" else parquet
    taken = take(str(path))
    assert (taken.names, taken.rows) == (sample.columns, sample.height)
    assert_frame_equal(pl.DataFrame([taken.column(name) for name in taken.names]), load(str(path)))


def test_a_column_without_a_name_is_read_too(tmp_path: Path) -> None:
    table = pl.DataFrame({"": ["1"], "a": ["2"]})
    table.write_csv(tmp_path / "table.csv")
    taken = take(str(tmp_path / "table.csv"))
    assert [taken.column(name).item() for name in taken.names] == ["1", "2"]


def test_what_is_kept_of_a_csv_goes_with_the_last_who_may_read_it(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    taken = take(str(csv))
    assert list((tmp_path / "temporary").rglob("*.parquet"))
    del taken
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_nothing_is_kept_of_a_csv_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    with pytest.raises(DataError, match=r"table\.csv cannot be read"):
        take(str(tmp_path / "table.csv"))
    assert not list((tmp_path / "temporary").iterdir())


def test_files_that_change_between_two_columns_are_refused(parquet: Path, sample: pl.DataFrame) -> None:
    taken = take(str(parquet))
    taken.column("age")
    sample.reverse().write_parquet(parquet)
    with pytest.raises(DataError, match=r"table\.parquet changed while it was read; run again"):
        taken.column("race")


def test_a_file_that_is_added_to_a_folder_meanwhile_is_refused(parquet: Path, sample: pl.DataFrame) -> None:
    taken = take(str(parquet.parent))
    sample.write_parquet(parquet.with_name("another.parquet"))
    with pytest.raises(DataError, match="changed while it was read"):
        taken.column("race")


class Closed(BaseHTTPRequestHandler):
    """A site that lets nobody in."""

    def do_GET(self) -> None:
        self.send_error(403)

    def do_HEAD(self) -> None:
        self.send_error(403)

    def log_message(self, *said: object) -> None:
        logging.getLogger(__name__).debug("%s", said)


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a site that answers 403 to everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("address", ["t.csv?file=pa55", "folder?file=pa55"])
@pytest.mark.parametrize("call", [take, read, load])
def test_no_part_of_a_traceback_shows_what_an_address_asks_for(
    closed: str, address: str, call: Callable[[str], object]
) -> None:
    with pytest.raises(DataError, match=r"cannot be read|does not exist") as refused:
        call(f"{closed}/{address}")
    assert "pa55" not in "".join(traceback.format_exception(refused.value))


def test_a_csv_whose_lines_end_in_carriage_returns_alone_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\r1,2\r3,4\r")
    with pytest.raises(DataError, match=r"t\.csv cannot be read: its lines end in a carriage return alone"):
        load(str(tmp_path / "t.csv"))
