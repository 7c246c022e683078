"""What users see beside the rows: types, notebooks, units, matrices."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import COHORT

from neuroalign_preprocessing import FeatureStore

SCRIPT = '''
import pandas
import polars
import pyarrow
from neuroalign_preprocessing import FeatureStore, Report, preprocess

store = FeatureStore("data/processed")
a: pandas.DataFrame = store.load_feature("gm_mean", include_tiv=True, regions=["a"])
b: polars.DataFrame = store.load_features(["gm_mean"], as_="polars", subjects="1")
c: pyarrow.Table = store.load_long("anatomical_gm", as_="arrow", metrics=["mean"])
d: polars.DataFrame = store.load_tiv(as_="polars")
e: pandas.DataFrame = store.load_metadata()
f: pandas.DataFrame | None = store.load_from_cache("anatomical_gm")
unit: str = store.summary()["atlas_name"]
X, y, groups, names, sessions = store.matrix(["gm_mean"], subjects=["1"])
report: Report = preprocess("sessions.csv", progress=lambda told: print(told.done))
'''


def checked(tmp_path, script):
    (tmp_path / "script.py").write_text(script)
    ran = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "script.py"],
                         cwd=tmp_path, capture_output=True, text=True)
    # Whether other libraries are typed is theirs.
    return [line for line in ran.stdout.splitlines() if "error" in line and "import-untyped" not in line and "Found" not in line]


def test_a_script_is_typed_strictly(tmp_path):
    assert checked(tmp_path, SCRIPT) == []
    wrong = checked(tmp_path, SCRIPT + 'store.lod_feature("gm_mean")\nstore.load_feature("gm_mean", metrics=["mean"])\n')
    assert len(wrong) == 2 and "lod_feature" in wrong[0] and "metrics" in wrong[1] or "overload" in wrong[1], wrong


def test_a_notebook_shows_what_is_there(exported, cached, tmp_path):
    shown = FeatureStore(exported)._repr_html_()
    assert shown.startswith("<table>") and "3 of 2 subjects" in shown and "anatomical_gm" in shown and "Cache" not in shown
    assert "3 anatomical, 2 diffusion" in FeatureStore(cached)._repr_html_()
    assert "nowhere" in FeatureStore(tmp_path / "<nowhere>")._repr_html_() and "<now" not in FeatureStore(tmp_path / "<nowhere>")._repr_html_()


def test_frames_of_pandas_say_their_units(exported):
    store = FeatureStore(exported)
    units = store.load_feature("gm_volume_mm3", include_tiv=True).attrs["units"]
    assert set(units.values()) == {"mm3", "mL", "years"} and units["tiv"] == "mL" and units["AGE"] == "years"
    assert store.load_long("anatomical_ct").attrs["units"]["mean"] == "mm"


def test_a_matrix_is_aligned_by_session(exported):
    store = FeatureStore(exported)
    X, y, groups, names, sessions = store.matrix("gm_volume_mm3")
    df = store.load_feature("gm_volume_mm3")
    assert np.array_equal(X, df[names].to_numpy()) and np.array_equal(y, df["AGE"].to_numpy())
    assert list(groups) == list(df["subject_code"]) and sessions == store.list_sessions() and names == store.get_regions("gm_mean")
    both = store.matrix(["gm_mean", "DSIStudio_tensor_fa_mean"], target="tiv", subjects=["0475"])
    assert both.X.shape == (2, 768) and both.names[0].startswith("gm_mean:") and set(both.groups) == {"0475"}
    side_by_side = store.load_features(["gm_mean", "DSIStudio_tensor_fa_mean"], subjects=["0475"])
    assert np.array_equal(both.X, side_by_side[both.names].to_numpy(), equal_nan=True)
    for target, problem in [("nope", "AGE"), ("sex", "text"), ("gm_mean:x", "no column")]:
        with pytest.raises(ValueError, match=problem):
            store.matrix("gm_mean", target=target)


def test_a_matrix_leaves_out_who_has_no_target(exported, tmp_path):
    from neuroalign_preprocessing import preprocess

    rows = (COHORT / "sessions.csv").read_text().splitlines()
    age = rows[0].split(",").index("AGE")
    cells = rows[1].split(",")
    cells[age] = ""
    (tmp_path / "sessions.csv").write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    store = preprocess(tmp_path / "sessions.csv", tmp_path / "store", env_file=COHORT / ".env").store
    assert len(store.matrix("gm_mean").y) == 2 and not np.isnan(store.matrix("gm_mean").y).any()


def test_a_notebook_runs_to_its_end(tmp_path, exported):
    notebook = Path(__file__).parents[1] / "examples" / "first_look.ipynb"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "processed").symlink_to(exported)
    # It runs in its own folder.
    shutil.copy(notebook, tmp_path)
    ran = subprocess.run([sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "first_look.ipynb"],
                         cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "<table>" in (tmp_path / "first_look.ipynb").read_text()
