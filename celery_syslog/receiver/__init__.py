"""An embedded syslog receiver for tests and demonstrations; it is no syslog daemon."""

from .limits import Limits
from .receiver import SyslogReceiver

__all__ = ["Limits", "SyslogReceiver"]
