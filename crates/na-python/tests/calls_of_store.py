"""What notebooks, labs and other code call of a store."""

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from calls import ATLAS, LIST, N_LONG_COLUMNS, N_REGIONS, N_SESSIONS, SESSION, SUBJECT, answers, wanted_columns
from sklearn.model_selection import GroupKFold

from neuroalign_preprocessing.preprocessing import ANATOMICAL_METRICS, FeatureStore
from neuroalign_preprocessing.preprocessing.feature_info import FeatureInfo

KEYS = ["subject_code", "session_id"]
FEATURE = "gm_volume_mm3"
#: The columns of the list that become metadata.
METADATA = ["AGE", "sex"]
TABLES = {"anatomical_gm", "anatomical_wm", "anatomical_ct", "diffusion_AMICONODDI", "diffusion_DSIStudio"}
ROWS = (N_SESSIONS * N_REGIONS, N_LONG_COLUMNS)
BOOLS = ["is_strongly_skewed", "is_heavy_tailed", "is_bimodal", "has_outliers", "fails_normality"]


@answers("snippet-05", "interface-36", "interface-37")
def the_cache_is_read(on):
    store = FeatureStore(on.cut())
    for df in (store.load_long("anatomical_gm"), store.load_from_cache("anatomical_gm"),
               store.load_from_cache(table_name="anatomical_gm")):
        assert df.shape == ROWS and isinstance(df.index, pd.RangeIndex) and all(df[name].dtype == bool for name in BOOLS)
    cache = store.summary()["cache"]
    assert cache["exists"] is True and set(cache["tables"]) == TABLES and cache["size_mb"] > 0
    assert (cache["n_sessions_anatomical"], cache["n_sessions_diffusion"]) == (3, 2)


@answers("snippet-09", "snippet-20", "notebook-04", "notebook-05", "lab-01", "notebook-19")
def features_and_rows(on):
    names = on.store.list_features()
    assert names == sorted(names) and {FEATURE, "tiv"} <= set(names)
    assert on.store.load_feature(FEATURE).shape == (N_SESSIONS, 2 + N_REGIONS + len(METADATA))
    assert on.store.load_long("anatomical_gm").shape == ROWS
    assert on.store.load_long("diffusion_DSIStudio")["session_id"].nunique() == 2


@answers("snippet-10", "notebook-03")
def the_class(on):
    from neuroalign_preprocessing.preprocessing.feature_store import FeatureStore as Same

    assert Same is FeatureStore
    Same(on.nowhere), Same(str(on.nowhere))
    assert not on.nowhere.exists()


@answers("notebook-02", "notebook-06", "interface-44", "interface-45", "lab-07")
def names_to_import(on):
    from neuroalign_preprocessing.preprocessing import (  # noqa: F401
        DataPaths, DataPreparationPipeline, ModalityConfig, OutputConfig, PipelineConfig,
    )
    from neuroalign_preprocessing.preprocessing.config import PipelineConfig as Same
    from neuroalign_preprocessing.preprocessing.feature_store import META_COLS
    from neuroalign_preprocessing.preprocessing.pipeline import PipelineResult  # noqa: F401

    assert Same is PipelineConfig and META_COLS == KEYS
    assert ANATOMICAL_METRICS == ["volume_mm3", "mean", "std", "median", "sum", "robust_std", "mad_median"]
    assert set(ANATOMICAL_METRICS) <= set(on.store.load_long("anatomical_gm").columns)


@answers("notebook-07", "interface-33", "notebook-22")
def what_is_there(on):
    assert on.store.exists() is True and FeatureStore(on.cut()).exists() is True
    assert on.store.has_cache() is False and FeatureStore(on.cut()).has_cache() is True
    assert on.store.has_tiv() is True


@answers("notebook-08", "notebook-09", "lab-10", "lab-11")
def the_summary(on):
    told = on.store.summary()
    assert list(told)[:12] == ["root_dir", "atlas_name", "n_sessions", "n_subjects", "long_formats", "n_wide_features", "cache",
                               "anatomical_features", "diffusion_features", "has_tiv", "created_at", "updated_at"]
    assert told["root_dir"] == str(on.exported) and told["atlas_name"] == ATLAS and set(told["long_formats"]) == TABLES
    assert (told["n_sessions"], told["n_subjects"], told["has_tiv"]) == (3, 2, True)
    assert told["n_wide_features"] == len(on.store.list_features()) and pd.Timestamp(told["created_at"]) is not None
    with pytest.raises(FileNotFoundError):
        FeatureStore(on.nowhere).summary()


