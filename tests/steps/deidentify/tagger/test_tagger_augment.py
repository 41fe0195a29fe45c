"""Changed training texts: names of the training split only, in capitals, glued, laid out as other systems do it."""

from random import Random

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.people import origins
from tunewarden.steps.deidentify.synthesis.splits import Split, share, split_of
from tunewarden.steps.deidentify.tagger.augment import changed
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText


def gold(text: str, *names: str) -> GoldText:
    spans = [
        GoldSpan(start=text.index(name), end=text.index(name) + len(name), entity=EntityType.NAME) for name in names
    ]
    return GoldText(text=text, spans=tuple(spans))


def test_no_surname_that_is_held_out_or_planted_comes_out() -> None:
    known = origins().values()
    short = {
        name for origin in known if share(origin.surnames, Split.TRAIN) == origin.surnames for name in origin.surnames
    }
    shared = {name.casefold() for origin in known for name in (*origin.women, *origin.men)}
    others = {
        name.casefold()
        for origin in known
        for name in origin.surnames
        if split_of(name) is not Split.TRAIN and name.casefold() not in shared and name not in short
    }
    assert len(others) > 1000
    one = gold("Dr. Reed", "Reed")
    came = {_name(changed(one, Random(seed))) for seed in range(6000)}

    assert len(came) > 500
    assert not came & others


def test_some_names_are_in_no_list() -> None:
    listed = {
        name.casefold() for origin in origins().values() for name in (*origin.women, *origin.men, *origin.surnames)
    }
    one = gold("Dr. Reed", "Reed")
    came = [_name(changed(one, Random(seed))) for seed in range(1500)]

    assert sum(name.isalpha() and name not in listed for name in came) > 30


def test_names_lines_spaces_and_layout_are_changed_too() -> None:
    two = gold("Seen by Ann Lee and Mr. Reed. Plan unchanged.\nHome soon.", "Ann Lee", "Reed")
    variants = [changed(two, Random(seed)) for seed in range(1500)]
    texts = {new.text for new in variants}

    assert "Seen by ANN LEE and Mr. REED. Plan unchanged.\nHome soon." in texts
    assert "Seen by Ann LEE and Mr. REED. Plan unchanged.\nHome soon." in texts
    assert "SEEN BY ANN LEE AND MR. REED. PLAN UNCHANGED.\nHome soon." in texts
    assert "Seen by Ann Lee and Mr.Reed.Plan unchanged.\nHome soon." in texts
    assert any("\r\n" in text for text in texts)
    assert any(".\t" in text for text in texts)
    for new in variants:
        assert all(piece == piece.strip() for piece in (new.text[span.start : span.end] for span in new.spans))


def test_two_names_may_be_glued_by_a_slash() -> None:
    two = gold("Lee and Reed agree", "Lee", "Reed")
    variants = [changed(two, Random(seed)) for seed in range(800)]

    (glued, *_) = [new for new in variants if new.text == "Lee/Reed agree"]
    assert [glued.text[span.start : span.end] for span in glued.spans] == ["Lee", "Reed"]
    assert any(new.text[span.end - 1].isdigit() for new in variants for span in new.spans)


def _name(one: GoldText) -> str:
    """What is marked, in lower case and without a number glued to it; nothing where it was replaced."""
    return "".join(one.text[span.start : span.end] for span in one.spans).casefold().rstrip("0123456789")
