"""Archives whose bytes depend on nothing but what is in them."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier

from components.release.archive import canonical_skops, program_code, zipped

ROOT = Path(__file__).parents[3]
X = np.arange(40.0).reshape(20, 2)


def saved() -> bytes:
    return canonical_skops(skops.io.dumps(model()))


def model() -> RandomForestClassifier:
    return RandomForestClassifier(3, random_state=0).fit(X, X[:, 0] > 15)


def test_archives_of_the_same_files_are_the_same():
    assert zipped({"b": b"2", "a": b"1"}) == zipped({"a": b"1", "b": b"2"})


def test_a_model_saved_by_another_process_is_the_same_file():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_archive; "
        "sys.stdout.buffer.write(test_archive.saved())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True
    )
    assert done.stdout == saved()


def test_a_canonical_model_predicts_the_same():
    data = saved()
    loaded = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    np.testing.assert_array_equal(loaded.predict_proba(X), model().predict_proba(X))


def test_code_is_what_the_repository_holds():
    with zipfile.ZipFile(io.BytesIO(program_code())) as archive:
        assert archive.read("program.py") == (ROOT / "components" / "serving" / "program.py").read_bytes()
        assert sorted(archive.namelist()) == ["__main__.py", "program.py"]


def test_a_program_in_python_brings_the_features_code():
    with zipfile.ZipFile(io.BytesIO(program_code(with_training=True))) as archive:
        assert "components/training/features.py" in archive.namelist()
        assert not any(name.startswith("components/release") for name in archive.namelist())
