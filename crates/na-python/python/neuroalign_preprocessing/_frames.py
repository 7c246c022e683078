"""Rows on their way from the store to the library that was asked for."""

from __future__ import annotations

from typing import Any, Literal

from neuroalign_preprocessing import _native

Frame = Literal["pandas", "polars", "arrow"]


def frame(table: _native.Table, as_: Frame) -> Any:
    """Hand rows over without a copy, save where pandas needs one; ``df.attrs["units"]`` has each column's unit."""
    try:
        if as_ == "pandas":
            import pandas  # noqa: F401
            import pyarrow

            rows = pyarrow.table(table)
            df = rows.to_pandas()
            df.attrs["units"] = units(rows.schema)
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


def units(schema: Any) -> dict[str, str]:
    """The unit of each column of an Arrow schema that says one: ``mm3``, ``mL``, ``mm``, ``years``, …"""
    told = ((field.name, (field.metadata or {}).get(b"unit")) for field in schema)
    return {name: unit.decode() for name, unit in told if unit}
