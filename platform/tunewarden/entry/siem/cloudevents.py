"""CloudEvents 1.0 in structured JSON mode. `id` is the event's own, so sending it again changes nothing."""

from urllib.parse import quote

from tunewarden.domain.canonical import Plain, encode, instant_text
from tunewarden.entry.siem.events import Exported

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


def render(event: Exported) -> str:
    """One line. The place in the log is in the extension attributes `logorigin`, `logindex` and `leafhash`."""
    attributes: dict[str, Plain] = {
        "specversion": "1.0",
        "id": event.id,
        "source": quote(event.origin, safe="/:.-_~"),  # a URI reference
        "type": f"tunewarden.{event.type}",
        "time": instant_text(event.at),
        "subject": event.position,
        "datacontenttype": "application/json",
        "data": {"actor": event.actor, "fact": event.fact},
        "logorigin": event.origin,
    }
    if event.index is not None:
        # A string: CloudEvents integers have 32 bits.
        attributes |= {"logindex": str(event.index), "leafhash": event.leaf_hash}
    return encode(attributes).decode()
