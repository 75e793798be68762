"""`d_nn_from: dft` puts E(V) of the ground state before the scaling of the library."""

import json
from pathlib import Path

import pytest
import yaml

from entromax.structures import crystal, read_structures, with_sid, write_structures
from tests.support.campaigns import EMT, snakemake


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Folder with a library of one fcc cell in reduced units and settings that are 8 % off the scale."""
    config = yaml.safe_load(EMT.read_text())
    config["elements"]["Al"] |= {"d_nn": 2.6, "d_nn_from": "dft", "crystals": {"fcc": {"volume": 12.43}}}
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(config))
    write_structures(tmp_path / "results/library/library.extxyz", [with_sid(crystal("fcc", "X", 2**-0.5))])
    return tmp_path


def test_structures_are_scaled_by_the_distance_of_the_reference_engine(campaign: Path) -> None:
    options = ("--cores", "1", "--configfile", str(campaign / "campaign.yaml"))
    run = snakemake(campaign, *options, "--", "results/Al/structures")
    assert run.returncode == 0, run.stdout + run.stderr
    scale = json.loads((campaign / "results/Al/d_nn.json").read_text())
    assert scale["d_nn"] == pytest.approx(2.825, abs=0.01)
    (atoms,) = read_structures(campaign / "results/Al/structures/shard_1.extxyz")
    assert atoms.get_volume() == pytest.approx(scale["d_nn"] ** 3 / 2**0.5, rel=1e-6)
    assert (campaign / "results/Al/figures/d_nn.png").is_file()


def test_without_the_option_no_scale_is_derived(campaign: Path) -> None:
    run = snakemake(campaign, "--dry-run", "--cores", "1", "--configfile", str(EMT))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "label_shard" in run.stdout and "derive_d_nn" not in run.stdout
