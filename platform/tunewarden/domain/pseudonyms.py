"""The pseudonym of a person: the privacy unit of training, and the name under which the person's data key is kept."""

import hmac

from tunewarden.domain.canonical import encode
from tunewarden.domain.names import DatasetId


def pseudonym(tenant_key: bytes, dataset: DatasetId, person: str) -> str:
    """HMAC-SHA256 (RFC 2104) of dataset and person under the tenant's key: 64 hexadecimal digits.

    The same person in another dataset gets another one. Who has the key can link pseudonyms to persons again, so this
    is pseudonymisation as GDPR Art. 4(5) defines it, and no more.
    """
    return hmac.digest(tenant_key, encode([dataset, person]), "sha256").hex()
