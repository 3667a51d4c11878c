import json
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest

from components.errors import BundleError, ConfigError, DataError
from components.release.documents import (
    CardEvidence,
    ColumnSummary,
    DatasheetEvidence,
    DatasheetStatements,
    datasheet,
    missing,
    model_card,
    parse_statements,
    require_said,
)
from components.validation.backtest import Age, Backtest
from components.validation.comparison import PairedDifference
from components.validation.fairness import FairnessOfFeature, GroupStatistics
from components.validation.gates import Check
from components.validation.metrics import Estimate
from components.validation.slices import Slice

MAY_BE_EMPTY = {
    "git_commit",
    "parameters",
    "slices",
    "fairness",
    "sensitive_features_used",
    "fairness_waived",
}


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01)


def group(name: str, rows: int, *, scored: bool = True) -> GroupStatistics:
    rates = {rate: estimate(0.5) for rate in RATES}
    return GroupStatistics(group=name, rows=rows, positives=rows // 2, scored=scored, **rates)


BACKTEST = Backtest(
    "roc_auc", "a year", ("2015", "2016"), (),
    (
        Age(0, 2, 900, Estimate(0.8, 0.79, 0.81), None, None),
        Age(1, 1, 450, Estimate(0.75, 0.74, 0.76), PairedDifference("roc_auc", -0.05, -0.06, -0.04, 0.95, 450, 0.75, 0.8), Estimate(0.01, 0.0, 0.02)),
    ),
)  # fmt: skip
RATES = [each.name for each in fields(GroupStatistics) if each.name.endswith("_rate")]


@pytest.fixture
def card() -> CardEvidence:
    waived = Check(
        "P02", "worst slice", "waived", 0.5, (0.4, 0.6), 0.55, "It is 0.4. Waived: until May, the board"
    )
    return CardEvidence(
        name="Flowprint sample",
        description="Predicts who is in work.",
        owner="The Flowprint authors",
        created="2026-01-02T03:04:05+00:00",
        run="TrainFlow/7",
        git_commit="c0ffee",
        software={"scikit-learn": "1.9.0", "python": "3.12.1"},
        family="gradient_boosting",
        parameters={"learning_rate": 0.1},
        trials=25,
        seed=20150101,
        features=("age", "schl"),
        objective="Offer job coaching to people who are out of work",
        kpi="value of the coaching offered",
        intended_users="Case workers, who decide whom to call first.",
        out_of_scope="Cutting anyone's benefits.",
        ethical_considerations="A missed offer falls on people out of work.",
        prediction="It predicts whether `employed` is `true`.",
        worth={"true positive": 0.0, "true negative": 1.0, "false negative": -1.0},
        unit="hundred dollars",
        source="data/acs.parquet",
        data_version="d0123456789abcdef",
        part_rows={"train": 26_000, "validation": 8_600, "holdout": 8_700},
        holdout_id="h42",
        holdout_uses=3,
        metric="roc_auc",
        metrics={"roc_auc": estimate(0.77), "brier_score": estimate(0.15)},
        baselines={"dummy": PairedDifference("roc_auc", 0.27, 0.26, 0.28, 0.95, 8700, 0.77, 0.5)},
        utility=estimate(0.05),
        slices=(Slice("marital", "a|<b>", 300, 0.7, 0.65, 0.75),),
        backtest=BACKTEST,
        fairness=(fairness_of("sex", group("female", 4500), group("male", 4199)),),
        sensitive_features_used={"age": "the programme differs by career stage"},
        fairness_waived={"disability": "the offer is a benefit"},
        outcome="approved",
        checks=(
            Check("P01", "primary metric", "passed", 0.77, (0.76, 0.78), 0.74, "It is 0.76."),
            waived,
            Check("C01", "not worse than the champion", "not_applicable", None, None, 0.01, "No champion yet."),
        ),
    )  # fmt: skip


def fairness_of(feature: str, *groups: GroupStatistics) -> FairnessOfFeature:
    return FairnessOfFeature(
        feature=feature,
        groups=groups,
        demographic_parity_difference=estimate(0.04),
        demographic_parity_ratio=estimate(0.9),
        equalized_odds_difference=estimate(0.06),
        equalized_odds_ratio=estimate(0.8),
        small_groups=("nonbinary",),
    )


@pytest.fixture
def sheet() -> DatasheetEvidence:
    return DatasheetEvidence(
        statements=DatasheetStatements(
            title="American Community Survey",
            motivation="Made by the Census Bureau to describe the population.",
            instances="One row is a person.",
            collection="By mail, telephone and visits.",
            labelling="What the person answered.",
            uses="Research on employment; never to identify anyone.",
            distribution="Public domain.",
            maintenance="The Census Bureau.",
        ),
        version="d0123456789abcdef",
        source="https://ada:pa55@data.example/acs.parquet",
        taken="2026-01-02T03:04:05+00:00",
        rows=43_348,
        size_bytes=140_400,
        period="year 2015",
        columns=(ColumnSummary("age", "integer", "18 to 64", 0), ColumnSummary("sex", "category", "f|m", 12)),
        target="employed",
        target_summary="positive when `true`: 75.1% of the rows",
        sensitive=("sex",),
        quarantined={"age below 16": 3},
        split="Rows are assigned by a salted hash of the person.",
        part_rows={"train": 26_000, "validation": 8_600, "holdout": 8_748},
    )


# Model card


def test_card_has_the_sections_of_mitchell_et_al(card):
    headings = [line[3:] for line in model_card(card).splitlines() if line.startswith("## ")]
    assert headings == [
        "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
        "Quantitative analyses", "Ethical considerations", "Caveats and recommendations",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "**Decision: approved.** Of 3 gates none failed; 1 waived, 1 not applicable (see below).",
        "| Run | `TrainFlow/7` |",
        "| Code | commit `c0ffee` |",
        "| Made with | scikit-learn 1.9.0, python 3.12.1 |",
        "- **Objective:** Offer job coaching to people who are out of work",
        "- **KPI:** value of the coaching offered",
        "- **Out of scope:** Cutting anyone's benefits.",
        "| false negative | -1 |",
        "| roc_auc (primary) | 0.77 (0.76 to 0.78) |",
        "| value of one decision, hundred dollars | 0.05 (0.04 to 0.06) |",
        "| advantage in roc_auc over the dummy baseline | 0.27 (0.26 to 0.28) |",
        "| P01 | primary metric | passed | 0.77 | 0.76 to 0.78 | 0.74 |",
        "| C01 | not worse than the champion | not applicable | – | – | 0.01 |",
        "- `age`: the programme differs by career stage",
        "- **P02, worst slice:** It is 0.4. Waived: until May, the board",
        "- **Fairness by disability** is reported and not enforced: the offer is a benefit",
        "- **C01, not worse than the champion** (not applicable): No champion yet.",
    ],
)
def test_card_says(card, line):
    assert line in model_card(card).splitlines()


