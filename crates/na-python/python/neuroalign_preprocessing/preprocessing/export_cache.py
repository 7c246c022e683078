"""``python -m neuroalign_preprocessing.preprocessing.export_cache``: the command ``neuroalign-export-cache``."""

import sys
from typing import TYPE_CHECKING

from neuroalign_preprocessing._gone import gone
from neuroalign_preprocessing.commands import export_cache as main

__all__ = ["main"]

if not TYPE_CHECKING:
    __getattr__ = gone(__name__, dict.fromkeys(["parse_args", "build_config", "setup_logging"], "main() is the whole command"))

if __name__ == "__main__":
    sys.exit(main())
