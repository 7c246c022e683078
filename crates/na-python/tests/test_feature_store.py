"""The store as Python users read it."""

import shutil
import threading
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, load
from pandas.testing import assert_frame_equal

from neuroalign_preprocessing.preprocessing import FeatureStore


def test_the_guide_holds_before_any_export(cached):
    store = FeatureStore(cached)
    df = store.load_long("anatomical_gm")
    assert len(df) > 1000 and {"subject_code", "session_id", "label", "mean"} <= set(df.columns)
    assert store.summary()["cache"] == store.cache_status()
    assert store.has_cache() and store.exists() and store.has_tiv()
    status = store.cache_status()
    assert status["n_sessions_anatomical"] == 3 and status["size_mb"] > 0
    assert "anatomical_gm" in status["tables"]


def test_a_load_that_is_killed_can_be_read(tmp_path):
    import signal
    import subprocess
    import time

    from conftest import COHORT, command

    output = tmp_path / "store"
    arguments = ["--env-file", COHORT / ".env", "--no-progress", "-j", "1", "--output", output]
    for wait in range(200):
        running = subprocess.Popen([command("neuroalign-preprocess"), *arguments], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        time.sleep(0.002 * wait)
        running.send_signal(signal.SIGKILL)
        running.wait()
        store = FeatureStore(output)
        if store.has_cache() and "anatomical_gm" in store.list_long_formats():
            break
    committed = set(zip(*(store.load_long("anatomical_gm")[key].astype(str) for key in ("subject_code", "session_id"))))
    assert len(committed) == store.summary()["cache"]["n_sessions_anatomical"] > 0
    assert load(output).returncode == 0
    assert not store.has_cache() and len(store.list_sessions()) == 3


def test_features_are_the_same_from_parquet_and_from_the_cache(exported, cached):
    parquet, cache = FeatureStore(exported), FeatureStore(cached)
    names = parquet.list_features()
    assert names == cache.list_features() and len(names) > 20
    for name in names:
        expected = parquet.load_feature(name, include_tiv=True)
        assert_frame_equal(cache.load_feature(name, include_tiv=True), expected)
    assert_frame_equal(cache.load_tiv(), parquet.load_tiv())
    assert_frame_equal(cache.load_metadata(), parquet.load_metadata())


def test_a_feature_is_what_its_file_holds(exported):
    store = FeatureStore(exported)
    for modality in ("anatomical", "diffusion"):
        for name in store.list_features(modality):
            file = store.get_feature_info(name)["file"]
            if file is None:
                continue
            expected = pd.read_parquet(file)
            assert_frame_equal(store.load_feature(name, include_metadata=False), expected)


def test_every_library_gets_the_same_rows(exported):
    store = FeatureStore(exported)
    arrow = store.load_long("anatomical_ct", as_="arrow")
    assert isinstance(arrow, pa.Table)
    polars = store.load_long("anatomical_ct", as_="polars")
    assert isinstance(polars, pl.DataFrame)
    pandas = store.load_long("anatomical_ct")
    assert polars.shape == pandas.shape == arrow.shape
    assert polars["mean"].to_list() == arrow["mean"].to_pylist()
    assert pq.read_table(exported / "long" / "anatomical_ct.parquet")["mean"].to_pylist() == arrow["mean"].to_pylist()


def test_units_cross_to_arrow(exported):
    table = FeatureStore(exported).load_feature("gm_volume_mm3", as_="arrow")
    assert table.schema.field(2).metadata[b"unit"] == b"mm3"


def test_only_what_is_asked_for_comes(exported):
    store = FeatureStore(exported)
    subject, session = store.list_sessions()[0]
    regions = store.get_regions("gm_mean")[3:1:-1]
    df = store.load_feature("gm_mean", False, sessions=[(subject, session)], regions=regions)
    assert list(df.columns) == ["subject_code", "session_id", *regions] and len(df) == 1
    long = store.load_long("anatomical_gm", subjects=[subject], metrics=["mean"])
    assert set(long["subject_code"].astype(str)) == {subject} and "std" not in long.columns
    both = store.load_features(["gm_mean", "ct_mean"], include_metadata=False, regions=regions)
    assert list(both.columns[2:]) == [f"{name}:{region}" for name in ("gm_mean", "ct_mean") for region in regions]


def test_a_name_that_is_not_there_is_told_all_that_are(exported):
    store = FeatureStore(exported)
    with pytest.raises(ValueError, match="gm_mean"):
        store.load_feature("gm_maen")
    with pytest.raises(ValueError, match="anatomical_gm"):
        store.load_long("anatomical_gn")
    with pytest.raises(ValueError, match="polars"):
        store.load_tiv(as_="excel")


def test_a_folder_or_cache_that_is_not_there(exported, tmp_path):
    missing = FeatureStore(tmp_path / "nowhere")
    assert not missing.exists() and not missing.has_cache() and not missing.has_tiv()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        missing.load_long("anatomical_gm")
    store = FeatureStore(exported)
    assert not store.cache_status()["exists"]
    assert store.export_cache_to_parquet() == [] and store.load_from_cache("anatomical_gm") is None


def test_a_table_is_taken_over_once(exported):
    table = FeatureStore(exported)._store.load_tiv()
    pa.table(table)
    with pytest.raises(ValueError, match="once|already"):
        pa.table(table)


def test_an_export_by_hand(exported, cached):
    store = FeatureStore(cached)
    before = store.load_from_cache("anatomical_gm")
    assert set(store.export_cache_to_parquet("")) == set(store.list_long_formats()) and store.has_cache()
    store.export_cache_to_parquet(keep_cache=False)
    assert not store.has_cache()
    assert_frame_equal(store.load_long("anatomical_gm", fallback_to_cache=False), before)


def test_nothing_is_left_of_who_withdrew(tmp_path):
    for given in ["0475", ["0475"], [("0475", None)], tmp_path / "withdrawn.txt"]:
        folder = tmp_path / "store"
        assert load(folder).returncode == 0
        (tmp_path / "withdrawn.txt").write_text("sub-0475\n")
        store = FeatureStore(folder)
        subjects = {subject for subject, _ in store.list_sessions()}
        told = store.withdraw(given)
        gone = {"0475"} & subjects
        assert told["n_subjects"] == len(gone) == 1
        assert {subject for subject, _ in store.list_sessions()} == subjects - gone
        again = store.withdraw(given)
        assert (again["n_subjects"], again["n_listed"], again["lines_of_nobody"]) == (0, 1, 1)
        with pytest.raises(RuntimeError, match="has 0 lines, .* had 1"):
            store.withdraw([])
        shutil.rmtree(folder)


def test_the_cache_is_cleared_when_told(cached):
    store = FeatureStore(cached)
    store.clear_cache()
    assert not store.has_cache() and not store.exists()


def test_threads_read_at_once_and_the_interpreter_is_free(exported):
    store = FeatureStore(exported)
    expected = store.load_long("anatomical_gm")
    results = []

    def read():
        for _ in range(5):
            results.append(store.load_long("anatomical_gm").equals(expected))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


def test_the_example_runs(exported):
    import subprocess
    import sys

    example = PROJECT / "crates" / "na-python" / "examples" / "predict_age.py"
    ran = subprocess.run([sys.executable, example, exported], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "3 sessions of 2 subjects" in ran.stdout and "years" in ran.stdout


@pytest.mark.parametrize("as_", ["pandas", "polars", "arrow"])
def test_what_was_written_beside_a_file_stands_beside_its_rows(exported, as_):
    rows = FeatureStore(exported).load_long("anatomical_gm", metrics="mean", sidecars=True, as_=as_)
    columns = list(rows.column_names if as_ == "arrow" else rows.columns)
    assert columns[-10:] == [
        "mask_entity", "mask", "mask_threshold", "atlas_threshold", "atlas_name", "atlas_lut", "background_label",
        "resampling_target", "space", "software_version",
    ]
    assert set(rows["atlas_name"].to_pylist() if as_ == "arrow" else rows["atlas_name"]) == {"AICHA384"}
    assert set(rows["software_version"].to_pylist() if as_ == "arrow" else rows["software_version"]) == {"0.3.0"}


def test_a_report_is_written_of_what_is_exported_and_of_what_is_cached(exported, cached, tmp_path):
    for store in [FeatureStore(exported), FeatureStore(cached)]:
        page = store.report(tmp_path / "cohort.html")
        assert page.read_text().startswith("<!doctype html>")
        assert "sub-" in page.read_text()
    own = FeatureStore(exported).report()
    assert own == Path(exported) / "report.html"
    assert own.read_text() == FeatureStore(exported).report(tmp_path / "again.html").read_text()


def test_a_report_without_ids_names_nobody_and_no_file(exported, tmp_path):
    store = FeatureStore(exported)
    page = store.report(tmp_path / "mail.html", ids=False).read_text()
    assert "line 2" in page
    for subject, session in store.get_existing_sessions().itertuples(index=False):
        assert subject not in page
        assert session is None or session not in page
    with pytest.raises(ValueError, match="path of its own"):
        store.report(ids=False)


def test_a_page_of_another_program_is_left_alone(exported, tmp_path):
    page = tmp_path / "mine.html"
    page.write_text("<p>mine")
    with pytest.raises(ValueError, match="no report of this program"):
        FeatureStore(exported).report(page)
    assert page.read_text() == "<p>mine"
