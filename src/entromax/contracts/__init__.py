"""Contract tests: what every engine, feature set, family and property must keep to, for ours and for yours.

Each ``check_`` function really runs what it is given and raises ``BrokenContractError`` with what is wrong; call it
from a test of your own. Those of this package run them on all that comes with it.
"""

from entromax.contracts.engines import check_engine
from entromax.contracts.families import check_family
from entromax.contracts.features import check_features
from entromax.contracts.properties import check_property
from entromax.contracts.requirements import BrokenContractError

__all__ = ["BrokenContractError", "check_engine", "check_family", "check_features", "check_property"]
