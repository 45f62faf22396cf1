import shutil
from types import SimpleNamespace

import pytest

from halokeras.errors import OutputError
from halokeras.storage.disk import refuse_beyond_disk


def test_what_a_disk_lacks_is_told_in_sizes_that_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=9 * 2**20))
    refuse_beyond_disk(9 * 2**20, tmp_path, "a grid", "take less")
    with pytest.raises(OutputError) as caught:
        refuse_beyond_disk(10 * 2**20, tmp_path / "absent", "a grid", "take less")
    told = f"a grid needs 10.0 MiB of disk in {tmp_path}/absent and 9.0 MiB are free; take less"
    assert str(caught.value) == told
