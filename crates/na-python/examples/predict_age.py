"""Predict age from grey-matter volumes, cross-validated by subject.

    pip install './crates/na-python[pandas]' scikit-learn
    python crates/na-python/examples/predict_age.py data/processed
"""

import sys

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neuroalign_preprocessing import FeatureStore


def volumes_over_tiv(store):
    """Regional volumes (mm³) over total intracranial volume (mL), as a large head has large regions; ages (years) and subjects.

    Of the sessions that have age and TIV, and the regions that all of them have.
    """
    X, y, groups, _, _ = store.matrix(["gm_volume_mm3", "tiv"], target="AGE")
    has_tiv = ~np.isnan(X[:, -1])
    X = X[has_tiv, :-1] / X[has_tiv, -1:]
    return X[:, ~np.isnan(X).any(axis=0)], y[has_tiv], groups[has_tiv]


def main():
    X, y, groups = volumes_over_tiv(FeatureStore(sys.argv[1]))
    n_subjects = len(set(groups))
    folds = min(5, n_subjects)
    # Sessions of one subject stay on one side of each split: the model would know the subject otherwise.
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=[1e0, 1e2, 1e4]))
    predicted = cross_val_predict(model, X, y, groups=groups, cv=GroupKFold(folds))
    print(f"{len(X)} sessions of {n_subjects} subjects × {X.shape[1]} regions")
    print(f"mean absolute error, {folds} folds: {mean_absolute_error(y, predicted):.1f} years")


if __name__ == "__main__":
    main()
