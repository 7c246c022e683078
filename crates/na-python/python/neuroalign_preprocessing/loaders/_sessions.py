"""What both loaders do: find a session's folder, and load sessions into a temporary store."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign_preprocessing._load import FilePath, Progress, load

if TYPE_CHECKING:
    import pandas

_LOG = logging.getLogger(__name__)

SessionCallback = Callable[[str, str, Any], object]


def as_path(name: str, given: FilePath | None) -> Path:
    """A path out of what may be text."""
    if not isinstance(given, (str, PathLike)):
        raise TypeError(f"{name} is {given!r}: give a path")
    return Path(given)


def session_folder(root: Path, subject: str, session: str | None, *below: str) -> Path | None:
    """A session's folder under a root. None if there is none, or no such subject."""
    visit = [] if session is None else [f"ses-{session}"]
    folder = root.joinpath(f"sub-{subject}", *visit, *below)
    return folder if folder.is_dir() else None


def one_session(subject: str, session: str | None) -> Any:
    """The list of one session."""
    import pandas

    return pandas.DataFrame({"subject_code": [subject], "session_id": [session]}, dtype="str")


def rows(sessions: Any, tables: Callable[[list[str]], list[str]], progress: bool, **of: Any) -> pandas.DataFrame:
    """The rows of sessions, by the order of the list and then of tables and files, out of a temporary store."""
    import pandas

    with tempfile.TemporaryDirectory(prefix="neuroalign-") as folder:
        shown = _bar() if progress else None
        store = load(sessions, folder, compression="none", progress=shown, with_surroundings=False, **of).store
        frames = [store.load_long(name) for name in tables(store.list_long_formats())]
    together = pandas.concat(frames, ignore_index=True)
    together.attrs = frames[0].attrs
    return together


def by_list(rows_: pandas.DataFrame, sessions: FilePath) -> pandas.DataFrame:
    """Rows in the order in which a list has their sessions."""
    import pandas

    separator = "\t" if str(sessions).endswith((".tsv", ".tsv.gz")) else ","
    listed = pandas.read_csv(sessions, dtype=str, sep=separator)
    for column in ("subject_code", "session_id"):
        if column not in listed:
            return rows_
    places: dict[tuple[str, str], int] = {}
    for place, key in enumerate(zip(map(_letters, listed["subject_code"]), map(_letters, listed["session_id"]))):
        places.setdefault(key, place)
    keys = zip(map(_letters, rows_["subject_code"]), map(_letters, rows_["session_id"]))
    order = pandas.Series([places.get(key, len(places)) for key in keys], index=rows_.index)
    return rows_.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def call_back(rows_: pandas.DataFrame, callback: SessionCallback | None) -> None:
    """Call back once a session; what that raises is logged."""
    if callback is None:
        return
    for (subject, session), of_session in rows_.groupby(["subject_code", "session_id"], sort=False, observed=True):
        try:
            callback(str(subject), str(session), of_session.reset_index(drop=True))
        except Exception:
            _LOG.exception("the callback failed for %s, %s", subject, session)


def _letters(code: Any) -> str:
    """What tells identifiers apart: a list may write CLMC-10 where the store has CLMC_10, and 7 where it has 0007."""
    return "".join(filter(str.isalnum, str(code))).lstrip("0").lower()


def _bar() -> Callable[[Progress], object]:
    """A line on stderr that tells how far the load is."""
    import sys

    def show(told: Progress) -> None:
        end = "\n" if told.step == "load" and told.done == told.total else ""
        if told.step == "load":
            print(f"\rloading {told.done}/{told.total} {told.what:<40}", end=end, file=sys.stderr, flush=True)

    return show
