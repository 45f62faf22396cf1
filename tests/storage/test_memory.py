import pytest

from halokeras.environment import control_groups
from halokeras.errors import BoxError
from halokeras.storage.memory import available_memory, group_room, refuse_beyond_memory

VERSION_2 = ("0::/job/step", "", ("memory.max", "memory.current", "inactive_file"))
VERSION_1 = (
    "4:cpu,cpuacct:/other\n9:memory:/job/step",
    "memory",
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@pytest.mark.parametrize(("told", "root", "names"), [VERSION_2, VERSION_1])
def test_a_job_has_what_its_tightest_group_leaves_and_files_kept_in_memory_are_free(
    tmp_path, told, root, names
):
    own, groups = tmp_path / "own", tmp_path / "groups"
    own.write_text(told + "\n")
    step = groups / root / "job" / "step"
    step.mkdir(parents=True)

    def write(group, limit, used, cached):
        for name, text in (
            (names[0], limit),
            (names[1], used),
            ("memory.stat", f"anon 5\n{names[2]} {cached}\n"),
        ):
            (group / name).write_text(f"{text}\n")

    def room():
        return group_room(control_groups("memory", groups, own))

    assert room() is None
    write(step, 1000, 900, 700)
    assert room() == 800
    write(step.parent, 500, 400, 0)
    assert room() == 100
    write(step.parent, 500, 700, 0)
    assert room() == 0
    if not root:
        write(step.parent, "max", 700, 0)
        assert room() == 800


def test_what_fits_is_let_through_and_more_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 3 * 2**30)
    refuse_beyond_memory(3 * 2**30, "a grid")
    with pytest.raises(BoxError) as caught:
        refuse_beyond_memory(4.5 * 2**30, "a grid", "take less")
    assert str(caught.value) == ("a grid needs 4.5 GiB of memory and 3.0 GiB are free; take less")
    with pytest.raises(BoxError, match=r"needs 31\.0 MiB of memory and 30\.0 MiB are free"):
        monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 30 * 2**20)
        refuse_beyond_memory(31 * 2**20, "a grid")


def test_where_the_system_does_not_tell_nothing_is_refused(monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: None)
    refuse_beyond_memory(2**80, "a grid")


def test_the_memory_of_this_machine_is_between_a_mebibyte_and_a_pebibyte():
    free = available_memory()
    assert free is None or 2**20 < free < 2**50
