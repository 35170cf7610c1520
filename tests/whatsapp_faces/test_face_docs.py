"""The page about the platform is what the faces describe."""

from __future__ import annotations

from simulators.whatsapp.faces.face_docs import DOCUMENT, face_document


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == face_document()


def test_every_request_is_listed() -> None:
    page = face_document()
    for path in ("/calls", "/messages", "/call_permissions", "/settings", "/callPermissions"):
        assert path in page
