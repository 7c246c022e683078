"""Regional MRI statistics as a crash-safe Parquet feature store.

`neuroalign_preprocessing.preprocessing.FeatureStore` reads a store; the commands ``neuroalign-preprocess`` and
``neuroalign-export-cache`` make one.
"""
