"""Figures and reports of a campaign."""

from entromax.report.campaign import report_campaign
from entromax.report.element import report_element
from entromax.report.figures import plot_dynamics, plot_eos, plot_errors, plot_labels, plot_library
from entromax.report.figures_scale import plot_scale

__all__ = [
    "plot_dynamics",
    "plot_eos",
    "plot_errors",
    "plot_labels",
    "plot_library",
    "plot_scale",
    "report_campaign",
    "report_element",
]
