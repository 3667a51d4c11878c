"""What a monitor leaves for Prometheus, read by Prometheus's own checker."""

import shutil
import subprocess

import pytest

from components.monitoring.exposition import exposition
from tests.components.monitoring.test_exposition import ACCOUNT

pytestmark = pytest.mark.system


def test_promtool_reads_it():
    command = shutil.which("promtool")
    assert command, "install prometheus, which brings promtool"
    done = subprocess.run(
        [command, "check", "metrics"],
        input=exposition([ACCOUNT], []),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
