"""``python -m example_project.amqp``: see ``--help``."""

import sys

from .stage.command import main

if __name__ == "__main__":
    sys.exit(main())
