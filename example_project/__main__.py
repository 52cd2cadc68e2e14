"""``python -m example_project``: see ``--help``."""

import os
import signal
import sys
from collections.abc import Sequence

from .options import Problem, parse
from .run import Demo
from .show import Screen

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status."""
    options = parse(argv)
    # A service manager's or a test's way to end us is to stop the worker as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    screen = Screen(sys.stderr if options.json else sys.stdout, options.quiet or options.json)
    try:
        report = Demo(options, screen).perform()
        if options.json:
            print(report.as_json())
        else:
            report.show(screen)
    except Problem as problem:
        print(f"example_project: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        screen.end_progress()
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output is gone; Python would complain about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
