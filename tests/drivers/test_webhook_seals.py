"""Signatures of webhooks: as in the standard's own example, as clients verify them, and without a shared secret."""

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openai import InvalidWebhookSignatureError, OpenAI

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.identity import holds_token
from tunewarden.drivers.webhook_seals import WebhookSeals, new_secret

KEY = bytes(range(32))
BODY = b'{"created_at":1,"data":{"id":"ftjob-1"},"id":"evt-7-0","object":"event","type":"fine_tuning.job.succeeded"}'


def parts(header: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in header.split(" "):
        version, _, signature = one.partition(",")
        found.setdefault(version, []).append(signature)
    return found


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    """The vector that Standard Webhooks' reference libraries test themselves with."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    header = WebhookSeals(KEY).signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert parts(header)["v1"] == ["g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]


def verified(header: str, at: int, secret: str, **more: Any) -> Any:
    headers = {"webhook-id": "evt-7-0", "webhook-timestamp": str(at), "webhook-signature": header}
    return OpenAI(api_key="none").webhooks.unwrap(BODY, {**headers, **more}, secret=secret)


def test_the_openai_client_accepts_what_is_signed_with_either_secret_and_nothing_that_was_changed() -> None:
    old, new, now = new_secret(), new_secret(), int(time.time())
    header = WebhookSeals(KEY).signatures("evt-7-0", now, BODY, [new, old])
    assert set(parts(header)) == {"v1", "v1a"}
    assert len(parts(header)["v1"]) == 2
    for secret in (old, new):
        event = verified(header, now, secret)
        assert (event.id, event.type, event.data.id) == ("evt-7-0", "fine_tuning.job.succeeded", "ftjob-1")
    with pytest.raises(InvalidWebhookSignatureError):
        verified(header, now, new_secret())
    with pytest.raises(InvalidWebhookSignatureError):
        verified(header, now, new, **{"webhook-id": "evt-8-0"})


def test_who_has_the_public_key_alone_can_tell_who_sent_a_message() -> None:
    seals = WebhookSeals(KEY)
    (signature,) = parts(seals.signatures("evt-7-0", 1, BODY, []))["v1a"]
    assert seals.public_key.startswith("whpk_")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(seals.public_key.removeprefix("whpk_")))
    public.verify(base64.b64decode(signature), b"evt-7-0.1." + BODY)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), b"evt-7-0.2." + BODY)
    assert WebhookSeals(bytes(32)).public_key != seals.public_key


def test_a_signature_is_over_the_raw_bytes_of_the_secret() -> None:
    secret = new_secret()
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(raw) == 32
    (mac,) = parts(WebhookSeals(KEY).signatures("m", 5, b"{}", [secret]))["v1"]
    assert base64.b64decode(mac) == hmac.digest(raw, b"m.5.{}", hashlib.sha256)


def test_secrets_are_fresh_and_whoever_looks_for_secrets_knows_them() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(holds_token(f'{{"signing_secret":"{one}"}}') for one in made)
    assert not holds_token("whsec_ and nothing after it")


def test_what_is_sealed_opens_for_its_endpoint_alone_and_with_its_key_alone() -> None:
    seals = WebhookSeals(KEY)
    sealed = seals.seal("webhook-1", b"https://hooks.example/")
    assert "example" not in sealed
    assert seals.open("webhook-1", sealed) == b"https://hooks.example/"
    for other, about in ((seals, "webhook-2"), (WebhookSeals(bytes(32)), "webhook-1")):
        with pytest.raises(Corrupted):
            other.open(about, sealed)
