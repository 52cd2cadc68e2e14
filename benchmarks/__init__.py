"""What a log call, a worker and a process cost with celery-syslog and with its peers."""
