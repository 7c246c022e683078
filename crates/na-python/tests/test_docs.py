"""What the pages show of Python runs, from their tops, beside the store that the README makes."""

import re
import subprocess
import sys

import pytest
from conftest import PROJECT

PAGES = ["README.md", "docs/python.md", "crates/na-python/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_its_top(page, tmp_path, exported):
    blocks = re.findall(r"^```python\n(.*?)^```", (PROJECT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, f"{page} shows no Python"
    (tmp_path / "tests").symlink_to(PROJECT / "tests")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "processed").symlink_to(exported)
    script = "\n".join(block.replace('"data/processed",', '"loaded",') for block in blocks)
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_duckdb_and_pandas_read_what_the_readme_says(exported, tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    (query,) = re.findall(r"^```sql\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "processed").symlink_to(exported)
    monkeypatch.chdir(tmp_path)
    assert len(duckdb.sql(query).fetchall()) == 2
