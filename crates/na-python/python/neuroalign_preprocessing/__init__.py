"""Regional MRI statistics as a crash-safe Parquet feature store.

`preprocess` loads what is new into a store, `FeatureStore` reads it as pandas, Polars or Arrow. The commands
``neuroalign-preprocess`` and ``neuroalign-export-cache`` do the same in a shell.
"""

from typing import TYPE_CHECKING

from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing._load import Progress, Report, preprocess
from neuroalign_preprocessing._native import __version__
from neuroalign_preprocessing.preprocessing.feature_store import FeatureStore

__all__ = ["FeatureStore", "Progress", "Report", "__version__", "preprocess"]

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {
        "utils": "it was empty",
    })
