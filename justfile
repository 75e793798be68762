# Short names for a contributor's commands; `just` lists them (`pip install rust-just`; nothing here depends on it).

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")
export OMP_NUM_THREADS := "1"
export PYTHONNOUSERSITE := "1"

_list:
    @just --list

# Format everything.
fmt:
    ruff check --fix
    ruff format
    snakefmt workflow

# Format, lint, types, sizes: checked, nothing changed.
lint:
    python -m pytest tests/test_house.py

# Unit tests, or those named: `just unit -k store`.
unit *options:
    python -m pytest tests/unit {{ options }}

# What takes a minute; sets up what is missing.
quick *options:
    ./test quick {{ options }}

# Everything, as CI runs it; sets up what is missing.
test *options:
    ./test {{ options }}

# The documentation as a site, site/index.html; `./setup docs` installs what it needs.
site:
    python -m docs.make.site
