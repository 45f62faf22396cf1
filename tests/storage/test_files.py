import os
import shutil
import sys
from pathlib import Path

import pytest

from halokeras.errors import OutputError
from halokeras.storage.files import (
    check_could_be_written,
    check_writable,
    locked,
    unwritable,
    whole_file,
    whole_folder,
    write_text,
)


def test_a_file_appears_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "file.txt"
    write_text(target, "halos")
    assert target.read_text() == "halos"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_folder_that_another_process_takes_for_abandoned_is_made_again(tmp_path, monkeypatch):
    real, removed = os.mkdir, []

    def mkdir(path, mode=0o777):
        try:
            real(path, mode)
        except FileExistsError:
            if not removed and str(path).endswith(".halopaint"):
                Path(path).rmdir()
                removed.append(path)
            raise

    monkeypatch.setattr(os, "mkdir", mkdir)
    write_text(tmp_path / "file.txt", "halos")
    assert removed
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_what_is_no_folder_is_not_waited_for(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "file/run", "link", "link/run"):
        with pytest.raises(OutputError, match="Not a directory"), locked(tmp_path / name):
            pass


def test_what_a_link_points_to_is_written(tmp_path):
    (tmp_path / "scratch").mkdir()
    link, there = tmp_path / "link.txt", tmp_path / "scratch" / "there.txt"
    link.symlink_to(there)
    for text in ("first", "second"):
        check_writable(link)
        write_text(link, text)
        assert link.is_symlink() and there.read_text() == text
    assert [path.name for path in there.parent.iterdir()] == ["there.txt"]


def test_what_a_kill_leaves_aside_is_put_back_or_removed(tmp_path, monkeypatch):
    """On file systems that cannot exchange two folders, the old one steps aside for a moment."""
    monkeypatch.setattr("halokeras.storage.durable._exchange", lambda one, other: False)
    target, aside = tmp_path / "group", tmp_path / ".group.aside"
    for there in ([aside], [aside, target]):
        for path in there:
            path.mkdir()
            (path / "mark").write_text("old")
        with whole_folder(target, "mark", "group") as temporary:
            (temporary / "mark").write_text("new")
        assert (target / "mark").read_text() == "new"
        assert [path.name for path in tmp_path.iterdir()] == ["group"]
        shutil.rmtree(target)


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose a folder that is writable"):
        write_text(tmp_path / "file" / "inside.txt", "")
    with pytest.raises(OutputError, match="Not a directory; choose a folder that is writable"):
        check_writable(tmp_path / "file" / "inside.txt")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="links are not followed for ever there")
def test_a_link_that_leads_to_itself_is_told(tmp_path):
    link, back = tmp_path / "box.h5", tmp_path / "back.h5"
    link.symlink_to(back)
    back.symlink_to(link)
    with pytest.raises(OutputError, match=r"cannot write .*/box\.h5: Symlink loop .* choose"):
        check_could_be_written(link)


def test_asking_whether_a_file_could_be_written_makes_not_even_its_folder(tmp_path):
    check_could_be_written(tmp_path / "new" / "below" / "box.h5")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory; choose a folder that is writable"):
        check_could_be_written(tmp_path / "file" / "below" / "box.h5")


def test_a_disk_that_took_a_part_is_told_without_numpys_numbers(tmp_path):
    told = str(unwritable(tmp_path / "a.npy", OSError("45375 requested and 992 written")))
    assert "a.npy: the disk did not take all of it; choose a folder" in told


def test_asking_whether_a_file_can_be_written_leaves_nothing(tmp_path):
    check_writable(tmp_path / "new" / "box.h5")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_written_file_is_as_readable_as_any_other(tmp_path):
    write_text(tmp_path / "ours", "")
    (tmp_path / "theirs").write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode
