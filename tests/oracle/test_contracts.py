"""The contracts hold for the DFT engines and for the families of potentials."""

import shutil

import pytest
from ase.build import bulk

from entromax.contracts import check_engine, check_family
from entromax.labels.engines.gpaw import GpawSettings
from entromax.labels.engines.qe import QeSettings
from entromax.potentials.ace import AceSettings
from entromax.potentials.base import family_available
from entromax.potentials.external import ExternalSettings
from entromax.potentials.gap import GapSettings
from entromax.potentials.mace import MaceSettings
from entromax.potentials.open_ace import OpenAceSettings
from entromax.potentials.snap import SnapSettings
from tests.support import emt_cells


def distorted():
    atoms = bulk("Al", "hcp", a=2.75, c=4.5)
    atoms.rattle(0.12, seed=3)
    atoms.info["kpts"] = [2, 2, 1]  # one mesh for all strains: the derivative is taken at fixed settings
    return atoms


def test_gpaw_keeps_the_contract_of_an_engine():
    settings = GpawSettings(ecut=200.0, kspacing=1.2, width=0.2)
    check_engine(settings, distorted(), step=0.05, tolerance=0.01, stress_tolerance=0.004)


@pytest.mark.skipif(shutil.which("pw.x") is None, reason="Quantum ESPRESSO is not installed")
def test_quantum_espresso_keeps_the_contract_of_an_engine():
    settings = QeSettings(ecut=218.0, kspacing=1.2, width=0.2)
    check_engine(settings, distorted(), step=0.05, tolerance=0.005, stress_tolerance=0.001)


FAMILIES = [
    SnapSettings(twojmax=4, cutoff=2.0, constant=False),  # with a constant, the free atom is not exact, by choice
    GapSettings(n_max=5, l_max=3, n_sparse=100),
    AceSettings(functions=60, cutoff=2.0),
    ExternalSettings(calculator="ase.calculators.emt:EMT"),
    OpenAceSettings(functions=60, cutoff=2.2),
]


@pytest.mark.parametrize("settings", FAMILIES, ids=lambda settings: settings.family)
def test_families_keep_their_contract(settings):
    if message := family_available(settings):
        pytest.skip(message)
    train = [emt_cells.free_atom(), *emt_cells.cells(24, 0)]
    check_family(settings, train, emt_cells.cells(8, 1), element="Al", d_nn=emt_cells.D_NN)


@pytest.mark.slow
def test_mace_keeps_the_contract_of_a_family():
    pytest.importorskip("mace")
    sizes = {"channels": 8, "layers": 1, "correlation": 2, "cutoff": 1.5}
    settings = MaceSettings(**sizes, epochs=40, batch_size=2, learning_rate=0.03)
    train = [emt_cells.free_atom(), *emt_cells.cells(24, 0)]
    check_family(settings, train, emt_cells.cells(8, 1), element="Al", d_nn=emt_cells.D_NN, repeat=False)
