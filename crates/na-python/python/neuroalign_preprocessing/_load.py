"""A load from Python: what the command ``neuroalign-preprocess`` does."""

from __future__ import annotations

import json
import operator
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neuroalign_preprocessing import _arguments, _native

if TYPE_CHECKING:
    from neuroalign_preprocessing.preprocessing.feature_store import FeatureStore

FilePath = str | PathLike[str]

_TISSUES = ("gm", "wm", "ct")


class Progress(NamedTuple):
    """How far a load is."""

    #: ``load``, ``export`` or ``verify``.
    step: str
    done: int
    total: int
    #: What is at hand: a session with its modality, or what is written.
    what: str


@dataclass(frozen=True)
class Report:
    """What a load did. ``str(report)`` is the summary that the command prints."""

    output: Path
    #: The sessions of the list.
    n_sessions: int
    #: Sessions that were loaded, in any modality.
    n_new_sessions: int
    #: Sessions of those chosen of which nothing had to be loaded, and which the store has.
    n_skipped_sessions: int
    #: Sessions that were loaded, by modality.
    loaded: dict[str, int]
    #: Sessions that the store had already, by modality.
    skipped: dict[str, int]
    missing: int
    failed: int
    #: What became of sessions that were not simply loaded: ``subject_code, session_id, modality, status, reason``.
    outcomes: list[dict[str, Any]]
    seconds: float
    #: Everything that ``--json`` tells.
    details: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)

    def __str__(self) -> str:
        return self.text

    @property
    def store(self) -> FeatureStore:
        """The store."""
        from neuroalign_preprocessing.preprocessing.feature_store import FeatureStore

        return FeatureStore(self.output)


