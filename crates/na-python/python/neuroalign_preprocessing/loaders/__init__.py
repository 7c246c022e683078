"""Rows of sessions without a store, under the pandas package's names.

Each call is a load into a temporary folder: the files are read, checked and matched as a load does it. Whoever reads more than once is
better off with a store.
"""

from typing import TYPE_CHECKING

from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing.loaders.anatomical import AnatomicalLoader
from neuroalign_preprocessing.loaders.diffusion import DiffusionLoader, parse_bids_entities
from neuroalign_preprocessing.loaders.questionnaire import QuestionnaireLoader

__all__ = ["AnatomicalLoader", "DiffusionLoader", "QuestionnaireLoader", "parse_bids_entities"]

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, {
        "AnatomicalPaths": "AnatomicalLoader(…).paths",
        "DiffusionPaths": "DiffusionLoader(…).paths",
        "anatomical_example": "AnatomicalLoader",
    })
