"""Checks lead to a decision; what was not judged never approves."""

import pytest

from components.validation.gates import Check, Limit, judge, outcome


def check(code, status="passed"):
    return Check(code, "a title", status, 0.5, None, 0.4, "a reason")


@pytest.mark.parametrize("code", ["B01", "P01", "U01"])
def test_one_gate_of_the_model_that_passed_is_enough(code):
    assert (
        outcome((check("D03"), check(code), check("C01", "not_applicable"), check("F01", "waived")))
        == "approved"
    )


def test_one_failure_blocks():
    assert outcome((check("P01"), check("S02", "failed"))) == "rejected"


@pytest.mark.parametrize("status", ["waived", "not_applicable"])
def test_gates_that_pass_for_any_model_approve_none(status):
    shown = [check(code, status) for code in ("B01", "P01", "U01")]
    assert outcome((check("D03"), check("L01"), check("T01"), *shown)) == "rejected"


def test_nothing_approves_nothing():
    assert outcome(()) == "rejected"


@pytest.mark.parametrize(
    ("code", "status"), [("P01", "not_applicable"), ("T01", "failed"), ("E01", "failed")]
)
def test_without_a_threshold_a_gate_says_so_and_those_on_the_evidence_fail(code, status):
    found = judge(
        code,
        "a title",
        limit=Limit(None),
        direction="at most",
        bound=0.1,
        measured="The error",
        remedy="Mend it.",
    )
    assert found.status == status
    assert found.reason.startswith("NOT JUDGED: The error is 0.1, but gates.")


def test_a_number_that_is_none_never_passes():
    options = {"limit": Limit(0.1), "measured": "The error", "remedy": "Mend it.", "bound": float("nan")}
    assert {
        judge("P01", "a title", direction=direction, **options).status
        for direction in ("at most", "less than", "at least", "more than")
    } == {"failed"}
