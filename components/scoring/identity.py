"""What a row of a scored table is called: by its key, or by its place in the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from components.errors import ContractError

IDENTITY = "prediction_id"
PASS_ROWS = 4_000_000
"""So many keys are compared at once; a larger table is gone through several times."""

Identities = Callable[[], Iterable[pl.Series]]


def identities(table: pl.DataFrame, key: Sequence[str], first: int) -> pl.Series:
    r"""The name of each row within its table; null where a part of the key is missing.

    Args:
        table: the rows.
        key: the columns that together identify a row, which are joined by ``|`` (``|`` and ``\`` within them are
            escaped, so that no two keys are written alike); none for the number of the row in the table, from 0.
        first: the number of the first row.
    """
    if not key:
        return pl.int_range(first, first + table.height, eager=True, dtype=pl.Int64).alias(IDENTITY)
    parts = [pl.col(name).cast(pl.String) for name in key]
    if len(key) > 1:
        parts = [part.str.replace_all(r"([\\|])", r"\$1") for part in parts]
    return table.select(pl.concat_str(parts, separator="|").alias(IDENTITY)).to_series()


def repeated(each: Identities, rows: int, most: float, key: Sequence[str]) -> pl.Series:
    """The names that come more than once; memory does not grow with the table.

    Args:
        each: the names of all rows, batch by batch; asked several times.
        rows: at most how many there are.
        most: how many rows may be set aside.
        key: the columns, for the error.

    Raises:
        ContractError: more rows than that have a key that others have too.
    """
    passes, suspects, found = max(1, -(-rows // PASS_ROWS)), [], 0
    for turn in range(passes):
        hashes = pl.concat([_of_turn(names, passes, turn) for names in each()])
        twice = hashes.filter(hashes.is_duplicated())
        suspects.append(twice.unique())
        found += len(twice)
        if found > most:
            raise ContractError(
                f"At least {found:,} of {rows:,} rows have a key ({', '.join(key)}) that others have too, so that their predictions "
                "could not be told apart. Correct the source, or data.key in config.toml."
            )
    if not found:
        return pl.Series([], dtype=pl.String)
    hashes = pl.concat(suspects)
    # Two different keys may have one hash.
    names = pl.concat([names.filter(names.hash().is_in(hashes.implode())) for names in each()])
    return names.filter(names.is_duplicated()).unique()


def _of_turn(names: pl.Series, passes: int, turn: int) -> pl.Series:
    hashes = names.drop_nulls().hash()
    return hashes.filter(hashes % passes == turn)
