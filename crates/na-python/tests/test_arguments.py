"""What callers may write where a list of names or sessions is asked for, and what they are told otherwise."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from neuroalign_preprocessing.preprocessing import FeatureStore


@pytest.fixture(params=["exported", "cached"])
def store(request):
    return FeatureStore(request.getfixturevalue(request.param))


def subjects(frame):
    return sorted(set(frame["subject_code"].astype(str)))


LISTS = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "generator": lambda names: (name for name in names),
    "keys": lambda names: dict.fromkeys(names).keys(),
    "pandas": pd.Series,
    "category": lambda names: pd.Series(names, dtype="category"),
    "index": pd.Index,
    "numpy": np.array,
    "objects": lambda names: np.array(names, dtype=object),
    "arrow": pa.array,
    "chunks": lambda names: pa.chunked_array([names]),
    "polars": pl.Series,
}


@pytest.mark.parametrize("kind", LISTS)
def test_any_iterable_of_names_will_do(exported, kind):
    store, listed = FeatureStore(exported), LISTS[kind]
    all_ = subjects(store.load_feature("gm_mean"))
    assert subjects(store.load_feature("gm_mean", subjects=listed(all_))) == all_
    assert subjects(store.load_long("anatomical_gm", subjects=listed(all_[:1]))) == all_[:1]
    regions = store.get_regions("gm_mean")[:2]
    assert set(store.load_feature("gm_mean", False, regions=listed(regions)).columns[2:]) == set(regions)
    assert set(store.load_long("anatomical_gm", regions=listed(regions))["label"].astype(str)) == set(regions)
    long = store.load_long("anatomical_gm", metrics=listed(["mean", "std"]))
    assert {"mean", "std"} <= set(long.columns) and "median" not in long.columns
    both = store.load_features(listed(["gm_mean", "ct_mean"]), False, regions=regions)
    assert set(both.columns[2:]) == {f"{name}:{region}" for name in ("gm_mean", "ct_mean") for region in regions}


def test_a_name_alone_is_a_list_of_one(store):
    subject = store.list_sessions()[0][0]
    region = store.get_regions("gm_mean")[0]
    for name in (subject, np.str_(subject), f"sub-{subject}"):
        assert subjects(store.load_feature("gm_mean", subjects=name)) == [subject]
    assert list(store.load_feature("gm_mean", False, regions=region).columns[2:]) == [region]
    assert "std" not in store.load_long("anatomical_gm", metrics="mean").columns
    assert list(store.load_features("gm_mean", False, regions=region).columns[2:]) == [f"gm_mean:{region}"]


def test_sessions_are_pairs_in_any_iterable(store):
    pairs = store.list_sessions()[:2]
    frame = pd.DataFrame(pairs, columns=["subject_code", "session_id"])
    columns = (frame["subject_code"], frame["session_id"])
    lists = [pairs, tuple(pairs), set(pairs), iter(pairs), zip(*columns), np.array(pairs), pd.MultiIndex.from_frame(frame),
             [list(pair) for pair in pairs], zip(*map(pa.array, columns)), frame.itertuples(index=False)]
    for listed in lists:
        read = store.load_feature("gm_mean", sessions=listed)
        assert list(zip(read["subject_code"], read["session_id"])) == pairs, listed
    assert len(store.load_feature("gm_mean", sessions=pairs[0])) == 1
    assert len(store.load_long("anatomical_gm", sessions=pairs[0])) > 100


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT, pa.scalar(None)])
def test_a_session_without_an_id_may_be_any_missing_value(exported, missing):
    store = FeatureStore(exported)
    subject = store.list_sessions()[0][0]
    with pytest.raises(ValueError, match=f"no session sub-{subject} in .*nearest are sub-{subject}/ses-"):
        store.load_feature("gm_mean", sessions=[(subject, missing)])


def test_none_is_all(store):
    everything = store.load_feature("gm_mean")
    assert len(store.load_feature("gm_mean", subjects=None, sessions=None, regions=None)) == len(everything) == 3


def test_a_name_that_is_not_there_is_told_the_nearest(store):
    subject, session = store.list_sessions()[0]
    wrong = [
        ({"subjects": ["zzz"]}, f"no subject 0zzz in .*{subject}"),
        ({"subjects": [subject, "y", "zzz"]}, "no subject 000y \\(nor another that was asked for\\)"),
        ({"sessions": [(subject, "1999")]}, f"no session sub-{subject}/ses-1999 in .*sub-{subject}/ses-{session}"),
        ({"regions": ["no_region"]}, "no region no_region in"),
    ]
    for arguments, message in wrong:
        for load in (store.load_feature, store.load_features):
            with pytest.raises(ValueError, match=message):
                load("gm_mean", **arguments)
        with pytest.raises(ValueError, match=message):
            store.load_long("anatomical_gm", **arguments)
    with pytest.raises(ValueError, match="no metric maen .*did you mean mean"):
        store.load_long("anatomical_gm", metrics="maen")
    with pytest.raises(ValueError, match="no feature gm_maen .*did you mean gm_mean"):
        store.load_features("gm_maen")


@pytest.mark.parametrize("empty", [[], (), set(), iter([]), pd.Series([], dtype=str), np.array([]), pl.Series([])])
def test_a_list_with_nothing_in_it_is_an_error_that_says_which(exported, empty):
    store = FeatureStore(exported)
    for what in ("subjects", "sessions", "regions"):
        with pytest.raises(ValueError, match=f"^{what} is an empty list"):
            store.load_feature("gm_mean", **{what: empty})
        with pytest.raises(ValueError, match=f"^{what} is an empty list"):
            store.load_long("anatomical_gm", **{what: empty})
    with pytest.raises(ValueError, match="^metrics is an empty list"):
        store.load_long("anatomical_gm", metrics=empty)
    for names in (empty, None):
        with pytest.raises(ValueError, match="^names is an empty list"):
            store.load_features(names)


@pytest.mark.parametrize("wrong", ["202507271541", ["202507271541"], ["0475", "0476", "0477"], [("0475",)], [("0475", "1", "2")],
                                   [475], 475, pd.Series(["0475"]), [b"ab"]])
def test_what_a_session_is_is_said_with_an_example(exported, wrong):
    with pytest.raises(TypeError, match=r'is no session: a session is \("0475", "202507271541"\).*subjects='):
        FeatureStore(exported).load_feature("gm_mean", sessions=wrong)


def test_codes_are_text(exported):
    store = FeatureStore(exported)
    for number in (475, [475], [475.0], np.array([475]), pd.Series([475]), pa.array([475]), {"0001", 475}):
        with pytest.raises(TypeError, match='475(.0)? in subjects is a number, and names are text: "475'):
            store.load_feature("gm_mean", subjects=number)
    for pair in ((475, "1"), ("0475", 1)):
        with pytest.raises(TypeError, match="in sessions is a number"):
            store.load_feature("gm_mean", sessions=[pair])
    with pytest.raises(TypeError, match="1 in names is a number"):
        store.load_features([1])
    for missing in (None, float("nan"), pd.NA):
        with pytest.raises(TypeError, match="subjects has a missing value"):
            store.load_feature("gm_mean", subjects=["0475", missing])
    for wrong in (b"0475", [b"0475"], [["0475"]], [object()]):
        with pytest.raises(TypeError, match="in subjects is no text"):
            store.load_feature("gm_mean", subjects=wrong)


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_table_is_no_list(exported, table):
    columns = {"subject_code": ["0475"], "session_id": ["1"]}
    for what in ("subjects", "sessions", "regions"):
        with pytest.raises(TypeError, match=f"{what} is a table: give one of its columns"):
            FeatureStore(exported).load_feature("gm_mean", **{what: table(columns)})
