"""The configuration of a load, under the pandas package's names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from neuroalign_preprocessing._gone import HasGone

C = TypeVar("C")


def _lenient(cls: type[C]) -> type[C]:
    """Take keywords that an older release knew, with a warning, as its notebooks still give them."""
    make: Callable[..., None] = cls.__init__
    known = {of.name for of in fields(cls)}  # type: ignore[arg-type]

    @wraps(make)
    def __init__(self: C, **given: Any) -> None:
        for name in given.keys() - known:
            warnings.warn(f"{cls.__name__} has no {name}: it has no effect", stacklevel=2)
        make(self, **{name: value for name, value in given.items() if name in known})

    setattr(cls, "__init__", __init__)
    return cls


class _Config(HasGone):
    _gone = dict.fromkeys(["model_dump", "model_copy", "model_validate", "dict"], "dataclasses.asdict() and replace() are for these")


@_lenient
@dataclass(kw_only=True)
class DataPaths(_Config):
    """Where a load reads, and where it writes."""

    sessions_csv: Path
    cat12_root: Path | None = None
    cat12_parcellated_root: Path | None = None
    qsiparc_path: Path | None = None
    #: Taken, and not read: diffusion tables come from ``qsiparc_path``.
    qsirecon_path: Path | None = None
    output_dir: Path = Path("data/processed")

    def __post_init__(self) -> None:
        for of in fields(self):
            given: str | PathLike[str] | None = getattr(self, of.name)
            if given is not None:
                setattr(self, of.name, Path(given))
            elif of.name in ("sessions_csv", "output_dir"):
                raise ValueError(f"{of.name} is None: give a path")


@_lenient
@dataclass(kw_only=True)
class ModalityConfig(_Config):
    """What is loaded."""

    anatomical: bool = True
    diffusion: bool = True
    gray_matter: bool = True
    white_matter: bool = True
    cortical_thickness: bool = True
    #: None for all that are there.
    diffusion_workflows: list[str] | None = None


@_lenient
@dataclass(kw_only=True)
class OutputConfig(_Config):
    """How the store is written."""

    #: Changes nothing.
    prefix: str = "neuroalign"
    compression: str | None = "zstd"


@_lenient
@dataclass(kw_only=True)
class PipelineConfig(_Config):
    """A load."""

    paths: DataPaths
    modalities: ModalityConfig = field(default_factory=lambda: ModalityConfig())
    output: OutputConfig = field(default_factory=lambda: OutputConfig())
    atlas_name: str = "4S456Parcels"
    age_column: str = "AGE"
    n_jobs: int = 1
    progress: bool = True
    force: bool = False
