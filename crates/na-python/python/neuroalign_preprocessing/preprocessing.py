"""The feature store in Python: Parquet first, then the cache, as pandas, Polars or Arrow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from neuroalign_preprocessing import _arguments, _native
from neuroalign_preprocessing._arguments import Participants, Session, Sessions

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["FeatureStore"]

Modality = Literal["anatomical", "diffusion"]
Frame = Literal["pandas", "polars", "arrow"]


class FeatureStore:
    """A feature store that is read.

    Every call reads one consistent state: each session from Parquet, or from the cache where the cache holds it newer
    or alone. Analysis can start while a load is running, or after a crash, without an export. A store can be shared
    between threads; the interpreter is free while it reads. Processes that are forked read on threads of their own, and
    a store that is pickled or copied is a store of the same folder: it can be handed to ``multiprocessing``, ``joblib``
    and loaders with workers. A fork waits for the reads of other threads.

    Parameters
    ----------
    folder
        What a load wrote to (its ``--output``). It stays the same folder if the working directory changes.

    Notes
    -----
    Where subjects, regions or metrics are asked for, one name or any iterable of names (list, tuple, set, generator, a
    column of pandas, Polars, numpy or Arrow) says which; sessions are pairs ``(subject_code, session_id)``, or one pair.
    None is all. Codes are text: a number is a ``TypeError``, as is a session that is no pair. A name that is not in the
    store, and a list with nothing in it, is a ``ValueError``.

    Examples
    --------
    >>> store = FeatureStore("data/processed")  # doctest: +SKIP
    >>> df = store.load_feature("gm_volume_mm3", include_tiv=True)  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Not resolved: a link may lead elsewhere tomorrow.
        self.folder = Path(folder).absolute()
        self._opened: _native.Store | None = None

    def __repr__(self) -> str:
        return f"FeatureStore({str(self.folder)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def _store(self) -> _native.Store:
        if self._opened is None:
            self._opened = _native.Store(self.folder)
        return self._opened

    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, sessions: Sessions | None = ...,
        subjects: Iterable[str] | None = ..., regions: Iterable[str] | None = ...,
        metrics: Iterable[str] | None = ..., as_: Literal["pandas"] = ...,
    ) -> pandas.DataFrame: ...
    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, sessions: Sessions | None = ...,
        subjects: Iterable[str] | None = ..., regions: Iterable[str] | None = ...,
        metrics: Iterable[str] | None = ..., as_: Literal["polars"],
    ) -> polars.DataFrame: ...
    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, sessions: Sessions | None = ...,
        subjects: Iterable[str] | None = ..., regions: Iterable[str] | None = ...,
        metrics: Iterable[str] | None = ..., as_: Literal["arrow"],
    ) -> pyarrow.Table: ...
    def load_long(
        self,
        name: str,
        fallback_to_cache: bool = True,
        *,
        sessions: Sessions | None = None,
        subjects: Iterable[str] | None = None,
        regions: Iterable[str] | None = None,
        metrics: Iterable[str] | None = None,
        as_: Frame = "pandas",
    ) -> Any:
        """Load a long table: a row a region, map and session, a column a statistic.

        Parameters
        ----------
        name
            ``anatomical_gm``, ``diffusion_AMICONODDI``, …: see :meth:`list_long_formats`.
        fallback_to_cache
            Whether sessions that the cache holds newer or alone come from it; otherwise only what was exported.
        sessions, subjects, regions, metrics
            Only these, one or several: sessions as ``(subject_code, session_id)``, statistics by column. Only the columns and row
            groups that are needed are read.
        as_
            ``"pandas"``, ``"polars"`` or ``"arrow"``.

        Returns
        -------
        DataFrame or Table
            Volumes are mm³, ``tiv`` is mL.

        Raises
        ------
        ValueError
            A name that is not there, the message lists the nearest; an empty list.
        TypeError
            A number where a code is meant; a session that is no pair.
        FileNotFoundError
            The folder is not there.
        """
        selection = _selection(
            origin="newest" if fallback_to_cache else "parquet",
            sessions=sessions, subjects=subjects, regions=regions, metrics=metrics, as_=as_,
        )
        return _frame(self._store.load_long(name, selection), as_)

    def load_from_cache(self, name: str, *, as_: Frame = "pandas") -> Any:
        """Load what the cache alone holds of a long table.

        Parameters
        ----------
        name
            ``anatomical_gm``, ``diffusion_AMICONODDI``, …
        as_
            ``"pandas"``, ``"polars"`` or ``"arrow"``.

        Returns
        -------
        DataFrame or Table
            As :meth:`load_long` gives it.

        Raises
        ------
        ValueError
            The cache has no such table.
        """
        return _frame(self._store.load_long(name, _selection(origin="cache", as_=as_)), as_)

    def load_feature(
        self,
        name: str,
        include_metadata: bool = True,
        include_tiv: bool = False,
        *,
        sessions: Sessions | None = None,
        subjects: Iterable[str] | None = None,
        regions: Iterable[str] | None = None,
        as_: Frame = "pandas",
    ) -> Any:
        """Load a feature: a row a session, a column a region.

        Parameters
        ----------
        name
            ``gm_volume_mm3``, ``AMICONODDI_noddi_icvf_mean``, …: see :meth:`list_features`. One that was never
            exported is computed.
        include_metadata
            Whether the session list's columns follow; age is ``AGE``, years.
        include_tiv
            Whether total intracranial volume follows, mL, as ``tiv``.
        sessions, subjects
            Only these, one or several.
        regions
            Only these, in this order.
        as_
            ``"pandas"``, ``"polars"`` or ``"arrow"``.

        Returns
        -------
        DataFrame or Table
            ``subject_code``, ``session_id``, the regions, metadata, ``tiv``; sorted by subject and session.

        Raises
        ------
        ValueError
            A name that is not there, the message lists the nearest; an empty list.
        TypeError
            A number where a code is meant; a session that is no pair.
        """
        selection = _selection(
            metadata=include_metadata, tiv=include_tiv, sessions=sessions, subjects=subjects, regions=regions
        )
        return _frame(self._store.load_feature(name, selection), as_)

    def load_features(
        self,
        names: Iterable[str],
        include_metadata: bool = True,
        include_tiv: bool = False,
        *,
        sessions: Sessions | None = None,
        subjects: Iterable[str] | None = None,
        regions: Iterable[str] | None = None,
        as_: Frame = "pandas",
    ) -> Any:
        """Load features side by side, aligned by session.

        Parameters
        ----------
        names
            Their names; one is enough.
        include_metadata, include_tiv, sessions, subjects, regions, as_
            As for :meth:`load_feature`.

        Returns
        -------
        DataFrame or Table
            ``subject_code``, ``session_id``, columns called ``feature:region`` so that none clash, metadata, ``tiv``; a
            row for each session that any of the features has.

        Raises
        ------
        ValueError
            A name that is not there, the message lists the nearest; an empty list.
        TypeError
            A number where a code is meant; a session that is no pair.
        """
        selection = _selection(
            metadata=include_metadata, tiv=include_tiv, sessions=sessions, subjects=subjects, regions=regions
        )
        return _frame(self._store.load_features(_arguments.names("names", names) or [], selection), as_)

    def load_tiv(self, *, as_: Frame = "pandas") -> Any:
        """Load ``subject_code, session_id, tiv``: total intracranial volume, mL, a row a session that has one."""
        return _frame(self._store.load_tiv(), as_)

    def load_metadata(self, *, as_: Frame = "pandas") -> Any:
        """Load the session list's columns: ``subject_code, session_id``, then metadata; age is ``AGE``, years."""
        return _frame(self._store.load_metadata(), as_)

    def has_tiv(self) -> bool:
        """Whether any session has a total intracranial volume."""
        return self.exists() and self._store.summary()["has_tiv"]

    def list_long_formats(self) -> list[str]:
        """The long tables, sorted."""
        return self._store.list_long_formats()

    def list_features(self, modality: Modality | None = None) -> list[str]:
        """The features of one modality or of both, sorted; those that an export would give are among them."""
        return self._store.list_features(modality)

    def get_feature_info(self, name: str) -> _native.FeatureInfo:
        """What a feature is: its source, unit (``mm3``, ``mL``, …), sessions, regions, atlas and ``parcellate`` versions.

        Raises
        ------
        ValueError
            A name that is not there; the message lists the nearest and all.
        """
        return self._store.feature_info(name)

    def get_regions(self, name: str) -> list[str]:
        """A feature's regions in the order of its columns, or a long table's, sorted."""
        return self._store.regions(name)

    def get_existing_sessions(self) -> list[Session]:
        """The sessions, sorted, as ``(subject_code, session_id)``; the id is None where a subject has no sessions."""
        return self._store.existing_sessions()

    def summary(self) -> _native.Summary:
        """The store at a glance; ``summary()["cache"]`` is :meth:`cache_status`."""
        return self._store.summary()

    def exists(self) -> bool:
        """Whether there is anything to read, exported or in the cache."""
        return self.folder.is_dir() and bool(self._store.list_long_formats())

    def has_cache(self) -> bool:
        """Whether there is a cache: a load is running, or one was cut short."""
        return self.folder.is_dir() and self._store.cache_status()["exists"]

    def cache_status(self) -> _native.CacheStatus:
        """What the cache holds: ``exists, n_sessions_anatomical, n_sessions_diffusion, tables, size_mb`` (1024² bytes)."""
        return self._store.cache_status()

    def export_cache_to_parquet(
        self,
        atlas_name: str = "",
        *,
        keep_cache: bool = False,
        withdrawn: Participants | None = None,
        yes: bool = False,
    ) -> _native.ExportReport:
        """Export what the cache holds; then the cache goes, unless it is to stay.

        Parameters
        ----------
        atlas_name
            The atlas, for a cache that does not say it.
        keep_cache
            Whether the cache stays.
        withdrawn
            Who withdrew, as for :meth:`withdraw`. A store that was told of withdrawals is not written to without.
        yes
            As for :meth:`withdraw`.

        Raises
        ------
        FileNotFoundError
            There is no cache.
        """
        n_listed = None if withdrawn is None else self.withdraw(withdrawn, yes=yes)["n_listed"]
        return self._store.export_cache(atlas_name or None, keep_cache, n_listed)

    def withdraw(self, participants: Participants, *, yes: bool = False) -> _native.Withdrawal:
        """Take participants out who withdrew: nothing of them is left in any file of the store or its cache.

        Logs, copies and backups are not reached.

        Parameters
        ----------
        participants
            All who withdrew so far: a subject, or any iterable of subjects and of pairs of a subject and a session; or the
            path of a file with a subject, or a subject and a session, a line. An empty list is nobody.
        yes
            Whether they are taken out though the list is shorter than the one before, so that somebody may come back, or
            though it takes more than five subjects and a tenth of the store.

        Returns
        -------
        dict
            How many subjects and sessions were taken out, how many lines the list has (``n_listed``), how many mean nobody
            whom the store has (``lines_of_nobody``), and how many of these have the letters and digits of a subject
            (``near_misses``); with ``yes``, the lines that are not clear and took nobody out (``unclear_lines``); and
            the text columns of other sessions that name somebody and stay (``named_in_cells``).

        Raises
        ------
        RuntimeError
            The list is shorter than the one before, or would take much of the store; nothing was done.
        """
        if isinstance(participants, os.PathLike):
            return self._store.withdraw(None, participants, yes)
        return self._store.withdraw(_arguments.participants(participants), None, yes)

    def clear_cache(self) -> None:
        """Delete the cache with all that was committed and not exported. There is no way back."""
        self._store.clear_cache()


