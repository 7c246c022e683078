"""What the cache of a store holds: what was committed and is not exported yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from neuroalign_preprocessing import _native
from neuroalign_preprocessing._arguments import Session
from neuroalign_preprocessing._frames import Frame, frame
from neuroalign_preprocessing.preprocessing.selection import selection
from neuroalign_preprocessing.preprocessing.store_folder import StoreFolder

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class StoreCache(StoreFolder):
    """The cache beside a store."""

    def has_cache(self) -> bool:
        """Whether there is a cache: a load is running, or one was cut short."""
        return self.root_dir.is_dir() and self._store.cache_status()["exists"]

    def cache_status(self) -> _native.CacheStatus:
        """What the cache holds: ``exists, n_sessions_anatomical, n_sessions_diffusion, tables, size_mb`` (1024² bytes)."""
        return self._store.cache_status()

    def get_cached_sessions(self, modality: str = "anatomical") -> set[Session]:
        """The sessions that the cache holds of a modality; empty if there is no cache."""
        return set(self._store.cached_sessions(modality)) if self.root_dir.is_dir() else set()

    @overload
    def load_from_cache(self, table_name: str, *, as_: Literal["pandas"] = ...) -> pandas.DataFrame | None: ...
    @overload
    def load_from_cache(self, table_name: str, *, as_: Literal["polars"]) -> polars.DataFrame | None: ...
    @overload
    def load_from_cache(self, table_name: str, *, as_: Literal["arrow"]) -> pyarrow.Table | None: ...
    def load_from_cache(self, table_name: str, *, as_: Frame = "pandas") -> Any:
        """Load what the cache alone holds of a long table; None if it has no such table, or there is no cache.

        Parameters
        ----------
        table_name
            ``anatomical_gm``, ``diffusion_AMICONODDI``, …
        as_
            ``"pandas"``, ``"polars"`` or ``"arrow"``.

        Returns
        -------
        DataFrame, Table or None
            As :meth:`load_long` gives it.
        """
        rows = self._store.load_from_cache(table_name, selection(origin="cache", as_=as_))
        return None if rows is None else frame(rows, as_)

    def clear_cache(self) -> None:
        """Delete the cache with all that was committed and not exported. There is no way back."""
        self._store.clear_cache()
