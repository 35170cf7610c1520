"""How far ICE and DTLS have come, as pjsua2 words it."""

import pytest

from simulators.phones.security import Security, security_in

DONE = """
     #0 audio opus @48kHz, sendrecv, peer=198.18.0.10:17884
       SRTP status: Active Crypto-suite: AES_CM_128_HMAC_SHA1_80
       ICE role: Controlling, state: Negotiation Success, comp_cnt: 1
       [1]: L:198.18.0.100:52540 (h) --> R:198.18.0.10:17884 (h)
"""


@pytest.mark.parametrize(
    ("dump", "security", "done", "words"),
    [
        (DONE, Security("Negotiation Success", "AES_CM_128_HMAC_SHA1_80"), True, "ICE: Negotiation Success; SRTP: AES"),
        (
            DONE.replace("Active Crypto-suite: AES_CM_128_HMAC_SHA1_80", "Not active Crypto-suite: "),
            Security("Negotiation Success", ""),
            False,
            "ICE: Negotiation Success; SRTP: no keys",
        ),
        (
            DONE.replace("Success", "In Progress"),
            Security("Negotiation In Progress", "AES_CM_128_HMAC_SHA1_80"),
            False,
            "ICE: Negotiation In Progress",
        ),
        (DONE.partition("       ICE")[0], Security("", "AES_CM_128_HMAC_SHA1_80"), True, "no ICE"),
        ("", Security("", ""), False, "no ICE; SRTP: no keys"),
    ],
)
def test_the_state_in_a_dump(dump, security, done, words):
    found = security_in(dump)
    assert found == security
    assert found.done is done
    assert str(found).startswith(words)
