"""Files that DVC tracks: the revision that is meant, fetched from the remote, checked."""

import hashlib
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.source import take
from components.data.sources import dvc
from components.data.sources.dvc import parted
from components.errors import ConfigError, DataError
from tests.components.data.sources.repository import Repository

TABLE = "data/table.parquet"


@pytest.fixture(scope="module")
def repository(
    sample: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Repository, list[str]]:
    """A repository and the commits of its two versions; the first, of ten rows, has the tag ``first``."""
    made = Repository(tmp_path_factory.mktemp("dvc") / "tables")
    commits = [made.commit(sample[:10])]
    made.run("git", "tag", "--annotate", "first", "--message", "ten rows")
    (made.root / "data" / "parts").mkdir()
    for number in range(2):
        sample[number * 5 : number * 5 + 5].write_parquet(made.root / "data" / "parts" / f"{number}.parquet")
    made.track("data/parts")
    (made.root / "data" / "plain.csv").write_text("a,b\n1,2\n")
    commits.append(made.commit(sample[10:15]))
    return made, commits


def test_the_newest_commit_is_read_by_default_and_pinned(
    repository: tuple[Repository, list[str]], sample: pl.DataFrame, tmp_path: Path
) -> None:
    made, commits = repository
    taken = take(f"dvc://{made.root}/{TABLE}")
    assert_frame_equal(taken.table, sample[10:15])
    sample[10:15].write_parquet(tmp_path / "same.parquet")
    md5 = hashlib.md5((tmp_path / "same.parquet").read_bytes()).hexdigest()
    assert dict(taken.pin) == {"git commit": commits[1], f"md5 {TABLE}": md5}


@pytest.mark.parametrize("revision", ["first", "HEAD~2", "commit", "short"])
def test_an_older_revision_is_read(
    repository: tuple[Repository, list[str]], sample: pl.DataFrame, revision: str
) -> None:
    made, commits = repository
    named = {"commit": commits[0], "short": commits[0][:9]}.get(revision, revision)
    taken = take(f"dvc://{made.root}/{TABLE}", revision=named)
    assert taken.pin[0] == ("git commit", commits[0])
    assert_frame_equal(taken.table, sample[:10])


def test_the_working_copy_does_not_count(
    repository: tuple[Repository, list[str]], sample: pl.DataFrame
) -> None:
    made, _ = repository
    sample[:1].write_parquet(made.root / TABLE)
    assert take(f"dvc://{made.root}/{TABLE}").table.height == 5


def test_a_tracked_folder_is_read_whole(
    repository: tuple[Repository, list[str]], sample: pl.DataFrame
) -> None:
    taken = take(f"dvc://{repository[0].root}/data/parts")
    assert_frame_equal(taken.table, sample[:10])
    assert [name for name, _ in taken.pin] == ["git commit", "md5 0.parquet", "md5 1.parquet"]


def test_a_repository_has_an_address_too(
    repository: tuple[Repository, list[str]], sample: pl.DataFrame, tmp_path: Path
) -> None:
    made, commits = repository
    made.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "tables.git"))
    taken = take(f"dvc://file://{tmp_path}/tables.git/{TABLE}", revision="first")
    assert taken.pin[0] == ("git commit", commits[0])
    assert_frame_equal(taken.table, sample[:10])


@pytest.fixture
def address(repository: tuple[Repository, list[str]], tmp_path: Path) -> str:
    """The repository's address; ``team/main`` and ``both``, of a branch, are the first commit, the tag ``both`` the second."""
    made, commits = repository
    bare = tmp_path / "tables.git"
    made.run("git", "clone", "--quiet", "--bare", ".", str(bare))
    for words in (("branch", "team/main"), ("branch", "both"), ("branch", "x/refs/heads/main")):
        made.run("git", "-C", str(bare), *words, commits[0])
    made.run("git", "-C", str(bare), "tag", "both", commits[1])
    made.run("git", "-C", str(bare), "tag", "alike", commits[0])
    made.run("git", "-C", str(bare), "branch", "alike", commits[0])
    return f"file://{bare}"


