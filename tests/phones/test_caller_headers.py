import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.phones.headers import Identity, header_value, name_addr, parse_identity

printable = st.characters(exclude_categories=("Cc", "Cs"))
names = st.text(printable, min_size=1, max_size=25)
users = st.text("+0123456789abcdefghijklmnopqrstuvwxyz-_.", min_size=1, max_size=20)


@given(display=names, user=users)
def test_what_an_account_says_is_read_back(display, user):
    assert parse_identity(name_addr(display, user, "wa.example")) == Identity(display, user)


@given(user=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=10))
def test_any_user_part_is_escaped(user):
    assert parse_identity(name_addr("", user, "wa.example")).user == user


@pytest.mark.parametrize(
    ("value", "display", "user"),
    [
        ('"Zoë \\"Ω\\" 🌸 שלום" <sip:+34600111222@wa.example>;tag=1', 'Zoë "Ω" 🌸 שלום', "+34600111222"),
        ('"a <sip:b@c>" <sip:+1@h>;tag=2', "a <sip:b@c>", "+1"),
        ("محمد <sip:%2B201007991875@h>", "محمد", "+201007991875"),
        ("sip:+1555;phone-context=x@h;tag=3", "", "+1555"),
        ("<tel:+15551234567;ext=1>", "", "+15551234567"),
        ("<sips:alice:secret@h:5061>", "", "alice"),
        ("<sip:anonymous.invalid>", "", ""),
        ("", "", ""),
    ],
)
def test_identities(value, display, user):
    assert parse_identity(value) == Identity(display, user)


@given(st.text())
def test_reading_never_fails(text):
    parse_identity(text)
    header_value(text, "From")


def test_headers_fold_and_shorten():
    message = 'INVITE sip:a@b SIP/2.0\r\nf: "x"\r\n <sip:1@h>\r\nP-Asserted-Identity:\t<sip:2@h>\r\n\r\nFrom: no'
    assert header_value(message, "From") == '"x" <sip:1@h>'
    assert header_value(message, "p-asserted-identity") == "<sip:2@h>"
    assert header_value(message, "Via") == ""
