"""Gone: a store is written by a load."""

from typing import TYPE_CHECKING

from neuroalign_preprocessing._gone import gone

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {
        "OutputWriter": "the store is written by neuroalign-preprocess, or neuroalign_preprocessing.preprocess(); any DataFrame by "
                        "DataFrame.to_parquet",
    })
