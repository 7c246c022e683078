"""What is read of a store, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TypedDict

from neuroalign_preprocessing import _arguments, _native
from neuroalign_preprocessing._arguments import Sessions
from neuroalign_preprocessing._frames import Frame


class FeatureSelection(TypedDict, total=False):
    """Which sessions and regions are read."""

    sessions: Sessions | None
    subjects: Iterable[str] | None
    regions: Iterable[str] | None


class Summary(TypedDict):
    """A store at a glance."""

    root_dir: str
    #: Empty if nothing is loaded.
    atlas_name: str
    n_sessions: int
    n_subjects: int
    long_formats: list[str]
    n_wide_features: int
    cache: _native.CacheStatus
    anatomical_features: list[str]
    diffusion_features: list[str]
    has_tiv: bool
    #: ISO 8601; empty if nothing was exported.
    created_at: str
    updated_at: str
    folder: PathLike[str]


class LongSelection(FeatureSelection, total=False):
    """Which sessions, regions and statistics are read, and what stands beside them."""

    metrics: Iterable[str] | None
    sidecars: bool


def selection(
    *,
    origin: str = "newest",
    metadata: bool = True,
    tiv: bool = False,
    sessions: Sessions | None = None,
    subjects: Iterable[str] | None = None,
    regions: Iterable[str] | None = None,
    metrics: Iterable[str] | None = None,
    sidecars: bool = False,
    as_: Frame = "pandas",
) -> _native.Selection:
    """What a reader asks for, as the store takes it."""
    return {
        "origin": origin,
        "metadata": metadata,
        "tiv": tiv,
        # What Polars holds text as: it is handed over as it is.
        "text_as_views": as_ == "polars",
        "sidecars": sidecars,
        "sessions": _arguments.sessions(sessions),
        "subjects": _arguments.names("subjects", subjects),
        "regions": _arguments.names("regions", regions),
        "metrics": _arguments.names("metrics", metrics),
    }
