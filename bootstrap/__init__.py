"""What must exist before trunkproof can run: virtual environment, pjsua2, a root with Asterisk.

Only the standard library is used here, because this package runs before anything is installed.
"""
