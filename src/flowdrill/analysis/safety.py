"""Is a rollback target safe to run? By the known vulnerabilities of its LangFlow, and by a scanner's report of it.

The stable image is in production already, and a drill makes it no worse: still a brake that stops at a release which
attackers are known to break into is none to rely on. So an exploited vulnerability fails, any other one warns.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.analysis.advisories import advisories_of, langflow_release, safe_from
from flowdrill.analysis.scanner_report import at_least, other_image
from flowdrill.model.advisories import Advisories, Advisory
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import RetainedImage
from flowdrill.model.langflow_version import LANGFLOW_VERSION_LABEL, FoundVersion, VersionSource, VersionUnknown
from flowdrill.model.policy import Severity
from flowdrill.model.scanner_report import ScannerReport, Vulnerability
from flowdrill.model.status import Status

_MOST_NAMED = 5
_LABEL_IT = f'give the image a label that says it: {LANGFLOW_VERSION_LABEL}="lfx 1.13.0", or "langflow 1.13.0"'


@dataclass(frozen=True, slots=True)
class Judged:
    """What a check says, without its name."""

    status: Status
    observed: str
    remedy: str = ""


def judge_version(found: FoundVersion | VersionUnknown, floor: Advisories) -> Judged:
    """Fail for a version with an exploited vulnerability; warn for one with any other, for one that only a tag names,
    and where none was found; else pass."""
    if isinstance(found, VersionUnknown):
        return Judged(Status.WARNING, f"its LangFlow was not found out: {found.why}", _LABEL_IT)
    release = langflow_release(found)
    still = advisories_of(release.version, floor.advisories)
    known_by = f"{found} (by {found.where}{f'; {release.words}' if release.words else ''})"
    if still:
        exploited = any(one.exploited for one in still)
        remedy = (
            f"roll forward to LangFlow {safe_from(still)} or newer before you need to roll back; where the list is "
            "wrong for you, replace it: policy.advisories"
        )
        status = Status.FAIL if exploited else Status.WARNING
        return Judged(status, f"{known_by} has {_counted(still)}: {_named(still)}", remedy)
    observed = f"{known_by} has none of {len(floor.advisories)} known vulnerabilities"
    if not release.exact:
        return Judged(Status.WARNING, f"{observed} for sure", _LABEL_IT)
    if found.source is VersionSource.TAG:
        return Judged(Status.WARNING, f"{observed}, if its tag is right", _LABEL_IT)
    return Judged(Status.PASS, observed)


def judge_report(report: ScannerReport, stable: RetainedImage, severity: Severity) -> Judged:
    """Fail for a report of another image, and for vulnerabilities from `severity` on; unknown where the scanner has
    looked at no package; else pass."""
    image = stable.reference
    names = [one for one in (image.digest, *stable.platform_digests, stable.config_digest) if one]
    if other_image(report, names):
        return Judged(Status.FAIL, _of_another(report, image), f"scan this one: {_command(image)}")
    if report.targets == 0:
        return Judged(
            Status.UNKNOWN,
            f"{report.where}: the scanner has looked at no package of {image}",
            f"scan the packages of the operating system and of Python: {_command(image)}",
        )
    bad = at_least(report, severity)
    written = f" (written {report.created})" if report.created else ""
    total = f"{_plural(len(report.vulnerabilities), 'vulnerability', 'vulnerabilities')}{written}"
    if bad:
        worst = ", ".join(_worst(one) for one in bad[:_MOST_NAMED])
        more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
        remedy = "build the image anew with the fixed packages, or set policy.scanner.severity to what you accept"
        return Judged(Status.FAIL, f"{total}, {len(bad)} of them {severity} or worse: {worst}{more}", remedy)
    ungraded = sum(one.severity is None for one in report.vulnerabilities)
    aside = f"; {ungraded} without a grade" if ungraded else ""
    return Judged(Status.PASS, f"{total}, none of them {severity} or worse{aside}")


def _of_another(report: ScannerReport, image: ImageReference) -> str:
    digests = ", ".join(report.digests) or "no digest"
    return (
        f"{report.where} is the report of another image: of {report.artifact or 'no name'} ({digests}), not of {image}"
    )


def _command(image: ImageReference) -> str:
    return f"`trivy image --format json --output FILE {image}`"


def _counted(still: tuple[Advisory, ...]) -> str:
    exploited = sum(one.exploited for one in still)
    of_them = f", {exploited} of them exploited" if exploited else ""
    return _plural(len(still), "known vulnerability", "known vulnerabilities") + of_them


def _named(still: tuple[Advisory, ...]) -> str:
    shown = (f"{one.id} ({one.what}; fixed in {one.fixed_in})" for one in still[:_MOST_NAMED])
    return ", ".join(shown) + (f" and {len(still) - _MOST_NAMED} more" if len(still) > _MOST_NAMED else "")


def _worst(one: Vulnerability) -> str:
    fixed = f", fixed in {one.fixed}" if one.fixed else ", no fix yet"
    return f"{one.id} ({one.severity}, {one.package} {one.installed}{fixed})"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
