"""What halopaint takes from the environment, and what it tells libraries of it."""

import os
import subprocess
import sys

import pytest

from halokeras import environment


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Make a control group of a job in a container; return what writes a limit into one."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(16), raising=False)
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    root, own = tmp_path / "cgroup", tmp_path / "own"
    (root / "job" / "step").mkdir(parents=True)
    own.write_text("0::/job/step\n")
    found = environment.cgroup_cores
    monkeypatch.setattr(environment, "cgroup_cores", lambda: found(root, own))

    def limit(text, place=".", name="cpu.max"):
        (root / place / name).parent.mkdir(exist_ok=True)
        (root / place / name).write_text(text)

    return limit


@pytest.mark.parametrize(
    ("text", "cores"),
    [("400000 100000\n", 4), ("150000 100000\n", 2), ("10000 100000\n", 1), ("max 100000\n", 16)],
)
@pytest.mark.parametrize("place", [".", "job", "job/step"])
def test_a_container_limits_the_cores_wherever_it_says_so(groups, text, cores, place):
    groups(text, place)
    assert environment.allotted_cores() == cores


def test_the_narrowest_of_all_limits_counts(groups, monkeypatch):
    groups("800000 100000\n", "job")
    groups("400000 100000\n", "job/step")
    assert environment.allotted_cores() == 4
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "3")
    assert environment.allotted_cores() == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert environment.allotted_cores() == 2


def test_older_control_groups_are_understood(groups):
    groups("200000\n", name="cpu/cpu.cfs_quota_us")
    groups("100000\n", name="cpu/cpu.cfs_period_us")
    assert environment.allotted_cores() == 2
    groups("-1\n", name="cpu/cpu.cfs_quota_us")
    assert environment.allotted_cores() == 16


def test_nonsense_limits_nothing(groups, monkeypatch):
    groups("nonsense")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "many")
    assert environment.allotted_cores() == 16


def test_libraries_are_told_of_fewer_cores_and_a_user_setting_stays(groups, monkeypatch):
    for name in environment._THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment.prepare()
    assert "NUMBA_NUM_THREADS" not in os.environ
    groups("200000 100000\n")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "")  # so that it is taken back after the test
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    environment.prepare()
    assert os.environ["NUMBA_NUM_THREADS"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_numba_keeps_what_it_compiles_where_it_can_be_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "none" / "home"))
    (tmp_path / "none").write_text("a file: nothing can be made below it")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    environment.prepare()
    assert "NUMBA_CACHE_DIR" not in os.environ  # beside the code
    monkeypatch.setattr(environment, "_PACKAGE", tmp_path / "not there, so not writable")
    environment.prepare()
    folder = tmp_path / f"halopaint-numba-{os.getuid()}"
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)  # somebody else may have put code there, which would be run
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    environment.prepare()
    assert os.environ["NUMBA_CACHE_DIR"] != str(folder)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "none" / "cache"))
    environment.prepare()
    assert os.environ["NUMBA_CACHE_DIR"] != str(tmp_path / "none" / "cache")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    environment.prepare()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "mine")


@pytest.mark.slow
def test_keras_settings_of_another_project_change_nothing(tmp_path):
    (tmp_path / "keras.json").write_text(
        '{"backend": "jax", "floatx": "float64", "image_data_format": "channels_first"}'
    )
    code = (
        "import halokeras.networks, keras\n"
        "print(keras.config.backend(), keras.config.floatx(), keras.config.image_data_format())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["tensorflow", "float32", "channels_last"]


def test_tensorflow_that_was_imported_before_is_not_taken_for_fast(monkeypatch):
    from halokeras.networks.conv import has_fast_conv3d

    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    environment.prepare()
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    assert not has_fast_conv3d()
