"""What the tests share: real daemons, real workers and the known set of lines."""
