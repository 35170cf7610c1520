"""Ways to get a running Asterisk: a cached Debian root, a Docker engine, the machine's own."""