@pytest.mark.parametrize(
    ("revision", "which"),
    [
        ("HEAD", 1),
        ("main", 1),
        ("team/main", 0),
        ("refs/heads/main", 1),
        ("refs/tags/first", 0),
        ("alike", 0),
    ],
)
def test_an_address_gives_the_branch_of_exactly_this_name(
    repository: tuple[Repository, list[str]], address: str, revision: str, which: int
) -> None:
    assert dvc._commit(address, revision) == repository[1][which]


def test_what_only_ends_like_a_branch_is_none(address: str) -> None:
    with pytest.raises(DataError, match="has no revision 'heads/main'"):
        take(f"dvc://{address}/{TABLE}", revision="heads/main")


def test_a_name_of_a_branch_and_of_another_tag_is_refused(address: str) -> None:
    with pytest.raises(DataError, match="'both' names both refs/heads/both and refs/tags/both, which differ"):
        take(f"dvc://{address}/{TABLE}", revision="both")


def test_a_text_that_dvc_2_tracked_is_known_by_its_lines(tmp_path: Path) -> None:
    """DVC 2 left CRLF in the file and out of its MD5, and had no ``hash: md5`` beside it."""
    written = b"a,b\r\n" + b"1,2\r\n" * 200_000  # more than a mebibyte, which DVC reads at a time
    md5 = hashlib.md5()
    for start in range(0, len(written), 2**20):
        md5.update(written[start : start + 2**20].replace(b"\r\n", b"\n"))
    made, found = Repository(tmp_path / "old"), md5.hexdigest()
    kept = made.remote / found[:2] / found[2:]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(written)
    (made.root / "t.csv.dvc").write_text(f"outs:\n- md5: {found}\n  size: {len(written)}\n  path: t.csv\n")
    made.run("git", "add", ".")
    made.run("git", "commit", "--quiet", "--message", "an old table")
    taken = take(f"dvc://{made.root}/t.csv")
    assert taken.table.shape == (200_000, 2)
    assert taken.pin[1] == ("md5 t.csv", found)
    kept.write_bytes(written.replace(b"1,2", b"1,3", 1))
    made.run("rm", "-r", "-f", ".dvc/cache")
    with pytest.raises(DataError, match=r"t\.csv: DVC tracks it with the MD5"):
        take(f"dvc://{made.root}/t.csv")


@pytest.mark.parametrize(
    ("place", "revision", "sentence"),
    [
        (TABLE, "nowhere", "git -C: fatal"),
        (TABLE, "0" * 40, "unknown Git revision"),
        (TABLE, "--help", "git -C: fatal"),
        ("data/none.parquet", "", "dvc list: ERROR"),
        ("data/plain.csv", "", "is not tracked by DVC"),
    ],
)
def test_what_is_not_there_is_named(
    repository: tuple[Repository, list[str]], place: str, revision: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        take(f"dvc://{repository[0].root}/{place}", revision=revision)


def test_a_remote_that_lost_the_file_is_told(sample: pl.DataFrame, tmp_path: Path) -> None:
    made = Repository(tmp_path / "tables")
    made.commit(sample[:10])
    made.remote.rename(tmp_path / "gone")
    with pytest.raises(DataError, match="dvc get: ERROR"):
        take(f"dvc://{made.root}/{TABLE}")


def test_a_folder_without_a_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of its folders is a DVC repository"):
        take(f"dvc://{tmp_path}/{TABLE}")


def test_an_address_ends_with_its_git() -> None:
    assert parted("https://host/team/tables.git/data/t.csv") == ("https://host/team/tables.git", "data/t.csv")


def test_without_the_program_it_is_said_what_installs_it(
    repository: tuple[Repository, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = Path("/usr/bin/git")
    (tmp_path / "git").symlink_to(git.resolve())
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"needs the program dvc, .*`make sources`"):
        take(f"dvc://{repository[0].root}/{TABLE}")
