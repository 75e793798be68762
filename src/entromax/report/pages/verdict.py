"""What is good and what is bad about a potential, gathered from the topics."""

from entromax.report.kit import Headline, Verdict, worst
from entromax.report.results import ElementResults, PotentialResults
from entromax.report.topics import eos, errors, labels, properties, robustness

NOT_TESTED = (
    "Not tested here, so not known: interstitials, dislocations, grain boundaries, melting point, and any property "
    "that needs more than the tests below."
)


def headlines(results: ElementResults, potential: PotentialResults) -> list[Headline]:
    """Return the numbers that the thresholds of the configuration judge, in the order in which they are shown."""
    return [one for topic in (errors, eos, robustness, labels) for one in topic.headlines(results, potential)]


def judge(results: ElementResults, potential: PotentialResults) -> Verdict:
    """Return the verdict on one potential: every weakness that its validation shows, worst first."""
    found = [one for topic in (errors, eos, properties, robustness) for one in topic.findings(results, potential)]
    found.sort(key=lambda finding: finding.light.colour != "red")
    own = [headline.light for headline in headlines(results, potential) if headline.of_potential]
    overall = worst([*own, *(finding.light for finding in found)])
    titles = {
        "green": f"{potential.name}: no weakness in these tests",
        "amber": f"{potential.name}: usable with care; weak here",
        "red": f"{potential.name}: do not trust it here",
        "none": f"{potential.name}: not fully tested",
    }
    return Verdict(overall, titles[overall.colour], found, NOT_TESTED)
