"""Values to bytes and back: the syslog formats, with no socket, clock, process or logging in sight."""
