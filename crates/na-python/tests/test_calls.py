"""Each call that users of the pandas package make, and what it answers: ``calls.tsv``, row by row."""

import calls_of_loaders  # noqa: F401
import calls_of_shell  # noqa: F401
import calls_of_store  # noqa: F401
import pytest
from calls import CALLS, CHECKS, Bench
from conftest import load

PASSED = set()


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """A store that kept its cache."""
    folder = tmp_path_factory.mktemp("kept") / "store"
    assert load(folder, "--keep-cache").returncode == 0
    return folder


@pytest.mark.parametrize("id_", CALLS)
def test_a_call_answers_as_wanted(id_, tmp_path, exported, kept):
    check = CHECKS[id_]
    # One check may be of several calls.
    if check not in PASSED:
        check(Bench(tmp_path, exported, kept))
        PASSED.add(check)


def test_no_check_is_of_a_call_that_nobody_makes():
    assert CHECKS.keys() == CALLS.keys()
