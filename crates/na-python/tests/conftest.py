"""Stores to read: the cohort that the project ships, loaded by the installed commands."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
COHORT = PROJECT / "tests" / "cohort"


def command(name):
    path = Path(sys.executable).parent / name
    return str(path if path.exists() else shutil.which(name))


def load(output, *arguments):
    settings = ["--env-file", COHORT / ".env", "--no-progress", "--output", output]
    return subprocess.run([command("neuroalign-preprocess"), *settings, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A store that was exported."""
    output = tmp_path_factory.mktemp("exported") / "store"
    ran = load(output)
    assert ran.returncode == 0, ran.stderr
    return output


@pytest.fixture
def cached(tmp_path, exported):
    """What a load leaves that was killed before its export: the cache alone."""
    kept = tmp_path / "kept"
    assert load(kept, "--keep-cache").returncode == 0
    output = tmp_path / "store"
    output.mkdir()
    shutil.copy(kept / ".cache.db", output)
    return output
