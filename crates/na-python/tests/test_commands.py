"""The console scripts: the same commands as the binaries."""

import signal
import subprocess
import time

import pytest

from conftest import COHORT, command, load


def run(name, *arguments):
    return subprocess.run([command(name), *arguments], capture_output=True, text=True)


def test_a_run_loads_and_a_second_one_skips(tmp_path):
    first, second = load(tmp_path / "store"), load(tmp_path / "store")
    assert first.returncode == second.returncode == 0, first.stderr
    assert (tmp_path / "store" / "manifest.json").exists()
    assert "Skipped   3 anatomical" in second.stdout


def test_statuses_and_streams_are_the_commands_own(tmp_path):
    help_, wrong = run("neuroalign-preprocess", "--help"), run("neuroalign-preprocess", "--no-such")
    assert help_.returncode == 0 and "Examples" in help_.stdout
    assert wrong.returncode == 2 and "--no-such" in wrong.stderr
    missing = run("neuroalign-export-cache", tmp_path)
    assert missing.returncode == 1 and "there is no cache" in missing.stderr


def test_an_interrupt_stops_cleanly(tmp_path):
    arguments = ["--env-file", COHORT / ".env", "--no-progress", "-j", "1", "--output", tmp_path / "store"]
    for wait in range(100):
        running = subprocess.Popen([command("neuroalign-preprocess"), *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(0.05 + 0.002 * wait)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
        # Too early it meets Python while it starts, too late nobody.
        if running.returncode == 130 and "Traceback" not in err:
            break
        assert running.returncode == 0 or "KeyboardInterrupt" in err or running.returncode == -signal.SIGINT, err
    else:
        pytest.fail("no interrupt met the command while it loaded")
    assert load(tmp_path / "store").returncode == 0
