"""No error, and nothing that is recorded, shows credentials."""

import pytest

from components.data import source
from components.errors import DataError, redacted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://ada:pa55@host/x", "https://***@host/x"),
        ("at https://token@host: no", "at https://***@host: no"),
        ("https://host/x?token=pa55&user=ada end", "https://host/x?*** end"),
        ("postgresql://ada:p@ss/w0rd@host/db", "postgresql://***@host/db"),
        ("two: ftp://a:b@c/d and s3://e?f=g", "two: ftp://***@c/d and s3://e?***"),
        ("https://host:5000/x", "https://host:5000/x"),
        ("mail ada@host", "mail ada@host"),
        ("why? because", "why? because"),
    ],
)
def test_credentials_are_masked(text, wanted):
    assert redacted(text) == wanted
    assert str(DataError(text)) == wanted


def test_a_source_that_cannot_be_read_is_named_without_its_password():
    with pytest.raises(DataError) as caught:
        source.read("ftp://ada:pa55@127.0.0.1:9/table.csv")
    assert "127.0.0.1" in str(caught.value)
    assert "pa55" not in str(caught.value)
