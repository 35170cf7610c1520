"""Load runs: Locust's master and workers around our generators, the run's course, and what the terminal shows."""
