"""Gone: questionnaires are no longer read."""

from __future__ import annotations

from typing import Any

from neuroalign_preprocessing._gone import HasGone

_INSTEAD = "questionnaires are no longer read: pandas.read_csv reads the file, and DataFrame.merge joins it to load_metadata()"


class QuestionnaireLoader(HasGone):
    """Says what to use instead."""

    _gone = {
        f"{group}_FEATURES": _INSTEAD
        for group in ("DEMOGRAPHIC", "MENTAL_HEALTH", "PERSONALITY", "LIFESTYLE", "SOCIOECONOMIC")
    }

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(_INSTEAD)
