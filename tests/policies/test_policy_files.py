"""The policy files in the repository can be read, and a file with a fault is refused whole."""

import tomllib
from pathlib import Path

import pytest

from tunewarden.domain.allowed import BaseFit
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Malformed, NotFound, Refused, TunewardenError
from tunewarden.domain.gates import Bound, Evidence, Outcome, SamplingPlan, judge
from tunewarden.domain.names import Action, PolicyName, Role
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.sampling import review_measurements
from tunewarden.domain.training import Task
from tunewarden.drivers.policies import FilePolicies

GATE = """
name = "training"

[[rules]]
metric = "privacy.epsilon"
bound = "at-most"
limit = "8"
because = "Why."
remedy = "How."
"""
METRICS = '["privacy.epsilon"]\nunit = "epsilon"\n["deid.review.adjusted_leak_rate"]\nunit = "share"\n'
REVIEW = """
[[rules]]
metric = "deid.review.adjusted_leak_rate"
bound = "at-most"
limit = "0.02"
because = "Why."
remedy = "How."

[review]
documents = 212
seeds = 25
"""
BASE = f"""
[tiny]
weights = "sha256:{"a" * 64}"
source = "hub:owner/name"
revision = "{"b" * 40}"
licence = "MIT"
because = "Small."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "training.toml").write_text(GATE)
    (tmp_path / "metrics.toml").write_text(METRICS)
    (tmp_path / "base-models.toml").write_text(BASE)
    return tmp_path


def test_every_gate_of_the_repository_can_be_read_and_names_declared_metrics_only(policies: Path) -> None:
    files = sorted((policies / "gates").glob("*.toml"))
    assert files
    for file in files:
        gate = FilePolicies(policies).gate(PolicyName(file.stem))
        assert gate.name == file.stem
        assert gate.digest() == FilePolicies(policies).gate(PolicyName(file.stem)).digest()


def test_the_gate_with_readers_asks_for_all_that_the_other_one_asks_for(policies: Path) -> None:
    planted, read = (FilePolicies(policies).gate(PolicyName(name)) for name in ("training", "training-reviewed"))
    assert (planted.review, read.review) == (None, SamplingPlan(documents=330, seeds=50))
    stricter = {(rule.metric, rule.bound): rule.limit for rule in read.rules}
    read_instead = {"deid.planted_recall.name", "deid.rescan_hits_per_1000_records"}
    for rule in planted.rules:
        limit = stricter[rule.metric, rule.bound]
        if rule.metric in read_instead:
            continue
        assert limit >= rule.limit if rule.bound is Bound.AT_LEAST else limit <= rule.limit


@pytest.mark.parametrize(("leaks", "found", "passes"), [(0, 50, True), (0, 45, True), (1, 48, True), (1, 47, False)])
def test_the_gate_with_readers_passes_on_what_its_file_says(
    policies: Path, leaks: int, found: int, passes: bool
) -> None:
    gate = FilePolicies(policies).gate(PolicyName("training-reviewed"))
    about = digest_bytes(b"clean")
    measured = review_measurements(leaks=leaks, documents=330, found=found, seeds=50)
    evidence = Evidence(about=about, produced_by=about, measurements=measured)
    findings = [each for each in judge(gate, about, [evidence]).findings if each.metric.startswith("deid.review.")]
    assert len(findings) == 2
    assert all(finding.outcome is Outcome.PASS for finding in findings) == passes


def test_every_profile_of_the_repository_can_be_read_and_has_a_digest_of_its_own(policies: Path) -> None:
    names = [PolicyName(file.stem) for file in sorted((policies / "deid").glob("*.toml"))]
    digests = {digest_bytes(FilePolicies(policies).profile(name)) for name in names}
    assert len(digests) == len(names) > 0


def test_every_base_model_of_the_repository_is_allowed_and_has_a_source(policies: Path) -> None:
    names = tomllib.loads((policies / "base-models.toml").read_text(encoding="utf-8"))
    for name in names:
        model = FilePolicies(policies).base_model(PolicyName(name))
        source, _ = FilePolicies(policies).base_source(PolicyName(name))
        assert model.digest == names[name]["weights"]
        assert source.split(":")[0] in {"package", "directory", "hub"}


def test_the_readme_names_every_policy_file_action_and_role(policies: Path) -> None:
    readme = (policies / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(policies) for path in policies.rglob("*") if path.is_file() and path.name != "README.md"]
    assert [str(path) for path in files if f"`{path}`" not in readme] == []
    assert [word for word in (*Action, *Role) if f"`{word}`" not in readme] == []


def test_a_gate_is_read_as_it_is_written(folder: Path) -> None:
    gate = FilePolicies(folder).gate(PolicyName("training"))
    (rule,) = gate.rules
    assert (gate.name, rule.metric, rule.bound, str(rule.limit)) == ("training", "privacy.epsilon", Bound.AT_MOST, "8")


def test_a_changed_file_counts_at_once(folder: Path) -> None:
    policies = FilePolicies(folder)
    before = policies.gate(PolicyName("training")).digest()
    (folder / "gates" / "training.toml").write_text(GATE.replace('"8"', '"4"'))
    assert policies.gate(PolicyName("training")).digest() != before


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('limit = "8"', "limit = 8", "limit is not a text"),
        ('limit = "8"', 'limit = "eight"', "limit a decimal"),
        ('limit = "8"', 'limit = "NaN"', "not finite"),
        ('"at-most"', '"at_most"', "bound is one of at-most, at-least"),
        ('because = "Why."', 'because = " "', "because is not a text, or is empty"),
        ('remedy = "How."', "", "missing or unknown: remedy"),
        ('remedy = "How."', 'remedy = "How."\nweight = "2"', "missing or unknown: weight"),
        ('name = "training"', 'name = "other"', "not the name of the file"),
        ('name = "training"', 'name = "training"\noff = true', "missing or unknown: off"),
        ("privacy.epsilon", "privacy.epsilom", "privacy.epsilom is not declared"),
        ("[[rules]]", "[rules]", "not a list"),
        ("[[rules]]", "[[rules", "not TOML"),
        (GATE, 'name = "training"\nrules = []', "at least one rule"),
        (GATE, GATE + GATE[GATE.index("[[") :], "two rules for one metric"),
    ],
)
def test_a_gate_with_a_fault_is_refused(folder: Path, old: str, new: str, fault: str) -> None:
    (folder / "gates" / "training.toml").write_text(GATE.replace(old, new, 1))
    with pytest.raises(Malformed, match=fault):
        FilePolicies(folder).gate(PolicyName("training"))


def test_a_sampling_plan_is_read_as_it_is_written(folder: Path) -> None:
    assert FilePolicies(folder).gate(PolicyName("training")).review is None
    (folder / "gates" / "training.toml").write_text(GATE + REVIEW)
    assert FilePolicies(folder).gate(PolicyName("training")).review == SamplingPlan(documents=212, seeds=25)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("documents = 212", 'documents = "212"', "whole numbers"),
        ("documents = 212", "documents = true", "whole numbers"),
        ("documents = 212", "documents = 212.0", "whole numbers"),
        ("documents = 212", "documents = 0", "A sampling plan has"),
        ("seeds = 25", "", "missing or unknown: seeds"),
        ("seeds = 25", "seeds = 25\nstrata = 2", "missing or unknown: strata"),
        ("documents = 212", "documents = 211", "cannot be kept by any review"),
        ("[review]\ndocuments = 212\nseeds = 25\n", "", "the gate has no sampling plan"),
        ("[review]", "[[review]]", "it is not a table"),
    ],
)
def test_a_sampling_plan_with_a_fault_or_too_small_for_its_limit_is_refused(
    folder: Path, old: str, new: str, fault: str
) -> None:
    (folder / "gates" / "training.toml").write_text((GATE + REVIEW).replace(old, new, 1))
    with pytest.raises(Malformed, match=fault):
        FilePolicies(folder).gate(PolicyName("training"))


@pytest.mark.parametrize("name", ["../metrics", "a/b", "", "Training", "training.toml\x00"])
def test_a_name_that_is_no_policy_name_reaches_no_file(folder: Path, name: str) -> None:
    for read in (FilePolicies(folder).gate, FilePolicies(folder).profile):
        with pytest.raises(Malformed, match="A name is"):
            read(PolicyName(name))


def test_a_policy_that_does_not_exist_is_not_found(folder: Path) -> None:
    for read in (FilePolicies(folder).gate, FilePolicies(folder).profile):
        with pytest.raises(NotFound):
            read(PolicyName("nowhere"))


def test_a_base_model_outside_the_allowlist_is_refused_with_the_allowed_ones(folder: Path) -> None:
    for read in (FilePolicies(folder).base_model, FilePolicies(folder).base_source):
        with pytest.raises(Refused, match="allowed are: tiny") as caught:
            read(PolicyName("gpt-4o-mini"))
        assert (caught.value.code, caught.value.who) == ("base_model_not_allowed", "administrator")
        assert not isinstance(caught.value, Malformed)


def test_a_base_model_of_a_hub_keeps_its_revision(folder: Path) -> None:
    assert FilePolicies(folder).base_model(PolicyName("tiny")).digest == "sha256:" + "a" * 64
    assert FilePolicies(folder).base_source(PolicyName("tiny")) == ("hub:owner/name", "b" * 40)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sha256:", "md5:"),
        ('source = "hub:owner/name"', ""),
        ("licence", "license"),
        ('"MIT"', "1"),
        ("[tiny]", "[tiny"),
    ],
)
def test_an_allowlist_with_a_fault_allows_nothing(folder: Path, old: str, new: str) -> None:
    (folder / "base-models.toml").write_text(BASE.replace(old, new, 1))
    with pytest.raises(TunewardenError):
        FilePolicies(folder).base_model(PolicyName("tiny"))


TRAINING = """
units = ["person"]
rows_per_person = 4
precisions = ["float32"]
noise = ["gaussian"]
because = "Why."
"""


def test_a_record_is_no_privacy_unit_unless_a_policy_says_so(policies: Path) -> None:
    assert FilePolicies(policies).training().units == {PrivacyUnit.PERSON}


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ('units = ["person"]', 'units = ["household"]'),
        ('units = ["person"]', "units = []"),
        ('units = ["person"]', 'units = "person"'),
        ('units = ["person"]', 'unit = ["person"]'),
        ("rows_per_person = 4", "rows_per_person = 0"),
        ("rows_per_person = 4", "rows_per_person = 65"),
        ("rows_per_person = 4", "rows_per_person = true"),
        ("rows_per_person = 4", 'rows_per_person = 4\ntwins = "yes"'),
        ('precisions = ["float32"]', 'precisions = ["float16"]'),
        ('noise = ["gaussian"]', "noise = [1]"),
        ('because = "Why."', 'because = ""'),
        ('because = "Why."', ""),
    ],
)
def test_a_training_policy_with_a_fault_is_refused_whole(folder: Path, line: str, instead: str) -> None:
    assert line in TRAINING
    (folder / "training.toml").write_text(TRAINING)
    FilePolicies(folder).training()
    (folder / "training.toml").write_text(TRAINING.replace(line, instead))
    with pytest.raises(Malformed) as refused:
        FilePolicies(folder).training()
    assert refused.value.code == "policy_malformed"


BUDGET = '[hospital-mrn]\nepsilon = "8"\ndelta = "0.00001"\nover = "leave-out"\nbecause = "One patient, one budget."\n'


def test_what_one_person_may_lose_is_read_as_it_is_written(folder: Path) -> None:
    (folder / "budgets.toml").write_text(BUDGET)
    limit = FilePolicies(folder).person_limit(PolicyName("hospital-mrn"))
    assert (limit.namespace, str(limit.epsilon), str(limit.delta), limit.over) == (
        "hospital-mrn",
        "8",
        "0.00001",
        "leave-out",
    )


def test_every_namespace_of_the_repository_has_a_limit_and_another_has_none(policies: Path) -> None:
    for name in tomllib.loads((policies / "budgets.toml").read_text(encoding="utf-8")):
        assert FilePolicies(policies).person_limit(PolicyName(name)).epsilon > 0
    with pytest.raises(Refused) as refused:
        FilePolicies(policies).person_limit(PolicyName("moon-base"))
    assert (refused.value.code, refused.value.who) == ("namespace_unknown", "privacy-officer")
    assert "moon-base" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('epsilon = "8"', "epsilon = 8"),
        ('epsilon = "8"', 'epsilon = "much"'),
        ('epsilon = "8"', 'epsilon = "NaN"'),
        ('delta = "0.00001"', 'delta = "1"'),
        ('"leave-out"', '"warn"'),
        ('over = "leave-out"\n', ""),
        ('over = "leave-out"', 'over = "leave-out"\nunless = "ann"'),
        ("[hospital-mrn]", "[hospital-mrn"),
    ],
)
def test_a_limit_for_one_person_with_a_fault_is_no_limit(folder: Path, old: str, new: str) -> None:
    assert old in BUDGET
    (folder / "budgets.toml").write_text(BUDGET.replace(old, new))
    with pytest.raises(Malformed):
        FilePolicies(folder).person_limit(PolicyName("hospital-mrn"))


def test_what_a_base_model_can_learn_is_what_its_table_says(folder: Path) -> None:
    assert FilePolicies(folder).base_fit(PolicyName("tiny")) == BaseFit(tasks={Task.CLASSIFICATION})
    said = 'tasks = ["completion"]\nlora_targets = ["q_proj", "v_proj"]\nmax_tokens = 256\nlower_case = false\n'
    (folder / "base-models.toml").write_text(BASE + said)
    fit = FilePolicies(folder).base_fit(PolicyName("tiny"))
    assert fit.tasks == {Task.COMPLETION}
    assert (fit.lora_targets, fit.max_tokens, fit.lower_case) == (("q_proj", "v_proj"), 256, False)
    assert FilePolicies(folder).base_source(PolicyName("tiny")) == ("hub:owner/name", "b" * 40)


@pytest.mark.parametrize(
    "line",
    [
        "tasks = []",
        'tasks = ["translation"]',
        'tasks = "completion"',
        "lora_targets = []",
        "lora_targets = [1]",
        'lora_targets = [""]',
        'lora_targets = "query"',
        "max_tokens = 0",
        'max_tokens = "64"',
        "max_tokens = true",
        'tasks = ["completion"]\nmax_tokens = 1',
        "lower_case = 1",
        "lowercase = true",
    ],
)
def test_a_base_model_whose_table_cannot_be_kept_is_malformed(folder: Path, line: str) -> None:
    (folder / "base-models.toml").write_text(f"{BASE}{line}\n")
    with pytest.raises(Malformed) as refused:
        FilePolicies(folder).base_fit(PolicyName("tiny"))
    assert refused.value.code == "policy_malformed"
