"""Linear `open_ace` beside one with Gaussian units, judged as in `left_out`, for docs/fits.md.

    python -m benchmarks.potentials.gaussian_units results/eight_elements [MORE] [--json FILE]

The units of a fold are placed at environments of its own training set. Run with OMP_NUM_THREADS=1.
"""

from functools import partial

from benchmarks.common import RESULTS
from benchmarks.potentials.left_out import element_rows, judge_elements

VARIANTS = ({"energy_weight": 300.0}, {"energy_weight": 300.0, "hidden_units": 1000})

if __name__ == "__main__":
    judge_elements(partial(element_rows, variants=VARIANTS), RESULTS / "gaussian_units.json", __doc__)
