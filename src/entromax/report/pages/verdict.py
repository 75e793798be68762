"""What is good and what is bad about a potential: its scorecard, and what the topics have seen beside it."""

from entromax.report.kit import Light, Verdict
from entromax.report.results import ElementResults, PotentialResults
from entromax.report.topics import eos, errors, properties, robustness, scorecard

NOT_TESTED = (
    "Not tested here, so not known: interstitials, dislocations, grain boundaries, melting point, and any property "
    "that needs more than the tests below."
)


def judge(results: ElementResults, potential: PotentialResults) -> Verdict:
    """Return the verdict on one potential: that of its scorecard, with every weakness that was seen, worst first."""
    topics = (scorecard, errors, eos, properties, robustness)
    found = [one for topic in topics for one in topic.findings(results, potential)]
    found.sort(key=lambda finding: finding.light.colour != "red")
    card = potential.scorecard
    if card is None:
        return Verdict(Light("none"), f"{potential.name}: no scorecard", found, NOT_TESTED)
    if card.passed:
        return Verdict(Light("green"), f"{potential.name}: passes its scorecard", found, NOT_TESTED)
    if card.failing:
        fails = "row of its scorecard fails" if len(card.failing) == 1 else "rows of its scorecard fail"
        title = f"{potential.name}: do not trust it here; {len(card.failing)} {fails}"
        return Verdict(Light("red"), title, found, NOT_TESTED)
    title = f"{potential.name}: not fully tested; {len(card.missing)} rows of its scorecard are missing"
    return Verdict(Light("none"), title, found, NOT_TESTED)
