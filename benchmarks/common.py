"""What several benchmarks need: folders, settings of campaigns, CPU time and memory."""

import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from entromax.config import CampaignSettings, load_campaign

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
PICTURES = ROOT / "docs/pictures"


def campaign_settings(config: Mapping[str, Any], origin: str = "benchmark") -> CampaignSettings:
    """Return the settings of a campaign with the presets of config/elements; ``origin`` names it in messages."""
    merged = load_campaign(config, origin=origin, element_dirs=[ROOT / "config/elements"])
    return CampaignSettings.model_validate(merged)


def seconds(function: Callable[[], object]) -> float:
    """Return the CPU time of one call in this process [s]; other people may share the machine."""
    begin = time.process_time()
    function()
    return time.process_time() - begin


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its finished children [s]."""
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def peak_megabytes() -> float:
    """Return the largest resident memory of this process or of a finished child [MB]."""
    return max(usage.ru_maxrss for usage in _usages()) / 1024


def _usages() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a module in a fresh process, so that the memory it takes is its own.

    Raises:
        BrokenProcessPool: the process was killed; what the function raises comes as it is.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
