"""SIP as text: messages and their framing on a stream, for every simulator that reads SIP itself. No I/O."""
