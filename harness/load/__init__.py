"""Load runs: what a profile asks for, what is recorded of each call, and what follows from the records."""
