"""trunkproof's light phones beside SIPp and pjsua2, on one machine in one run: ``python -m benchmarks.versus``.

What each takes of a core for a call's signalling and for a call with media, against the same two answerers: SIPp that
echoes RTP, and Asterisk with ``Echo()``.
"""
