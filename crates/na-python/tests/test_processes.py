"""Stores in other processes: forked, spawned, pickled. What hangs fails."""

import copy
import faulthandler
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import joblib
import pytest
from pandas.testing import assert_frame_equal

from neuroalign_preprocessing.preprocessing import FeatureStore

# Seconds; a read takes some hundredths of one.
TOO_LONG = 60

fork = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def nothing_hangs():
    faulthandler.dump_traceback_later(5 * TOO_LONG, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(params=["exported", "cached"])
def store(request):
    """A store that was read, whole: threads were started, and what can be kept is kept."""
    store = FeatureStore(request.getfixturevalue(request.param))
    read(store)
    return store


def read(store):
    feature = store.load_feature("gm_mean", include_tiv=True)
    long = store.load_long("anatomical_gm")
    # Polars' own threads do not survive a fork; handing rows to it needs none.
    assert store.load_feature("gm_mean", as_="polars").height == store.load_feature("gm_mean", as_="arrow").num_rows
    return long.shape, float(long["mean"].sum()), feature.to_csv()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def in_child(work):
    """What `work` gives in a forked child."""
    results = fork.SimpleQueue()
    child = fork.Process(target=lambda: results.put(work()))
    child.start()
    child.join(TOO_LONG)
    # Where another thread has waited for the child, multiprocessing takes it for alive: the system knows.
    hung = child.is_alive() and is_running(child.pid)
    if hung:
        child.kill()
    assert not hung, "the child hangs"
    assert child.exitcode in (0, None)
    assert results._reader.poll(0), "the child gave nothing"
    return results.get()


def test_a_child_reads_what_its_parent_read(store):
    expected = read(store)
    assert in_child(lambda: read(store)) == expected
    assert read(store) == expected


def test_a_child_of_a_child_reads(store):
    def work():
        return read(store), in_child(lambda: read(store))

    assert in_child(work) == (read(store),) * 2


def test_children_read_that_were_forked_while_threads_read(store):
    expected = read(store)
    done = threading.Event()

    def go_on():
        while not done.is_set():
            store.load_long("anatomical_gm", as_="arrow")
            store.cache_status()

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert in_child(lambda: read(store)) == expected
    finally:
        done.set()
        for thread in threads:
            thread.join(TOO_LONG)
    assert not any(thread.is_alive() for thread in threads)


def test_threads_that_fork_wait_for_each_other(store):
    expected = read(store)
    results = []

    def work():
        for _ in range(5):
            results.append(in_child(lambda: read(store)) == expected and read(store) == expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * TOO_LONG)
    assert results == [True] * 20


def test_nothing_of_a_cache_is_open_when_a_process_forks(cached):
    # It is asked last before the fork: hooks run in the reverse of their order, and this one comes before the package's.
    script = """
import os, sys
seen = []
def look():
    threads = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
    files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
    seen.extend(thread for thread in threads if thread.startswith("r2d2"))
    seen.extend(file for file in files if ".cache.db" in file)
os.register_at_fork(before=look)
from neuroalign_preprocessing.preprocessing import FeatureStore
store = FeatureStore(sys.argv[1])
for _ in range(50):
    store.load_feature("gm_mean", as_="arrow")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
assert not seen, seen
"""
    import subprocess
    import sys

    ran = subprocess.run([sys.executable, "-c", script, cached], capture_output=True, text=True, timeout=2 * TOO_LONG)
    assert ran.returncode == 0, ran.stderr


def test_a_child_may_export_what_its_parent_read_from_the_cache(cached):
    store = FeatureStore(cached)
    expected = read(store)
    assert in_child(lambda: len(store.export_cache_to_parquet(keep_cache=False))) == 5
    assert not store.has_cache() and read(store) == expected


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_read_whatever_starts_their_processes(store, method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(read, [store] * 4).get(TOO_LONG) == [read(store)] * 4


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_executors_read_whatever_starts_their_processes(store, method):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as executor:
        results = executor.map(read, [store] * 4, timeout=TOO_LONG)
        assert list(results) == [read(store)] * 4


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib_reads(store, backend):
    parallel = joblib.Parallel(n_jobs=2, backend=backend, timeout=TOO_LONG)
    assert parallel(joblib.delayed(read)(store) for _ in range(4)) == [read(store)] * 4


class Sessions:
    """A dataset as loaders of models want it: an item a session, read when it is asked for."""

    def __init__(self, store):
        self.store = store
        self.sessions = store.list_sessions()
        self.first = self[0]

    def __len__(self):
        return len(self.sessions)

    def __getitem__(self, index):
        row = self.store.load_feature("gm_mean", include_metadata=False, sessions=[self.sessions[index]])
        return row.iloc[0, 2:].to_list()


def serve(dataset, indices, items):
    while (index := indices.get()) is not None:
        items.put((index, dataset[index]))


def test_workers_of_a_loader_read_in_every_epoch(store):
    # As PyTorch's DataLoader does with num_workers: after the parent has read, workers are forked anew in each epoch; each
    # has a queue of indices, and all of them one queue of items. The parent goes on reading meanwhile.
    dataset = Sessions(store)
    expected = {index: dataset[index] for index in range(len(dataset))}
    assert dataset.first == expected[0] and len(expected) == 3
    for _ in range(3):
        items = fork.Queue()
        queues = [fork.Queue() for _ in range(2)]
        workers = [fork.Process(target=serve, args=(dataset, queue, items), daemon=True) for queue in queues]
        for worker in workers:
            worker.start()
        for index in range(len(dataset)):
            queues[index % len(queues)].put(index)
        assert dataset[0] == expected[0]
        assert dict(items.get(timeout=TOO_LONG) for _ in range(len(dataset))) == expected
        for queue, worker in zip(queues, workers):
            queue.put(None)
            worker.join(TOO_LONG)
            assert worker.exitcode == 0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda store: pickle.loads(pickle.dumps(store))])
def test_a_copy_is_a_store_of_the_same_folder(store, copied):
    unused = copied(FeatureStore(store.folder))
    used = copied(store)
    assert unused.folder == used.folder == store.folder
    for other in (unused, used, copied(used)):
        assert_frame_equal(other.load_feature("gm_mean"), store.load_feature("gm_mean"))


def test_a_store_stays_where_it_was_when_the_working_directory_changes(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(exported.parent)
    unused, used = FeatureStore(exported.name), FeatureStore(Path(exported.name))
    expected = read(used)
    monkeypatch.chdir(tmp_path)
    for store in (unused, used, pickle.loads(pickle.dumps(used)), copy.deepcopy(unused)):
        assert store.folder == exported and os.path.isabs(store.folder)
        assert read(store) == expected
