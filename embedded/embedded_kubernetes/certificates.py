"""The cluster's own authority and what it signs: kept in one folder that its owner alone can read."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 3650
"""A cluster of one machine that is deleted with its folder: a date of expiry would only break it one day."""
_HOSTS = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", "10.96.0.1")
"""The loopback interface, and the Service `kubernetes` as pods name it."""
_USAGE = x509.KeyUsage(
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


class Authority:
    """Signs certificates for servers and clients; made once and kept."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self.certificate = folder / f"{name}.crt"
        key = folder / f"{name}.key"
        if not (self.certificate.exists() and key.exists()):
            made = ec.generate_private_key(ec.SECP256R1())
            subject = _subject(name, ())
            builder = (
                _builder(subject, subject, made, made.public_key())
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_USAGE, critical=True)
            )
            write_secret(key, _key_bytes(made))
            self.certificate.write_bytes(_bytes(builder.sign(made, hashes.SHA256())))
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded

    def issue(self, name: str, common_name: str, *, groups: Sequence[str] = ()) -> tuple[Path, Path]:
        """(certificate, key) for `common_name`, for both ends of a connection on this machine."""
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        if certificate.exists() and key.exists():
            return certificate, key
        made = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(host) for host in _HOSTS]
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _builder(_subject(common_name, groups), _subject(self._name, ()), made, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        write_secret(key, _key_bytes(made))
        certificate.write_bytes(_bytes(builder.sign(self._key, hashes.SHA256())))
        return certificate, key


def signing_key(folder: Path) -> tuple[Path, Path]:
    """(private, public) key for the tokens of ServiceAccounts."""
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    if not (private.exists() and public.exists()):
        made = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        write_secret(private, _key_bytes(made))
        public.write_bytes(made.public_key().public_bytes(serialization.Encoding.PEM, form))
    return private, public


def write_secret(path: Path, content: bytes) -> None:
    """Nobody else could read it at any moment."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _subject(common_name: str, groups: Sequence[str]) -> x509.Name:
    """Kubernetes reads the groups of a client from its organisations."""
    named = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*named, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        # Both are what strict verifiers, Python 3.13 among them, ask of a chain.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
