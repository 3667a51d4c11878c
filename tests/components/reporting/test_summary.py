from dataclasses import replace

import pytest

from components.reporting import summary
from components.validation.gates import Check, Decision


def check(code="P01", status="passed", reason="It is 0.77, at least 0.74, as it must be.", title=None):
    return Check(code, title or f"Title of {code}", status, 0.78, (0.77, 0.79), 0.74, reason)


def decision(*checks, outcome="approved"):
    return Decision(outcome, "TrainFlow/1", "d1", "h1", 1, "b1", checks)


FAILED = check("F01", "failed", "It is 0.3; it must be at most 0.25. Narrow it.", "Difference by sex")
WAIVED = check("F02", "waived", "It is 0.4; at most 0.35. Waived: until May, the board", "Odds by age")
SILENT = check("K02", "not_applicable", "NOT JUDGED: gates.K02.threshold is not set.")
NO_CHAMPION = check("C01", "not_applicable", "There is no champion to compare with yet.")


def test_an_approval_says_what_is_allowed():
    assert summary.headline(decision(check())) == "This model may be deployed."


def test_a_rejection_says_what_is_forbidden():
    assert summary.headline(decision(FAILED, outcome="rejected")) == "This model must not be deployed."


def test_the_count_of_judged_checks_leaves_out_those_not_judged():
    told = summary.explanation(decision(check(), check(), WAIVED, SILENT))
    assert told == (
        "2 of 3 checks passed and none failed. 1 would have failed and was let pass for a recorded reason. "
        "1 more could not be judged."
    )


def test_a_failure_is_told_first():
    told = summary.explanation(decision(check(), FAILED, outcome="rejected"))
    assert told == "1 of 2 checks failed, and a single failure blocks."


def test_nothing_passed_is_not_sold_as_nothing_failed():
    assert summary.explanation(decision(SILENT, outcome="rejected")).startswith(
        "None of B01, P01, U01 passed"
    )


def test_failures_go_to_their_owners_with_what_to_do():
    first = summary.actions(decision(FAILED, check("S01", "failed"), outcome="rejected"))[0]
    assert (first.who, first.codes) == ("Product owner, with the data scientist", ("F01",))
    assert first.details == ("Difference by sex. It is 0.3; it must be at most 0.25. Narrow it.",)


@pytest.mark.parametrize("letter", sorted(summary.CONCERNS))
def test_every_concern_has_an_owner(letter):
    assert summary.OWNERS[letter]


def test_a_fast_run_is_no_matter_of_the_data_s_owner():
    fast = check("D03", "failed", "This was a fast run.")
    assert summary.actions(decision(fast, outcome="rejected"))[0].who == "Data scientist"


def test_a_waiver_asks_for_confirmation_and_repeats_its_reason():
    action = summary.actions(decision(check(), WAIVED))[0]
    assert action.codes == ("F02",)
    assert action.details == ("Odds by age: “until May, the board”",)


def test_a_missing_threshold_is_someones_task_and_a_missing_champion_is_not():
    codes = [action.codes for action in summary.actions(decision(check(), SILENT, NO_CHAMPION))]
    assert codes == [("K02",), ()]


@pytest.mark.parametrize(
    ("outcome", "what"), [("approved", "Deploy the bundle"), ("rejected", "Leave the present model in place")]
)
def test_the_platform_is_told_what_comes_next(outcome, what):
    assert summary.actions(decision(check(), outcome=outcome))[-1].what.startswith(what)


def test_checks_stand_under_their_concerns():
    names = [name for name, _ in summary.by_concern((check("P01"), check("P02"), FAILED))]
    assert names == ["Performance", "Fairness"]


def test_one_waiver_covers_its_checks_together():
    also = replace(WAIVED, code="F01", title="Difference by age")
    assert summary.waivers([WAIVED, also, FAILED]) == {"until May, the board": [WAIVED, also]}


@pytest.mark.parametrize(
    ("value", "interval", "written"),
    [(0.78123, (0.7716, 0.7911), "0.781 (0.772 to 0.791)"), (0.66, None, "0.660"), (None, None, "–")],
)
def test_values_are_written_with_their_interval(value, interval, written):
    assert summary.value_of(replace(FAILED, value=value, interval=interval)) == written
