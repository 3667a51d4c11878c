"""What the template adds to cookiecutter's Jinja: the root's files, and a guard that stands before any hook.

cookiecutter renders answers as Jinja and makes the project's folder before the first hook runs, and it prints a traceback
when a hook fails. So bad answers are refused here, when the name of that folder is rendered: nothing exists by then.
"""

import json
import keyword
import pkgutil
import re
import runpy
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

ROOT = Path(__file__).resolve().parent
LOADED_AS = "flowprint_template"
FOLDER = "{{cookiecutter.project_slug}}"
ONLY_HERE = "# template only"
LENGTHS = {"project_name": 50, "project_slug": 50, "description": 200, "author": 100}
PUNCTUATION = {"project_name": "-_.,&+()", "description": "-–—_.,:;!?'’&%+=/@#()", "author": "-.,&()'’"}


class Flowprint(Extension):
    """Gives templates and hooks ``template_root``, ``root_text`` and ``root_toml``, and refuses bad answers."""

    def __new__(cls, environment: Environment) -> Any:
        """The extension of the template that is being rendered, which need not be the one that was imported.

        cruft renders two versions of a template in one process, and the environment of a developer of the template has
        the working tree on its import path, before the copy that was fetched.
        """
        return super().__new__(cls) if __name__ == LOADED_AS else _rendered_template()(environment)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(template_root=str(ROOT), root_text=root_text, root_toml=root_toml)
        environment.filters["approved_folder"] = approved_folder

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source as it came; for the name of the project's folder, the check of all answers.

        Raises:
            FailedHookException: The source is an answer that holds Jinja, which would run.
        """
        if source == FOLDER:
            return "{{ cookiecutter | approved_folder }}"
        if (
            name is None
            and any(mark in source for mark in ("{{", "{%", "{#"))
            and source not in _own_sources()
        ):
            raise FailedHookException(f"Refused: the answer {source!r} holds braces, which Jinja would run.")
        return source


def approved_folder(answers: Mapping[str, str]) -> str:
    """The name of the project's folder, if all answers are welcome.

    Raises:
        FailedHookException: They are not; cookiecutter's command line prints the reasons alone, and exits with 1.
    """
    if reasons := list(faults(answers)):
        raise FailedHookException("\n".join(f"Refused: {reason}." for reason in reasons))
    return answers["project_slug"]


def faults(answers: Mapping[str, str]) -> Iterator[str]:
    """Why the answers are refused, one sentence for each that is."""
    for name, longest in LENGTHS.items():
        text = answers[name]
        if not text.strip():
            yield f"{name} is empty; say a word"
        elif len(text) > longest:
            yield f"{name} has {len(text)} characters; {longest} at most are allowed"
        elif reason := slug_fault(text) if name == "project_slug" else text_fault(text, PUNCTUATION[name]):
            yield f"{name} {text!r} {reason}"
    for name, choices in _questions().items():
        if isinstance(choices, list) and not name.startswith("_") and answers[name] not in choices:
            yield f"{name} is {answers[name]!r}; it must be one of {', '.join(choices)}"


def slug_fault(slug: str) -> str | None:
    """Why a slug cannot name a folder, a package and a Metaflow project alike, or None."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug):
        return (
            "is no plain name; begin with one of a to z, and go on with a to z, 0 to 9 and single underscores"
        )
    return "is a keyword of Python; choose another word" if keyword.iskeyword(slug) else None


def text_fault(text: str, punctuation: str) -> str | None:
    """The first rule that a text breaks, or None. Letters, marks and digits of every script are welcome."""
    composed = unicodedata.normalize("NFC", text)
    for character in composed:
        if unicodedata.category(character)[0] not in "LMN" and character not in f" {punctuation}":
            unwanted = unicodedata.name(character, f"U+{ord(character):04X}")
            return f"holds {character!r} ({unwanted}); letters, digits, spaces and {' '.join(punctuation)} are allowed"
    if unicodedata.normalize("NFKC", composed) != composed:
        return "holds characters that only look like plain ones; type it anew"
    if ".." in text or not composed[0].isalnum() or text != text.strip():
        return "must begin with a letter or digit, end without a space and not hold '..'"
    return None


def root_text(name: str) -> str:
    """The text of a file in the template's root, without the lines that end in ``# template only``."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.rstrip().endswith(ONLY_HERE))


def root_toml(name: str, answers: Mapping[str, object]) -> str:
    """The text of a TOML file in the root, its ``[project]`` section holding the answers.

    An answer takes the place of the root's one-line value, so that order and comments stay; one that the root has no
    key for comes first in the section.

    Raises:
        ValueError: The file has no ``[project]`` section.
    """
    before, header, after = root_text(name).partition("[project]\n")
    if not header:
        raise ValueError(f"{name}: no [project] section was found; the answers belong into it")
    section, mark, rest = after.partition("\n[")
    for key, value in answers.items():
        line = f"{key} = {toml(value)}"
        found = re.search(rf"^{re.escape(key)} = .*$", section, flags=re.MULTILINE)
        start, end = found.span() if found else (0, 0)
        section = section[:start] + line + ("" if found else "\n") + section[end:]
    return before + header + section + mark + rest


def toml(value: object) -> str:
    """A string, list or dictionary as a TOML value; every string quoted and escaped."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _questions() -> dict[str, object]:
    """cookiecutter.json: each question with its default or its choices."""
    questions: dict[str, object] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    return questions


def _own_sources() -> set[str]:
    """The texts with Jinja in them that are the template's own: default answers and hooks."""
    hooks = (path.read_text(encoding="utf-8") for path in (ROOT / "hooks").glob("*.py"))
    return {text for text in _questions().values() if isinstance(text, str)}.union(hooks)


def _rendered_template() -> Any:
    """The extension's class, run anew from the template that cookiecutter or cruft put on the import path last."""
    finders = (pkgutil.get_importer(entry) for entry in reversed(sys.path))
    folders = (Path(str(getattr(finder, "path", ""))) for finder in finders)
    root = next(folder for folder in folders if (folder / "cookiecutter.json").is_file())
    return runpy.run_path(str(root / "local_extensions.py"), run_name=LOADED_AS)["Flowprint"]
