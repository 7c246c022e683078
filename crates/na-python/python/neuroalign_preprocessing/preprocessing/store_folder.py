"""Where a store has its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neuroalign_preprocessing import _native


class StoreFolder:
    """The folder of a store, and what is in it; it is opened when it is read first."""

    def __init__(self, root_dir: str | os.PathLike[str], compression: str | None = "zstd") -> None:
        # Not resolved: a link may lead elsewhere tomorrow.
        self.root_dir = Path(root_dir).absolute()
        self.compression = compression
        self._opened: _native.Store | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def _store(self) -> _native.Store:
        if self._opened is None:
            self._opened = _native.Store(self.root_dir)
        return self._opened

    @property
    def folder(self) -> Path:
        """The store's folder."""
        return self.root_dir

    @property
    def long_dir(self) -> Path:
        """The folder of long tables."""
        return self.root_dir / "long"

    @property
    def diffusion_long_dir(self) -> Path:
        """The folder of diffusion's long tables."""
        return self.long_dir / "diffusion"

    @property
    def wide_dir(self) -> Path:
        """The folder of features."""
        return self.root_dir / "wide"

    @property
    def anatomical_wide_dir(self) -> Path:
        """The folder of anatomical features."""
        return self.wide_dir / "anatomical"

    @property
    def diffusion_wide_dir(self) -> Path:
        """The folder of diffusion's features."""
        return self.wide_dir / "diffusion"

    @property
    def tiv_path(self) -> Path:
        """The file of total intracranial volumes."""
        return self.root_dir / "tiv.parquet"

    @property
    def metadata_path(self) -> Path:
        """The file of metadata."""
        return self.root_dir / "metadata.parquet"

    @property
    def manifest_path(self) -> Path:
        """The file that says what is there."""
        return self.root_dir / "manifest.json"

    @property
    def cache_db_path(self) -> Path:
        """The file of the cache; there only while a load runs, or after one that was cut short."""
        return self.root_dir / ".cache.db"