def preprocess(
    sessions: FilePath | Any = None,
    output: FilePath = "data/processed",
    *,
    cat12_root: FilePath | None = None,
    cat12_parcellated_root: FilePath | None = None,
    qsiparc: FilePath | None = None,
    qsirecon_stats: FilePath | None = None,
    freesurfer: FilePath | None = None,
    cat12_globals: bool = False,
    cat12_roi: bool = False,
    discover: bool = False,
    tissues: Iterable[str] | None = None,
    diffusion: bool = True,
    workflows: Iterable[str] | None = None,
    atlas_name: str | None = None,
    atlases: Mapping[str, str] | None = None,
    qsiparc_layout: str | None = None,
    freesurfer_stream: str | None = None,
    freesurfer_per_subject: bool = False,
    tiv_from: str | None = None,
    wide_metrics: Iterable[str] | None = None,
    participant_label: Iterable[str] | None = None,
    session_label: Iterable[str] | None = None,
    age_column: str | None = None,
    metadata_columns: Iterable[str] | None = None,
    mask: str | None = None,
    space: str | None = None,
    entities: Mapping[str, str] | None = None,
    subject_column: str | None = None,
    session_column: str | None = None,
    keep_columns: Iterable[str] | None = None,
    take_over: str | None = None,
    compression: str = "zstd",
    withdrawn: FilePath | None = None,
    force: bool = False,
    reload: bool = False,
    prune: bool = False,
    prune_unlisted: bool = False,
    yes: bool = False,
    keep_cache: bool = False,
    dry_run: bool = False,
    n_jobs: int | None = None,
    env_file: FilePath | None = None,
    with_surroundings: bool = True,
    progress: Callable[[Progress], object] | None = None,
) -> Report:
    """Load what is new into a store, and export it: the command ``neuroalign-preprocess``.

    Every session is safe the moment it is read. Ctrl+C, or whatever ``progress`` raises, stops the load, and the same call goes on
    from there. Warnings come through Python's `logging`.

    Parameters
    ----------
    sessions
        The session list: the path of a CSV or TSV, or a DataFrame. None is SESSIONS_CSV, or with ``discover`` every session
        under the roots.
    output
        The store's folder.
    cat12_root, cat12_parcellated_root, qsiparc
        Where TIV, anatomical tables and diffusion tables are: CAT12_ROOT, CAT12_PARCELLATED_ROOT, QSIPARC_PATH.
    qsirecon_stats
        QSIRecon's output, whose own tables of an atlas are loaded: QSIRECON_STATS_PATH.
    freesurfer
        FreeSurfer's SUBJECTS_DIR, whose statistics are loaded: FREESURFER_DIR.
    cat12_globals, cat12_roi
        Whether CAT12's own measures of the whole brain, and its own values of regions, are loaded from ``cat12_root``.
    discover
        Whether to take every session under the roots.
    tissues
        Of ``gm``, ``wm``, ``ct``; None for all of them, empty for no anatomical tables.
    diffusion, workflows
        Whether diffusion tables are loaded, and of which workflows; None for all that are there.
    atlas_name
        The atlas; None is ATLAS_NAME, or 4S456Parcels.
    atlases
        The atlases of inputs that have their own: ``{"freesurfer": "aparc.a2009s", "cat12": "lpba40", "qsirecon": "4S156Parcels"}``.
    qsiparc_layout
        Whose tables are read under ``qsiparc``: ``parcellate`` or ``diffmap``; None for parcellate's where there are any.
    freesurfer_stream, freesurfer_per_subject
        Which of a session's folders is loaded, ``cross`` or ``long``; whether those that are of a subject are, too.
    tiv_from
        Whose total intracranial volumes the store has, ``cat12`` or ``freesurfer``.
    wide_metrics
        The statistics that become features, or ``["all"]``; None for what the store has, or the defaults.
    participant_label, session_label
        Only these subjects and visits of the list.
    age_column, subject_column, session_column, metadata_columns, keep_columns
        The list's columns of age, subjects and sessions; the columns to keep, and those to keep although they look like
        direct identifiers.
    mask, space, entities
        Which file to take where several answer to one table: ``entities={"res": "02"}``.
    compression
        ``zstd``, ``snappy``, ``lz4``, ``gzip``, ``brotli`` or ``none``.
    withdrawn
        The file with all who withdrew: nothing of them is left.
    force, reload, prune, prune_unlisted, yes, keep_cache, dry_run, n_jobs
        As the command's options: load all anew; read the chosen again; let go of what is gone, of what is not listed; agree
        to what would be refused; keep the cache; only say what there is to do; threads (None or -1 for all cores).
    take_over
        The process that holds the store's lock and is gone, as the refusal names it.
    env_file
        Settings from this file instead of ``.env`` in the working directory. Arguments count over the environment, and that
        over the file.
    with_surroundings
        Whether the environment and the file count at all; otherwise the arguments alone.
    progress
        Called with a :class:`Progress` on this thread.

    Returns
    -------
    Report
        What was done; ``report.store`` reads the store.

    Raises
    ------
    FileNotFoundError
        The session list is not there.
    ValueError
        Nothing was found, or an argument cannot be: the message is the command's, and names its options.
    RuntimeError
        Something would be lost, or the store is in use.

    Examples
    --------
    >>> report = preprocess("sessions.csv", "data/processed", qsiparc="/data/parcellated")  # doctest: +SKIP
    >>> report.store.load_feature("gm_volume_mm3")  # doctest: +SKIP
    """
    lists = {
        "workflows": workflows, "wide-metrics": wide_metrics, "participant-label": participant_label,
        "session-label": session_label, "metadata-columns": metadata_columns,
    }
    told = {name: _list(name.replace("-", "_"), given) for name, given in lists.items()}
    wanted = list(_TISSUES) if tissues is None else _arguments.names("tissues", tissues) or []
    if unknown := set(wanted) - set(_TISSUES):
        raise ValueError(f"there is no tissue {unknown.pop()!r}: there are gm, wm, ct")
    switches = {
        "discover": discover, "force": force, "reload": reload, "prune": prune, "prune-unlisted": prune_unlisted, "yes": yes,
        "keep-cache": keep_cache, "dry-run": dry_run, "no-diffusion": not diffusion,
        "cat12-globals": cat12_globals, "cat12-roi": cat12_roi, "freesurfer-per-subject": freesurfer_per_subject,
        **({f"no-{tissue}": tissue not in wanted for tissue in _TISSUES} if wanted else {"no-anatomical": True}),
    }
    folder = _path("output", output)
    if folder is None:
        raise TypeError("output is None: give the store's folder")
    with _session_list(sessions) as listed:
        values = {
            "sessions": _path("sessions", listed), "output": folder, "cat12-root": _path("cat12_root", cat12_root),
            "cat12-parcellated-root": _path("cat12_parcellated_root", cat12_parcellated_root),
            "qsiparc": _path("qsiparc", qsiparc), "qsiparc-layout": qsiparc_layout,
            "qsirecon-stats": _path("qsirecon_stats", qsirecon_stats), "freesurfer": _path("freesurfer", freesurfer),
            "freesurfer-stream": freesurfer_stream, "tiv-from": tiv_from, "atlas-name": atlas_name, "age-column": age_column,
            "subject-column": subject_column, "session-column": session_column, "mask": mask, "space": space,
            "compression": compression, "n-jobs": _jobs(n_jobs), "env-file": _path("env_file", env_file),
            "withdrawn": withdrawn if withdrawn == "none" else _path("withdrawn", withdrawn), "take-over": take_over,
            **{name: ",".join(names) for name, names in told.items() if names is not None},
        }
        given = [f"--{name}={value}" for name, value in values.items() if value is not None]
        given += [f"--entity={key}-{value}" for key, value in (entities or {}).items()]
        given += [f"--atlas={kind}={name}" for kind, name in (atlases or {}).items()]
        given += [f"--keep-column={name}" for name in _arguments.names("keep_columns", keep_columns) or []]
        given += [f"--{name}" for name, is_on in switches.items() if is_on]
        arguments = ["neuroalign-preprocess", *given]
        on_progress = None if progress is None else lambda *told: progress(Progress(*told))
        text, told_json, n_chosen, n_new_sessions = _native.load(arguments, with_surroundings, on_progress)
    details = json.loads(told_json)
    return Report(
        output=Path(folder), n_sessions=details["sessions"], n_new_sessions=n_new_sessions,
        n_skipped_sessions=max(n_chosen - n_new_sessions - _nowhere(details), 0), loaded=details["loaded"],
        skipped=details["skipped"], missing=details["missing"], failed=details["failed"], outcomes=details["outcomes"],
        seconds=details["seconds"], details=details, text=text,
    )


