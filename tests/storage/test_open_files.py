import pytest

from halokeras.errors import OutputError
from halokeras.storage.open_files import allow_open_files

resource = pytest.importorskip("resource")


@pytest.fixture
def limits():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_as_are_needed_may_be_open(limits):
    soft = min(limits[0], 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
    allow_open_files(soft // 4, "none")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft
    allow_open_files(soft, "none")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > soft


def test_more_files_than_the_account_may_open_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    with pytest.raises(OutputError, match=r"about 10064 files.* may open 4096; choose fewer"):
        allow_open_files(10000, "choose fewer")
