"""What users type."""

import signal
import sqlite3
import subprocess
import sys
import time

import pyarrow.parquet as pq
from calls import ATLAS, CAT12, LIST, PARC, QSI, answers
from conftest import command

MODULE = "neuroalign_preprocessing.preprocessing"


def codec(folder):
    return pq.ParquetFile(folder / "long" / "anatomical_gm.parquet").metadata.row_group(0).column(0).compression


@answers("snippet-01")
def a_load_with_the_environment(on):
    ran = on.load()
    there = {path.name for path in on.output.iterdir()}
    assert {"manifest.json", "metadata.parquet", "tiv.parquet", "long", "wide"} <= there
    assert "Sessions  3" in ran.stdout and "Age " in ran.stdout


@answers("snippet-02")
def the_status_of_a_cache(on):
    lines = on.shell("neuroalign-export-cache", on.cut(), "--status").stdout.splitlines()
    bar = "=" * 60
    assert lines[:3] == [bar, "CACHE STATUS", bar] and lines[3] == f"Location: {on.cut() / '.cache.db'}"
    assert lines[4].startswith("Size: ") and lines[5:9] == ["Anatomical sessions: 3", "Diffusion sessions: 2", "", "Tables: 5"]
    assert lines[9] == "  - anatomical_gm" and lines[14] == bar


@answers("snippet-03", "snippet-04")
def an_export(on):
    for arguments in ([], ["--keep-cache"]):
        cut = on.cut()
        ran = on.shell("neuroalign-export-cache", cut, *arguments)
        assert ran.returncode == 0 and "CACHE STATUS" in ran.stdout and "anatomical_gm" in ran.stdout
        assert (cut / "manifest.json").exists() and (cut / ".cache.db").exists() == bool(arguments)


@answers("snippet-06")
def without_its_cache_all_is_loaded(on):
    on.load("--keep-cache")
    for path in on.output.iterdir():
        if path.is_file():
            path.unlink()
    assert "3 anatomical" in on.load().stdout and (on.output / "manifest.json").exists()


@answers("snippet-07")
def force(on):
    on.load()
    assert "Loaded    3 anatomical" in on.load("--force").stdout
    assert "Loaded    3 anatomical" in on.load("-f").stdout


