"""A load by its configuration, under the pandas package's names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroalign_preprocessing._gone import HasGone
from neuroalign_preprocessing._load import Report, preprocess
from neuroalign_preprocessing.preprocessing.config import PipelineConfig
from neuroalign_preprocessing.preprocessing.feature_store import FeatureStore

__all__ = ["DataPreparationPipeline", "PipelineResult"]


@dataclass
class PipelineResult:
    """What a load did."""

    store: FeatureStore
    #: ``n_subjects, n_sessions, long_formats, n_wide_features, anatomical_features, diffusion_features, has_tiv, age_stats,
    #: atlas_name``.
    metadata: dict[str, Any]
    output_path: Path
    long_formats_saved: list[str]
    wide_features_generated: list[str]
    n_new_sessions: int
    n_skipped_sessions: int


class DataPreparationPipeline(HasGone):
    """Loads what a configuration names: :func:`neuroalign_preprocessing.preprocess` under the pandas package's names."""

    _gone = {
        "load_anatomical_data": "run().store.load_long() has the rows",
        "load_diffusion_data": "run().store.load_long() has the rows",
        "sanitize_subject_code": "a load cleans codes itself",
        "sanitize_session_id": "a load cleans ids itself",
    }

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config

    def run(self) -> PipelineResult:
        """Load what is new, and export.

        Raises
        ------
        FileNotFoundError
            There is no such session list.
        ValueError
            Nothing was found, or the configuration cannot be.
        """
        paths, wanted = self.config.paths, self.config.modalities
        tissues = {"gm": wanted.gray_matter, "wm": wanted.white_matter, "ct": wanted.cortical_thickness}
        report = preprocess(
            paths.sessions_csv, paths.output_dir,
            cat12_root=paths.cat12_root, cat12_parcellated_root=paths.cat12_parcellated_root, qsiparc=paths.qsiparc_path,
            tissues=[tissue for tissue, is_wanted in tissues.items() if is_wanted and wanted.anatomical],
            diffusion=wanted.diffusion, workflows=wanted.diffusion_workflows,
            atlas_name=self.config.atlas_name, age_column=self._age_column(),
            compression=self.config.output.compression or "none",
            n_jobs=self.config.n_jobs, force=self.config.force,
            with_surroundings=False,
        )
        return _result(report)

    def _age_column(self) -> str | None:
        # By default a list may have any of the usual columns, or none.
        return None if self.config.age_column == "AGE" else self.config.age_column


def _result(report: Report) -> PipelineResult:
    store = report.store
    told = store.summary()
    ages = store.load_metadata().get("AGE")
    known = [] if ages is None else [float(age) for age in ages.dropna()]
    metadata = {
        **{key: told[key] for key in ("n_subjects", "n_sessions", "long_formats", "n_wide_features",
                                      "anatomical_features", "diffusion_features", "has_tiv", "atlas_name")},
        "age_stats": {
            "min": min(known, default=None),
            "max": max(known, default=None),
            "mean": sum(known) / len(known) if known else None,
            "missing": told["n_sessions"] - len(known),
        },
    }
    return PipelineResult(
        store=store, metadata=metadata, output_path=report.output,
        long_formats_saved=told["long_formats"], wide_features_generated=store.list_features(),
        n_new_sessions=report.n_new_sessions, n_skipped_sessions=report.n_skipped_sessions,
    )
