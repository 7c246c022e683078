"""What the calls in ``calls.tsv`` are made with, and the register of what each is to answer."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

from conftest import COHORT, command

from neuroalign_preprocessing.preprocessing import FeatureStore

LIST = COHORT / "sessions.csv"
CAT12 = COHORT / "cat12"
PARC = COHORT / "parcellated" / "cat12"
QSI = COHORT / "parcellated"
ATLAS = "AICHA384"
SETTINGS = ("SESSIONS_CSV", "CAT12_ROOT", "CAT12_PARCELLATED_ROOT", "QSIPARC_PATH", "QSIRECON_PATH", "ATLAS_NAME", "N_JOBS",
            "WITHDRAWN")

#: A session that has everything, and how many there are of each kind in the cohort.
SUBJECT, SESSION = "0475", "202507271541"
N_SESSIONS, N_REGIONS, N_LONG_COLUMNS = 3, 384, 58

with (Path(__file__).parent / "calls.tsv").open(newline="") as file:
    CALLS = {row["id"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}

#: By the id of a call: a function that makes the call and holds its answer against what is wanted.
CHECKS = {}


def answers(*ids):
    """Say which calls a function checks."""

    def register(check):
        for id_ in ids:
            assert id_ not in CHECKS, id_
            CHECKS[id_] = check
        return check

    return register


def wanted_columns(id_):
    """The columns that the answer of a call lists."""
    listed = next(part for part in CALLS[id_]["answer"].split(": ") if part.startswith("index,"))
    return listed.split(";")[0].split(",")


class Bench:
    """Stores and folders to call on; each is made when it is asked for."""

    def __init__(self, folder: Path, exported: Path, kept: Path) -> None:
        self.folder, self.exported, self._kept = folder, exported, kept
        self.nowhere = folder / "nowhere"

    @property
    def store(self):
        return FeatureStore(self.exported)

    def cut(self) -> Path:
        """A folder whose load was killed: a cache, no manifest."""
        cut = self.folder / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        shutil.copy(self._kept / ".cache.db", cut)
        return cut

    def shell(self, name, *arguments, settings=True, **environment):
        """Run a command in an empty folder, with the cohort's settings in the environment."""
        told = {"SESSIONS_CSV": LIST, "CAT12_ROOT": CAT12, "CAT12_PARCELLATED_ROOT": PARC, "QSIPARC_PATH": QSI,
                "QSIRECON_PATH": QSI, "ATLAS_NAME": ATLAS} if settings else {}
        around = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        argv = name if isinstance(name, list) else [command(name)]
        return subprocess.run([*map(str, argv), *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              env={**around, **{key: str(value) for key, value in {**told, **environment}.items()}})

    def load(self, *arguments, **environment):
        ran = self.shell("neuroalign-preprocess", *arguments, **environment)
        assert ran.returncode == 0, ran.stderr
        return ran

    @property
    def output(self) -> Path:
        """Where a load without --output writes."""
        return self.folder / "data" / "processed"