def test_card_says_how_often_the_holdout_has_decided(card):
    assert "It decided 3 times before" in model_card(card)
    assert "Exactly these rows had not decided before" in model_card(replace(card, holdout_uses=0))


def test_card_names_small_groups_without_scoring_them(card):
    shown = model_card(replace(card, fairness=(fairness_of("sex", group("tiny", 9, scored=False)),)))
    assert "Too small to be scored: nonbinary." in shown
    assert "tiny" not in shown


def test_card_says_what_could_not_be_measured(card):
    feature = replace(fairness_of("sex", group("female", 9)), demographic_parity_difference=None)
    assert "demographic parity difference not measured" in model_card(replace(card, fairness=(feature,)))


def test_card_of_a_rejected_model_says_what_failed(card):
    failed = Check(
        "B01", "beats the dummy", "failed", -0.1, (-0.2, 0.0), 0.0, "It is -0.2; check the labels."
    )
    shown = model_card(replace(card, outcome="rejected", checks=(failed,)))
    assert "**Decision: rejected.** This model must not decide about people: it failed B01." in shown
    assert "- **B01, beats the dummy** (failed): It is -0.2; check the labels." in shown


def test_card_keeps_names_from_the_data_inside_their_cell(card):
    assert "| marital: a\\|&lt;b> | 300 | 0.7 (0.65 to 0.75) |" in model_card(card).splitlines()


def test_card_says_that_an_undefined_metric_is_undefined(card):
    nothing = float("nan")
    shown = model_card(replace(card, metrics={**card.metrics, "f1": Estimate(nothing, nothing, nothing)}))
    assert "| f1 | undefined (undefined to undefined) |" in shown


def test_every_field_of_the_card_shows(card):
    shown = model_card(card)
    values = [getattr(card, each.name) for each in fields(card)]
    texts = [value for value in values if isinstance(value, str)]
    assert [text for text in texts if text not in shown] == []


@pytest.mark.parametrize(
    "field", [each.name for each in fields(CardEvidence) if each.name not in MAY_BE_EMPTY]
)
def test_card_without_evidence_for_a_field_is_refused_and_names_it(card, field):
    with pytest.raises(BundleError, match=rf"model card: no evidence for {field};"):
        model_card(replace(card, **{field: None}))


