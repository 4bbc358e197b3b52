"""Checkpoints on paper: the file that an auditor keeps elsewhere, and its Ed25519 signature by a key that none of dcctl's servers needs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcctl.errors import DcctlError
from dcctl.words import N_, _
from quotas.chain import Checkpoint, Report

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: Of the file, by the chain's name (`quotas.chain.Form`).
FORMATS = {"": "dcctl-checkpoint/1", "audit": "dcctl-audit-checkpoint/1"}

NOT_OURS = N_("not a checkpoint of dcctl")
NOT_A_KEY = N_("not an Ed25519 key in PEM")
BAD_SIGNATURE = N_("the signature is not that of the key")
OTHER_KEY = N_("signed by another key than the one that is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint with its signature and the key that made it; keys and signatures are raw bytes (32 and 64)."""

    checkpoint: Checkpoint
    public_key: bytes
    signature: bytes

    def document(self) -> dict[str, Any]:
        made = self.checkpoint
        return {
            "format": FORMATS[made.of], "position": made.position, "chain_hash": made.chain_hash.hex(), "signed_at": made.signed_at,
            "public_key": self.public_key.hex(), "signature": self.signature.hex(),
        }  # fmt: skip

    def holds(self) -> bool:
        """The signature is the key's."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(self.signature, self.checkpoint.message())
        except (InvalidSignature, ValueError):
            return False
        return True


def agreed(report: Report, key: bytes | None) -> None:
    """Check the signatures of the checkpoints that are recorded beside a chain.

    Args:
        key: the only one that counts; None: each by the key that it names.

    Raises:
        DcctlError: 541, naming the first that does not hold.
    """
    for made, public, signed in report.checkpoints:
        if not Signed(checkpoint=made, public_key=public, signature=signed).holds() or key not in (None, public):
            raise DcctlError("DCCTL-631" if made.of else "DCCTL-541", position=made.position, finding="signature", detail=public.hex())


def read(path: str, public_key: bytes | None, of: str = "") -> Signed:
    """The checkpoint in a file, of the chain of that name, its signature checked.

    Args:
        public_key: the only one that counts; None: the one in the file, which then proves that the file is whole and no more.

    Raises:
        DcctlError: 543, with the reason.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["format"] != FORMATS[of]:
            raise ValueError
        position, chain_hash, signed_at = int(document["position"]), bytes.fromhex(document["chain_hash"]), int(document["signed_at"])
        made = Checkpoint(position=position, chain_hash=chain_hash, signed_at=signed_at, of=of)
        signed = Signed(checkpoint=made, public_key=bytes.fromhex(document["public_key"]), signature=bytes.fromhex(document["signature"]))
        whole = signed.holds()
    except OSError as error:
        raise DcctlError("DCCTL-543", path=path, reason=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DcctlError("DCCTL-543", path=path, reason=_(NOT_OURS)) from error
    if public_key is not None and signed.public_key != public_key:
        raise DcctlError("DCCTL-543", path=path, reason=_(OTHER_KEY))
    if not whole:
        raise DcctlError("DCCTL-543", path=path, reason=_(BAD_SIGNATURE))
    return signed


def public_key(path: str) -> bytes:
    """The raw public key in a PEM file; DCCTL-543 when there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _loaded(path, load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise DcctlError("DCCTL-543", path=path, reason=_(NOT_A_KEY))
    return key.public_bytes_raw()


def private_key(path: str) -> "Ed25519PrivateKey":
    """The signing key in a PEM file; DCCTL-543 when there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _loaded(path, lambda data: load_pem_private_key(data, None))
    if not isinstance(key, Ed25519PrivateKey):
        raise DcctlError("DCCTL-543", path=path, reason=_(NOT_A_KEY))
    return key


def sign(key: "Ed25519PrivateKey", made: Checkpoint) -> Signed:
    return Signed(checkpoint=made, public_key=key.public_key().public_bytes_raw(), signature=key.sign(made.message()))


def new_key(private: Path, public: Path) -> None:
    """Make a key pair: the private half in a new file of 0600, the public half beside it. What is there is not written over.

    Raises:
        DcctlError: 543, a file is there already or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    halves = (
        (private, 0o600, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        (public, 0o644, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    )
    for path, mode, content in halves:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise DcctlError("DCCTL-543", path=str(path), reason=error.strerror or str(error)) from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def _loaded(path: str, load: Any) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(Path(path).read_bytes())
    except OSError as error:
        raise DcctlError("DCCTL-543", path=path, reason=error.strerror or str(error)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DcctlError("DCCTL-543", path=path, reason=_(NOT_A_KEY)) from error
