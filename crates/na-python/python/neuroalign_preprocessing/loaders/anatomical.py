"""CAT12's regional statistics, without a store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing._load import FilePath
from neuroalign_preprocessing.loaders import _sessions

if TYPE_CHECKING:
    from pathlib import Path

    import pandas

__all__ = ["AnatomicalLoader"]

_TABLES = ["anatomical_gm", "anatomical_wm", "anatomical_ct"]


class AnatomicalLoader:
    """Loads grey matter, white matter and cortical thickness of sessions into frames."""

    def __init__(
        self,
        cat12_root: FilePath,
        cat12_parcellated_root: FilePath,
        atlas_name: str = "4S456Parcels",
        n_jobs: int = 1,
    ) -> None:
        self.paths = SimpleNamespace(
            cat12_root=_sessions.as_path("cat12_root", cat12_root),
            cat12_parcellated_root=_sessions.as_path("cat12_parcellated_root", cat12_parcellated_root),
            atlas_name=atlas_name,
        )
        self.n_jobs = n_jobs

    def get_session_directory(self, subject: str, session: str | None) -> Path | None:
        """The folder with a session's tables of the atlas. None if there is none."""
        atlas = f"atlas-{self.paths.atlas_name}"
        return _sessions.session_folder(self.paths.cat12_parcellated_root, subject, session, "anat", atlas)

    def get_cat12_directory(self, subject: str, session: str | None) -> Path | None:
        """The folder with CAT12's reports of a session. None if there is none."""
        return _sessions.session_folder(self.paths.cat12_root, subject, session, "anat")

    def load_session(
        self, subject: str, session: str | None, include_metadata: bool = True, include_tiv: bool = True
    ) -> pandas.DataFrame | None:
        """A session's rows: a row a region and tissue. None if it has none."""
        folder = self.get_session_directory(subject, session)
        if folder is None or not any(folder.glob("*_parc.tsv*")):
            return None
        rows = self._rows(_sessions.one_session(subject, session), self.n_jobs, progress=False)
        # TIV comes last, where ids and metadata do not follow.
        drop = ([] if include_metadata else ["subject_code", "session_id"]) + ([] if include_tiv else ["tiv"])
        return _sessions.without(rows, drop)

    def load_sessions(
        self,
        sessions_csv: FilePath,
        n_jobs: int | None = None,
        progress: bool = True,
        calculate_tiv: bool = True,
        normalize_by_tiv: bool = False,
        session_callback: _sessions.SessionCallback | None = None,
        include_qc: bool = False,
        tiv_output_dir: FilePath | None = None,
    ) -> pandas.DataFrame:
        """The rows of all listed sessions: a row a region, tissue and session, by the order of the list.

        Parameters
        ----------
        sessions_csv
            The session list.
        n_jobs
            Threads; None for the loader's.
        progress
            Whether stderr tells how far it is.
        calculate_tiv
            Whether total intracranial volume, mL, is a column.
        normalize_by_tiv
            Whether ``volume_mm3_normalized``, the volume over TIV, is a column; NaN for thickness.
        session_callback
            Called with subject, session and rows of each session; what it raises is logged.
        include_qc, tiv_output_dir
            Have no effect.

        Raises
        ------
        FileNotFoundError
            There is no such list.
        ValueError
            Nothing was found; the message says where it looked.
        """
        rows = self._rows(sessions_csv, n_jobs or self.n_jobs, progress)
        if normalize_by_tiv:
            volumes = rows["volume_mm3"] / rows["tiv"]
            rows["volume_mm3_normalized"] = volumes.where(rows["modality"] != "ct")
        if not calculate_tiv:
            rows = _sessions.without(rows, ["tiv"])
        _sessions.call_back(rows, session_callback)
        return rows

    def _rows(self, sessions: Any, n_jobs: int, progress: bool) -> pandas.DataFrame:
        paths = self.paths
        return _sessions.rows(
            sessions, lambda there: [name for name in _TABLES if name in there], progress, n_jobs=n_jobs, diffusion=False,
            cat12_root=paths.cat12_root, cat12_parcellated_root=paths.cat12_parcellated_root, atlas_name=paths.atlas_name,
        )


if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {
        "_extract_tiv_from_xml": "FeatureStore.load_tiv() has total intracranial volumes",
        "parse_bids_entities": "neuroalign_preprocessing.loaders.diffusion.parse_bids_entities",
        "AnatomicalPaths": "AnatomicalLoader(…).paths",
    })
