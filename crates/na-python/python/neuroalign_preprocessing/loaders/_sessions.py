"""What both loaders do: find a session's folder, and load sessions into a temporary store."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign_preprocessing._load import FilePath, Progress, preprocess

if TYPE_CHECKING:
    import pandas

_LOG = logging.getLogger(__name__)

SessionCallback = Callable[[str, str | None, Any], object]


def as_path(name: str, given: FilePath | None) -> Path:
    """A path out of what may be text."""
    if not isinstance(given, (str, PathLike)):
        raise TypeError(f"{name} is {given!r}: give a path")
    return Path(given)


def session_folder(root: Path, subject: str, session: str | None, *below: str) -> Path | None:
    """A session's folder under a root, by the code as it is written or else by its letters and digits. None if there is none."""
    of_subject = _entity_folder(root, "sub-", subject)
    of_session = of_subject if of_subject is None or session is None else _entity_folder(of_subject, "ses-", session)
    folder = None if of_session is None else of_session.joinpath(*below)
    return folder if folder is not None and folder.is_dir() else None


def _entity_folder(root: Path, prefix: str, code: str) -> Path | None:
    written = str(code).removeprefix(prefix)
    if (exact := root / f"{prefix}{written}").is_dir():
        return exact
    near = [of for of in root.glob(f"{prefix}*") if _letters(of.name.removeprefix(prefix)) == _letters(written)]
    return near[0] if len(near) == 1 else None


def one_session(subject: str, session: str | None) -> Any:
    """The list of one session."""
    import pandas

    code = str(subject).removeprefix("sub-")
    id_ = None if session is None else str(session).removeprefix("ses-")
    return pandas.DataFrame({"subject_code": [code], "session_id": [id_]}, dtype="str")


def rows(sessions: Any, tables: Callable[[list[str]], list[str]], progress: bool, **of: Any) -> pandas.DataFrame:
    """The rows of sessions, by the order of the list and then of tables and files, out of a temporary store.

    Raises
    ------
    ValueError
        No session has rows; with the reasons.
    """
    import pandas

    with tempfile.TemporaryDirectory(prefix="neuroalign-") as folder:
        shown = _bar() if progress else None
        report = preprocess(sessions, folder, compression="none", progress=shown, with_surroundings=False, **of)
        frames = [report.store.load_long(name) for name in tables(report.store.list_long_formats())]
        if not frames:
            reasons = "; ".join(f"{outcome['subject_code']}: {outcome['reason']}" for outcome in report.outcomes[:3])
            raise ValueError(f"no session has rows: {reasons}")
        # The store keeps its sessions in the order of the list.
        listed = report.store.load_metadata()[["subject_code", "session_id"]]
    units = {name: {df.attrs["units"].get(name) for df in frames if name in df} for name in frames[0].attrs["units"]}
    together = pandas.concat(frames, ignore_index=True)
    places = {_key(row): place for place, row in enumerate(listed.itertuples(index=False))}
    keys = together[["subject_code", "session_id"]].itertuples(index=False)
    order = pandas.Series([places.get(_key(row), len(places)) for row in keys])
    together = together.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
    # A table's unit is its own: a mean is in millimetres in thickness alone.
    together.attrs = {"units": {name: told.pop() for name, told in units.items() if len(told) == 1}}
    return together


def without(rows_: pandas.DataFrame, columns: list[str]) -> pandas.DataFrame:
    """Rows without some columns, and without what is said of these."""
    left = rows_.drop(columns=columns)
    left.attrs = {"units": {name: unit for name, unit in rows_.attrs["units"].items() if name not in columns}}
    return left


def _key(row: Any) -> tuple[str, str | None]:
    subject, session = row
    return str(subject), str(session) if isinstance(session, str) else None


def call_back(rows_: pandas.DataFrame, callback: SessionCallback | None) -> None:
    """Call back once a session; what that raises is logged."""
    if callback is None:
        return
    for key, of_session in rows_.groupby(["subject_code", "session_id"], sort=False, observed=True, dropna=False):
        subject, session = _key(key)
        try:
            callback(subject, session, of_session.reset_index(drop=True))
        except Exception:
            _LOG.exception("the callback failed for %s, %s", subject, session)


def _letters(code: str) -> str:
    """What tells identifiers apart: who asks for CLMC-10 means CLMC_10, and with 7 the folder 0007."""
    return "".join(filter(str.isalnum, code)).lstrip("0").lower()


def _bar() -> Callable[[Progress], object]:
    """A line on stderr that tells how far the load is."""
    import sys

    def show(told: Progress) -> None:
        end = "\n" if told.step == "load" and told.done == told.total else ""
        if told.step == "load":
            print(f"\rloading {told.done}/{told.total} {told.what:<40}", end=end, file=sys.stderr, flush=True)

    return show
