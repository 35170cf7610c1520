"""A test CA made at run time, and certificates of it: what a trunk and a PBX show each other over TLS (RFC 5922).

Keys are elliptic-curve keys on P-256, as public CAs issue them. Nothing made here outlives its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=7)
"""Longer than any run, shorter than anybody could come to rely on it."""
BACKDATED = timedelta(days=400)
"""Certificates begin in the past, so that a PBX whose clock has been moved takes them as valid, too."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key. ``chain`` are those of its issuers that are shown with it, its own CA left out."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate and its chain."""
        return b"".join(_pem(one) for one in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def write(self, directory: Path, name: str) -> CertificateFiles:
        """``<name>.pem`` and ``<name>.key`` in ``directory``; the key is the owner's only. Raises OSError."""
        directory.mkdir(parents=True, exist_ok=True)
        files = CertificateFiles(directory / f"{name}.pem", directory / f"{name}.key")
        files.certificate.write_bytes(self.pem)
        files.key.touch(mode=0o600)
        files.key.chmod(0o600)
        files.key.write_bytes(self.key_pem)
        return files


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate with its chain and its key are, as PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA: a root, or one that a root has certified (then ``issued`` is what it shows)."""

    own: Certificate
    root: bool = True

    @property
    def pem(self) -> bytes:
        """What must be trusted in order to trust what it issues."""
        return _pem(self.own.certificate)

    def issue(
        self,
        name: str,
        *,
        hosts: Sequence[str] = (),
        begins: datetime | None = None,
        ends: datetime | None = None,
        with_chain: bool = True,
    ) -> Certificate:
        """A certificate for ``name`` and the host names and IP addresses ``hosts``, for server and client.

        Valid now unless told otherwise. Without ``with_chain`` the intermediate CA's own is left out.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.own.certificate.subject, key.public_key(), begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.key.public_key()), critical=False
        )
        chain = (self.own.certificate, *self.own.chain) if with_chain and not self.root else ()
        return Certificate(builder.sign(self.own.key, hashes.SHA256()), key, chain)

    def intermediate(self, name: str) -> Authority:
        """A CA below this one."""
        return Authority(_authority(name, self.own), root=False)


def make_authority(name: str = "trunkproof test CA") -> Authority:
    """A new root CA."""
    return Authority(_authority(name, None))


def self_signed(name: str, hosts: Sequence[str]) -> Certificate:
    """A certificate that nobody but its own key vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), _name(name), key.public_key(), None, None)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False)
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def _authority(name: str, issuer: Certificate | None) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    issued_by = issuer.certificate.subject if issuer else subject
    builder = _builder(subject, issued_by, key.public_key(), None, None)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Certificate(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime | None,
    ends: datetime | None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - BACKDATED)
        .not_valid_after(ends or now + LIFETIME)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
