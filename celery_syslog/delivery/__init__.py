"""The delivery: finished messages on their way to the collector, whatever happens to it."""

from .core import Delivery

__all__ = ["Delivery"]
