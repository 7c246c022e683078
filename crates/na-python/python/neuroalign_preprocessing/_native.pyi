from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TypedDict

class Selection(TypedDict):
    origin: str
    metadata: bool
    tiv: bool
    text_as_views: bool
    sidecars: bool
    sessions: list[tuple[str, str | None]] | None
    subjects: list[str] | None
    regions: list[str] | None
    metrics: list[str] | None

class CacheStatus(TypedDict):
    exists: bool
    n_sessions_anatomical: int
    n_sessions_diffusion: int
    tables: list[str]
    size_mb: float

class Summary(TypedDict):
    folder: PathLike[str]
    atlas_name: str | None
    n_sessions: int
    n_subjects: int
    long_formats: list[str]
    anatomical_features: list[str]
    diffusion_features: list[str]
    has_tiv: bool
    created_at: str | None
    updated_at: str | None
    cache: CacheStatus

class FeatureInfo(TypedDict):
    name: str
    modality: str
    metric: str
    tissue: str | None
    workflow: str | None
    model: str | None
    param: str | None
    desc: str | None
    unit: str
    n_sessions: int
    regions: list[str]
    atlas_name: str
    producer_versions: list[str]
    file: PathLike[str] | None
    created_at: str | None

class ExportReport(TypedDict):
    long_formats: list[str]
    n_features: int
    n_sessions: int
    notes: list[str]

class Withdrawal(TypedDict):
    n_subjects: int
    n_sessions: int
    n_listed: int
    lines_of_nobody: int
    near_misses: int
    unclear_lines: list[int]
    named_in_cells: dict[str, int]

class Table:
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class Store:
    def __init__(self, folder: str | PathLike[str]) -> None: ...
    def load_long(self, name: str, selection: Selection) -> Table: ...
    def load_from_cache(self, name: str, selection: Selection) -> Table | None: ...
    def load_feature(self, name: str, selection: Selection) -> Table: ...
    def load_features(self, names: list[str], selection: Selection) -> Table: ...
    def load_tiv(self) -> Table: ...
    def load_metadata(self) -> Table: ...
    def list_long_formats(self) -> list[str]: ...
    def list_features(self, modality: str | None) -> list[str]: ...
    def regions(self, name: str) -> list[str]: ...
    def existing_sessions(self) -> list[tuple[str, str | None]]: ...
    def session_table(self) -> Table: ...
    def cached_sessions(self, modality: str) -> list[tuple[str, str | None]]: ...
    def feature_info(self, name: str) -> FeatureInfo | None: ...
    def summary(self) -> Summary: ...
    def cache_status(self) -> CacheStatus: ...
    def export_cache(self, atlas_name: str | None, keep_cache: bool, n_listed_withdrawn: int | None) -> ExportReport: ...
    def report(self, path: str | PathLike[str] | None, ids: bool) -> Path: ...
    def clear_cache(self) -> None: ...
    def withdraw(
        self, participants: list[tuple[str, str | None]] | None, file: str | PathLike[str] | None, yes: bool
    ) -> Withdrawal: ...

__version__: str

def load(
    arguments: list[str], with_surroundings: bool, progress: Callable[[str, int, int, str], object] | None
) -> tuple[str, str, int, int]: ...
def preprocess(arguments: list[str]) -> int: ...
def export_cache(arguments: list[str]) -> int: ...
