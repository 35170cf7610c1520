"""A media engine in C: RTP and SRTP for thousands of light phones, each packet stamped with who speaks in which
call."""
