"""Known hashes."""

from __future__ import annotations

import hashlib

import pytest

from asyncnet.core.checksum import KnownHash, parse_hash

DIGEST = hashlib.sha256(b"x").hexdigest()


def test_spellings():
    assert parse_hash(None) is None
    assert parse_hash(f"sha256:{DIGEST}") == KnownHash("sha256", DIGEST)
    assert parse_hash(f"SHA-256:{DIGEST.upper()}") == KnownHash("sha256", DIGEST)
    assert str(parse_hash(DIGEST)) == f"sha256:{DIGEST}"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_algorithms(algorithm):
    digest = hashlib.new(algorithm, b"x").hexdigest()
    hasher = parse_hash(f"{algorithm}:{digest}").new()
    hasher.update(b"x")
    assert hasher.hexdigest() == digest


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:zz", "crc32:00000000", DIGEST[:-1], f"md5:{DIGEST}", "sha256:x\ny"]
)
def test_bad_hashes(text):
    with pytest.raises(ValueError):
        parse_hash(text)


def test_wrong_type():
    with pytest.raises(TypeError):
        parse_hash(b"sha256:00")
