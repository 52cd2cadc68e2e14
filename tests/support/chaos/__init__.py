"""The chaos suite's machinery: a collector to be mistreated, processes that log, and what came of it."""
