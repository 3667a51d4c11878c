"""C01: not worse than the champion, on rows that neither has seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from components.data import split
from components.validation.checks.champion import not_worse_than_champion
from components.validation.evaluation import ChampionScores, compare
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model

ROWS: dict[str, Any] = {"sample_weight": None, "groups": None}


def judged(challenger: Model, champion: Model, limits: dict[str, Limit], untouched: Any = None) -> Check:
    everyone = np.ones(len(challenger.holdout.y), bool)
    scores = champion.predictor.score_positive(champion.holdout.X)
    found = ChampionScores(
        "c0ffee", scores, champion.predictor.threshold, everyone if untouched is None else untouched
    )
    comparison = compare(found, challenger.holdout.y, challenger.y_score, "roc_auc", 0.5, ROWS)
    return not_worse_than_champion(comparison, limits["C01"])


def test_a_better_challenger_passes(honest: Model, crude: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, crude, limits).status == "passed"


def test_an_equal_challenger_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, honest, limits).status == "passed"


def test_a_challenger_is_blocked_by_a_better_champion(
    table: pl.DataFrame, honest: Model, limits: dict[str, Limit]
) -> None:
    all_features = Model(table, excluded=("year",))
    check = judged(honest, all_features, limits)
    assert check.status == "failed"
    assert "c0ffee" in check.reason


def test_too_few_common_rows_are_a_failure(
    table: pl.DataFrame, honest: Model, limits: dict[str, Limit]
) -> None:
    other = replace(Model.rule, salt="another", holdout=0.01, train=0.79)
    common = split.untouched(table, Model.rule, other)[honest.split.part == 2]
    check = judged(honest, honest, limits, untouched=common)
    assert check.status == "failed"
    assert "Only" in check.reason


def test_without_a_champion_there_is_nothing_to_judge(limits: dict[str, Limit]) -> None:
    assert not_worse_than_champion(None, limits["C01"]).status == "not_applicable"
