"""What users of the pandas package import: the store, and a load by its configuration.

`FeatureStore` reads a store. A load is `neuroalign_preprocessing.preprocess`; `DataPreparationPipeline` is the same under the
pandas package's names.
"""

from typing import TYPE_CHECKING

from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing.preprocessing.config import DataPaths, ModalityConfig, OutputConfig, PipelineConfig
from neuroalign_preprocessing.preprocessing.feature_store import (
    ANATOMICAL_METRICS,
    GONE,
    META_COLS,
    FeatureInfo,
    FeatureStore,
    Matrix,
)
from neuroalign_preprocessing.preprocessing.pipeline import DataPreparationPipeline, PipelineResult

__all__ = [
    "ANATOMICAL_METRICS",
    "META_COLS",
    "DataPaths",
    "DataPreparationPipeline",
    "FeatureInfo",
    "FeatureStore",
    "Matrix",
    "ModalityConfig",
    "OutputConfig",
    "PipelineConfig",
    "PipelineResult",
]

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {
        **GONE,
        "AnatomicalWideTransformer": "FeatureStore.load_feature() gives a row a session and a column a region",
        "DiffusionWideTransformer": "FeatureStore.load_features() gives a row a session and a column a feature and region",
    })
