"""Rows without a store: what the calls of the pandas package's users do not show."""

import shutil

import pandas as pd
import pytest
from conftest import COHORT

from neuroalign_preprocessing.loaders import AnatomicalLoader

LIST = pd.read_csv(COHORT / "sessions.csv", dtype=str)


def loader(folder=COHORT):
    return AnatomicalLoader(folder / "cat12", folder / "parcellated" / "cat12", "AICHA384")


def test_rows_come_in_the_order_of_the_list_however_it_is_written(tmp_path):
    turned = LIST[::-1].rename(columns={"subject_code": "SubjectCode", "session_id": "ScanID"})
    turned.to_csv(tmp_path / "list.csv", sep=";", index=False)
    df = loader().load_sessions(tmp_path / "list.csv", progress=False)
    assert list(df["session_id"].drop_duplicates()) == list(LIST["session_id"][::-1])
    assert list(loader().load_sessions(LIST[::-1], progress=False)["session_id"]) == list(df["session_id"])


def test_a_unit_that_differs_by_table_is_left_out():
    df = loader().load_sessions(LIST, progress=False, calculate_tiv=False)
    assert "mean" not in df.attrs["units"] and "tiv" not in df.attrs["units"] and df.attrs["units"]["vol_TIV"] == "mL"


def test_a_session_without_an_id_is_called_back_too(tmp_path):
    shutil.copytree(COHORT, tmp_path / "cohort")
    for root in ("cat12", "parcellated/cat12"):
        subject = tmp_path / "cohort" / root / "sub-CLMC_10"
        (subject / "ses-202407110849" / "anat").rename(subject / "anat")
        for file in subject.rglob("*ses-202407110849*"):
            if file.is_file():
                file.rename(file.with_name(file.name.replace("_ses-202407110849", "")))
        (subject / "ses-202407110849").rmdir()
    called = []
    (tmp_path / "list.csv").write_text("subject_code,session_id,AGE\nCLMC_10,,25\n0475,202507271541,31\n")
    df = loader(tmp_path / "cohort").load_sessions(tmp_path / "list.csv", progress=False,
                                                   session_callback=lambda *given: called.append(given[:2]))
    assert called == [("CLMC_10", None), ("0475", "202507271541")] and len(df) == 2 * 1152


@pytest.mark.parametrize("subject", ["CLMC-10", "CLMC_10", "sub-CLMC_10"])
def test_a_session_is_found_however_its_code_is_written(subject):
    assert len(loader().load_session(subject, "ses-202407110849")) == 1152
    assert len(loader().load_session("475", 202507271541)) == 1152


def test_a_session_that_cannot_be_read_is_an_error_with_its_reason(tmp_path):
    shutil.copytree(COHORT, tmp_path / "cohort")
    for table in (tmp_path / "cohort").rglob("*0475_ses-202507271541*_parc.tsv"):
        table.write_text("index\tlabel\tmean\n1\tA\tx\n")
    with pytest.raises(ValueError, match="no session has rows: 0475.*_parc.tsv"):
        loader(tmp_path / "cohort").load_session("0475", "202507271541")
