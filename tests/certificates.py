"""Certificates that a test makes for itself: a server's TLS, and that of who trusts it."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certified:
    """A server of the names in its certificate, and a client that trusts this certificate alone."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def named(host: str) -> x509.GeneralName:
    """A host's name or address as a certificate has it."""
    if host[-1].isdigit():
        return x509.IPAddress(ip_address(host))
    return x509.DNSName(host)


def certified(
    folder: Path, *hosts: str, days: int = 1, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Certified:
    """A fresh certificate for these hosts; one of negative `days` has ended."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(list(map(named, hosts))), critical=False)
        .sign(key, SHA256())
    )
    file = folder / f"{hosts[0]}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    server.maximum_version = newest
    client = ssl.create_default_context(cafile=file)
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    return Certified(server, client)
