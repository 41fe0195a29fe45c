"""The pseudonyms of a person.

One names the privacy unit of training, and the person's data key; the other is what the person's privacy budget is kept
under, across datasets.
"""

import hmac

from tunewarden.domain.canonical import encode
from tunewarden.domain.names import DatasetId, PolicyName


def pseudonym(tenant_key: bytes, dataset: DatasetId, person: str) -> str:
    """HMAC-SHA256 (RFC 2104) of dataset and person under the tenant's key: 64 hexadecimal digits.

    The same person in another dataset gets another one. Who has the key can link pseudonyms to persons again, so this
    is pseudonymisation as GDPR Art. 4(5) defines it, and no more.
    """
    return hmac.digest(tenant_key, encode([dataset, person]), "sha256").hex()


def budget_pseudonym(tenant_key: bytes, namespace: PolicyName | DatasetId, person: str) -> bytes:
    """HMAC-SHA256 of namespace and person under the tenant's key: 32 bytes.

    The same person has the same one in every dataset of the namespace, and none that `pseudonym` makes. Persons are
    compared as they are spelled: `0123` and `123` are two.
    """
    return hmac.digest(tenant_key, encode(["budget", namespace, person]), "sha256")
