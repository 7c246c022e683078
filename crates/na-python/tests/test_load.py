"""A load from Python."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from conftest import COHORT

import neuroalign_preprocessing
from neuroalign_preprocessing import FeatureStore, Progress, preprocess

SETTINGS = COHORT / ".env"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_load_reports_what_it_did(tmp_path):
    told = []
    report = preprocess(env_file=SETTINGS, output=tmp_path / "store", progress=told.append)
    assert (report.n_sessions, report.loaded, report.missing) == (3, {"anatomical": 3, "diffusion": 2}, 1)
    assert report.output == tmp_path / "store" and report.n_new_sessions == 3 and "Loaded    3 anatomical" in str(report)
    assert [outcome["status"] for outcome in report.outcomes] == ["missing"]
    assert report.store.load_feature("gm_mean").shape[0] == 3
    loads = [step for step in told if step.step == "load"]
    assert [step.done for step in loads] == list(range(6)) and {step.total for step in loads} == {5}
    assert isinstance(told[0], Progress) and told[-1].step == "verify" and any(step.step == "export" for step in told)
    again = preprocess(env_file=SETTINGS, output="store")
    assert (again.n_new_sessions, again.n_skipped_sessions) == (0, 3)


def test_a_list_may_be_a_frame(tmp_path):
    listed = pd.read_csv(COHORT / "sessions.csv", dtype=str)
    roots = {"cat12_root": COHORT / "cat12", "cat12_parcellated_root": str(COHORT / "parcellated" / "cat12"),
             "atlas_name": "AICHA384", "diffusion": False}
    report = preprocess(listed[:1], "one", tissues="ct", **roots)
    assert report.store.list_long_formats() == ["anatomical_ct"] and len(report.store.list_sessions()) == 1
    report = preprocess(pl.from_pandas(listed), "all", **roots)
    assert len(report.store.list_sessions()) == 3 and "sex" in report.store.load_metadata()
    with pytest.raises(TypeError, match="DataFrame"):
        preprocess(listed.to_dict(), "none", **roots)
    with pytest.raises(ValueError, match="tissue 'csf'"):
        preprocess(listed, "none", tissues=["csf"], **roots)


def test_what_progress_raises_stops_the_load_and_the_next_goes_on(tmp_path):
    class Enough(Exception):
        pass

    def stop(step):
        raise Enough

    with pytest.raises(Enough):
        preprocess(env_file=SETTINGS, output="store", n_jobs=1, progress=stop)
    assert not (tmp_path / "store" / "manifest.json").exists()
    assert preprocess(env_file=SETTINGS, output="store").n_sessions == 3
    assert len(FeatureStore("store").list_sessions()) == 3


def test_ctrl_c_stops_the_load(tmp_path):
    def interrupt(step):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        preprocess(env_file=SETTINGS, output="store", n_jobs=1, progress=interrupt)
    preprocess(env_file=SETTINGS, output="store")
    assert not FeatureStore("store").has_cache()


def test_arguments_that_cannot_be_are_told_as_the_command_tells_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="nope.csv"):
        preprocess("nope.csv", "store", qsiparc=COHORT / "parcellated")
    with pytest.raises(ValueError, match="--sessions"):
        preprocess(output="store", qsiparc=COHORT / "parcellated")
    with pytest.raises(ValueError, match="AICHA384"):
        preprocess(env_file=SETTINGS, output="store", atlas_name="nope")
    with pytest.raises(ValueError, match="--force") as refused:
        preprocess(env_file=SETTINGS, output="store", force=True, reload=True)
    assert not any(word in str(refused.value) for word in ("error:", "Usage", "--help"))
    assert not (tmp_path / "store").exists()


def test_nothing_is_written_by_a_dry_run(tmp_path):
    report = preprocess(env_file=SETTINGS, output="store", dry_run=True)
    assert report.details["to_load"] == 5 and not (tmp_path / "store").exists()


def test_warnings_come_through_logging(tmp_path, caplog):
    shutil.copytree(COHORT, "cohort")
    table = next(Path("cohort").rglob("*tissue-GM_parc.tsv"))
    table.write_text("index\tlabel\tmean\n1\tA\tx\n")
    report = preprocess(env_file="cohort/.env", output="store")
    assert report.failed == 1 and report.outcomes[-1]["status"] == "failed"
    (said,) = [record for record in caplog.records if table.name in record.getMessage()]
    assert said.levelno == logging.WARNING and said.name == "neuroalign"


def test_other_threads_load_and_read_meanwhile(tmp_path):
    loads = [threading.Thread(target=preprocess, kwargs={"env_file": SETTINGS, "output": f"store{n}"}) for n in range(3)]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    assert all(len(FeatureStore(f"store{n}").list_sessions()) == 3 for n in range(3))


def test_the_version_is_the_command_s():
    told = subprocess.run([sys.executable, "-c", "from neuroalign_preprocessing.commands import preprocess; preprocess()",
                           "--version"], capture_output=True, text=True)
    assert neuroalign_preprocessing.__version__ in told.stdout


ROOTS = {"cat12_root": COHORT / "cat12", "cat12_parcellated_root": COHORT / "parcellated" / "cat12",
         "qsiparc": COHORT / "parcellated", "atlas_name": "AICHA384"}


def listed():
    return pd.read_csv(COHORT / "sessions.csv", dtype=str)


def alone(script):
    """Run a script in a process of its own, which is not to hang."""
    head = ("import os, threading, time, pandas as pd\nfrom neuroalign_preprocessing import FeatureStore, preprocess\n"
            f"S = {str(SETTINGS)!r}\n")
    ran = subprocess.run([sys.executable, "-c", head + script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_callback_may_fork_and_read_while_another_thread_forks():
    alone('''
def fork(step):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
preprocess(env_file=S, output="one", progress=fork)
''')
    alone('''
store = preprocess(env_file=S, output="two").store
started = threading.Event()
def read(step):
    started.set()
    time.sleep(0.05)
    assert len(store.list_sessions()) == 3
def fork():
    started.wait()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
other = threading.Thread(target=fork)
other.start()
preprocess(env_file=S, output="three", progress=read)
other.join()
''')


def test_paths_stay_what_they_are_if_the_working_directory_changes(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    report = preprocess(env_file=SETTINGS, output="store", progress=lambda step: os.chdir(tmp_path / "elsewhere"))
    assert report.output == tmp_path / "store" and len(report.store.list_sessions()) == 3
    os.chdir(tmp_path)
    odd = "caf\udce9"
    assert preprocess(env_file=SETTINGS, output=odd).store.exists() and (tmp_path / odd).is_dir()


def test_tiv_is_what_was_measured_whatever_columns_a_list_has():
    columns = {"tiv": ["5", "6", "7"], "gm_mean:score": ["1", "2", "3"]}
    store = preprocess(listed().assign(**columns), "store", **ROOTS).store
    measured = store.load_tiv()["tiv"].tolist()
    df = store.load_feature("gm_mean", include_tiv=True)
    assert df["tiv"].tolist() == store.matrix("gm_mean", target="tiv").y.tolist() == measured
    assert sorted(df["metadata:tiv"]) == [5, 6, 7] and len(store.matrix("gm_mean").names) == 384


def test_sessions_are_counted_once_and_sorted():
    store = preprocess(listed()[::-1], "store", **ROOTS).store
    sessions = list(store.get_existing_sessions().itertuples(index=False, name=None))
    assert sessions == store.list_sessions() == sorted(sessions)
    # A report alone would load volumes.
    fewer = {**ROOTS, "cat12_root": None, "cat12_parcellated_root": "tables"}
    shutil.copytree(COHORT / "parcellated" / "cat12", "tables")
    shutil.rmtree("tables/sub-0475/ses-202507271541")
    report = preprocess(listed(), "other", **fewer)
    assert report.loaded == {"anatomical": 2, "diffusion": 2} and report.n_new_sessions == 3
    again = preprocess(listed(), "other", **fewer)
    assert (again.n_new_sessions, again.n_skipped_sessions) == (0, 3)
    chosen = preprocess(listed(), "other", participant_label="CLMC_10", **fewer)
    assert (chosen.n_sessions, chosen.n_new_sessions, chosen.n_skipped_sessions) == (3, 0, 1)


def test_further_inputs_are_arguments_and_their_units_are_counted(tmp_path):
    shutil.copytree(COHORT / "cat12", "cat12")
    shutil.rmtree("cat12/sub-CLMC_10")
    report = preprocess(listed(), "measures", cat12_root="cat12", cat12_globals=True)
    assert (report.loaded["anatomical cat12-globals"], report.missing) == (2, 1)
    again = preprocess(listed(), "measures", cat12_root="cat12", cat12_globals=True)
    assert (again.n_new_sessions, again.n_skipped_sessions) == (0, 2)
    inputs = COHORT.parent / "inputs" / "freesurfer"
    shutil.copytree(inputs / "fs741_bids" / "sub-741", "fs/sub-741")
    atlases = {"freesurfer-seg": "aseg", "freesurfer": "aparc"}
    report = preprocess(output="surfaces", discover=True, freesurfer="fs", freesurfer_stream="cross", atlases=atlases,
                        tiv_from="freesurfer")
    assert report.loaded["anatomical freesurfer"] == 1
    assert "fs_thickness" in report.store.list_features("anatomical")
    recon = COHORT.parent / "inputs" / "qsirecon" / "made"
    report = preprocess(output="maps", discover=True, qsirecon_stats=recon, atlases={"qsirecon": "4S156Parcels"})
    assert report.loaded["diffusion qsirecon"] == 1
    assert len(report.store.load_feature("NODDI_icvf_mean")) == 1
    with pytest.raises(ValueError, match="long"):
        preprocess(output="surfaces", discover=True, freesurfer="fs", freesurfer_stream="both")


@pytest.mark.parametrize("wrong, error, problem", [
    ({"sessions": "-"}, ValueError, "standard input"),
    ({"output": b"store"}, TypeError, "output"),
    ({"output": None}, TypeError, "output"),
    ({"metadata_columns": ["Age, years"]}, ValueError, "comma"),
    ({"workflows": []}, ValueError, "workflows is empty"),
    ({"n_jobs": 2.5}, TypeError, "integer"),
])
def test_an_argument_that_cannot_be_is_refused(wrong, error, problem):
    with pytest.raises(error, match=problem):
        preprocess(**{"sessions": listed(), "output": "store", **ROOTS, **wrong})


def test_a_line_break_in_a_cell_of_a_frame_is_a_blank():
    report = preprocess(listed().assign(remark="two\nlines"), "store", **ROOTS)
    assert set(report.store.load_metadata()["remark"]) == {"two lines"}


def test_an_index_with_a_name_is_a_column_and_all_cores_are_minus_one():
    report = preprocess(listed().set_index(["subject_code", "session_id"]), "store", n_jobs=-1, **ROOTS)
    assert report.n_sessions == 3
