"""Time stamps by somebody else's clock: RFC 3161 tokens, asked for and verified with rfc3161-client.

Not trusted: the authority's answer. A token counts once it verifies against the root certificate of the settings, over
exactly the bytes that were sent. Not checked: whether a certificate was revoked.
"""

from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.drivers.posting import Post


def read_roots(path: Path) -> list[Certificate]:
    """The root certificates in a PEM file. Raises `Refused` where there is none that can be read."""
    try:
        return list(dict.fromkeys(load_pem_x509_certificates(path.read_bytes())))
    except (OSError, ValueError):
        raise Refused(
            "timestamp_root_unusable",
            "The root certificate of the time stamp authority cannot be read.",
            remedy="Name a PEM file in the setting timestamp_root_file.",
            who="administrator",
        ) from None


def time_stamp(post: Post, url: str, roots: list[Certificate], message: bytes) -> bytes:
    """A verified time stamp response (RFC 3161, DER) over `message`, as `openssl ts -verify` reads it.

    Raises `Unavailable` where the authority gives none that verifies.
    """
    # 1. Ask, with a nonce, for a token over the SHA-256 of the message; the authority does not see the message.
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = post(url, request.as_bytes(), "application/timestamp-query")
    if answer.status != 200:
        raise _unusable(f"it answered {answer.status}")
    # 2. Believe nothing of it but what the root certificate vouches for.
    verifier = VerifierBuilder.from_request(request)
    for root in roots:
        verifier = verifier.add_root_certificate(root)
    try:
        verifier.build().verify_message(decode_timestamp_response(answer.body), message)
    except (VerificationError, ValueError) as error:
        raise _unusable(f"its token does not verify, {type(error).__name__}") from None
    return answer.body


def _unusable(reason: str) -> Unavailable:
    return Unavailable("not_time_stamped", f"The time stamp authority gave no usable token ({reason}).")
