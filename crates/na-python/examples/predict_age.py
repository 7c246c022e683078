"""Predict age from grey-matter volumes, cross-validated by subject.

    pip install './crates/na-python[pandas]' scikit-learn
    python crates/na-python/examples/predict_age.py data/processed
"""

import sys

from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neuroalign_preprocessing.preprocessing import FeatureStore


def matrix(store, feature):
    """Features, ages (years) and subjects, of the sessions that have age and TIV and of the regions that all of them have.

    Regional volumes (mm³) are divided by total intracranial volume (mL): a large head has large regions.
    """
    regions = store.get_regions(feature)
    table = store.load_feature(feature, include_metadata=True, include_tiv=True)
    table = table.dropna(subset=["AGE", "tiv"])
    X = table[regions].div(table["tiv"], axis="index").dropna(axis="columns")
    return X, table["AGE"].astype(float), table["subject_code"]


def main():
    store = FeatureStore(sys.argv[1])
    X, y, groups = matrix(store, "gm_volume_mm3")
    folds = min(5, groups.nunique())
    # Sessions of one subject stay on one side of each split: the model would know the subject otherwise.
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=[1e0, 1e2, 1e4]))
    predicted = cross_val_predict(model, X, y, groups=groups, cv=GroupKFold(folds))
    print(f"{len(X)} sessions of {groups.nunique()} subjects × {X.shape[1]} regions")
    print(f"mean absolute error, {folds} folds: {mean_absolute_error(y, predicted):.1f} years")


if __name__ == "__main__":
    main()
