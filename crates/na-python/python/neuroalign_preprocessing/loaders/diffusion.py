"""QSIRecon's regional statistics, without a store."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from neuroalign_preprocessing import _arguments
from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing._load import FilePath
from neuroalign_preprocessing.loaders import _sessions

if TYPE_CHECKING:
    import pandas
    from collections.abc import Iterable

__all__ = ["DiffusionLoader", "parse_bids_entities"]

_FOLDER = "qsirecon-"


def parse_bids_entities(path: FilePath) -> dict[str, str]:
    """The entities of a BIDS file name: ``{"sub": "001", "ses": "01", …}``."""
    parts = (part.partition("-") for part in Path(path).name.split("_"))
    return {key: value for key, dash, value in parts if dash}


class DiffusionLoader:
    """Loads tables of diffusion workflows of sessions into frames."""

    def __init__(
        self,
        qsiparc_path: FilePath,
        qsirecon_path: FilePath | None = None,
        workflows: Iterable[str] | None = None,
        atlas_name: str = "4S456Parcels",
        n_jobs: int = 1,
    ) -> None:
        self.paths = SimpleNamespace(
            qsiparc_path=_sessions.as_path("qsiparc_path", qsiparc_path),
            qsirecon_path=None if qsirecon_path is None else Path(qsirecon_path),
            atlas_name=atlas_name,
        )
        there = sorted(folder.name.removeprefix(_FOLDER) for folder in self.paths.qsiparc_path.glob(f"{_FOLDER}*"))
        chosen = _arguments.names("workflows", workflows)
        self.workflows: list[str] = there if chosen is None else chosen
        self.n_jobs = n_jobs

    def get_session_directory(self, subject: str, session: str | None, workflow: str) -> Path | None:
        """The folder with a session's tables of a workflow and the atlas. None if there is none."""
        root, atlas = self.paths.qsiparc_path / f"{_FOLDER}{workflow}", f"atlas-{self.paths.atlas_name}"
        return _sessions.session_folder(root, subject, session, "dwi", atlas)

    def load_session(
        self, subject: str, session: str | None, workflow: str | None = None, include_metadata: bool = True
    ) -> pandas.DataFrame | None:
        """A session's rows: a row a region, map and workflow. None if it has none."""
        wanted = self.workflows if workflow is None else [workflow]
        folders = [self.get_session_directory(subject, session, name) for name in wanted]
        if not any(folder is not None and any(folder.glob("*_parc.tsv*")) for folder in folders):
            return None
        rows = self._rows(_sessions.one_session(subject, session), wanted, self.n_jobs, progress=False)
        return rows if include_metadata else _sessions.without(rows, ["subject_code", "session_id"])

    def load_sessions(
        self,
        sessions_csv: FilePath,
        workflow: str | None = None,
        n_jobs: int | None = None,
        progress: bool = True,
        session_callback: _sessions.SessionCallback | None = None,
    ) -> pandas.DataFrame:
        """The rows of all listed sessions: a row a region, map, workflow and session, by the order of the list.

        Parameters
        ----------
        sessions_csv
            The session list.
        workflow
            Only this one.
        n_jobs
            Threads; None for the loader's.
        progress
            Whether stderr tells how far it is.
        session_callback
            Called with subject, session and rows of each session; what it raises is logged.

        Raises
        ------
        FileNotFoundError
            There is no such list.
        ValueError
            Nothing was found; the message says where it looked.
        """
        wanted = self.workflows if workflow is None else [workflow]
        rows = self._rows(sessions_csv, wanted, n_jobs or self.n_jobs, progress)
        _sessions.call_back(rows, session_callback)
        return rows

    def get_available_parameters(self, df: pandas.DataFrame) -> dict[str, list[str]]:
        """The params of each model, sorted."""
        return {str(model): sorted(map(str, params.unique())) for model, params in df.groupby("model")["param"]}

    def _rows(self, sessions: Any, workflows: list[str], n_jobs: int, progress: bool) -> pandas.DataFrame:
        return _sessions.rows(
            sessions, lambda there: sorted(there), progress, n_jobs=n_jobs, tissues=[], workflows=workflows,
            qsiparc=self.paths.qsiparc_path, atlas_name=self.paths.atlas_name,
        )


if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {"DiffusionPaths": "DiffusionLoader(…).paths"})