@answers("snippet-08")
def two_loads_at_once(on):
    running = [subprocess.Popen([command("neuroalign-preprocess"), "-s", LIST, "--cat12-root", CAT12, "--cat12-parcellated-root",
                                 PARC, "--qsiparc", QSI, "--atlas-name", ATLAS, "-o", on.folder / name],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in ("o1", "o2")]
    assert [one.wait() for one in running] == [0, 0]
    assert all((on.folder / name / "manifest.json").exists() for name in ("o1", "o2"))


@answers("snippet-14")
def roots_as_options(on):
    on.load("--sessions", LIST, "--cat12-root", CAT12, "--cat12-parcellated-root", PARC, "--qsiparc", QSI, "--qsirecon", QSI,
            settings=False, ATLAS_NAME=ATLAS)
    assert (on.output / "long" / "diffusion" / "DSIStudio.parquet").exists()


@answers("snippet-15", "snippet-16", "interface-58")
def fewer_tables(on):
    long = on.output / "long"
    on.load("--no-diffusion")
    assert (long / "anatomical_ct.parquet").exists() and not (long / "diffusion").exists()
    other = on.folder / "other"
    on.load("--no-anatomical", "--workflows", "AMICONODDI", "DSIStudio", "-o", other)
    assert not (other / "long" / "anatomical_gm.parquet").exists()
    assert sorted(path.stem for path in (other / "long" / "diffusion").iterdir()) == ["AMICONODDI", "DSIStudio"]
    some = on.folder / "some"
    on.load("--no-gm", "--no-wm", "-o", some)
    assert [path.name for path in (some / "long").glob("*.parquet")] == ["anatomical_ct.parquet"]


@answers("snippet-17", "interface-59")
def logs(on):
    on.load("-l", on.folder)
    (log,) = on.folder.glob("neuroalign-preprocess-*.log")
    assert "Logging to" in on.load("--log-file", on.folder / "x" / "run.log").stderr
    assert (on.folder / "x" / "run.log").stat().st_size > 0 and log.stat().st_size > 0


@answers("snippet-18")
def the_prefix_changes_nothing(on):
    ran = on.load("--prefix", "p", "--compression", "snappy", "-j", "2", "-v", "--age-column", "AGE")
    assert ran.stderr.count("--prefix changes nothing") == 1 and (on.output / "long" / "anatomical_gm.parquet").exists()


@answers("snippet-19", "interface-60", "interface-61", "interface-62", "interface-63", "interface-64")
def compressions(on):
    words = {"snappy": "SNAPPY", "gzip": "GZIP", "brotli": "BROTLI", "none": "UNCOMPRESSED"}
    for word, name in words.items():
        on.load("--compression", word, "--no-progress", "-j", "2", "-v", "--age-column", "AGE", "-o", on.folder / word)
        assert codec(on.folder / word) == name
    on.load()
    assert codec(on.output) == "ZSTD"


@answers("snippet-21")
def the_module_of_the_command(on):
    ran = on.shell([sys.executable, "-m", f"{MODULE}.cli"], "--no-diffusion")
    assert ran.returncode == 0 and (on.output / "manifest.json").exists(), ran.stderr


@answers("snippet-24", "interface-65", "snippet-27")
def threads_and_more_lines(on):
    on.load("-j", "8")
    on.load(N_JOBS="2")
    usual, more = on.load("--force"), on.load("--force", "--verbose")
    assert len(more.stderr) > len(usual.stderr)


@answers("snippet-25")
def sqlite_reads_the_cache(on):
    with sqlite3.connect(on.cut() / ".cache.db") as database:
        assert len(database.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()) == 1


@answers("snippet-26")
def an_interrupt_a_status_and_the_rest(on):
    running = subprocess.Popen([command("neuroalign-preprocess"), "-s", LIST, "--cat12-root", CAT12, "--cat12-parcellated-root",
                                PARC, "--qsiparc", QSI, "--atlas-name", ATLAS, "-o", on.output],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    running.wait()
    assert on.shell("neuroalign-export-cache", on.output, "--status").returncode in (0, 1)
    on.load()
    assert (on.output / "manifest.json").exists()


@answers("interface-48")
def the_module_of_the_export(on):
    ran = on.shell([sys.executable, "-m", f"{MODULE}.export_cache"], on.cut(), "--status")
    assert ran.returncode == 0 and "CACHE STATUS" in ran.stdout


@answers("interface-56", "interface-57")
def a_second_run(on):
    on.load("-s", LIST, "-o", on.folder / "store")
    assert "Nothing to do" in on.load("-s", LIST, "-o", on.folder / "store").stdout


@answers("interface-66")
def another_column_of_age(on):
    other = on.folder / "list2.csv"
    other.write_text(LIST.read_text().replace("AGE", "Years"))
    on.load("-s", other, "--age-column", "Years")
    assert pq.read_schema(on.output / "metadata.parquet").names[:3] == ["subject_code", "session_id", "AGE"]


@answers("interface-67", "interface-68", "interface-69", "interface-70")
def what_cannot_run(on):
    def ended(*arguments, **how):
        ran = on.shell("neuroalign-preprocess", *arguments, **how)
        return ran.returncode, ran.stderr

    status, said = ended(settings=False)
    assert status == 1 and "--sessions" in said and "SESSIONS_CSV" in said
    status, said = ended("--sessions", "nope.csv")
    assert status == 1 and "nope.csv" in said
    status, said = ended("--atlas-name", "Nope")
    assert status == 1 and ATLAS in said
    assert ended("--nope")[0] == 2


@answers("interface-71")
def help_(on):
    for name, option in [("neuroalign-preprocess", "--help"), ("neuroalign-preprocess", "-h"),
                         ("neuroalign-export-cache", "--help")]:
        ran = on.shell(name, option)
        assert ran.returncode == 0 and "Usage" in ran.stdout


@answers("interface-72")
def an_export_names_its_atlas(on):
    cut = on.cut()
    assert on.shell("neuroalign-export-cache", cut, "--atlas-name", ATLAS, "-v").returncode == 0
    assert f'"atlas_name": "{ATLAS}"' in (cut / "manifest.json").read_text()


@answers("interface-73", "interface-74", "interface-75")
def no_cache(on):
    status = on.shell("neuroalign-export-cache", on.exported, "--status")
    assert status.returncode == 0 and "no cache: all is exported" in status.stdout.lower()
    assert on.shell("neuroalign-export-cache", on.exported).returncode == 1
    assert on.shell("neuroalign-export-cache", on.nowhere, "--status").returncode == 1 and not on.nowhere.exists()
    assert on.shell("neuroalign-export-cache").returncode == 2
