"""What notebooks call of loaders, of the pipeline, and of modules."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest
from calls import ATLAS, CAT12, LIST, N_LONG_COLUMNS, N_REGIONS, PARC, QSI, SESSION, SUBJECT, answers, wanted_columns

from neuroalign_preprocessing.loaders import AnatomicalLoader, DiffusionLoader, QuestionnaireLoader, parse_bids_entities
from neuroalign_preprocessing.preprocessing import (
    DataPaths,
    DataPreparationPipeline,
    FeatureStore,
    ModalityConfig,
    OutputConfig,
    PipelineConfig,
)

ANATOMICAL_ROWS = 3 * 3 * N_REGIONS
#: One session has two workflows, another one.
DIFFUSION_ROWS = 3 * N_REGIONS


def anatomical(**how):
    return AnatomicalLoader(**{"cat12_root": CAT12, "cat12_parcellated_root": PARC, "atlas_name": ATLAS, **how})


def diffusion(**how):
    return DiffusionLoader(**{"qsiparc_path": QSI, "atlas_name": ATLAS, **how})


@answers("snippet-11", "snippet-22", "interface-55", "notebook-01", "snippet-13")
def sessions_of_cat12(on):
    from neuroalign_preprocessing.loaders.anatomical import AnatomicalLoader as Same

    assert Same is AnatomicalLoader
    df = anatomical().load_sessions(sessions_csv=LIST)
    assert df.shape == (ANATOMICAL_ROWS, N_LONG_COLUMNS) and isinstance(df.index, pd.RangeIndex)
    assert list(df.columns) == wanted_columns("snippet-11")
    listed = [code.replace("-", "_") for code in pd.read_csv(LIST, dtype=str)["subject_code"].drop_duplicates()]
    assert list(df["subject_code"].drop_duplicates()) == listed
    assert list(df["modality"][: 3 * N_REGIONS].drop_duplicates()) == ["gm", "wm", "ct"]
    assert df["index"].dtype == df["voxel_count"].dtype == "int64" and df["mean"].dtype == "float64"
    assert df["is_bimodal"].dtype == bool


@answers("snippet-12", "notebook-44")
def sessions_of_qsirecon(on):
    df = diffusion(qsirecon_path=QSI, workflows=["AMICONODDI"]).load_sessions(sessions_csv=LIST)
    assert len(df) == N_REGIONS and list(df.columns) == wanted_columns("snippet-12")
    all_ = diffusion().load_sessions(sessions_csv=LIST, workflow=None, n_jobs=1, progress=True)
    assert all_.shape == (DIFFUSION_ROWS, N_LONG_COLUMNS)
    assert len(diffusion().load_sessions(LIST, workflow="AMICONODDI", n_jobs=4)) == N_REGIONS


@answers("snippet-23")
def a_writer_that_is_gone(on):
    with pytest.raises(ImportError, match="neuroalign-preprocess.*to_parquet"):
        from neuroalign_preprocessing.io.writer import OutputWriter  # noqa: F401


@answers("notebook-26", "notebook-27", "notebook-28", "notebook-29", "notebook-30")
def configurations(on):
    config = PipelineConfig(paths=DataPaths(sessions_csv=str(LIST)))
    assert (config.atlas_name, config.age_column, config.n_jobs, config.progress, config.force) == (
        "4S456Parcels", "AGE", 1, True, False)
    assert config.paths.sessions_csv == LIST and config.paths.output_dir == Path("data/processed")
    assert config.paths.cat12_root is None
    config.force = True
    for wrong in (lambda: DataPaths(sessions_csv=None), lambda: DataPaths()):
        with pytest.raises((ValueError, TypeError), match="sessions_csv"):
            wrong()
    with pytest.raises(TypeError):
        DataPaths(LIST)
    with pytest.warns(UserWarning, match="atlas_root"):
        assert not hasattr(DataPaths(sessions_csv=LIST, atlas_root="x"), "atlas_root")
    wanted = ModalityConfig(anatomical=True, diffusion=True, gray_matter=True, white_matter=True, cortical_thickness=True)
    assert wanted == ModalityConfig() and wanted.diffusion_workflows is None
    assert (OutputConfig().prefix, OutputConfig().compression) == ("neuroalign", "zstd")


def pipeline(on, **how):
    paths = DataPaths(**{"sessions_csv": LIST, "cat12_root": CAT12, "cat12_parcellated_root": PARC, "qsiparc_path": QSI,
                         "qsirecon_path": QSI, "output_dir": on.output, **how})
    return DataPreparationPipeline(PipelineConfig(paths=paths, atlas_name=ATLAS))


@answers("notebook-31", "notebook-32")
def a_pipeline(on):
    result = pipeline(on).run()
    assert (result.n_new_sessions, result.n_skipped_sessions) == (3, 0) and isinstance(result.store, FeatureStore)
    assert result.output_path == on.output and len(result.long_formats_saved) == 5
    assert "gm_mean" in result.wide_features_generated
    assert {"n_subjects": 2, "n_sessions": 3, "has_tiv": True, "atlas_name": ATLAS}.items() <= result.metadata.items()
    assert result.metadata["age_stats"]["missing"] == 0 and result.metadata["age_stats"]["min"] > 0
    again = pipeline(on).run()
    assert (again.n_new_sessions, again.n_skipped_sessions) == (0, 3)
    with pytest.raises(FileNotFoundError, match="nope.csv"):
        pipeline(on, sessions_csv="nope.csv").run()
    empty = on.folder / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="nothing was found"):
        pipeline(on, cat12_root=empty, cat12_parcellated_root=empty, qsiparc_path=empty, output_dir=on.folder / "o").run()


@answers("notebook-33", "notebook-34", "notebook-35")
def folders_of_cat12(on):
    loader = anatomical(cat12_root=str(CAT12), n_jobs=1)
    assert (loader.paths.cat12_root, loader.paths.cat12_parcellated_root, loader.paths.atlas_name) == (CAT12, PARC, ATLAS)
    assert AnatomicalLoader(CAT12, PARC).paths.atlas_name == "4S456Parcels" and loader.n_jobs == 1
    with pytest.raises(TypeError, match="cat12_root"):
        anatomical(cat12_root=None)
    tables = loader.get_session_directory(subject=SUBJECT, session=SESSION)
    assert tables == PARC / "sub-0475" / f"ses-{SESSION}" / "anat" / f"atlas-{ATLAS}" and tables.is_dir()
    assert len(list(loader.get_cat12_directory(SUBJECT, SESSION).glob("cat_*.xml"))) == 1
    assert loader.get_session_directory("nope", "1") is loader.get_cat12_directory("nope", "1") is None


@answers("notebook-36", "notebook-37")
def a_session_of_cat12(on):
    df = anatomical().load_session(subject=SUBJECT, session=SESSION, include_metadata=True, include_tiv=True)
    assert df.shape == (3 * N_REGIONS, 56)
    assert list(df.columns) == [name for name in wanted_columns("snippet-11") if name not in ("AGE", "sex")]
    assert df.groupby(["modality", "metric"]).size().to_dict() == {("ct", "thickness"): 384, ("gm", "volume"): 384,
                                                                   ("wm", "volume"): 384}
    assert df["tiv"].nunique() == 1 and df["tiv"].notna().all()
    assert anatomical().load_session(SUBJECT, SESSION, include_metadata=False).shape[1] == 54
    assert "tiv" not in anatomical().load_session(SUBJECT, SESSION, include_tiv=False)
    assert anatomical().load_session("nope", "1") is None


@answers("notebook-38", "interface-49", "interface-50", "interface-51", "interface-54")
def options_of_cat12(on):
    few = on.folder / "few.csv"
    few.write_text("\n".join(LIST.read_text().splitlines()[:3]) + "\n")
    df = anatomical().load_sessions(sessions_csv=few, n_jobs=1, progress=True, calculate_tiv=True)
    assert df.shape == (2 * 3 * N_REGIONS, N_LONG_COLUMNS)
    assert anatomical().load_sessions(few, calculate_tiv=False).shape[1] == N_LONG_COLUMNS - 1
    assert len(anatomical().load_sessions(few, n_jobs=8)) == len(df)
    called = []
    anatomical().load_sessions(few, session_callback=lambda *given: called.append(given))
    assert [given[:2] for given in called] == [(SUBJECT, SESSION), (SUBJECT, "202601121004")]
    assert all(given[2].shape == (3 * N_REGIONS, N_LONG_COLUMNS) for given in called)
    anatomical().load_sessions(few, session_callback=lambda *_: 1 / 0, include_qc=True, tiv_output_dir=on.folder)
    over = anatomical().load_sessions(few, normalize_by_tiv=True)
    assert over.columns[-1] == "volume_mm3_normalized"
    assert over.groupby("modality")["volume_mm3_normalized"].count().to_dict() == {"ct": 0, "gm": 768, "wm": 768}
    with pytest.raises(FileNotFoundError, match="nowhere"):
        anatomical().load_sessions(sessions_csv=on.nowhere)


@answers("notebook-39", "unused-18", "unused-19", "unused-20", "unused-21", "unused-22", "unused-23", "unused-24", "unused-25")
def names_of_modules_that_are_gone(on):
    for module, name, instead in [
        ("loaders.anatomical", "_extract_tiv_from_xml", "load_tiv"),
        ("preprocessing.cli", "parse_args", "main"), ("preprocessing.cli", "build_config", "main"),
        ("preprocessing.cli", "setup_logging", "main"), ("preprocessing.export_cache", "setup_logging", "main"),
        ("loaders", "AnatomicalPaths", "paths"), ("loaders", "DiffusionPaths", "paths"),
        ("loaders.anatomical", "parse_bids_entities", "loaders.diffusion"), ("loaders", "anatomical_example", "AnatomicalLoader"),
    ]:
        with pytest.raises(ImportError, match=instead):
            getattr(importlib.import_module(f"neuroalign_preprocessing.{module}"), name)


@answers("notebook-40", "notebook-41")
def folders_of_qsirecon(on):
    loader = diffusion(qsirecon_path=QSI, workflows=None, n_jobs=1)
    assert loader.workflows == ["AMICONODDI", "DSIStudio"]
    assert (loader.paths.qsiparc_path, loader.paths.qsirecon_path, loader.paths.atlas_name) == (QSI, QSI, ATLAS)
    assert diffusion(qsiparc_path=on.nowhere).workflows == []
    folder = loader.get_session_directory(subject=SUBJECT, session=SESSION, workflow="AMICONODDI")
    assert folder == QSI / "qsirecon-AMICONODDI" / "sub-0475" / f"ses-{SESSION}" / "dwi" / f"atlas-{ATLAS}"
    assert list(folder.glob("*_parc.tsv")) and loader.get_session_directory("nope", "1", "AMICONODDI") is None


@answers("notebook-42", "notebook-43", "notebook-45")
def a_session_of_qsirecon(on):
    df = diffusion().load_session(subject=SUBJECT, session=SESSION, workflow=None, include_metadata=True)
    assert df.shape == (2 * N_REGIONS, 56)
    assert list(df.columns) == [name for name in wanted_columns("snippet-12") if name not in ("AGE", "sex")]
    assert diffusion().load_session(SUBJECT, SESSION, include_metadata=False).shape[1] == 54
    assert len(diffusion().load_session(SUBJECT, SESSION, workflow="AMICONODDI")) == N_REGIONS
    assert diffusion().load_session("nope", "1") is diffusion().load_session(SUBJECT, SESSION, workflow="nope") is None
    assert diffusion().get_available_parameters(df) == {"noddi": ["od"], "tensor": ["fa"]}


@answers("notebook-46")
def entities(on):
    assert parse_bids_entities("x/sub-001_ses-01_model-DTI_param-MD_space-X-1_dseg.tsv") == {
        "sub": "001", "ses": "01", "model": "DTI", "param": "MD", "space": "X-1"}
    assert parse_bids_entities("dseg.tsv") == {}


@answers(*(f"notebook-{n}" for n in range(47, 56)))
def questionnaires_are_gone(on):
    with pytest.raises(NotImplementedError, match="pandas.read_csv"):
        QuestionnaireLoader("x.csv")
    with pytest.raises(AttributeError, match="pandas.read_csv"):
        QuestionnaireLoader.DEMOGRAPHIC_FEATURES


@answers("interface-46", "interface-47")
def commands_as_functions(on):
    for module, arguments, wanted in [("cli", ["--help"], 0), ("cli", ["--nope"], 2), ("export_cache", [on.cut(), "--status"], 0)]:
        run = f"import sys; from neuroalign_preprocessing.preprocessing.{module} import main; sys.exit(main())"
        assert on.shell([sys.executable, "-c", run], *arguments).returncode == wanted


@answers("interface-52")
def a_callback_of_qsirecon(on):
    called = []
    diffusion().load_sessions(LIST, session_callback=lambda *given: called.append(given))
    assert sorted(len(given[2]) for given in called) == [N_REGIONS, 2 * N_REGIONS]
    assert all(given[2].shape[1] == N_LONG_COLUMNS for given in called)


@answers("interface-53")
def an_atlas_that_is_not_there(on):
    for loader in (anatomical(atlas_name="Nope"), diffusion(atlas_name="Nope")):
        with pytest.raises(ValueError, match=ATLAS):
            loader.load_sessions(sessions_csv=LIST)


@answers("unused-12", "unused-13", "unused-14", "unused-15", "unused-26")
def members_that_are_gone(on):
    for name in ("load_anatomical_data", "load_diffusion_data"):
        with pytest.raises(AttributeError, match="load_long"):
            getattr(pipeline(on), name)
    for name in ("sanitize_subject_code", "sanitize_session_id"):
        with pytest.raises(AttributeError, match="cleans"):
            getattr(DataPreparationPipeline, name)
    with pytest.raises(AttributeError, match="asdict"):
        OutputConfig().model_dump()


@answers("unused-27", "unused-28")
def empty_packages(on):
    assert importlib.import_module("neuroalign_preprocessing.io")
    with pytest.raises(ImportError, match="empty"):
        from neuroalign_preprocessing import utils  # noqa: F401
