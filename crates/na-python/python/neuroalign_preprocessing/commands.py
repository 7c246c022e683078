"""The console scripts ``neuroalign-preprocess`` and ``neuroalign-export-cache``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from neuroalign_preprocessing import _native


def preprocess() -> int:
    """Run ``neuroalign-preprocess`` with this process' arguments; its exit status."""
    with _interrupts_left_to_the_command():
        return _native.preprocess(["neuroalign-preprocess", *sys.argv[1:]])


def export_cache() -> int:
    """Run ``neuroalign-export-cache`` with this process' arguments; its exit status."""
    with _interrupts_left_to_the_command():
        return _native.export_cache(["neuroalign-export-cache", *sys.argv[1:]])


@contextmanager
def _interrupts_left_to_the_command() -> Iterator[None]:
    # Python's own handler would raise KeyboardInterrupt after the command has stopped cleanly and said how to go on.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
