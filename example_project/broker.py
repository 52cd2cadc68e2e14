"""A broker that is a folder: Kombu's, with messages that appear in it whole."""

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps

__all__ = ["Channel", "Transport"]


class Channel(filesystem.Channel):
    """Kombu's own writes a message in place, where a worker may read half of it and stop for good.

    See celery/kombu#1551. A rename within a folder is one step, so ours writes first and renames then.
    """

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:
        folder = Path(self.data_folder_out)
        # What Kombu looks for: anything without a dot, and the name of the queue after the first dot.
        name = f"{time.monotonic_ns() // 1000}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f".{name}"
        draft.write_text(dumps(payload), "utf-8")
        draft.rename(folder / name)


class Transport(filesystem.Transport):
    """The ``filesystem://`` transport with the channel above."""

    Channel = Channel
