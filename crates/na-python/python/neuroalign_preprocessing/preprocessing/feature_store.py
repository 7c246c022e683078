"""The feature store in Python: Parquet first, then the cache, as pandas, Polars or Arrow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from neuroalign_preprocessing import _arguments, _html, _native
from neuroalign_preprocessing._arguments import Participants, Session, Sessions
from neuroalign_preprocessing._frames import Frame, frame
from neuroalign_preprocessing._gone import HasGone, gone
from neuroalign_preprocessing.preprocessing.feature_info import FeatureInfo
from neuroalign_preprocessing.preprocessing.matrix import Matrix
from neuroalign_preprocessing.preprocessing.selection import FeatureSelection, LongSelection, Summary, selection
from neuroalign_preprocessing.preprocessing.store_cache import StoreCache

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Unpack

__all__ = ["ANATOMICAL_METRICS", "META_COLS", "FeatureInfo", "FeatureStore", "Matrix"]

Modality = Literal["anatomical", "diffusion"]

#: The columns that say whose a row is.
META_COLS = ["subject_code", "session_id"]

#: The statistics of anatomical tables that become features unless others are asked for.
ANATOMICAL_METRICS = ["volume_mm3", "mean", "std", "median", "sum", "robust_std", "mad_median"]


_NO_WRITER = "neuroalign-preprocess, or neuroalign_preprocessing.preprocess(), writes the store; DataFrame.to_parquet any frame"


class FeatureStore(StoreCache, HasGone):
    """A feature store that is read.

    Every call reads one consistent state: each session from Parquet, or from the cache where the cache holds it newer
    or alone. Analysis can start while a load is running, or after a crash, without an export. A store can be shared
    between threads; the interpreter is free while it reads. Processes that are forked read on threads of their own, and
    a store that is pickled or copied is a store of the same folder: it can be handed to ``multiprocessing``, ``joblib``
    and loaders with workers. A fork waits for the reads of other threads.

    Parameters
    ----------
    root_dir
        What a load wrote to (its ``--output``). It stays the same folder if the working directory changes.
    compression
        Taken for code of the pandas package: a store is written by a load, which chooses.

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

    _gone = dict.fromkeys(
        ["save_anatomical_long", "save_diffusion_long", "save_tiv", "save_metadata", "append_anatomical_session",
         "append_diffusion_session"],
        _NO_WRITER,
    )

    def __repr__(self) -> str:
        return f"FeatureStore({str(self.root_dir)!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return _html.summary(self._store.summary()) if self.root_dir.is_dir() else f"<code>{escape(repr(self))}</code>"

    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, as_: Literal["pandas"] = ..., **of: Unpack[LongSelection]
    ) -> pandas.DataFrame: ...
    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, as_: Literal["polars"], **of: Unpack[LongSelection]
    ) -> polars.DataFrame: ...
    @overload
    def load_long(
        self, name: str, fallback_to_cache: bool = ..., *, as_: Literal["arrow"], **of: Unpack[LongSelection]
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
        sidecars: bool = False,
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
        sidecars
            Whether what ``parcellate`` wrote beside each file follows: ``mask_entity``, ``mask``, ``mask_threshold``,
            ``atlas_threshold``, ``atlas_name``, ``atlas_lut``, ``background_label``, ``resampling_target``, ``space``,
            ``software_version``; ``sidecar:NAME`` where the table has such a column.
        as_
            ``"pandas"``, ``"polars"`` or ``"arrow"``.

        Returns
        -------
        DataFrame or Table
            Volumes are mm³, ``tiv`` is mL; of pandas, ``df.attrs["units"]`` has the unit of each column.

        Raises
        ------
        ValueError
            A name that is not there, the message lists the nearest; an empty list.
        TypeError
            A number where a code is meant; a session that is no pair.
        FileNotFoundError
            The folder is not there.
        """
        selected = selection(
            origin="newest" if fallback_to_cache else "parquet",
            sessions=sessions, subjects=subjects, regions=regions, metrics=metrics, sidecars=sidecars, as_=as_,
        )
        return frame(self._store.load_long(name, selected), as_)

    @overload
    def load_feature(
        self, name: str, include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["pandas"] = ..., **of: Unpack[FeatureSelection],
    ) -> pandas.DataFrame: ...
    @overload
    def load_feature(
        self, name: str, include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["polars"], **of: Unpack[FeatureSelection],
    ) -> polars.DataFrame: ...
    @overload
    def load_feature(
        self, name: str, include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["arrow"], **of: Unpack[FeatureSelection],
    ) -> pyarrow.Table: ...
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
        selected = selection(
            metadata=include_metadata, tiv=include_tiv, sessions=sessions, subjects=subjects, regions=regions
        )
        return frame(self._store.load_feature(name, selected), as_, [name])

    @overload
    def load_features(
        self, names: Iterable[str], include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["pandas"] = ..., **of: Unpack[FeatureSelection],
    ) -> pandas.DataFrame: ...
    @overload
    def load_features(
        self, names: Iterable[str], include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["polars"], **of: Unpack[FeatureSelection],
    ) -> polars.DataFrame: ...
    @overload
    def load_features(
        self, names: Iterable[str], include_metadata: bool = ..., include_tiv: bool = ..., *,
        as_: Literal["arrow"], **of: Unpack[FeatureSelection],
    ) -> pyarrow.Table: ...
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
        selected = selection(
            metadata=include_metadata, tiv=include_tiv, sessions=sessions, subjects=subjects, regions=regions
        )
        wanted = _arguments.names("names", names) or []
        return frame(self._store.load_features(wanted, selected), as_, wanted)

    def matrix(
        self, features: Iterable[str], *, target: str = "AGE", **of: Unpack[FeatureSelection]
    ) -> Matrix:
        """Features and what is to be predicted from them, as scikit-learn takes them.

        Parameters
        ----------
        features
            Their names; one is enough.
        target
            A column of the metadata, or ``tiv``.
        sessions, subjects, regions
            As for :meth:`load_feature`.

        Returns
        -------
        Matrix
            ``X, y, groups, names, sessions``: numpy arrays, aligned by session. Sessions without the target are left out; a
            region that a session does not have is NaN in ``X``. ``groups`` are the subjects, whose sessions belong on one
            side of a split.

        Raises
        ------
        ValueError
            A feature or target that is not there; a target of text; no session that has it.

        Examples
        --------
        >>> X, y, groups, names, sessions = store.matrix("gm_volume_mm3")  # doctest: +SKIP
        >>> cross_val_score(Ridge(), X, y, groups=groups, cv=GroupKFold(5))  # doctest: +SKIP
        """
        names = _arguments.names("features", features) or []
        rows = self.load_features(names, include_tiv=True, as_="arrow", **of)
        return Matrix.of(rows, names, target, of_metadata=self.load_metadata(as_="arrow").column_names)

    @overload
    def load_tiv(self, *, as_: Literal["pandas"] = ...) -> pandas.DataFrame: ...
    @overload
    def load_tiv(self, *, as_: Literal["polars"]) -> polars.DataFrame: ...
    @overload
    def load_tiv(self, *, as_: Literal["arrow"]) -> pyarrow.Table: ...
    def load_tiv(self, *, as_: Frame = "pandas") -> Any:
        """Load ``subject_code, session_id, tiv``: total intracranial volume, mL, a row a session that has one."""
        return frame(self._store.load_tiv(), as_)

    @overload
    def load_metadata(self, *, as_: Literal["pandas"] = ...) -> pandas.DataFrame: ...
    @overload
    def load_metadata(self, *, as_: Literal["polars"]) -> polars.DataFrame: ...
    @overload
    def load_metadata(self, *, as_: Literal["arrow"]) -> pyarrow.Table: ...
    def load_metadata(self, *, as_: Frame = "pandas") -> Any:
        """Load the session list's columns: ``subject_code, session_id``, then metadata; age is ``AGE``, years."""
        return frame(self._store.load_metadata(), as_)

    def has_tiv(self) -> bool:
        """Whether any session has a total intracranial volume."""
        return self.exists() and self._store.summary()["has_tiv"]

    def list_long_formats(self) -> list[str]:
        """The long tables, sorted."""
        return self._store.list_long_formats()

    def list_features(self, modality: Modality | None = None) -> list[str]:
        """The features of one modality or of both, sorted; those that an export would give are among them."""
        return self._store.list_features(modality)

    def get_feature_info(self, name: str) -> FeatureInfo | None:
        """What a feature is: its source, unit, sessions, regions, atlas and ``parcellate`` versions. None if there is none."""
        told = self._store.feature_info(name)
        return None if told is None else FeatureInfo.of(told, self.root_dir)

    def get_regions(self, name: str) -> list[str]:
        """A feature's regions in the order of its columns, or a long table's, sorted."""
        return self._store.regions(name)

    def list_sessions(self) -> list[Session]:
        """The sessions, sorted, as ``(subject_code, session_id)``; the id is None where a subject has no sessions."""
        return self._store.existing_sessions()

    @overload
    def get_existing_sessions(self, *, as_: Literal["pandas"] = ...) -> pandas.DataFrame: ...
    @overload
    def get_existing_sessions(self, *, as_: Literal["polars"]) -> polars.DataFrame: ...
    @overload
    def get_existing_sessions(self, *, as_: Literal["arrow"]) -> pyarrow.Table: ...
    def get_existing_sessions(self, *, as_: Frame = "pandas") -> Any:
        """The sessions, sorted: ``subject_code, session_id``; also those that the cache alone holds."""
        return frame(self._store.session_table(), as_)

    def summary(self) -> Summary:
        """The store at a glance; ``summary()["cache"]`` is :meth:`cache_status`."""
        told = self._store.summary()
        n_features = len(told["anatomical_features"]) + len(told["diffusion_features"])
        return {
            "root_dir": str(told["folder"]),
            "atlas_name": told["atlas_name"] or "",
            "n_sessions": told["n_sessions"],
            "n_subjects": told["n_subjects"],
            "long_formats": told["long_formats"],
            "n_wide_features": n_features,
            "cache": told["cache"],
            "anatomical_features": told["anatomical_features"],
            "diffusion_features": told["diffusion_features"],
            "has_tiv": told["has_tiv"],
            "created_at": told["created_at"] or "",
            "updated_at": told["updated_at"] or "",
            "folder": told["folder"],
        }

    def report(self, path: str | os.PathLike[str] | None = None, *, ids: bool = True) -> Path:
        """Write the report of the cohort, one HTML file; its path. A load may be running: what it has committed counts.

        Parameters
        ----------
        path
            The file; by default the store's own ``report.html``, which every load that changes the store writes.
        ids
            False for a page to be mailed: sessions are lines of ``sessions.tsv``, and no file is named. It still holds values of
            single sessions.

        Raises
        ------
        ValueError
            Without a path for a page without ids: the store's own has them. Another program's file at the path.
        """
        if path is None and not ids:
            raise ValueError("a report without ids needs a path of its own: the store's report has them")
        return self._store.report(None if path is None else Path(path).expanduser(), ids)

    def exists(self) -> bool:
        """Whether there is anything to read, exported or in the cache."""
        return self.root_dir.is_dir() and bool(self._store.list_long_formats())

    def export_cache_to_parquet(
        self,
        atlas_name: str = "",
        *,
        keep_cache: bool = True,
        withdrawn: Participants | None = None,
        yes: bool = False,
    ) -> list[str]:
        """Export what the cache holds; the names of the long tables. There are none if there is no cache.

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
        """
        if not self.has_cache():
            return []
        n_listed = None if withdrawn is None else self.withdraw(withdrawn, yes=yes)["n_listed"]
        return self._store.export_cache(atlas_name or None, keep_cache, n_listed)["long_formats"]

    def generate_wide_features(
        self, metrics: Iterable[str] | None = None, modalities: Iterable[str] | None = None
    ) -> list[str]:
        """The features that there are, without TIV: an export writes them, and what was never exported is computed.

        Parameters
        ----------
        metrics
            Only features of these statistics.
        modalities
            Only features of these tissues (``gm``, ``wm``, ``ct``) or workflows.
        """
        wanted = [_arguments.names("metrics", metrics), _arguments.names("modalities", modalities)]
        names = [name for name in self.list_features() if name != "tiv"]
        if wanted == [None, None]:
            return names
        infos = [(name, self.get_feature_info(name)) for name in names]

        def is_wanted(info: FeatureInfo) -> bool:
            of = [info.metric, info.source_modality or info.workflow]
            return all(some is None or value in some for some, value in zip(wanted, of))

        return [name for name, info in infos if info is not None and is_wanted(info)]

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


#: Names of this module, and of the package, that are gone.
GONE = {
    "DIFFUSION_METRICS": 'FeatureStore.list_features(modality="diffusion") has the features that there are',
    "LongFormatInfo": "manifest.json has it",
    "StoreManifest": "manifest.json has it",
}

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {**GONE, "REGION_ID_COLS": "FeatureStore.get_regions() has a feature's regions"})
