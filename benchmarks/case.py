"""``python -m benchmarks.case [--count] NAME FOLDER LENGTH SCHEME=URL...``: the process of one case."""

from __future__ import annotations

import sys
from pathlib import Path

from . import instructions, runner

if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--count"]
    serve = instructions.serve if "--count" in sys.argv else runner.serve
    serve(
        arguments[0], Path(arguments[1]), dict(url.split("=", 1) for url in arguments[3:]), int(arguments[2])
    )
