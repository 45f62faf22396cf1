"""Each check with what it finds put in its way."""

import shutil
import types

import pytest
from packaging.requirements import Requirement

from halokeras.doctor import libraries, machine
from halokeras.doctor.examine import check_loading
from halokeras.doctor.finding import Level
from halokeras.errors import OutputError


def test_the_ranges_are_those_of_pyproject():
    python, requirements = libraries.declared()
    assert libraries.check_python(python).level == Level.OK
    names = {requirement.name: requirement for requirement in requirements}
    assert names["numpy"].marker is None and str(names["numpy"].specifier)
    assert "extra" in str(names["zarr"].marker)


def test_python_outside_its_range_is_a_problem():
    found = libraries.check_python(">=3.99")
    assert found.level == Level.PROBLEM and ">=3.99" in found.remedy


@pytest.mark.parametrize(
    ("text", "level", "remedy"),
    [
        ("numpy>=1", Level.OK, ""),
        ("numpy>=999", Level.PROBLEM, "pip install 'numpy>=999'"),
        ("no-such-library>=1", Level.PROBLEM, "pip install 'no-such-library>=1'"),
        ("numpy>=999; extra == 'cluster'", Level.WARNING, "pip install 'numpy>=999'"),
    ],
)
def test_a_library_is_within_its_range_or_told(text, level, remedy):
    found = libraries.check_library(Requirement(text))
    assert (found.level, found.remedy) == (level, remedy)


def test_what_only_an_extra_or_developers_need_is_no_problem_where_it_lacks():
    assert libraries.check_library(Requirement("no-such-library; extra == 'cluster'")) is None
    developers = [Requirement("numpy>=999; extra == 'test'"), Requirement("halopaint[x]")]
    assert libraries.check_libraries(developers) == []


def test_a_container_with_less_than_a_core_is_a_warning(monkeypatch):
    monkeypatch.setattr(machine, "cgroup_cores", lambda: 0.5)
    found = machine.check_processors()
    assert found.level == Level.WARNING and "50%" in found.value
    monkeypatch.setattr(machine, "cgroup_cores", lambda: None)
    assert machine.check_processors().level == Level.OK


def test_the_cores_that_a_process_is_allotted_are_told(monkeypatch):
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(machine, "allotted_cores", lambda: 8)
    assert "64 cores, of which this process may use 8" in machine.check_processors().value


def test_threads_that_are_no_number_are_told():
    assert machine.check_threads({}).level == Level.OK
    assert machine.check_threads({"OMP_NUM_THREADS": "2"}).value == "OMP_NUM_THREADS=2"
    found = machine.check_threads({"OMP_NUM_THREADS": "all"})
    assert found.level == Level.WARNING and "OMP_NUM_THREADS" in found.remedy


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({}, Level.OK),
        ({"TF_CLI_CONFIG_FILE": "of another tool"}, Level.OK),
        ({"TF_CONFIG": "{}"}, Level.WARNING),
    ],
)
def test_variables_that_change_tensorflow(variables, level):
    found = machine.check_variables(variables)
    assert found.level == level and bool(found.remedy) == (level != Level.OK)


def test_little_memory_and_disk_are_warnings(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 2**28)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=2**20))
    for found in (machine.check_memory(), machine.check_disk(tmp_path)):
        assert found.level == Level.WARNING and "free some" in found.remedy
    monkeypatch.setattr(machine, "available_memory", lambda: None)
    assert machine.check_memory().level == Level.OK


def test_a_disk_that_cannot_be_looked_at_is_a_warning(tmp_path):
    found = machine.check_disk(tmp_path / "nowhere")
    assert found.level == Level.WARNING and "No such file" in found.value


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    assert machine.check_folder(tmp_path).level == Level.OK
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "painted").mkdir()  # as the first painting leaves it
    assert machine.check_folder(tmp_path).level == Level.OK

    def refuse(target):
        raise OutputError("no")

    monkeypatch.setattr(machine, "check_writable", refuse)
    found = machine.check_folder(tmp_path)
    assert found.level == Level.PROBLEM and found.remedy


def test_a_tensorflow_that_does_not_load_is_a_problem():
    def load():
        raise ImportError("libsomething.so: no such file\nand more")

    found = check_loading(load)
    assert found.level == Level.PROBLEM
    assert found.value == "does not load: libsomething.so: no such file"
    assert check_loading(lambda: None) is None


def test_convolutions_without_onednn_are_a_warning_only_where_it_could_be_on(monkeypatch):
    from halokeras.doctor import convolutions

    monkeypatch.setattr("halokeras.networks.conv.has_fast_conv3d", lambda: False)
    off = {"TF_ENABLE_ONEDNN_OPTS": "0"}
    monkeypatch.setattr(convolutions.platform, "machine", lambda: "x86_64")
    assert "unset TF_ENABLE_ONEDNN_OPTS" in convolutions.check_onednn(off).remedy
    monkeypatch.setattr(convolutions.platform, "machine", lambda: "arm64")
    assert convolutions.check_onednn(off).level == Level.OK
    monkeypatch.setattr("halokeras.networks.conv.has_fast_conv3d", lambda: True)
    assert convolutions.check_onednn({}).level == Level.OK