@answers("notebook-10", "notebook-11", "interface-06")
def features_of_a_modality(on):
    both = [on.store.list_features(modality=modality) for modality in ("anatomical", "diffusion")]
    assert sorted(sum(both, [])) == on.store.list_features() and len(both[1][:10]) == 10
    with pytest.raises(ValueError, match="anatomical.*diffusion"):
        on.store.list_features("nope")


@answers("notebook-12", "notebook-13", "lab-14", "interface-07")
def what_a_feature_is(on):
    info = on.store.get_feature_info("gm_mean")
    assert (info.name, info.modality, info.metric, info.n_regions, info.n_sessions) == ("gm_mean", "anatomical", "mean", 384, 3)
    assert info.file_path == "wide/anatomical/gm_mean.parquet" and (on.exported / info.file_path).exists()
    assert info.region_names == on.store.get_regions("gm_mean") and isinstance(info.created_at, str)
    assert (info.source_modality, info.workflow, info.model, info.param) == ("gm", None, None, None)
    diffusion = on.store.get_feature_info("DSIStudio_tensor_fa_mean")
    assert (diffusion.source_modality, diffusion.workflow, diffusion.model, diffusion.param) == (None, "DSIStudio", "tensor", "fa")
    assert info["unit"] == dict(info)["unit"] == info.unit and "n_regions=384" in str(info)
    assert on.store.get_feature_info("nope") is None


@answers("notebook-14")
def what_tiv_is(on):
    info = on.store.get_feature_info("tiv")
    assert (info.metric, info.n_regions, info.region_names, info.source_modality) == ("tiv", 1, ["tiv"], "global")
    assert info.file_path == "wide/anatomical/tiv.parquet" and "tiv" in str(info)


@answers("notebook-15", "notebook-16", "notebook-17", "notebook-18", "notebook-20", "notebook-21", "interface-11")
def a_feature(on):
    regions = on.store.get_regions(FEATURE)
    df = on.store.load_feature(FEATURE)
    assert list(df.columns) == [*KEYS, *regions, *METADATA] and isinstance(df.index, pd.RangeIndex)
    assert df[regions].values.dtype == np.float64 and df[KEYS].equals(df[KEYS].sort_values(KEYS))
    with_tiv = on.store.load_feature(FEATURE, include_metadata=True, include_tiv=True)
    assert list(with_tiv.columns) == [*df.columns, "tiv"]
    with_tiv[regions] = with_tiv[regions].div(with_tiv["tiv"], axis=0)
    assert with_tiv.shape == (N_SESSIONS, df.shape[1] + 1)
    assert list(on.store.load_feature("tiv").columns) == [*KEYS, "tiv", *METADATA]
    assert list(on.store.load_feature(FEATURE, False, True).columns) == [*KEYS, *regions, "tiv"]


@answers("notebook-23", "notebook-24", "lab-02", "lab-03", "lab-04", "lab-05", "lab-06")
def frames_are_joined(on):
    store, tiv = on.store, on.store.load_tiv()
    assert list(tiv.columns) == [*KEYS, "tiv"] and len(tiv) == N_SESSIONS
    joined = store.load_feature(FEATURE).merge(tiv, on="session_id", how="left")
    assert len(joined) == N_SESSIONS and "subject_code_x" in joined
    bare = store.load_feature(FEATURE, include_metadata=False)
    assert len(bare) == N_SESSIONS
    about = store.load_metadata().merge(tiv, on=KEYS, how="left")
    assert about.shape == (N_SESSIONS, 2 + len(METADATA) + 1)
    all_ = bare.merge(about, on=KEYS)
    assert len(list(GroupKFold(2).split(all_, groups=all_["subject_code"]))) == 2
    indexed = bare.set_index(KEYS)
    diffusion = store.load_feature("DSIStudio_tensor_fa_mean", include_metadata=False).set_index(KEYS)
    assert indexed.reindex(diffusion.index).shape == (2, N_REGIONS)
    assert indexed.div(tiv.set_index(KEYS)["tiv"], axis=0).notna().all().all()


