"""Updates and painting with the CPU kernels that TensorFlow takes without oneDNN.

TensorFlow reads the setting when it is imported, so this measures in a process of its own.
"""

import json
import os
import subprocess
import sys
from typing import Any

from halokeras.benchmark.painting import compare
from halokeras.benchmark.updates import contenders, differences, published_problem, time_updates


def measure(repeats: int) -> dict[str, Any]:
    """Measure ours and stock Keras, as `run.benchmark` tells it."""
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-m", __name__, str(repeats)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the measurements as JSON."""
    repeats = int(sys.argv[1])
    problem = published_problem()
    everyone = contenders(problem, with_torch=False)
    found = {
        "differences": differences(problem, everyone),
        "update_seconds": time_updates(everyone, repeats),
        "painted_voxels_per_second": compare(problem, everyone, repeats),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
