"""Write what is generated from the settings models: ``config/README.md`` and the JSON schema.

Run ``python -m entromax.config.docs`` from the root of the repository after a change of the models; a test fails and
prints the difference when the files are stale.
"""

import json
import re
from pathlib import Path
from typing import Any

from entromax.config.models import CampaignSettings
from entromax.registry import ENGINES, FAMILIES, FEATURES

KINDS = {registry.key: registry for registry in (ENGINES, FAMILIES, FEATURES)}
README = Path("config/README.md")
SCHEMA = Path("workflow/schemas/config.schema.json")

INTRODUCTION = """\
# Configuration

<!-- Generated from src/entromax/config/models/ by `python -m entromax.config.docs`: edit the models, not this. -->

`config.yaml` is the quickstart campaign. A campaign of your own is another small file that names only what differs
from the defaults below:

```yaml
campaign: my_first
seed: 1
elements: [Al, W]          # each read from config/elements/<symbol>.yaml
labels: {structures: 2000}
```

```
snakemake --profile profiles/local --configfile my_first.yaml
```

* Elements are files. `config/elements/<symbol>.yaml` of entromax is read first, one of the same name below your
  working directory is laid over it, and keys written below the symbol in the campaign file win over both:
  `elements: {Al: {reference: {ecut: 200}}}`.
* A section that names its kind (`engine: emt`, `family: gap`) replaces a section of another kind as a whole.
* The merged configuration is saved as `results/config.yaml`; given back to `--configfile` it repeats the campaign.
* An unknown key, a wrong type or an impossible value stops the campaign before any job, in a message with file, key,
  value and remedy. `./run` and `entromax check-config FILE` name the line of broken YAML, which Snakemake does not.
  Give nested keys in a file: Snakemake passes what stands in `--config a=b` on as text.
* Lengths of the library are in units of d_nn, the nearest-neighbour distance of an element's ground state; all else is
  in eV, Å and K. Editors that read JSON schema complete keys with `workflow/schemas/config.schema.json`.
"""


def schema() -> dict[str, Any]:
    """Return the JSON schema of a merged configuration."""
    return CampaignSettings.model_json_schema()


def readme() -> str:
    """Return ``config/README.md``: a table of keys for every section."""
    root = schema()
    sections = [INTRODUCTION]
    for title, section in _sections(root):
        lines = [f"## `{title}`" if title else "## Top level", ""]
        if title:
            lines += [section["description"], "", *_facts(section)]
        lines += ["| key | default | unit | meaning | values |", "|---|---|---|---|---|"]
        for key, field in section["properties"].items():
            lines.append(_row(key, field, section, root["$defs"]))
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def write(root: Path) -> None:
    """Write both generated files below ``root``."""
    (root / README).write_text(readme())
    (root / SCHEMA).write_text(json.dumps(schema(), indent=2) + "\n")


def _sections(root: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return ``(dotted key, schema)`` of every section, in the order in which a reader meets them."""
    found = [("", root)]
    for prefix, section in found:
        for key, field in section["properties"].items():
            for name, child in _children(field, root["$defs"]):
                path = ".".join(filter(None, (prefix, key, name)))
                found.append((path, child))
    return found


def _children(field: dict[str, Any], definitions: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the sections below a field: itself, the kinds of a union, or the entries of a mapping."""
    entry = field.get("additionalProperties")
    if isinstance(entry, dict):
        return [(_join("<name>", name), child) for name, child in _children(entry, definitions)]
    options = field.get("oneOf") or field.get("anyOf") or [field]
    children = []
    for option in options:
        if "$ref" in option:
            child = definitions[option["$ref"].rsplit("/", 1)[1]]
            key, name = _chosen(child)
            children.append((f"({key}: {name})" if key else "", child))
    return children


def _chosen(section: dict[str, Any]) -> tuple[str, str]:
    """Return the key that chooses a section and its value; two empty strings for a section that nothing chooses."""
    found = ((key, section["properties"].get(key, {}).get("const", "")) for key in KINDS)
    return next(((key, name) for key, name in found if name), ("", ""))


def _facts(section: dict[str, Any]) -> list[str]:
    """Return the facts of the entry that a section configures, and what to cite."""
    key, name = _chosen(section)
    if not key:
        return []
    entry = KINDS[key][name]
    facts = [*entry.facts(), *([f"to cite: {entry.citation}"] if entry.citation else [])]
    text = "; ".join(facts)
    return [text[0].upper() + text[1:], ""] if text else []


def _join(*parts: str) -> str:
    return ".".join(filter(None, parts))


def _row(key: str, field: dict[str, Any], section: dict[str, Any], definitions: dict[str, Any]) -> str:
    text = field.get("description", "").replace("|", "\\|")
    unit = ""
    if match := re.fullmatch(r"(.*?)\s*\[([^\[\]]+)\]", text):
        text, unit = match.groups()
    if children := _children(field, definitions):
        text = text or (children[0][1]["description"].split(" (")[0].rstrip(".") if len(children) == 1 else "")
        return f"| `{key}` | see below | {unit} | {text} | |"
    default = "**required**" if key in section.get("required", ()) else f"`{json.dumps(field.get('default'))}`"
    return f"| `{key}` | {default} | {unit} | {text} | {_values(field)} |"


def _values(field: dict[str, Any]) -> str:
    """Return the values that a key may take, in words."""
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(filter(None, (_values(option) for option in field["anyOf"])))
    if field.get("type") == "array":
        length = "two ascending: " if field.get("maxItems") == 2 else "list of "
        return length + _values(field["items"])
    if isinstance(entry := field.get("additionalProperties"), dict):
        return f"by name: {_values(entry)}"
    bounds = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")]
    limits = [f"{sign} {field[name]:g}" for name, sign in bounds if name in field]
    names = {"integer": "integer", "number": "number", "string": "text", "boolean": "`true` or `false`", "null": "none"}
    return " ".join([names.get(field.get("type", ""), ""), ", ".join(limits)]).strip()


if __name__ == "__main__":
    write(Path.cwd())
