"""What a feature is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

from neuroalign_preprocessing import _native
from neuroalign_preprocessing._gone import HasGone


@dataclass(frozen=True)
class FeatureInfo(HasGone):
    """A feature: where it comes from, what it measures, and of whom.

    It is read by attribute (``info.unit``) or by key (``info["unit"]``, ``dict(info)``).
    """

    _gone = dict.fromkeys(["to_dict", "from_dict"], "dataclasses.asdict(info) or dict(info) makes a dict of it")

    name: str
    #: ``anatomical`` or ``diffusion``.
    modality: str
    #: The statistic of the long table.
    metric: str
    n_regions: int
    n_sessions: int
    #: In the order of the columns.
    region_names: list[str]
    #: Below the store's folder; None if it was never exported.
    file_path: str | None
    created_at: str | None
    #: ``gm``, ``wm``, ``ct``, or ``global``; None of a diffusion feature.
    source_modality: str | None
    workflow: str | None
    model: str | None
    param: str | None
    desc: str | None
    #: ``mm3``, ``mL``, ``mm``, ``dimensionless`` or ``unknown``.
    unit: str
    atlas_name: str
    #: The versions of ``parcellate`` that wrote the tables behind it.
    producer_versions: list[str]
    #: Its file; None if it was never exported.
    file: PathLike[str] | None

    @classmethod
    def of(cls, told: _native.FeatureInfo, folder: Path) -> FeatureInfo:
        """What the store at ``folder`` says of a feature."""
        file, regions = told["file"], told["regions"]
        return cls(
            n_regions=len(regions),
            region_names=regions,
            file_path=None if file is None else Path(file).relative_to(folder).as_posix(),
            source_modality=told["tissue"],
            name=told["name"], modality=told["modality"], metric=told["metric"], n_sessions=told["n_sessions"],
            created_at=told["created_at"], workflow=told["workflow"], model=told["model"], param=told["param"],
            desc=told["desc"], unit=told["unit"], atlas_name=told["atlas_name"],
            producer_versions=told["producer_versions"], file=file,
        )

    def keys(self) -> list[str]:
        """The names of its fields."""
        return [field.name for field in fields(self)]

    def items(self) -> list[tuple[str, Any]]:
        """Its fields, each with its value."""
        return [(key, self[key]) for key in self]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a field; the default if there is no such field."""
        return self[key] if key in self else default

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())
