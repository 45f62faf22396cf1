import json
from functools import partial

import pytest

from halokeras.benchmark import run
from halokeras.benchmark.run import Part, benchmark, plan, tables


def test_what_is_done_is_kept_when_it_is_stopped_and_all_is_said_beforehand(monkeypatch):
    monkeypatch.setattr(run, "multiply_rate", partial(run.multiply_rate, side=256))

    def stop(found):
        raise KeyboardInterrupt

    rows = {"small": [{"side": 8.0, "seconds": 1.0, "voxels_per_second": 512.0}]}
    rows["small"][0] |= {"loaded_memory": 1, "peak_memory": 2, "flops_per_voxel": 2}
    rows["small"][0]["multiply_rate"] = 1e9
    parts = [
        Part("first", 30, lambda found: found.update(growth=rows)),
        Part("second", 1200, stop),
        Part("third", 1, pytest.fail),
    ]
    found, told = {}, []
    with pytest.raises(KeyboardInterrupt):
        benchmark(parts, found, told.append)
    assert told[0].startswith("3 parts, about ")
    assert ["first" in told[1], "second" in told[2], len(told)] == [True, True, 3]
    assert json.loads(json.dumps(found))["done"] == ["first"]
    assert [table.row_count for table in tables(found)] == [1]


def test_the_plan_names_every_box_and_takes_longer_without_onednn():
    short, long = (plan(7, [32, 64], off, pytest.fail) for off in (False, True))
    assert [part.what for part in short] == [part.what for part in long[:-1]]
    for name in ("published", "box00"):
        for side in (32, 64):
            assert f"painting {side}^3 voxels, {name}" in [part.what for part in short]
    assert sum(p.seconds for p in long) > sum(p.seconds for p in short) > 60
