"""The little that the lessons share: connections that show what they say, a picture, a worker."""

from .stage import Failed, Stage

__all__ = ["Failed", "Stage"]
