import pytest

from components.reporting.report import ReportInputs, html
from tests.components.reporting.example import inputs


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    return inputs(str(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="session")
def page(given: ReportInputs) -> str:
    return html(given)
