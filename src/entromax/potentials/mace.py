"""MACE: equivariant message passing with many-body messages, trained by the program of ``mace-torch``."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from math import isinf
from pathlib import Path
from typing import Any, Literal

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.config.models import LabelNoise
from entromax.config.models.potentials import WeightedSettings
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.potentials.weights import expected_errors
from entromax.structures import write_structures
from entromax.structures.geometry import bare
from entromax.structures.kinds import is_isolated

NAME = "mace"
MODEL, LAMMPS_MODEL, LOG = f"{NAME}.model", f"{NAME}.model-lammps.pt", "mace.log"
TRAINING, VALIDATION = "train.xyz", "validation.xyz"
QUANTITIES = ("energy", "forces", "stress")
FINAL_RATE = 0.01
"""The learning rate falls exponentially to this part of its first value: few epochs end converged."""
ENVIRONMENT = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}  # MACE's models are pickled objects


class MaceSettings(WeightedSettings):
    """MACE, equivariant message passing: small by default, trained by mace-torch, on the GPU when there is one."""

    family: Literal["mace"] = "mace"
    cutoff: float = Field(1.8, gt=1, le=4, description="cutoff radius of one layer [d_nn]")
    channels: int = Field(16, ge=4, le=256, description="channels of the node features")
    max_l: int = Field(0, ge=0, le=3, description="largest angular momentum of the messages")
    layers: int = Field(2, ge=1, le=4, description="message passing layers")
    correlation: int = Field(3, ge=1, le=4, description="correlation order; body order of the messages less one")
    zbl: bool = Field(True, description="ZBL repulsion of close pairs below the network")
    epochs: int = Field(100, ge=1, le=10_000, description="passes over the training set")
    batch_size: int = Field(8, ge=1, le=1024, description="structures per step of the optimiser")
    learning_rate: float = Field(0.01, gt=0, le=0.1, description="of the first epoch; falls to a hundredth of it [1]")
    precision: Literal["float64", "float32"] = Field("float64", description="floating point type of the training")


class MaceFamily(Family[MaceSettings]):
    """MACE; its code is under the MIT licence."""

    name = "mace"
    settings = MaceSettings
    citation = "I. Batatia et al., MACE, Adv. Neural Inf. Process. Syst. 35 (2022)."
    licence = "MIT"
    requires = "mace"
    remedy = "pip install entromax[mace]"

    def fit(self, data: FitData, settings: MaceSettings, folder: Path) -> dict[str, Any]:
        """Train with ``mace_run_train``; see ``Family.fit``."""
        _, bulk = split_free_atom(data.train)
        lowest = min(float(atoms.info["REF_energy"]) / len(atoms) for atoms in bulk)
        training, held_out = (weighted(part, settings, lowest, data.noise) for part in (data.train, data.validation))
        write_structures(folder / TRAINING, training)
        write_structures(folder / VALIDATION, held_out)
        command = train_command(settings, d_nn=data.d_nn, seed=data.seed, validation=bool(held_out), device=device())
        code = run_logged(command, folder, data.threads)
        if code != 0 or not (folder / MODEL).is_file():
            raise FitError(f"MACE ended with exit code {code}: {last_line(folder / LOG)}")
        lammps = [sys.executable, "-m", "mace.cli.create_lammps_model", MODEL]
        if code := run_logged(lammps, folder, data.threads):
            raise FitError(f"MACE made no model for LAMMPS, exit code {code}: {last_line(folder / LOG)}")
        (folder / f"{NAME}_compiled.model").unlink(missing_ok=True)
        for leftover in ("checkpoints", "logs", "results"):
            shutil.rmtree(folder / leftover, ignore_errors=True)
        return {"epochs": settings.epochs, "device": device(), "log": LOG}

    def load(self, folder: Path) -> BaseCalculator:
        """Return MACE's calculator, on the GPU when there is one; see ``Family.load``."""
        os.environ.update(ENVIRONMENT)
        from mace.calculators import MACECalculator  # slow to import, and not needed to fit

        return MACECalculator(model_paths=str(folder / MODEL), device=device(), default_dtype="float64")

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for a LAMMPS with the package ML-MACE; see ``Family.export``."""
        return (
            "# before the box is made: atom_style atomic, newton on, atom_modify map yes\n"
            f"pair_style mace no_domain_decomposition\npair_coeff * * {LAMMPS_MODEL} {element}"
        )


def weighted(structures: Sequence[Atoms], settings: MaceSettings, lowest: float, noise: LabelNoise) -> list[Atoms]:
    """Return copies as MACE reads them: free atoms marked, each quantity with its weight.

    The weights are those of ``expected_errors`` in units of the weights of the loss.

    Args:
        structures: with ``REF_`` keys.
        settings: weights of the loss, and the height over which they fall.
        lowest: energy of the lowest training structure [eV/atom].
        noise: standard deviations of the labels.
    """
    copies = []
    for atoms in structures:
        copy, alone = bare(atoms), is_isolated(atoms)
        copy.arrays["REF_forces"] = atoms.arrays["REF_forces"]
        copy.info = {key: atoms.info[key] for key in ("REF_energy", "REF_stress")}
        copy.info["config_type"] = "IsolatedAtom" if alone else "Default"
        if not alone:
            excess = float(atoms.info["REF_energy"]) / len(atoms) - lowest
            errors = expected_errors([excess], settings.errors, settings.height, noise)[0]
            for name, base, error in zip(QUANTITIES, settings.errors, errors, strict=True):
                copy.info[f"config_{name}_weight"] = 1.0 if isinf(base) else float((base / error) ** 2)
        copies.append(copy)
    return copies


def train_command(settings: MaceSettings, *, d_nn: float, seed: int, validation: bool, device: str) -> list[str]:
    """Return the command line of the training; lengths in Å. Without validation data, a tenth is held out."""
    options: dict[str, object] = {
        "name": NAME,
        "train_file": TRAINING,
        "E0s": "IsolatedAtom",
        "model": "MACE",
        "r_max": f"{settings.cutoff * d_nn:.6f}",
        "num_channels": settings.channels,
        "max_L": settings.max_l,
        "num_interactions": settings.layers,
        "correlation": settings.correlation,
        "loss": "stress",
        "energy_weight": settings.energy_weight,
        "forces_weight": settings.force_weight,
        "stress_weight": settings.stress_weight,
        "compute_stress": True,
        "error_table": "PerAtomRMSEstressvirials",
        "max_num_epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "valid_batch_size": settings.batch_size,
        "lr": settings.learning_rate,
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": FINAL_RATE ** (1 / settings.epochs),
        "ema_decay": 0.99,
        "default_dtype": settings.precision,
        "device": device,
        "seed": seed,
        "plot": False,
    }
    options |= {"valid_file": VALIDATION} if validation else {"valid_fraction": 0.1}
    switches = ["--ema", "--save_cpu", *(["--pair_repulsion"] if settings.zbl else [])]
    command = [sys.executable, "-m", "mace.cli.run_train", *switches]
    return command + [f"--{name}={value}" for name, value in options.items()]


def device() -> str:
    """Return ``cuda`` when there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def run_logged(command: Sequence[str], folder: Path, threads: int) -> int:
    """Run a program in ``folder``, append what it prints to the log there, return its exit code."""
    # Unbuffered: what it prints would otherwise stand behind the message that it has died of.
    environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    with (folder / LOG).open("a") as log:
        log.write(" ".join(command) + "\n")
        log.flush()
        return subprocess.run(
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False
        ).returncode


def last_line(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


FAMILY = MaceFamily()
