"""GTH pseudopotentials: the parser, the analytic functions, and the UPF file made from them."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import simpson

from entromax.labels.engines.gth import gth_file, local_potential, projector, read_gth, write_upf

TEXT = """\
# a comment
Xx GTH-BLYP-q3
    1    2
     0.5    0
    0
#
Xx GTH-PBE-q3 GTH-PBE
    2    1
     0.45000000    2    -7.50000000     1.25000000
    2
     0.48000000    3     6.90000000    -1.80000000     0.30000000
                                        2.40000000    -0.40000000
                                                       0.50000000
     0.56000000    1     1.80000000
"""


def test_entry_is_read_as_the_header_of_the_file_defines_it() -> None:
    found = read_gth("Xx", TEXT)
    assert (found.name, found.charge, found.radius, found.local) == ("GTH-PBE-q3", 3, 0.45, (-7.5, 1.25))
    s, p = found.channels
    assert s.coefficients.tolist() == [[6.9, -1.8, 0.3], [-1.8, 2.4, -0.4], [0.3, -0.4, 0.5]]
    assert (p.radius, p.coefficients.tolist()) == (0.56, [[1.8]])


def test_a_missing_element_or_family_is_named() -> None:
    with pytest.raises(ValueError, match="Yy: there is no GTH-PBE potential"):
        read_gth("Yy", TEXT)
    with pytest.raises(ValueError, match="Xx: there is no GTH-PADE potential"):
        read_gth("Xx", TEXT, "GTH-PADE")


def test_missing_data_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install cp2k-data"):
        gth_file()


@pytest.mark.parametrize(("momentum", "index"), [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (3, 1)])
def test_projectors_are_normalised(momentum: int, index: int) -> None:
    r = np.linspace(0, 15, 6001)
    p = projector(0.7, momentum, index, r)
    assert simpson(p**2 * r**2, x=r) == pytest.approx(1, abs=1e-9)


def test_local_potential_is_coulomb_outside_and_finite_at_the_nucleus() -> None:
    potential = read_gth("Xx", TEXT)
    far = np.array([6.0, 9.0])
    assert local_potential(potential, far) == pytest.approx(-3 / far, abs=1e-12)
    at, near = local_potential(potential, np.array([0.0, 1e-6]))
    assert at == pytest.approx(near, abs=1e-6) and at == pytest.approx(-3 * np.sqrt(2 / np.pi) / 0.45 - 7.5)


def test_upf_holds_the_potential_in_rydberg_units() -> None:
    potential = read_gth("Xx", TEXT)
    root = ElementTree.fromstring(write_upf(potential))
    header = root.find("PP_HEADER").attrib

    def numbers(path: str) -> np.ndarray:
        return np.array(root.find(path).text.split(), dtype=float)

    r, rab = numbers("PP_MESH/PP_R"), numbers("PP_MESH/PP_RAB")
    assert len(r) == int(header["mesh_size"]) and len(r) % 2 == 1 and r[-1] > 10
    assert (header["pseudo_type"], header["functional"], header["z_valence"]) == ("NC", "PBE", "3.0")
    assert numbers("PP_LOCAL") == pytest.approx(2 * local_potential(potential, r))
    assert (header["number_of_proj"], header["l_max"]) == ("4", "1")
    betas = [root.find(f"PP_NONLOCAL/PP_BETA.{i}") for i in range(1, 5)]
    assert [beta.attrib["angular_momentum"] for beta in betas] == ["0", "0", "0", "1"]
    assert np.array(betas[3].text.split(), dtype=float) == pytest.approx(r * projector(0.56, 1, 1, r))
    assert all(int(beta.attrib["cutoff_radius_index"]) % 2 == 1 for beta in betas)
    d = numbers("PP_NONLOCAL/PP_DIJ").reshape(4, 4)
    assert d[:3, :3] == pytest.approx(2 * potential.channels[0].coefficients)
    assert d[3].tolist() == [0, 0, 0, 3.6] and d[:3, 3].tolist() == [0, 0, 0]
    assert np.sum(numbers("PP_RHOATOM") * rab) == pytest.approx(3, abs=1e-6)
