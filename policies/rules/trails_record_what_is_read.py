"""AG21b: a trail records reads of secrets too, of every region, and cannot be changed unseen."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import View


def check(trail: Resource) -> Iterable[Fail]:
    """Answers for trails. Reading a secret is a management event that reads, which a trail may leave out; all
    else is as CreateTrail has it, but that the provider turns logging on."""
    view = trail.view
    if not view.flag("enableLogging", True):
        yield Fail("it is switched off.", "enableLogging")
    if not view.flag("isMultiRegionTrail", False):
        yield Fail("it records one region, and secrets can be read in others.", "isMultiRegionTrail")
    if not view.flag("enableLogFileValidation", False):
        yield Fail("nobody would see that its files were changed.", "enableLogFileValidation")
    basic, advanced = list(view.views("eventSelectors")), list(view.views("advancedEventSelectors"))
    if (basic or advanced) and not any(map(_reads, basic)) and not any(map(_selects_reads, advanced)):
        yield Fail("it leaves out reads, those of secrets among them.", "eventSelectors")


def _reads(selector: View) -> bool:
    return selector.flag("includeManagementEvents", True) and selector.text("readWriteType", "All") in (
        "All",
        "ReadOnly",
    )


def _selects_reads(selector: View) -> bool:
    fields = {field.text("field"): field for field in selector.views("fieldSelectors")}
    category, reads, source = (fields.get(name) for name in ("eventCategory", "readOnly", "eventSource"))
    if category is None or "Management" not in category.texts("equals"):
        return False
    if source is not None and (
        "secretsmanager.amazonaws.com" in source.texts("notEquals")
        or (source.texts("equals") and "secretsmanager.amazonaws.com" not in source.texts("equals"))
    ):
        return False
    return reads is None or "true" in reads.texts("equals")


RULE = ResourceRule(
    id="AG21b",
    name="trails-record-what-is-read",
    title="Trails record reads of every region, and show when they were changed",
    why="After an agent was talked into it, the trail alone tells which secrets were read.",
    remediation=(
        "Set is_multi_region_trail and enable_log_file_validation, and select management events that read."
    ),
    severity=Severity.HIGH,
    types=types("cloudtrail/trail:Trail"),
    external={
        "AWS Config": ("CLOUDTRAIL_SECURITY_TRAIL_ENABLED",),
        "AWS Well-Architected": ("AGENTSEC05",),
    },
    sources=(
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-cloudtrail.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html",
    ),
    check=check,
)
