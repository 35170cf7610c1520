"""A recording client (SRC) of SIPREC: tells a recording server of a call by SIP, and where its sound must go.

Knows no PBX; what it tells comes from whoever runs it.
"""
