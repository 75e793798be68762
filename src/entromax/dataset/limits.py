"""What counts as an outlier: limits in units of the element's own binding, so that one setting suits all elements."""

from dataclasses import dataclass

from entromax.config.models import DatasetSettings
from entromax.labels.ledger import EV_PER_A3_IN_GPA


@dataclass(frozen=True)
class Limits:
    """Limits of the dataset of one element.

    Attributes:
        energy: above the lowest [eV/atom].
        force: largest on an atom [eV/Å].
        pressure: absolute [GPa].
    """

    energy: float
    force: float
    pressure: float

    @classmethod
    def of(cls, settings: DatasetSettings, binding: float, volume: float) -> "Limits":
        """Return the limits of an element.

        Args:
            settings: in units of the binding energy E_b and the volume V per atom of the lowest structure: E_b,
                E_b / V^(1/3), E_b / V.
            binding: E_b, energy of the free atom above the lowest structure [eV/atom].
            volume: V [Å^3/atom].

        Raises:
            ValueError: nothing is bound: the labels are of no use.
        """
        if binding <= 0:
            raise ValueError(
                f"the free atom lies {-binding:.2f} eV below the lowest structure: nothing is bound; look at the label "
                "of the free atom in labels/reference.extxyz and at the settings of the engine"
            )
        return cls(
            energy=settings.max_energy * binding,
            force=settings.max_force * binding / volume ** (1 / 3),
            pressure=settings.max_pressure * binding / volume * EV_PER_A3_IN_GPA,
        )
