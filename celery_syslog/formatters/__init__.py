"""LogRecords to finished syslog messages."""

from __future__ import annotations

from .encoder import Encoder
from .quick import encoder_for

__all__ = ["Encoder", "encoder_for"]
