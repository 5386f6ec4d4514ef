"""What several replicas share: the database of all tests, and the key that signs tokens."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@pytest.fixture(scope="session")
def private_key() -> str:
    """A new RSA key as PEM, for JWT_RSA_PRIVATE_KEY."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory for one replica; its output goes to a file beside it."""
    return tmp_path / "data"
