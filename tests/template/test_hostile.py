"""Hostile answers are refused with the reason; nothing of them runs, and nothing stays behind."""

import json
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from cruft import create

from tests.template.baking import bake, content, shell

CANARY = "canary"
SINGS = f"{{{{ cycler.__init__.__globals__.os.system('touch {CANARY}') }}}}"

SLUGS = {
    "path traversal": ("../evil", "no plain name"),
    "deep path traversal": ("../../evil/deep", "no plain name"),
    "folders": ("one/two/three", "no plain name"),
    "absolute path": ("/tmp/evil", "no plain name"),
    "this folder": (".", "no plain name"),
    "backslash": ("..\\evil", "no plain name"),
    "keyword": ("lambda", "keyword"),
    "digit first": ("3d", "no plain name"),
    "dash": ("my-project", "no plain name"),
    "upper case": ("Project", "no plain name"),
    "space": ("my project", "no plain name"),
    "newline": ("project\n", "no plain name"),
    "nul": ("project\0", "no plain name"),
    "full-width letters": ("ｐroject", "no plain name"),
    "cyrillic look-alike": ("prоject", "no plain name"),
    "trailing underscore": ("project_", "no plain name"),
    "empty": ("", "empty"),
    "300 characters": ("a" * 300, "300 characters"),
}
NAMES = {
    "path traversal": ("../evil", "SOLIDUS"),
    "two dots": ("a..b", "'..'"),
    "absolute path": ("/etc", "SOLIDUS"),
    "double quote": ('a"; open("canary", "w")#', "QUOTATION MARK"),
    "single quote": ("a'; open('canary', 'w')#", "APOSTROPHE"),
    "backtick": ("a`touch canary`", "GRAVE ACCENT"),
    "shell": ("a$(touch canary)", "DOLLAR SIGN"),
    "newline": ("a\nb", "U+000A"),
    "carriage return": ("a\rb", "U+000A"),
    "escape": ("a\x1b[31m", "U+001B"),
    "nul": ("a\0b", "U+0000"),
    "backslash": ("a\\u0041", "REVERSE SOLIDUS"),
    "html": ("a<script>", "LESS-THAN SIGN"),
    "right-to-left override": ("a\u202eb", "RIGHT-TO-LEFT OVERRIDE"),
    "zero-width space": ("a\u200bb", "ZERO WIDTH SPACE"),
    "line separator": ("a\u2028b", "LINE SEPARATOR"),
    "no-break space": ("a\u00a0b", "NO-BREAK SPACE"),
    "full-width letters": ("Ｆｌｏｗ", "look like plain ones"),
    "emoji": ("flow \U0001f600", "GRINNING FACE"),
    "only spaces": ("   ", "empty"),
    "leading dash": ("-rf", "begin with a letter"),
    "trailing space": ("flow ", "without a space"),
    "300 characters": ("a" * 300, "300 characters"),
}
TEXTS = {
    "description quote": ("description", 'says "no"', "QUOTATION MARK"),
    "description newline": ("description", "a\n[tool.evil]", "U+000A"),
    "description markup": ("description", "# heading", "begin with a letter"),
    "description 300 characters": ("description", "a" * 300, "300 characters"),
    "author quote": ("author", 'A" }]\nx = 1', "QUOTATION MARK"),
    "author html": ("author", "A <a@example.org>", "LESS-THAN SIGN"),
    "author 300 characters": ("author", "a" * 300, "300 characters"),
    "author brace": ("author", "A }", "RIGHT CURLY BRACKET"),
}
JINJA = {"call": SINGS, "sum": "{{ 7 * 7 }}", "block": "{% raw %}x{% endraw %}", "comment": "a{# hidden #}b"}
TEXT_QUESTIONS = ("project_name", "project_slug", "description", "author")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start from, in which a canary would land; projects would go to out/ below it."""
    (tmp_path / "outside" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "outside")
    return tmp_path / "outside"


def refusal(template: Path, outside: Path, **answers: str) -> str:
    """Why the answers were refused, nothing having run or been left behind."""
    around = set(outside.parent.rglob("*"))
    with pytest.raises(FailedHookException) as refused:
        bake(template, outside / "out", **answers)
    assert set(outside.parent.rglob("*")) == around
    return str(refused.value)


@pytest.mark.parametrize(("slug", "reason"), SLUGS.values(), ids=SLUGS)
def test_a_slug_is_refused(template: Path, outside: Path, slug: str, reason: str) -> None:
    said = refusal(template, outside, project_slug=slug)
    assert "Refused: project_slug" in said
    assert reason in said


@pytest.mark.parametrize(("name", "reason"), NAMES.values(), ids=NAMES)
def test_a_name_is_refused(template: Path, outside: Path, name: str, reason: str) -> None:
    said = refusal(template, outside, project_name=name, project_slug="harmless")
    assert "Refused: project_name" in said
    assert reason in said


@pytest.mark.parametrize(("question", "answer", "reason"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_refused(template: Path, outside: Path, question: str, answer: str, reason: str) -> None:
    said = refusal(template, outside, **{question: answer})
    assert f"Refused: {question}" in said
    assert reason in said


@pytest.mark.parametrize("question", TEXT_QUESTIONS)
@pytest.mark.parametrize("answer", JINJA.values(), ids=JINJA)
def test_jinja_in_an_answer_is_refused_and_does_not_run(
    template: Path, outside: Path, question: str, answer: str
) -> None:
    assert "holds braces" in refusal(template, outside, **{question: answer})


def test_the_canary_sings_where_nothing_guards_it(tmp_path: Path, outside: Path) -> None:
    unguarded = tmp_path / "unguarded"
    (unguarded / "{{cookiecutter.slug}}").mkdir(parents=True)
    (unguarded / "cookiecutter.json").write_text('{"slug": "project"}', encoding="utf-8")
    cookiecutter(
        str(unguarded), no_input=True, output_dir=str(outside / "out"), extra_context={"slug": SINGS}
    )
    assert (outside / CANARY).exists()


def test_a_choice_that_is_not_offered_is_refused(template: Path, outside: Path) -> None:
    with pytest.raises(ValueError, match="licence"):
        bake(template, outside / "out", licence="WTFPL")
    assert content(outside) == {}


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("project_slug", "one/two/three", "no plain name"),
        ("project_name", "{{ 7 * 7 }}", "LEFT CURLY BRACKET"),
        ("licence", "../../../etc/passwd", "must be one of"),
    ],
)
def test_a_tampered_replay_is_refused(
    template: Path, outside: Path, tmp_path: Path, question: str, answer: str, reason: str
) -> None:
    replay = tmp_path / "replay.json"
    good = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    answers = {name: value[0] if isinstance(value, list) else value for name, value in good.items()}
    answers |= {"project_slug": "harmless", "_extensions": good["_extensions"], question: answer}
    replay.write_text(json.dumps({"cookiecutter": answers}), encoding="utf-8")
    with pytest.raises(FailedHookException, match=reason):
        cookiecutter(str(template), replay=str(replay), output_dir=str(outside / "out"))
    assert [*outside.rglob("*")] == [outside / "out"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (f"project_name={SINGS}", "holds braces"),
        ("author=A\n[tool.evil]", "U+000A"),
    ],
)
def test_the_shell_says_the_reason_and_nothing_else(
    template: Path, outside: Path, answer: str, reason: str
) -> None:
    finished = shell(template, "--no-input", "-o", "out", answer, cwd=outside, check=False)
    said = finished.stdout + finished.stderr
    assert finished.returncode == 1
    assert reason in said
    assert "Traceback" not in said
    assert [*outside.rglob("*")] == [outside / "out"]


def test_what_is_typed_at_the_terminal_is_held_to_the_same_rules(template: Path, outside: Path) -> None:
    finished = shell(template, cwd=outside, typed="{{ 7 * 7 }}\nharmless\n\n\n1\n1\n1\n", check=False)
    assert finished.returncode == 1
    assert "LEFT CURLY BRACKET" in finished.stdout
    assert [*outside.rglob("*")] == [outside / "out"]


def test_cruft_is_refused_too(template: Path, outside: Path) -> None:
    with pytest.raises(FailedHookException, match="no plain name"):
        create(
            str(template),
            output_dir=outside / "out",
            extra_context={"project_slug": "../evil"},
            no_input=True,
        )
    assert [*outside.rglob("*")] == [outside / "out"]


def test_a_project_that_is_there_is_not_touched(template: Path, outside: Path) -> None:
    (outside / "out" / "mine").mkdir()
    (outside / "out" / "mine" / "work.txt").write_text("mine", encoding="utf-8")
    arguments = ("--no-input", "-f", "-o", "out", "project_slug=mine", 'author="')
    assert shell(template, *arguments, cwd=outside, check=False).returncode == 1
    assert content(outside) == {"out/mine/work.txt": b"mine"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("author", "Siobhán O'Neill, Jr."),
        ("author", "Ægir D’Arcy & Co. (Zürich)"),
        ("author", "山田 太郎"),
        ("author", "José Núñez"),
        ("description", "Predicts who'll pay back: 90 % sure; true/false?"),
        ("description", "Sagt vorher, wer zurückzahlt (bald)"),
        ("project_name", "Überraschung 2.0"),
        ("project_name", "Αθήνα"),
    ],
)
def test_real_names_and_sentences_are_welcome(
    template: Path, tmp_path: Path, question: str, answer: str
) -> None:
    project = bake(template, tmp_path, **{question: answer})
    text = (project / "config.toml").read_text(encoding="utf-8")
    assert f'"{answer}"' in text
