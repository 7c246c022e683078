"""A store with a damaged file, as Python users meet it."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
from pandas.testing import assert_frame_equal

from neuroalign_preprocessing.preprocessing import FeatureStore

LONG = "long/anatomical_gm.parquet"


def test_a_wrong_byte_is_an_error_that_names_the_file(tmp_path, exported, capfd):
    store = shutil.copytree(exported, tmp_path / "store")
    path = store / LONG
    whole = path.read_bytes()
    chunks = pq.ParquetFile(path).metadata.row_group(0)
    columns = {chunks.column(place).path_in_schema: chunks.column(place) for place in range(chunks.num_columns)}
    starts = [columns["label"].dictionary_page_offset, columns["label"].data_page_offset,
              columns["mean"].data_page_offset]
    refused = 0
    for place in (start + step for start in starts for step in range(24)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x80
        path.write_bytes(damaged)
        try:
            FeatureStore(store).load_long("anatomical_gm")
        except (RuntimeError, OSError, ValueError) as error:  # Arrow streams raise ValueError
            assert LONG in str(error) and "damaged" in str(error)
            refused += 1
    assert refused > 24
    assert "panicked" not in capfd.readouterr().err


def test_a_table_that_pyarrow_wrote_back_reads_the_same(tmp_path, exported):
    store = shutil.copytree(exported, tmp_path / "store")
    expected = FeatureStore(exported).load_long("anatomical_gm")
    table = pq.read_table(store / LONG)
    is_text = [pa.types.is_string(field.type) for field in table.schema]
    for layout in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        columns = [column.cast(layout) if text else column for column, text in zip(table.columns, is_text)]
        pq.write_table(pa.table(columns, names=table.column_names), store / LONG)
        found = FeatureStore(store)
        assert_frame_equal(found.load_long("anatomical_gm"), expected)
        label = expected["label"].iloc[0]
        some = found.load_long("anatomical_gm", regions=[label])
        assert len(some) == (expected["label"] == label).sum() > 0
