#!/usr/bin/env bash
# envs/lock.sh: resolve pyproject.toml anew and write the versions to requirements.lock, then the
# locks of other platforms from it (lock_platforms.sh).
# Local version labels are cut off, so that the same lock takes the CPU build of torch where a machine offers it.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
GPAW_CONFIG=$PWD/envs/gpaw_siteconfig.py python -m pip install --quiet --dry-run --ignore-installed --report "$report" \
    ${1:+--constraint "$1"} --editable '.[docs,test]'
{
    echo "# Written by envs/lock.sh from pyproject.toml; every package of the tested environment."
    python - "$report" <<'PY'
import json, sys
packages = (item["metadata"] for item in json.load(open(sys.argv[1]))["install"])
pins = {p["name"].lower().replace("_", "-"): p["version"].split("+")[0] for p in packages}
print(*(f"{name}=={version}" for name, version in sorted(pins.items()) if name != "entromax"), sep="\n")
PY
} >envs/requirements.lock
rm "$report"
envs/lock_platforms.sh
