#!/usr/bin/env bash
# envs/lock_platforms.sh: write requirements.PLATFORM.lock, PLATFORM as `uname -sm` says it: what pip would install
# there, in the versions of requirements.lock. uv resolves for another platform than the one it runs on.
set -euo pipefail
cd "$(dirname "$0")/.."
export GPAW_CONFIG=$PWD/envs/gpaw_siteconfig.py MACOSX_DEPLOYMENT_TARGET=14.0
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
python -m venv "$work/uv"
"$work/uv/bin/pip" install --quiet uv
while read -r platform target; do
    "$work/uv/bin/uv" --no-config pip compile --quiet --no-header --no-annotate --python-version 3.11.7 \
        --python-platform "$target" --constraint envs/requirements.lock --extra docs --extra test \
        --output-file "$work/lock" pyproject.toml
    {
        echo "# Written by envs/lock_platforms.sh; resolved for $platform, never installed there by us."
        cat "$work/lock"
    } >"envs/requirements.$platform.lock"
    rm "$work/lock"
done <<'PLATFORMS'
Linux-aarch64 aarch64-manylinux_2_28
Darwin-arm64 aarch64-apple-darwin
PLATFORMS