@answers("notebook-25", "interface-12", "interface-13", "interface-14", "interface-15", "interface-16")
def features_side_by_side(on):
    store, names = on.store, [FEATURE, "wm_volume_mm3", "ct_mean", "gm_mean"]
    regions = store.get_regions(FEATURE)
    df = store.load_features(names, include_metadata=True)
    assert list(df.columns) == [*KEYS, *(f"{name}:{region}" for name in names for region in regions), *METADATA]
    assert f"{FEATURE}:{regions[0]}" in store.load_features([FEATURE]) and f"gm_mean:{regions[0]}" in store.load_features("gm_mean")
    with_tiv = store.load_features([FEATURE, "ct_mean"], include_metadata=False, include_tiv=True)
    assert with_tiv.shape == (N_SESSIONS, 2 + 2 * N_REGIONS + 1) and with_tiv.columns[-1] == "tiv"
    with pytest.raises(ValueError):
        store.load_features([])
    with pytest.raises(ValueError, match="no feature nope .* there are: "):
        store.load_features(["gm_mean", "nope"])


@answers("lab-08", "lab-12", "lab-13", *(f"interface-{n}" for n in range(22, 33)))
def folders_and_files(on):
    store = FeatureStore(root_dir=on.exported, compression="snappy")
    assert (store.compression, on.store.compression) == ("snappy", "zstd")
    at = {"root_dir": "", "long_dir": "long", "wide_dir": "wide", "anatomical_wide_dir": "wide/anatomical",
          "diffusion_wide_dir": "wide/diffusion", "diffusion_long_dir": "long/diffusion", "tiv_path": "tiv.parquet",
          "metadata_path": "metadata.parquet", "manifest_path": "manifest.json"}
    for name, below in at.items():
        assert getattr(store, name) == on.exported / below and getattr(store, name).exists()
    assert store.cache_db_path == on.exported / ".cache.db" and not store.cache_db_path.exists()


@answers("lab-09")
def the_sessions_as_a_frame(on):
    there = on.store.get_existing_sessions()
    assert list(there.columns) == KEYS and len(there) == N_SESSIONS and not there.empty
    listed = pd.read_csv(LIST, dtype=str)
    assert (listed.merge(there, on=KEYS, how="left", indicator=True)["_merge"] == "both").sum() >= 2
    assert len(FeatureStore(on.cut()).get_existing_sessions()) == N_SESSIONS


@answers("lab-15", "lab-16", "lab-17", "lab-18", "lab-19", "lab-20")
def files_by_other_means(on):
    manifest = json.loads((on.exported / "manifest.json").read_text())
    assert {"version", "created_at", "updated_at", "atlas_name", "n_sessions", "n_subjects", "long_formats", "wide_features",
            "has_tiv"} <= manifest.keys() and manifest["version"] == "2.0"
    for entry in [*manifest["long_formats"].values(), *manifest["wide_features"].values()]:
        assert len(pd.read_parquet(on.exported / entry["file_path"])) > 0
    assert len(pd.read_parquet(on.exported / "metadata.parquet").query("subject_code == '0475'")) == 2
    gm = on.exported / "long" / "anatomical_gm.parquet"
    df = pd.read_parquet(gm)
    assert df.session_id.astype(int).astype(str).nunique() == N_SESSIONS
    assert df.pivot_table(index=KEYS, columns="label", values="mean", aggfunc="first").shape == (N_SESSIONS, N_REGIONS)
    assert pd.read_parquet(gm, filters=[("subject_code", "==", SUBJECT)]).shape == (2 * N_REGIONS, N_LONG_COLUMNS)


@answers("interface-01", "interface-02")
def columns_in_their_order(on):
    for name in ("anatomical_gm", "anatomical_wm", "anatomical_ct"):
        assert list(on.store.load_long(name).columns) == wanted_columns("interface-01")
    assert list(on.store.load_long("diffusion_AMICONODDI").columns) == wanted_columns("interface-02")


