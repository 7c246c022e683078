"""Features as scikit-learn takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy
    import pyarrow


class Matrix(NamedTuple):
    """Features and a target, aligned by session."""

    #: Sessions × columns, float64.
    X: numpy.ndarray[Any, Any]
    #: What is to be predicted, one a session.
    y: numpy.ndarray[Any, Any]
    #: The subject of each session.
    groups: numpy.ndarray[Any, Any]
    #: The columns of ``X``: regions of one feature, or ``feature:region`` of several.
    names: list[str]
    #: The sessions of the rows, as ``(subject_code, session_id)``.
    sessions: list[tuple[str, str | None]]

    @classmethod
    def of(cls, rows: pyarrow.Table, features: Sequence[str], target: str, of_metadata: Sequence[str]) -> Matrix:
        """Pick the sessions that have the target, out of features side by side with metadata."""
        import numpy
        import pyarrow

        beginnings = tuple(f"{feature}:" for feature in dict.fromkeys(features))
        columns = [name for name in rows.column_names if name.startswith(beginnings) and name not in of_metadata]
        others = [name for name in rows.column_names[2:] if name not in set(columns)]
        if target not in others:
            raise ValueError(f"there is no column {target!r} to predict; there are: {', '.join(others) or 'none'}")
        if pyarrow.types.is_string(rows.schema.field(target).type):
            raise ValueError(f"{target} is text: predict a column of numbers, or encode it yourself from load_features()")
        rows = rows.filter(rows[target].is_valid())
        if rows.num_rows == 0:
            raise ValueError(f"no session has {target}")
        # Of one feature, the regions are enough.
        names = [name.partition(":")[2] if len(beginnings) == 1 else name for name in columns]
        X = numpy.column_stack([rows[name].to_numpy().astype(float) for name in columns])
        keys = [rows[name].to_pylist() for name in rows.column_names[:2]]
        return cls(X, rows[target].to_numpy(), numpy.array(keys[0]), names, list(zip(*keys)))
