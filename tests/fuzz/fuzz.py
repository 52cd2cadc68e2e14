"""The coverage-guided fuzzer: ``python tests/fuzz/fuzz.py decoding|framing|relp [libFuzzer options]``.

Needs atheris (``pip install atheris``). Begins with the corpus beside this file and does not write to
it; a crash leaves its input in the current folder. ``-max_total_time=60`` ends it after a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["celery_syslog", "targets"]):
    from targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def main(argv: list[str]) -> int:
    """Run one target; 2 if it does not exist."""
    if len(argv) < 2 or argv[1] not in TARGETS:
        print(f"usage: {argv[0]} {'|'.join(TARGETS)} [libFuzzer options]", file=sys.stderr)
        return 2
    name, *options = argv[1:]
    with tempfile.TemporaryDirectory() as found:
        atheris.Setup([argv[0], *options, found, str(CORPUS / name)], TARGETS[name])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
