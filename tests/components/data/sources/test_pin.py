from components.data.sources.pin import compact, fact, pin


def test_what_is_not_known_is_left_out() -> None:
    assert pin({"snapshot": "1:1:", "lsn": ""}) == (("snapshot", "1:1:"),)


def test_a_fact_that_is_not_there_is_empty() -> None:
    assert fact(pin({"delta version": "3"}), "delta version") == "3"
    assert fact((), "delta version") == ""


def test_the_most_telling_fact_stands_for_all() -> None:
    assert compact(pin({"git commit": "0123456789abcdef0123", "md5 t.csv": "c40e"})) == (
        "git commit 0123456789abcd... (+1)"
    )
    assert compact(pin({"delta version": "3"})) == "delta version 3"
    assert compact(pin({"query": "SELECT\n  1"})) == "query SELECT 1"
    assert compact(()) == ""
