"""The scripts that label: each stops before the batch system ends its job, whatever the rule allows."""

import runpy
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from entromax.config.models import CrystalSettings, ElementSettings, LabelSettings, PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.run import OutOfTimeError
from entromax.structures import crystal, with_sid, write_structures

SCRIPTS = Path(__file__).parents[2] / "scripts"
ELEMENT = ElementSettings(
    d_nn=2.86,
    volume=[0.5, 1.5],
    ground_state="fcc",
    crystals={"fcc": CrystalSettings(volume=16.5)},
    reference=EmtSettings(),
)
Slurm = Callable[[float], None]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """A job of Slurm that ends so many seconds from now: its ``squeue`` answers as the real one does."""

    def begin(seconds: float) -> None:
        end = (datetime.now() + timedelta(seconds=seconds)).isoformat(timespec="seconds")
        squeue = tmp_path / "bin/squeue"
        squeue.parent.mkdir()
        squeue.write_text(f"#!/bin/sh\necho {end}\n")
        squeue.chmod(0o755)
        monkeypatch.setenv("PATH", str(squeue.parent), prepend=":")
        monkeypatch.setenv("SLURM_JOB_ID", "7")

    return begin


class Named(SimpleNamespace):
    """Files or parameters of a job, by name, as Snakemake hands them to a script."""

    def items(self) -> list[tuple[str, object]]:
        return list(vars(self).items())


def run(script: str, folder: Path) -> None:
    atoms = with_sid(crystal("fcc", "Al", 16.5))
    atoms.info |= {"element": "Al"}
    write_structures(folder / "shard_1.extxyz", [atoms])
    labels = LabelSettings(store=str(folder / "store")).model_dump(mode="json")
    element = ELEMENT.model_dump(mode="json")
    outputs = {
        "label_shard": {"labels": folder / "l.extxyz", "ledger": folder / "l.parquet"},
        "label_reference": {"labels": folder / "r.extxyz", "ledger": folder / "r.parquet"},
        "label_property": {"result": folder / "bain.json"},
        "derive_d_nn": {"scale": folder / "d_nn.json", "picture": folder / "d_nn.png"},
    }
    job = SimpleNamespace(
        log=[str(folder / "log")],
        input=Named(structures=folder),
        output=Named(**outputs[script]),
        params=Named(
            element=element,
            labels=labels,
            reference=element["reference"],
            d_nn=element["d_nn"],
            properties=PropertySettings().model_dump(mode="json"),
        ),
        wildcards=SimpleNamespace(element="Al", shard="1", property="bain"),
        threads=1,
        resources=SimpleNamespace(runtime=240),
    )
    runpy.run_path(str(SCRIPTS / f"{script}.py"), init_globals={"snakemake": job})
    assert all(Path(path).exists() for path in outputs[script].values())


@pytest.mark.parametrize("script", ["label_shard", "label_reference", "label_property", "derive_d_nn"])
def test_labelling_stops_when_slurm_is_about_to_end_the_job(script: str, tmp_path: Path, slurm: Slurm) -> None:
    """The rule allows 240 minutes, but the job has been running for all of them."""
    slurm(0.0)
    with pytest.raises(OutOfTimeError):
        run(script, tmp_path)
    assert not list((tmp_path / "store").rglob("*.jsonl"))


@pytest.mark.parametrize("script", ["label_shard", "label_property"])
def test_with_time_left_the_same_job_labels(script: str, tmp_path: Path, slurm: Slurm) -> None:
    slurm(3600.0)
    run(script, tmp_path)
    assert list((tmp_path / "store").rglob("*.jsonl"))


def test_the_budget_of_a_job_is_what_is_left_of_it(slurm: Slurm) -> None:
    labels = LabelSettings(store="store", packs=["packs"])
    assert LabelBudget.of_job(labels, threads=2, minutes=5) == LabelBudget("store", 2, 300.0, ("packs",))
    slurm(100.0)
    assert LabelBudget.of_job(labels, threads=2, minutes=5).wall_time == pytest.approx(99, abs=2)
