"""Names of the pandas package that are gone: asking for one says what to use instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn


def gone(module: str, instead: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """A module's ``__getattr__`` that names what to use instead of what is gone.

    What is gone is an ``ImportError``: of others, ``from module import name`` hides the text.
    """

    def getattr_(name: str) -> NoReturn:
        if name in instead:
            raise ImportError(f"{module}.{name} is gone: {instead[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return getattr_


class _Members(type):
    # Type checkers are to find wrong names, and would take any for right.
    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> NoReturn:
            raise AttributeError(_told(cls, name))


class HasGone(metaclass=_Members):
    """A class of which members are gone."""

    #: What to use instead.
    _gone: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(_told(type(self), name))


def _told(cls: Any, name: str) -> str:
    if name in cls._gone:
        return f"{cls.__name__}.{name} is gone: {cls._gone[name]}"
    return f"{cls.__name__!r} object has no attribute {name!r}"
