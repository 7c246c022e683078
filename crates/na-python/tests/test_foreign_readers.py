"""Files that grew (chunks moved behind others, columns added and cast, row groups appended) as other programs read them.

A store that grew load by load is read by each program that is installed, and has to equal, cell for cell, the store of one load of
the same. `pip install duckdb pyspark` and a Java for the last two.
"""

import math
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import command

REGIONS = 30
# So many that the chunks of one column are a small share of a file: a file of which more is moved is written anew.
NUMBERS = [f"number_{n}" for n in range(100)]
LONG = ["long/anatomical_gm.parquet", "long/diffusion/NODDI.parquet"]
KEYS = ["subject_code", "session_id", "param", "index"]


def subject(n):
    return f"{n:04}"


def write_tables(root, n, moment):
    """A session's tables. What is loaded later has another first column, and fractions where there were whole numbers."""
    first = {0: [], 1: ["extra"], 2: ["extra"]}[moment]
    tables = {
        f"cat12/sub-{subject(n)}/ses-1/anat/atlas-A/sub-{subject(n)}_ses-1_atlas-A_tissue-GM_parc.tsv": 1,
        f"qsirecon-NODDI/sub-{subject(n)}/ses-1/dwi/atlas-A/sub-{subject(n)}_ses-1_atlas-A_model-noddi_param-od_parc.tsv": 2,
        f"qsirecon-NODDI/sub-{subject(n)}/ses-1/dwi/atlas-A/sub-{subject(n)}_ses-1_atlas-A_model-noddi_param-icvf_parc.tsv": 3,
    }
    for name, kind in tables.items():
        lines = ["\t".join([*first, "index", "label", "mean", "std", "count", *NUMBERS])]
        for region in range(1, REGIONS + 1):
            mean = math.sqrt(n * 1000 + region * 10 + kind)
            count = region * n if moment == 0 else region * n + 0.5
            extra = [str(region) if moment == 1 else f"{region}.25" for _ in first]
            std = "n/a" if region % 7 == 0 else repr(mean / 3)
            numbers = [repr(mean / (place + 2)) for place in range(len(NUMBERS))]
            lines.append("\t".join([*extra, str(region), f"region-{region}", repr(mean), std, str(count), *numbers]))
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store that grew, and one of a single load of the same."""
    folder = tmp_path_factory.mktemp("foreign")

    def load(output, sessions, ages=()):
        rows = [f"{subject(n)},1,{dict(ages).get(n, 20 + n)},{'FM'[n % 2]}" for n in range(sessions)]
        (folder / "sessions.csv").write_text("\n".join(["subject_code,session_id,AGE,sex", *rows]) + "\n")
        roots = ["--cat12-parcellated-root", "parcellated/cat12", "--qsiparc", "parcellated", "--atlas-name", "A"]
        arguments = ["--sessions", "sessions.csv", *roots, "--output", output, "--no-progress", "--sealed-at-once", "30"]
        ran = subprocess.run([command("neuroalign-preprocess"), *arguments], cwd=folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    root, ages = folder / "parcellated", {3: 71.5, 17: 72.25}
    for moment, sessions in enumerate([range(60), range(60, 75), range(75, 90)]):
        for n in sessions:
            write_tables(root, n, moment)
        if moment == 1:
            load("grown", 60, ages)
        load("grown", sessions.stop, ages if moment else {})
    load("at-once", 90, ages)
    return folder / "grown", folder / "at-once"


def rows(columns):
    """Rows of columns by name, in the order of their keys."""
    keys = [columns[key] for key in KEYS if key in columns]
    order = sorted(range(len(keys[0])), key=lambda row: [key[row] or "" for key in keys])
    return {name: [plain(values[row]) for row in order] for name, values in columns.items()}


def plain(value):
    return None if value is None or value != value else value


def by_pyarrow(path):
    import pyarrow.parquet as parquet

    return parquet.read_table(path).to_pydict()


def by_pyarrow_groups(path):
    import pyarrow.parquet as parquet

    file, columns = parquet.ParquetFile(path), {}
    for group in range(file.num_row_groups):
        for name, values in file.read_row_group(group).to_pydict().items():
            columns.setdefault(name, []).extend(values)
    return columns


def by_pyarrow_filter(path):
    import pyarrow.dataset as dataset

    field = dataset.field("subject_code")
    parts = [dataset.dataset(path).to_table(filter=half).to_pydict() for half in (field < "0040", field >= "0040")]
    return {name: parts[0][name] + parts[1][name] for name in parts[0]}


def by_pandas(path):
    import pandas

    frame = pandas.read_parquet(path)
    return {name: [None if pandas.isna(value) else value for value in frame[name].tolist()] for name in frame}


def by_polars(path):
    import polars

    return polars.read_parquet(path).to_dict(as_series=False)


def by_polars_lazy(path):
    import polars

    scan, code = polars.scan_parquet(path), polars.col("subject_code")
    parts = [scan.filter(half).collect(engine="streaming") for half in (code < "0040", code >= "0040")]
    return polars.concat(parts).to_dict(as_series=False)


def by_duckdb(path):
    duckdb = pytest.importorskip("duckdb")

    return duckdb.sql(f"SELECT * FROM '{path}'").arrow().read_all().to_pydict()


def by_spark(path, vectorized="true"):
    pyspark = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java")

    spark = pyspark.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(1 << 16))
    frame = spark.read.parquet(str(path))
    return {name: list(values) for name, values in zip(frame.columns, zip(*frame.collect()))}


def by_spark_rows(path):
    return by_spark(path, vectorized="false")


READERS = [by_pyarrow, by_pyarrow_groups, by_pyarrow_filter, by_pandas, by_polars, by_polars_lazy, by_duckdb, by_spark, by_spark_rows]


def chunk_start(chunk):
    return min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)


@pytest.mark.parametrize("table", LONG)
def test_columns_that_came_later_stand_behind_the_row_groups_that_were_there(stores, table):
    import pyarrow.parquet as parquet

    grown, _ = stores
    metadata = parquet.ParquetFile(grown / table).metadata
    assert metadata.num_row_groups >= 60
    first = metadata.row_group(0)
    columns = {first.column(n).path_in_schema: chunk_start(first.column(n)) for n in range(metadata.num_columns)}
    last = metadata.row_group(59)
    assert next(iter(columns)) == "extra", "it came later and was cast"
    assert min(columns["extra"], columns["count"]) > chunk_start(last.column(metadata.num_columns - 1))
    assert columns["mean"] < columns["number_0"] < 50_000, "what did not change is where it was"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("table", LONG)
def test_a_table_that_grew_is_read_as_one_of_a_single_load(stores, table, reader):
    grown, at_once = stores
    expected = rows(by_pyarrow(at_once / table))
    assert len(expected["mean"]) == 90 * REGIONS * (2 if "NODDI" in table else 1)
    found = rows(reader(grown / table))
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name] == values, name


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_features_that_were_spliced_are_read_as_those_of_a_single_load(stores, reader):
    grown, at_once = stores
    features = sorted(path.relative_to(at_once) for path in Path(at_once, "wide").rglob("*.parquet"))
    assert len(features) >= 4
    for feature in features[:3] if "spark" in reader.__name__ else features:
        assert rows(reader(grown / feature)) == rows(by_pyarrow(at_once / feature)), feature
