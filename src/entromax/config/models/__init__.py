"""The settings of a campaign: one pydantic model per section, the only source of keys, units and defaults.

Lengths of the *library* are in units of the nearest-neighbour distance d_nn of an element's ground state ("reduced
units", METHOD section 1); everything that carries an element is in eV and Å. ``extra="forbid"`` turns a misspelt key
into an error, strict types turn ``"200 eV"`` into one. One file per section of the configuration.
"""

from entromax.config.models.active import ActiveSettings, DynamicsSettings
from entromax.config.models.base import Settings
from entromax.config.models.campaign import CampaignSettings, Thresholds
from entromax.config.models.labels import DatasetSettings, EosSettings, LabelSettings
from entromax.config.models.library import (
    CellSettings,
    EntropySettings,
    FeatureSettings,
    LibrarySettings,
    OptimiserSettings,
    SeedSettings,
)
from entromax.config.models.potentials import (
    FamilySettings,
    PotentialSettings,
)
from entromax.config.models.reference import (
    CrystalSettings,
    ElementSettings,
    LabelNoise,
    ReferenceSettings,
)
from entromax.config.models.validation import (
    PropertySettings,
    RobustnessSettings,
    TransferSettings,
    ValidationSettings,
)

__all__ = [
    "ActiveSettings",
    "CampaignSettings",
    "CellSettings",
    "CrystalSettings",
    "DatasetSettings",
    "DynamicsSettings",
    "ElementSettings",
    "EntropySettings",
    "EosSettings",
    "FamilySettings",
    "FeatureSettings",
    "LabelNoise",
    "LabelSettings",
    "LibrarySettings",
    "OptimiserSettings",
    "PotentialSettings",
    "PropertySettings",
    "ReferenceSettings",
    "RobustnessSettings",
    "SeedSettings",
    "Settings",
    "Thresholds",
    "TransferSettings",
    "ValidationSettings",
]
