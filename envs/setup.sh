#!/usr/bin/env bash
# envs/setup.sh [quick|test|docs] [--download|--offline FOLDER]: system packages, then .venv with this extra of
# pyproject.toml, versions of the platform's lock file. Does nothing when .venv already stands for these files.
# Sourced by ./run, ./test and ./setup.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
extra=${1:+[$1]} mode=${2:-} wheels=${3:-}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "entromax needs Python 3.11 or newer; '$python' is older. Name another one: PYTHON=python3.12 ./run" >&2; exit 1; }

packages=(g++ libxc-dev libopenblas-dev libfftw3-dev)
# What all tests run besides: Slurm with accounting, Quantum ESPRESSO with pseudopotentials, a browser for the reports.
[ "${1:-}" != test ] || packages+=(slurmctld slurmd slurmdbd mariadb-server-core mariadb-client-core slurm-client munge quantum-espresso cp2k-data chromium)
"$python" -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
"$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
    packages+=(python3-dev)
offline=$root/.venv/offline # a machine that was set up offline stays so
missing=()
if [ "$mode" != --offline ] && [ ! -e "$offline" ]; then
    for package in "${packages[@]}"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
fi
if [ "${#missing[@]}" -gt 0 ]; then
    sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "installing system packages: ${missing[*]}"
    { "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } ||
        { echo "could not install them; ask an administrator for: apt-get install ${missing[*]}" >&2; exit 1; }
fi

[ -x "$root/.venv/bin/python" ] || "$python" -m venv "$root/.venv"
lock=$root/envs/requirements.$(uname -s)-$(uname -m).lock
[ -e "$lock" ] || lock=$root/envs/requirements.lock
# MPI compilers on the PATH would make GPAW want MPI headers: the siteconfig asks for a serial build.
export GPAW_CONFIG=$root/envs/gpaw_siteconfig.py PIP_CONSTRAINT=$lock
pip=("$root/.venv/bin/python" -m pip --quiet --disable-pip-version-check)
if [ "$mode" = --download ]; then
    echo "gathering wheels in $wheels (GPAW is compiled)"
    "${pip[@]}" wheel --wheel-dir "$wheels" hatchling editables "$root$extra" # the first two build the last
    rm "$wheels"/entromax-*.whl # the machine without internet takes its own checkout
    echo "$(du -sm "$wheels" | cut -f1) MB. A machine without internet needs besides: apt-get install ${packages[*]}"
    exit
fi
if [ "$mode" = --offline ]; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=$wheels; fi

stamp=$root/.venv/entromax$extra.stamp
state=$(cat "$lock" "$root/pyproject.toml" "$root/envs/gpaw_siteconfig.py" | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$state" ]; then
    echo "setting up .venv (some minutes the first time; GPAW is compiled)"
    "${pip[@]}" install --editable "$root$extra"
    if [ "$mode" = --offline ]; then
        "$root/.venv/bin/python" -c 'import _gpaw' ||
            { echo "GPAW misses a library; ask an administrator for: apt-get install ${packages[*]}" >&2; exit 1; }
        touch "$offline"
    fi
    echo "$state" >"$stamp"
fi
unset PIP_CONSTRAINT
# One thread per process: a campaign runs one job per core, and small matrices gain nothing from more.
export PATH=$root/.venv/bin:$PATH OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONNOUSERSITE=1
