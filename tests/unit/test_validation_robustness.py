"""Robust potentials pass, broken ones are caught, each for its own reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from threadpoolctl import threadpool_info, threadpool_limits

from entromax.config.models import RobustnessSettings
from entromax.structures.geometry import shortest_distance, supercell
from entromax.validation import robustness
from entromax.validation.robustness import run_parallel, run_robustness
from entromax.validation.stability import departure

FCC = bulk("Al", "fcc", a=3.994)
SETTINGS = RobustnessSettings(
    temperatures=[300.0, 1000.0], compressions=[1.0, 0.9], atoms=8, steps=40, crystal_atoms=8, crystal_steps=40
)


class Altered(Calculator):
    """EMT with forces that swirl about the first positions it sees, or that gives up when atoms come close."""

    implemented_properties = ("energy", "forces")

    def __init__(self, curl: float = 0.0, fails_below: float = 0.0, raises: bool = False) -> None:
        super().__init__()
        self.curl, self.fails_below, self.raises = curl, fails_below, raises
        self.sites: np.ndarray | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: object = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        copy = self.atoms.copy()
        if shortest_distance(copy, 4.0) < self.fails_below:
            if self.raises:
                raise RuntimeError("outside of the training range")
            self.results = {"energy": np.nan, "forces": np.full((len(copy), 3), np.nan)}
            return
        copy.calc = EMT()
        if self.sites is None:
            self.sites = copy.positions.copy()
        swirl = self.curl * np.cross([0, 0, 1], copy.positions - self.sites)  # no gradient of anything
        self.results = {"energy": copy.get_potential_energy(), "forces": copy.get_forces() + swirl}


def test_emt_aluminium_stays_physical_and_conserves_energy() -> None:
    table, summary = run_robustness(FCC, EMT(), SETTINGS, seed=1)
    assert set(table["state"]) == {"physical"}
    assert summary["fraction"] == 1.0
    assert table["time"].tolist() == [80.0] * 4
    assert summary["nve"]["state"] == "conserved"
    assert summary["crystal"]["state"] == "physical" and summary["crystal"]["lindemann"] < 0.1
    assert summary["crystal"]["neighbours_lost"] == 0
    seconds = table["seconds"].sum() + summary["nve"]["seconds"] + summary["crystal"]["seconds"]
    assert summary["seconds"] == pytest.approx(seconds)


def test_aluminium_stays_itself_and_layers_that_glide_do_not() -> None:
    crystal = supercell(FCC, 8, symmetric=False)
    thermal = np.random.default_rng(0).normal(scale=0.1, size=(20, len(crystal), 3))
    ratio, lost = departure(crystal, crystal.positions + thermal + [3.0, 1.0, -2.0])  # a drift is no melting
    assert 0.1 * np.sqrt(3) / 2.824 < ratio < 0.12 * np.sqrt(3) / 2.824 and lost == 0
    stack = fcc111("Al", (2, 2, 6), a=3.994, periodic=True)
    partial = (stack.positions[4] - stack.positions[0]) * [1, 1, 0]
    glided = stack.positions + np.where(np.arange(24) < 12, 0, 1)[:, None] * partial
    assert departure(stack, glided[None])[1] >= 4


def test_crystal_that_melts_at_room_temperature_is_seen() -> None:
    """A barrier-free lattice: atoms that attract nothing drift away from their sites."""
    ideal_gas = LennardJones(sigma=2.0, epsilon=1e-4, rc=4.0)
    settings = SETTINGS.model_copy(update={"temperatures": [300.0], "compressions": [1.0], "crystal_steps": 400})
    crystal = run_robustness(FCC, ideal_gas, settings, seed=1)[1]["crystal"]
    assert crystal["state"] != "physical" or crystal["lindemann"] > 0.2 or crystal["neighbours_lost"] > 0


def test_same_seed_gives_same_trajectories_and_runs_do_not_depend_on_each_other() -> None:
    both, _ = run_robustness(FCC, EMT(), SETTINGS, seed=1)
    one = SETTINGS.model_copy(update={"temperatures": [1000.0], "compressions": [0.9]})
    alone, _ = run_robustness(FCC, EMT(), one, seed=1)
    other, _ = run_robustness(FCC, EMT(), one, seed=2)
    assert alone["closest"].iloc[0] == both["closest"].iloc[3]
    assert alone["closest"].iloc[0] != other["closest"].iloc[0]


def test_attraction_that_collapses_is_caught() -> None:
    # The minimum of the pair energy lies at 1 Å, far inside the crystal: the atoms fall onto each other.
    attractive = LennardJones(sigma=0.9, epsilon=30.0, rc=6.0)
    table, summary = run_robustness(FCC, attractive, SETTINGS, seed=1)
    assert set(table["state"]) == {"failed"}
    assert summary["fraction"] == 0.0
    assert (table["time"] < 80).all()
    assert table["reason"].str.contains("closer than|ground state|force above|runs away").all()


@pytest.mark.parametrize("raises", [False, True], ids=["nan", "exception"])
def test_potential_that_gives_up_under_compression_fails_only_there(raises: bool) -> None:
    brittle = Altered(fails_below=2.5, raises=raises)
    settings = SETTINGS.model_copy(update={"temperatures": [1000.0], "compressions": [1.2, 0.9]})
    table, _ = run_robustness(bulk("Al", "fcc", a=4.0), brittle, settings, seed=1)
    states = dict(zip(table["compression"], table["state"], strict=True))
    assert states[0.9] == "failed"
    reason = table.set_index("compression").loc[0.9, "reason"]
    assert ("raised RuntimeError" if raises else "not finite") in reason


@pytest.mark.slow
def test_forces_that_are_no_gradient_drift() -> None:
    settings = SETTINGS.model_copy(update={"temperatures": [600.0], "compressions": [1.0], "steps": 120})
    cell = supercell(FCC, settings.atoms, symmetric=False)
    bad = run_robustness(cell, Altered(curl=1.0), settings, seed=1)[1]["nve"]
    good = run_robustness(cell, Altered(curl=0.0), settings, seed=1)[1]["nve"]
    assert bad["state"] == "drifts" and bad["drift"] > 5
    assert good["state"] == "conserved" and abs(good["drift"]) < 1


def test_crystal_that_breaks_the_criterion_from_the_start_is_skipped_not_blamed() -> None:
    settings = SETTINGS.model_copy(update={"compressions": [0.2], "temperatures": [300.0]})
    table, summary = run_robustness(FCC, EMT(), settings, seed=1)
    assert table["state"].tolist() == ["skipped"]
    assert summary["fraction"] is None


@pytest.mark.parametrize("minimum", [1, 7, 32])
def test_supercell_is_large_enough_and_compact(minimum: int) -> None:
    cell = supercell(FCC, minimum, symmetric=False)
    lengths = cell.cell.lengths()
    assert len(cell) >= minimum
    assert lengths.max() / lengths.min() <= 2
    assert cell.get_volume() / len(cell) == pytest.approx(FCC.get_volume())


def test_processes_do_not_share_out_more_threads_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Snakemake lets every library take all cores of the job; two processes with two threads each would be four."""
    seen = tmp_path / "threads"

    class Counting(EMT):
        def calculate(self, *arguments: Any, **options: Any) -> None:
            super().calculate(*arguments, **options)
            with seen.open("a") as file:
                file.writelines(f"{number}\n" for number in [torch.get_num_threads(), *limits()])

    def limits() -> list[int]:
        return [library["num_threads"] for library in threadpool_info()]

    monkeypatch.setattr(robustness, "load_potential", lambda folder: Counting())
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):
            run_parallel("nowhere", FCC, SETTINGS.model_copy(update={"steps": 10}), seed=1, workers=2)
    finally:
        torch.set_num_threads(before)
    assert set(seen.read_text().split()) == {"1"}
