#!/usr/bin/env bash
# envs/setup.sh [quick|test]: system packages, then .venv with this extra of pyproject.toml, versions of requirements.lock.
# Does nothing when .venv already stands for these files. Sourced by ./run and ./test.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
extra=${1:+[$1]}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "entromax needs Python 3.11 or newer; '$python' is older. Name another one: PYTHON=python3.12 ./run" >&2; exit 1; }

packages=(g++ libxc-dev libopenblas-dev libfftw3-dev)
# What all tests run besides: Slurm with accounting, Quantum ESPRESSO with pseudopotentials, a browser for the reports.
[ "${1:-}" != test ] || packages+=(slurmctld slurmd slurmdbd mariadb-server-core mariadb-client-core slurm-client munge quantum-espresso cp2k-data chromium)
"$python" -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
"$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
    packages+=(python3-dev)
missing=()
for package in "${packages[@]}"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
if [ "${#missing[@]}" -gt 0 ]; then
    sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "installing system packages: ${missing[*]}"
    { "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } ||
        { echo "could not install them; ask an administrator for: apt-get install ${missing[*]}" >&2; exit 1; }
fi

stamp=$root/.venv/entromax$extra.stamp
state=$(cat "$root/envs/requirements.lock" "$root/pyproject.toml" "$root/envs/gpaw_siteconfig.py" | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$state" ]; then
    echo "setting up .venv (some minutes the first time; GPAW is compiled)"
    [ -x "$root/.venv/bin/python" ] || "$python" -m venv "$root/.venv"
    # MPI compilers on the PATH would make GPAW want MPI headers: the siteconfig asks for a serial build.
    GPAW_CONFIG=$root/envs/gpaw_siteconfig.py "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/envs/requirements.lock" --editable "$root$extra"
    echo "$state" >"$stamp"
fi
# One thread per process: a campaign runs one job per core, and small matrices gain nothing from more.
export PATH=$root/.venv/bin:$PATH OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONNOUSERSITE=1
