"""The one exception: a request that is answered with an error status and a sentence."""

__all__ = ["Refused"]


class Refused(Exception):
    """The request gets ``status`` and ``reason`` as its answer, and has no effect."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