@answers("interface-03", "interface-04", "interface-05", "interface-08", "interface-09", "interface-10")
def names_that_are_not_there(on):
    assert on.store.load_long("anatomical_gm", fallback_to_cache=False).shape == ROWS
    with pytest.raises(ValueError):
        FeatureStore(on.cut()).load_long("anatomical_gm", fallback_to_cache=False)
    with pytest.raises(ValueError, match="anatomical_gm"):
        on.store.load_long("nope")
    assert set(on.store.list_long_formats()) == TABLES
    with pytest.raises(ValueError):
        on.store.get_regions("nope")
    assert on.store.get_regions("tiv") == ["tiv"]
    with pytest.raises(ValueError, match=r"there are: (\w+, ){19}\w+ and \d+ more"):
        on.store.load_feature("nope")


@answers("interface-17", "interface-18", "interface-20", "interface-21")
def a_folder_that_is_not_there(on):
    assert list(on.store.load_metadata().columns) == [*KEYS, *METADATA]
    nowhere = FeatureStore(on.nowhere)
    for call in (nowhere.load_tiv, nowhere.list_features, nowhere.list_long_formats, nowhere.get_existing_sessions,
                 nowhere.load_metadata, nowhere.summary, lambda: nowhere.load_long("anatomical_gm")):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            call()
    assert not (nowhere.exists() or nowhere.has_cache() or nowhere.has_tiv())


@answers("interface-19")
def a_store_without_tiv(on):
    on.load("--no-anatomical")
    store = FeatureStore(on.output)
    assert store.load_tiv().shape == (0, 3) and store.has_tiv() is False
    assert store.load_feature("DSIStudio_tensor_fa_mean", include_tiv=True)["tiv"].isna().all()


@answers("interface-34", "interface-35", "interface-38", "interface-41")
def the_cache(on):
    assert on.store.cache_status() == {"exists": False, "n_sessions_anatomical": 0, "n_sessions_diffusion": 0, "tables": [],
                                       "size_mb": 0}
    cut = FeatureStore(on.cut())
    assert len(cut.get_cached_sessions()) == 3 and (SUBJECT, SESSION) in cut.get_cached_sessions(modality="diffusion")
    assert cut.get_cached_sessions("nope") == on.store.get_cached_sessions() == set()
    assert cut.load_from_cache("nope") is None and on.store.load_from_cache("anatomical_gm") is None
    assert cut.clear_cache() is None and not cut.cache_db_path.exists() and cut.clear_cache() is None


@answers("interface-39", "interface-40", "interface-42")
def an_export_by_hand(on):
    cut = FeatureStore(on.cut())
    assert set(cut.export_cache_to_parquet(atlas_name=ATLAS)) == TABLES
    assert cut.manifest_path.exists() and cut.cache_db_path.exists()
    assert on.store.export_cache_to_parquet() == []
    assert cut.generate_wide_features() == [name for name in cut.list_features() if name != "tiv"]
    assert on.store.generate_wide_features(metrics=["mean"], modalities=["gm"]) == ["gm_mean"]


@answers("interface-43")
def copies(on):
    store = on.store
    store.load_tiv()
    for same in (pickle.loads(pickle.dumps(store)), copy.deepcopy(store)):
        assert len(same.load_tiv()) == N_SESSIONS


@answers("unused-01", "unused-02", "unused-03", "unused-04", "unused-16", "unused-17")
def names_that_are_gone(on):
    from neuroalign_preprocessing import preprocessing
    from neuroalign_preprocessing.preprocessing import feature_store

    for module, name, instead in [
        (feature_store, "DIFFUSION_METRICS", "list_features"), (feature_store, "REGION_ID_COLS", "get_regions"),
        (preprocessing, "LongFormatInfo", "manifest.json"), (preprocessing, "StoreManifest", "manifest.json"),
        (preprocessing, "AnatomicalWideTransformer", "load_feature"), (preprocessing, "DiffusionWideTransformer", "load_features"),
    ]:
        with pytest.raises(ImportError, match=instead):
            getattr(module, name)


@answers("unused-05", *(f"unused-{n:02}" for n in range(6, 12)))
def members_that_are_gone(on):
    info = on.store.get_feature_info("gm_mean")
    for of, name, instead in [
        (info, "to_dict", "asdict"), (FeatureInfo, "from_dict", "dict"),
        *((on.store, name, "neuroalign-preprocess") for name in
          ("save_anatomical_long", "save_diffusion_long", "save_tiv", "save_metadata", "append_anatomical_session",
           "append_diffusion_session")),
    ]:
        with pytest.raises(AttributeError, match=instead):
            getattr(of, name)
