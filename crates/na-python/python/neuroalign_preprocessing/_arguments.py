"""What callers write for a list of names or of sessions, as the store wants it.

A list with nothing in it, and a name that is not there, are for the store to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from os import PathLike
from typing import Any

Session = tuple[str, str | None]
Sessions = Iterable[Session] | Session
Participants = Iterable[str | Session] | str | PathLike[str]

_SESSION = '("0475", "202507271541"), a subject and a session (None where the subject has no sessions)'


def names(what: str, given: Iterable[str] | None) -> list[str] | None:
    """A list of names out of one name or any iterable of them; None is all."""
    if given is None:
        return None
    if isinstance(given, str):
        return [str(given)]
    return [_text(what, value) for value in _values(what, given)]


def sessions(given: Sessions | None) -> list[Session] | None:
    """A list of sessions out of one pair or any iterable of pairs; None is all."""
    if given is None:
        return None
    values = [given] if isinstance(given, str) else _values("sessions", given)
    if isinstance(given, tuple) and len(values) == 2 and isinstance(values[0], str):
        values = [values]
    return [_session(value) for value in values]


def participants(given: Iterable[str | Session] | str) -> list[Session]:
    """Subjects, and sessions of subjects, out of one subject or any iterable of both."""
    if isinstance(given, str):
        return [(given, None)]
    values = _values("participants", given)
    return [(value, None) if isinstance(value, str) else _session(value) for value in values]


def _session(value: Any) -> Session:
    pair = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else []
    if len(pair) != 2:
        raise TypeError(f"{value!r} is no session: a session is {_SESSION}; for all of a subject there is subjects=")
    subject, session = map(_plain, pair)
    return _text("sessions", subject), None if _is_missing(session) else _text("sessions", session)


def _values(what: str, given: Any) -> list[Any]:
    if hasattr(given, "columns"):
        raise TypeError(f"{what} is a table: give one of its columns, or for sessions zip() of two")
    is_list = isinstance(given, Iterable) and not isinstance(given, bytes)
    return [_plain(value) for value in (given if is_list else [given])]


def _text(what: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if _is_missing(value):
        raise TypeError(f"{what} has a missing value ({value!r}): leave it out, for instance with dropna()")
    if isinstance(value, Number):
        raise TypeError(f'{value} in {what} is a number, and names are text: "{value}", with the zeros it begins with')
    raise TypeError(f"{value!r} in {what} is no text")


def _plain(value: Any) -> Any:
    """Python's own value for a scalar of pyarrow."""
    return value.as_py() if hasattr(value, "as_py") else value


def _is_missing(value: Any) -> bool:
    """Whether it is None, NaN, NaT or NA."""
    if isinstance(value, Iterable):
        return False
    try:
        # NaN and NaT are unlike themselves.
        return value is None or bool(value != value)
    except TypeError:
        # Whether NA is like itself is NA, which is neither true nor false.
        return True
