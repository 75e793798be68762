"""Configuration: models, element files, overlay and validation."""

from entromax.config.load import ConfigError, load_campaign, validated
from entromax.config.models import CampaignSettings

__all__ = ["CampaignSettings", "ConfigError", "load_campaign", "validated"]