def _nowhere(details: dict[str, Any]) -> int:
    """The sessions that are missing or failed in every unit that was looked for."""
    absent = [outcome for outcome in details["outcomes"] if outcome["status"] in ("missing", "failed")]
    there = {name for counts in (details["loaded"], details["skipped"]) for name, n in counts.items() if n}
    n_looked_for = len(there | {_unit_kind(outcome) for outcome in absent})
    times = Counter((outcome["subject_code"], outcome["session_id"]) for outcome in absent)
    return sum(n >= n_looked_for for n in times.values())


def _unit_kind(outcome: dict[str, Any]) -> str:
    """A unit's kind as the counts call it: its modality, and its input if that is not ``parcellate``."""
    modality, kind = str(outcome["modality"]), outcome["input"]
    return modality if kind == "parcellate" else f"{modality} {kind}"


def _list(name: str, given: Iterable[str] | None) -> list[str] | None:
    """Names that the command takes with commas between them."""
    names = _arguments.names(name, given)
    if names == []:
        raise ValueError(f"{name} is empty: leave it out for all")
    for value in names or []:
        if "," in value:
            raise ValueError(f"{value!r} in {name} has a comma: the command takes a list with commas between names")
    return names


def _path(name: str, given: FilePath | None) -> str | None:
    """A path that stays the same if the working directory changes."""
    if given is None:
        return None
    path = fspath(given)
    if not isinstance(path, str):
        raise TypeError(f"{name} is {given!r}: give a path as text or pathlib.Path")
    return os.path.abspath(os.path.expanduser(path))


def _jobs(n_jobs: int | None) -> int | None:
    # As elsewhere in Python, -1 is all cores.
    n = None if n_jobs is None else operator.index(n_jobs)
    return None if n == -1 else n


@contextmanager
def _session_list(given: Any) -> Iterator[FilePath | None]:
    """A path as it is; a DataFrame as a file, as long as the load needs it."""
    if isinstance(given, str) and given == "-":
        raise ValueError("sessions is '-': a notebook has no standard input to read; give a path, or a DataFrame")
    if given is None or isinstance(given, (str, PathLike)):
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.csv"
        if hasattr(given, "to_csv"):
            # An index with a name is a column.
            given = given.reset_index() if any(given.index.names) else given
            # A list has a row a line.
            given.replace(r"[\r\n]+", " ", regex=True).to_csv(path, index=False)
        elif hasattr(given, "write_csv"):
            given.write_csv(path)
        else:
            raise TypeError(f"sessions is a {type(given).__name__}: give a path, or a DataFrame of pandas or Polars")
        yield path
