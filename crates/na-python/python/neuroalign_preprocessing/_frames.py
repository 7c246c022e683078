"""Rows on their way from the store to the library that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from neuroalign_preprocessing import _native

Frame = Literal["pandas", "polars", "arrow"]


def frame(table: _native.Table, as_: Frame, features: Sequence[str] = ()) -> Any:
    """Hand rows over without a copy, save where pandas needs one.

    ``df.attrs["units"]`` has the unit of each column; of features, that of each feature, as a column is a region.
    """
    try:
        if as_ == "pandas":
            import pandas  # noqa: F401
            import pyarrow

            rows = pyarrow.table(table)
            df = rows.to_pandas()
            df.attrs["units"] = units(rows.schema, features)
            return df
        if as_ == "polars":
            import polars

            return polars.DataFrame(table)
        if as_ == "arrow":
            import pyarrow

            return pyarrow.table(table)
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'neuroalign-preprocessing[{as_}]'") from error
    raise ValueError(f"as_ is {as_!r}: say 'pandas', 'polars' or 'arrow'")


def units(schema: Any, features: Sequence[str] = ()) -> dict[str, str]:
    """The units that an Arrow schema says: ``mm3``, ``mL``, ``mm``, ``years``, …

    pandas copies them with every column that is looked at: thousands of regions would cost more than the work on them.
    """
    told = ((field.name, (field.metadata or {}).get(b"unit")) for field in schema)
    of_columns = {name: unit.decode() for name, unit in told if unit}
    if not features:
        return of_columns
    of_features = {}
    for feature in features:
        # The first column behind the keys is a region of the only feature.
        first = schema[2].name if len(features) == 1 else next((n for n in of_columns if n.startswith(f"{feature}:")), "")
        if first in of_columns:
            of_features[feature] = of_columns[first]
    return {**of_features, **{name: of_columns[name] for name in ("AGE", "tiv") if name in of_columns}}
