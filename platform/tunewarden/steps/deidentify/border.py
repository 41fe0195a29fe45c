"""The border between a prompt and its completion: no span reaches over it, and where it lies in the released text.

A record's text is de-identified whole, so that what is found in its prompt is hidden in its completion too. The line
feed between the two belongs to neither and always stays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tunewarden.steps.deidentify.operators import Cleaned
from tunewarden.steps.deidentify.spans import Span


def parted(spans: Iterable[Span], completion: int | None) -> tuple[Span, ...]:
    """Disjoint spans in order, none of which holds the line feed at `completion` - 1: one that does becomes its parts.

    Both parts are of the span's kind, and both are transformed. Without a completion, the spans as they are.
    """
    return tuple(spans) if completion is None else tuple(_parts(spans, completion))


def moved(cleaned: Cleaned, text: str, completion: int) -> int:
    """Where the completion begins in the released text; `cleaned` was made of `text` and of spans that were `parted`.

    What stands between the border and the next span is never changed, so its length tells.
    """
    pairs = zip(cleaned.spans, cleaned.replaced, strict=True)
    after = next(((was.start, now.start) for was, now in pairs if was.start >= completion), None)
    old, new = after or (len(text), len(cleaned.text))
    return new - (old - completion)


def _parts(spans: Iterable[Span], completion: int) -> Iterator[Span]:
    for span in spans:
        if not span.start < completion <= span.end:
            yield span
            continue
        parts = (replace(span, end=completion - 1), replace(span, start=completion))
        yield from (part for part in parts if part.start < part.end)
