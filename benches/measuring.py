"""What the scripts of this folder measure with: cohorts, runs in turns, and what a run has on the disk meanwhile."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")) / "release"


class Ran:
    """What a process took."""

    def __init__(self, seconds: float, megabytes: float) -> None:
        self.seconds, self.megabytes = seconds, megabytes


def timed(*command: object) -> Ran:
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{complaint.decode()}")
    return Ran(time.perf_counter() - start, usage.ru_maxrss / 1024)


def in_turns(jobs: dict, runs: int) -> dict:
    """Medians of runs in turns, after one warm-up."""
    taken: dict = {name: [] for name in jobs}
    for turn in range(runs + 1):
        for name, job in jobs.items():
            ran = job()
            if turn > 0:
                taken[name].append(ran)
            print(f"{name}: {ran.seconds:.2f} s{'' if turn else ' (warm-up)'}", file=sys.stderr)
    median = statistics.median
    return {name: Ran(median(r.seconds for r in rans), median(r.megabytes for r in rans)) for name, rans in taken.items()}


def cohort(folder: pathlib.Path, sessions: int, tables: str = "all") -> pathlib.Path:
    path = folder / f"cohort-{tables}-{sessions}"
    if not path.exists():
        make = [RELEASE / "examples" / "make_cohort", "--sessions", str(sessions), "--tables", tables, path]
        subprocess.run(make, check=True, stdout=sys.stderr)
    return path


def fresh(folder: pathlib.Path) -> pathlib.Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def load(cohort: pathlib.Path, output: pathlib.Path, *options: object, program: pathlib.Path | None = None) -> Ran:
    program = program or RELEASE / "neuroalign-preprocess"
    return timed(program, "--env-file", cohort / ".env", "--output", output, "--no-progress", *options)


def size(folder: pathlib.Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern))


class Watched:
    """The most that a run had on the disk at any moment, bytes: of the cache's database with its log, and of all of its output."""

    def __init__(self, output: pathlib.Path, run) -> None:
        self.database = self.output = 0
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(output, done))
        watcher.start()
        try:
            self.ran = run()
        finally:
            done.set()
            watcher.join()

    def _watch(self, output: pathlib.Path, done: threading.Event) -> None:
        while not done.is_set():
            database = everything = 0
            for folder, _, names in os.walk(output):
                for name in names:
                    try:
                        bytes_ = os.stat(os.path.join(folder, name)).st_size
                    except FileNotFoundError:
                        continue
                    everything += bytes_
                    database += bytes_ if name.startswith(".cache.db") else 0
            self.database, self.output = max(self.database, database), max(self.output, everything)
            time.sleep(0.002)