@pytest.mark.parametrize("field", sorted(MAY_BE_EMPTY))
def test_card_says_so_where_there_may_be_nothing(card, field):
    nothing = type(getattr(card, field))()
    shown = model_card(replace(card, **{field: nothing}))
    said = {
        "git_commit": "not under version control", "slices": "No slice has enough rows",
        "fairness": "Not examined: no sensitive feature is named.", "fairness_waived": "### Waivers",
        "sensitive_features_used": "The model sees no sensitive column.", "parameters": "## Model details",
    }  # fmt: skip
    assert said[field] in shown


def test_card_says_that_there_is_no_waiver(card):
    shown = model_card(replace(card, fairness_waived={}, checks=card.checks[:1]))
    assert "### Waivers\n\nNone.\n" in shown


@pytest.mark.parametrize("text", ["", "  ", "TODO", "tbd.", "..."])
def test_a_placeholder_is_no_evidence(card, text):
    with pytest.raises(BundleError, match="no evidence for ethical_considerations"):
        model_card(replace(card, ethical_considerations=text))


def test_all_gaps_are_named_at_once(card):
    gaps = replace(card, kpi="", metrics={}, worth={"wrong": float("nan")}, software={"python": ""})
    assert missing(gaps) == ("software.python", "kpi", "worth.wrong", "metrics")


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [("part_rows", {"train": 1}, "holdout"), ("fairness", (SimpleNamespace(feature="sex"),), "outcome")],
)
def test_a_missing_part_is_named(card, field, value, part):
    with pytest.raises(BundleError, match=f"no evidence: .* has no attribute '{part}'"):
        model_card(replace(card, **{field: value}))


# Datasheet


def test_datasheet_has_the_sections_of_gebru_et_al(sheet):
    headings = [line[3:] for line in datasheet(sheet).splitlines() if line.startswith("## ")]
    assert headings == [
        "Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling", "Uses",
        "Distribution", "Maintenance",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "# Datasheet: American Community Survey",
        "| Rows | 43,348 |",
        "| Size of the snapshot | 140 kB |",
        "| Target | `employed`, positive when `true`: 75.1% of the rows |",
        "| age | integer | 18 to 64 | 0 |",
        "| sex | category | f\\|m | 12 |",
        "| age below 16 | 3 |",
        "| holdout | 8,748 |",
        "Rows are assigned by a salted hash of the person.",
    ],
)
def test_datasheet_says(sheet, line):
    assert line in datasheet(sheet).splitlines()


def test_datasheet_says_that_no_row_was_set_aside(sheet):
    assert "No row broke the data contract." in datasheet(replace(sheet, quarantined={}))


def test_datasheet_hides_credentials_of_the_source(sheet):
    assert "https://***@data.example/acs.parquet" in datasheet(sheet)


@pytest.mark.parametrize("field", [each.name for each in fields(DatasheetStatements)])
def test_datasheet_without_a_statement_is_refused_and_names_it(sheet, field):
    statements = replace(sheet.statements, **{field: "TODO"})
    with pytest.raises(BundleError, match=rf"datasheet: no evidence for statements\.{field};"):
        datasheet(replace(sheet, statements=statements))


# Statements


def test_statements_come_from_a_text(sheet):
    wanted = {each.name: getattr(sheet.statements, each.name) for each in fields(DatasheetStatements)}
    text = "\n".join(f"{key} = {json.dumps(text)}" for key, text in wanted.items())
    assert parse_statements(text) == sheet.statements
    with pytest.raises(DataError, match=r"datasheet\.toml\.motivation: nothing is said there"):
        parse_statements(text.replace(json.dumps(wanted["motivation"]), '"TODO"'))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('title = "x"', r"datasheet\.toml: missing or unknown: collection, distribution"),
        ("title = ", r"datasheet\.toml: not valid TOML"),
    ],
)
def test_statements_that_cannot_be_read_are_refused(content, message):
    with pytest.raises(DataError, match=message):
        parse_statements(content)


def test_keys_of_the_configuration_that_say_nothing_are_named():
    require_said({"documents.owner": "the team"})
    with pytest.raises(ConfigError, match=r"documents\.owner, documents\.out_of_scope: nothing is said"):
        require_said(
            {"documents.owner": " ", "documents.out_of_scope": "tbd", "project.description": "It predicts"}
        )


def test_the_card_tells_how_the_metric_ages_or_why_that_is_not_known(card):
    assert "| 1 | 0.75 (0.74 to 0.76) | -0.05 (-0.06 to -0.04) | 0.01 (0 to 0.02) |" in model_card(card)
    unknown = Backtest("roc_auc", "", (), (), (), (), "The rows for training are of one period (2015).")
    assert "not known: The rows for training are of one period (2015)." in model_card(
        replace(card, backtest=unknown)
    )
