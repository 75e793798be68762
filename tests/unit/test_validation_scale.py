"""The length scale of an element is found at the minimum of its own E(V), also from far away."""

import json
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from scipy.optimize import minimize_scalar

from entromax.config import CampaignSettings, load_campaign
from entromax.config.models import CrystalSettings, ElementSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.store import LabelStore, stores
from entromax.report.topics.scale import plot_scale
from entromax.structures import crystal
from entromax.structures.geometry import shortest_distance
from entromax.validation.scale import ScaleError, derive_d_nn

CONFIG = Path(__file__).parents[2] / "config/elements"


def aluminium(volume: float) -> ElementSettings:
    return ElementSettings(
        d_nn=2.6,
        volume=[0.5, 1.6],
        ground_state="fcc",
        crystals={"fcc": CrystalSettings(volume=volume)},
        reference=EmtSettings(),
    )


def emt_energy(a: float) -> float:
    atoms = bulk("Al", "fcc", a=a)
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


@pytest.mark.slow
@pytest.mark.parametrize("volume", [12.43, 19.5])
def test_the_scale_is_found_from_far_off_on_either_side(volume: float, tmp_path: Path) -> None:
    """12.43 Å^3 is fcc at 2.6 Å; ASE's EMT has its minimum at 2.82 Å, found here without any fit."""
    exact = minimize_scalar(emt_energy, bounds=(3.5, 4.5), method="bounded", options={"xatol": 1e-6}).x / 2**0.5
    output = tmp_path / "d_nn.json"
    found = derive_d_nn(
        output=output,
        element="Al",
        settings=aluminium(volume),
        limits=LabelSettings(),
        budget=LabelBudget(tmp_path / "store"),
    )
    assert exact == pytest.approx(2.825, abs=0.01)
    assert found == pytest.approx(exact, abs=0.002)
    written = json.loads(output.read_text())
    assert written["d_nn"] == found and written["d_nn_of_settings"] == 2.6
    assert min(written["points"]["volumes"]) < written["fit"]["volume"] < max(written["points"]["volumes"])
    (labels,) = stores(tmp_path / "store", "Al")
    assert isinstance(labels, LabelStore) and len(labels.read()) % 7 == 0
    plot_scale(output, tmp_path / "d_nn.png")
    assert (tmp_path / "d_nn.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_curve_without_a_minimum_is_refused_with_the_key_to_correct(tmp_path: Path) -> None:
    with pytest.raises(ScaleError, match=r"elements\.Al\.crystals\.fcc\.volume \(is 30 "):
        derive_d_nn(
            output=tmp_path / "d_nn.json",
            element="Al",
            settings=aluminium(30.0),
            limits=LabelSettings(),
            budget=LabelBudget(tmp_path / "store"),
        )
    assert not (tmp_path / "d_nn.json").exists()


@pytest.mark.parametrize("symbol", ["Al", "W", "Be", "Re", "Os", "C", "Sb", "Te"])
def test_volume_and_distance_of_every_ground_state_belong_together(symbol: str) -> None:
    config = load_campaign({"elements": [symbol]}, origin="test", element_dirs=[CONFIG])
    settings = CampaignSettings.model_validate(config).elements[symbol]
    chosen = settings.crystals[settings.ground_state]
    atoms = crystal(settings.ground_state, symbol, chosen.volume, chosen.c_over_a, chosen.u)
    assert shortest_distance(atoms) == pytest.approx(settings.d_nn, rel=0.02)