def _selection(
    *,
    origin: str = "newest",
    metadata: bool = True,
    tiv: bool = False,
    sessions: Sessions | None = None,
    subjects: Iterable[str] | None = None,
    regions: Iterable[str] | None = None,
    metrics: Iterable[str] | None = None,
    as_: Frame = "pandas",
) -> _native.Selection:
    return {
        "origin": origin,
        "metadata": metadata,
        "tiv": tiv,
        # What Polars holds text as: it is handed over as it is.
        "text_as_views": as_ == "polars",
        "sessions": _arguments.sessions(sessions),
        "subjects": _arguments.names("subjects", subjects),
        "regions": _arguments.names("regions", regions),
        "metrics": _arguments.names("metrics", metrics),
    }


def _frame(table: _native.Table, as_: Frame) -> Any:
    """Hand the rows to the library that was asked for: without a copy, save where pandas needs one."""
    try:
        if as_ == "pandas":
            import pandas  # noqa: F401
            import pyarrow

            return pyarrow.table(table).to_pandas()
        if as_ == "polars":
            import polars

            return polars.DataFrame(table)
        if as_ == "arrow":
            import pyarrow

            return pyarrow.table(table)
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'neuroalign-preprocessing[{as_}]'") from error
    raise ValueError(f"as_ is {as_!r}: say 'pandas', 'polars' or 'arrow'")
