"""A log in the cloud, as far as it is asked for."""

from datetime import UTC, date, datetime

import fsspec
import pytest

from components.errors import DataError
from components.monitoring.places import fetched
from components.store import Store

DAYS = ("2016-03-01", "2016-03-03", "2016-03-04", "2016-03-05")


@pytest.fixture
def log():
    """A log of four days beside the scores of one table, in a file system of the memory."""
    store = Store("memory://bucket/predictions")
    for day in DAYS:
        store.write(f"{day}/a.jsonl", day.encode())
    store.write("s0123456789abcdef/done.json", b"{}")
    yield store.root
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_segments_from_the_day_before_on_and_all_scores_are_fetched(log):
    with fetched(log, date(2016, 3, 4)) as folder:
        found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        assert found == [*(f"{day}/a.jsonl" for day in DAYS[1:]), "s0123456789abcdef/done.json"]
        assert (folder / DAYS[3] / "a.jsonl").read_text() == DAYS[3]
        written = (folder / "s0123456789abcdef" / "done.json").stat().st_mtime
        assert abs(Store(log).changed("s0123456789abcdef/done.json").timestamp() - written) < 1
        assert written <= datetime.now(UTC).timestamp()
    assert not folder.exists()


def test_a_folder_of_this_machine_is_read_where_it_is(tmp_path):
    with fetched(str(tmp_path), date(2016, 3, 4)) as folder:
        assert folder == tmp_path
    assert tmp_path.exists()


def test_an_address_where_nothing_lies_is_told(log):
    with pytest.raises(DataError, match="LOG="), fetched(f"{log}/nothing", date(2016, 3, 4)):
        pass
