"""The notebook, executed from top to bottom against a real run, and where there is none."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tests.flows.project import ROOT, Project

NOTEBOOK = ROOT / "notebooks" / "explore.ipynb"


def execute(project: Project, monkeypatch: pytest.MonkeyPatch) -> NotebookNode:
    """The notebook after all its cells ran in the project's folder ``notebooks``."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (project.root / "notebooks").mkdir(exist_ok=True)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    place = {"metadata": {"path": str(project.root / "notebooks")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    return notebook


@pytest.fixture(scope="module")
def executed(trained: Project) -> NotebookNode:
    """The notebook, executed on a trained project."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return execute(trained, monkeypatch)


def outputs(notebook: NotebookNode, cell: str) -> list[NotebookNode]:
    """What a cell showed."""
    return list(next(each for each in notebook.cells if each.id == cell).outputs)


def text(notebook: NotebookNode, cell: str) -> str:
    """The text that a cell showed."""
    return "".join(
        output.get("text", "")
        + "".join(output.get("data", {}).get(kind, "") for kind in ("text/plain", "text/html"))
        for output in outputs(notebook, cell)
    )


def test_the_decision_table_names_every_check(executed: NotebookNode, trained: Project) -> None:
    shown = text(executed, "latest")
    assert [check["code"] for check in trained.decision["checks"] if check["code"] not in shown] == []


def test_both_kinds_of_errors_are_shown(executed: NotebookNode) -> None:
    shown = text(executed, "cases")
    assert "Most wrong" in shown
    assert "Borderline" in shown


@pytest.mark.parametrize("cell", ["rate-plots", "metric-plot", "search-plot", "shap-plot", "score-plot"])
def test_each_plot_is_drawn(executed: NotebookNode, cell: str) -> None:
    assert any("image/png" in output.get("data", {}) for output in outputs(executed, cell))


def test_no_cell_warns(executed: NotebookNode) -> None:
    noisy = [
        cell.id
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert noisy == []


def test_without_a_run_it_says_what_to_do(idle: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CellExecutionError, match="No run has finished yet: type `make train`"):
        execute(idle, monkeypatch)


def test_its_outputs_are_cleared() -> None:
    notebook = nbformat.read(Path(NOTEBOOK), as_version=4)
    assert all(
        not cell.outputs and cell.execution_count is None
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
