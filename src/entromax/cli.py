"""``entromax``: what people ask of a campaign; the rules of the workflow do not need it."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shtab
from ase import Atoms
from rich.console import Console
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

import entromax
from entromax.config.elements import CRYSTALS
from entromax.config.load import ELEMENT_FILES, ConfigError, load_element, read_yaml
from entromax.config.models import CampaignSettings, LabelSettings
from entromax.config.presets import LEVELS
from entromax.dataset import FORMATS, export_dataset
from entromax.labels.budget import LabelBudget
from entromax.labels.record import STATES
from entromax.labels.store import forget
from entromax.layout import CampaignFolder
from entromax.new_campaign import init_campaign
from entromax.progress import Labels, Stage, labels, load_results, stages
from entromax.runtime import atomic_path
from entromax.structures import library_structures, read_library
from entromax.structures.io import write_for_programs
from entromax.structures.shipped import DEFAULT_ORDER, LATEST


def command_line() -> argparse.ArgumentParser:
    """Return the commands and their options."""
    parser = argparse.ArgumentParser(prog="entromax", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {entromax.__version__}")
    shtab.add_argument_to(parser, help="commands for the shell's completion, to be put where it looks for them")
    parser.add_argument("--results", type=Path, default=Path("results"), help="results folder of the campaign")
    parser.add_argument("--store", type=Path, help="label store; default: the one that the campaign names")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="a campaign in a folder of its own: workflow, profiles, settings to edit")
    init.add_argument("folder", type=Path, help="new or empty")
    status = commands.add_parser("status", help="what is done, failed (with reasons) and left")
    status.add_argument("--failures", type=int, default=0, metavar="N", help="failures listed per element, one by one")
    status.add_argument("--job-minutes", type=float, default=30.0, help="length of label jobs to size shards for")
    inspect = commands.add_parser(
        "inspect", help="one structure: what it is, its attempts, the engine's words, picture"
    )
    inspect.add_argument("sid", help="beginning of its sid or library_sid")
    inspect.add_argument("--picture", type=Path, help="PNG to write; default: SID.png here")
    inspect.add_argument("--lines", type=int, default=15, metavar="N", help="last lines of the engine's output")
    retry = commands.add_parser("retry", help="label failed structures again in the next run")
    retry.add_argument("element", help="chemical symbol")
    retry.add_argument("--only", choices=STATES[1:], action="append", help="states to retry; default: all failures")
    export = commands.add_parser("export", help="write the dataset of an element for other fitting programs")
    export.add_argument("element", help="chemical symbol")
    export.add_argument("--format", choices=FORMATS, nargs="+", required=True, help="one or more of these")
    export.add_argument("--output", type=Path, default=Path("exports"), help="folder that gets one per format")
    _add_publish(commands)
    _add_check(commands)
    _add_element(commands)
    yaml = commands.add_parser("check-config", help="configuration files: file and line of what is not valid YAML")
    yaml.add_argument("files", nargs="+", type=Path, help="files for Snakemake's --configfile")
    compare = commands.add_parser("compare", help="two campaigns side by side: settings, labels, errors, robustness")
    compare.add_argument("campaigns", nargs=2, type=Path, metavar="RESULTS", help="results folders of both")
    compare.add_argument("--output", type=Path, default=Path("comparison.html"), help="page; a CSV goes beside it")
    library = commands.add_parser("library", help="structures of the shipped library, for a DFT workflow of your own")
    library.add_argument("--element", help="chemical symbol; without one the structures stay in units of d_nn")
    library.add_argument("--d-nn", type=float, metavar="Å", help="scale; default: that of config/elements")
    library.add_argument("--atoms", type=int, nargs=2, default=[1, 8], metavar=("MIN", "MAX"), help="atoms in a cell")
    library.add_argument(
        "--volume",
        type=float,
        nargs=2,
        metavar=("MIN", "MAX"),
        help="v* [d_nn^3 per atom]; default: that of config/elements, all with --d-nn",
    )
    library.add_argument("--number", type=int, help="the first so many; default: all")
    library.add_argument("--version", type=int, default=LATEST, help="of the library")
    library.add_argument(
        "--order",
        default=DEFAULT_ORDER,
        help="labels (default): to fit to; diverse: most different environments first",
    )
    library.add_argument("--format", default="extxyz", help="poscar or another that ASE writes (ase info --formats)")
    library.add_argument("--output", type=Path, required=True, help="file, or folder where a file holds one structure")
    for command in (parser, *commands.choices.values()):
        for argument in command._actions:
            if argument.type is Path:
                argument.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = command_line().parse_args(arguments)
    try:
        if options.command == "status":
            _status(options.results, options.store, options.failures, options.job_minutes)
        elif options.command == "init":
            _init(options.folder)
        elif options.command == "inspect":
            _inspect(options.results, options.store, options.sid, options.picture, options.lines)
        elif options.command == "library":
            _library(options)
        elif options.command == "check":
            _check(options.potential, options.structures, options.output)
        elif options.command == "element":
            _element(options)
        elif options.command == "check-config":
            _check_config(options.files)
        elif options.command == "compare":
            _compare(options.campaigns, options.output)
        elif options.command == "publish":
            _publish(options)
        elif options.command == "export":
            _export(options.results, options.element, options.format, options.output)
        else:
            _retry(options.results, options.store, options.element, options.only or STATES[1:])
    except ConfigError as error:
        print(f"entromax: {error}", file=sys.stderr)
        if options.command not in ("check", "check-config", "compare", "element", "init", "library"):
            print("entromax: no campaign there yet? name its folder: --results", file=sys.stderr)
        return 2
    return 0


def _add_publish(commands: Any) -> None:
    publish = commands.add_parser("publish", help="one folder of an element to deposit: potentials, dataset, report")
    publish.add_argument("element", help="chemical symbol")
    publish.add_argument("--output", type=Path, help="folder written; default: published/ELEMENT")
    publish.add_argument("--author", action="append", default=[], metavar="NAME", help="for CITATION.cff; repeat it")
    publish.add_argument("--licence", default="CC-BY-4.0", metavar="SPDX", help="of structures, labels, coefficients")


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="your structures: do they lie where a potential was tested?")
    check.add_argument("potential", type=Path, help="its folder, such as results/Al/potentials/ace")
    check.add_argument("structures", type=Path, help="file of any format that ASE reads")
    check.add_argument("--output", type=Path, help="CSV written; default: STRUCTURES_check.csv beside the structures")


def _init(folder: Path) -> None:
    init_campaign(folder)
    print(f"{folder}: config/config.yaml is the quickstart; edit it or write a file of your own, then")
    print(f"cd {folder} && snakemake --profile profiles/local --dry-run")


def _add_element(commands: Any) -> None:
    element = commands.add_parser("element", help="make the file of an element: crystals, volumes, cutoff, k-spacing")
    element.add_argument("symbol", help="chemical symbol")
    element.add_argument("--engine", default="gpaw", help="that measures and will label; default: gpaw")
    element.add_argument("--level", choices=LEVELS, default="standard", help="how far it must be converged")
    element.add_argument("--ground-state", choices=CRYSTALS, help="instead of the published one")
    element.add_argument("--output", type=Path, help="file; default: config/elements/SYMBOL.yaml")
    element.add_argument("--force", action="store_true", help="replace the file")
    element.add_argument("--dry-run", action="store_true", help="say what would be calculated")


def _status(results: Path, store: Path | None, failures: int, job_minutes: float) -> None:
    campaign = load_results(results)
    console = Console()
    console.print(f"[bold]{campaign.campaign}[/bold]  {results}, seed {campaign.seed}")
    console.print(_stage_table(stages(campaign, results)))
    folder = store or Path(campaign.labels.store)
    found = [labels(campaign, results, folder, element) for element in campaign.elements]
    console.print(_label_table(found, "labels"))
    if campaign.validation.transfer.structures:
        second = [labels(campaign, results, folder, element, conventional=True) for element in campaign.elements]
        console.print(_label_table(second, "labels of the conventional set"))
        found += second
    for element in found:
        for reason in element.reasons():
            console.print(
                f"[red]{element.element} {reason.count} {reason.state}[/red]: {escape(reason.example.reason)} "
                f"(such as {reason.example.sid})",
                soft_wrap=True,
            )
        for record in element.failures[:failures]:
            console.print(f"  {record.sid} {record.state}: {escape(record.reason)}", soft_wrap=True)
    sizes = [size for element in found if (size := element.shard_size(job_minutes)) is not None]
    if sizes:
        console.print(
            f"A label job of {job_minutes:g} min holds {min(sizes)} structures (labels.shard_size is now "
            f"{campaign.labels.shard_size}; a change repeats no calculation)."
        )
    if any(element.failures for element in found):
        console.print("One of them: entromax inspect SID.")
        console.print("To label failures again: entromax retry ELEMENT --only STATE, then run the workflow with")
        console.print(f"--forcerun {_label_rules(campaign)}. What has a label is not calculated again.")


def _stage_table(found: list[Stage]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "", "done", "of"):
        table.add_column(name, justify="left" if name in ("stage", "") else "right")
    for stage in found:
        bar = ProgressBar(total=stage.total, completed=stage.done, width=24)
        table.add_row(stage.name, bar, str(stage.done), str(stage.total))
    return table


def _label_table(found: list[Labels], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in (*STATES, "left", "s each", "per hour", "h left"):
        table.add_column(name, justify="right")
    for element in found:
        rest = (
            "-" if value is None else f"{value:.{digits}f}"
            for value, digits in ((element.mean_seconds, 1), (element.per_hour, 0), (element.hours_left, 1))
        )
        states = (str(element.states.get(state, 0)) for state in STATES)
        table.add_row(element.element, *states, str(element.left), *rest)
    return table


def _inspect(results: Path, store: Path | None, sid: str, picture: Path | None, lines: int) -> None:
    from entromax.inspection import draw, find_structures, last_lines, summary

    campaign = load_results(results)
    console = Console()
    for entry in find_structures(results, store or Path(campaign.labels.store), sid):
        console.print(f"[bold]{entry.element} {entry.sid}[/bold]")
        for name, text in summary(entry).items():
            console.print(f"  {name}: {escape(text)}", soft_wrap=True)
        for number, attempt in enumerate(entry.record.attempts if entry.record else [], start=1):
            console.print(
                f"  attempt {number}: {attempt.name} ({attempt.changes or 'as configured'}), {attempt.outcome} "
                f"{escape(attempt.reason)} {attempt.seconds:.1f} s, {attempt.iterations or '-'} iterations",
                soft_wrap=True,
            )
        if entry.output is not None:
            console.print(f"  output of the engine: {entry.output}; its last lines:", soft_wrap=True)
            for line in last_lines(entry.output, lines):
                console.print(f"    {line}", soft_wrap=True, markup=False, highlight=False)
        path = picture or Path(f"{entry.sid}.png")
        draw(entry.atoms, path)
        console.print(f"  picture: {path}", soft_wrap=True)


def _retry(results: Path, store: Path | None, element: str, states: Sequence[str]) -> None:
    campaign = load_results(results)
    found = forget(store or Path(campaign.labels.store), element, states)
    for state, sids in found.items():
        print(f"{element}: {len(sids)} {state}")
    print(f"now run the workflow again with --forcerun {_label_rules(campaign)}")


def _label_rules(campaign: CampaignSettings) -> str:
    others = {"label_active": campaign.active.iterations, "label_conventional": campaign.validation.transfer.structures}
    return " ".join(["label_shard", *(name for name, number in others.items() if number)])


def _check(potential: Path, structures: Path, output: Path | None) -> None:
    # The features need torch, which the other commands do not wait for.
    from entromax.validation.regime import LIMITS, check_structures

    found = check_structures(potential, structures)
    path = output or structures.with_name(f"{structures.stem}_check.csv")
    with atomic_path(path) as temporary:
        found.to_csv(temporary, index=False)
    table = Table(box=None, pad_edge=False)
    for column in found:
        justify: Any = "left" if column in ("name", "outside") else "right"
        table.add_column(LIMITS.get(str(column), str(column)), justify=justify, overflow="fold")
    for row in found.to_dict("records"):
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else escape(str(value)) for value in row.values()))
    Console().print(table)
    print(f"{(found['outside'] == '').sum()} of {len(found)} structures lie inside the regime of {potential}; {path}")


def _element(options: argparse.Namespace) -> None:
    from entromax.elements import make_element, plan, write_element  # needs torch, which other commands do not wait for

    path = options.output or Path("config/elements", f"{options.symbol}.yaml")
    wanted = {"engine": options.engine, "level": options.level, "crystal_name": options.ground_state}
    print(plan(options.symbol, **wanted))
    if path.exists() and not options.force:
        raise ConfigError(f"{path}: is there already; --force replaces it, --output names another file")
    if options.dry_run:
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    budget = LabelBudget(options.store or LabelSettings().store)
    write_element(make_element(options.symbol, budget=budget, **wanted), path)
    print(f"{path}: look at it, then name {options.symbol} below `elements` of a campaign")


def _check_config(files: Sequence[Path]) -> None:
    """Read files as Snakemake will, which says neither file nor line; keys and values it leaves to the workflow."""
    for path in files:
        read_yaml(path)
        print(f"{path}: is valid YAML")


def _export(results: Path, element: str, formats: Sequence[str], output: Path) -> None:
    dataset = CampaignFolder(results).element(element).dataset
    if not (dataset / "train.extxyz").is_file():
        raise ConfigError(f"{dataset}: holds no dataset of {element}; run the campaign up to aggregate_dataset first")
    for name in formats:
        export_dataset(dataset, name, output / name)
        print(f"{element}: {output / name}")


def _publish(options: argparse.Namespace) -> None:
    from entromax.publish import publish  # needs the drawing library, as the reports do

    output = options.output or Path("published", options.element)
    publish(options.results, options.element, output, authors=options.author, licence=options.licence)
    print(f"{options.element}: {output}; its README.md says what is there")
    if not options.author:
        print("before you deposit it: name the authors (--author)")


def _library(options: argparse.Namespace) -> None:
    try:
        structures = _chosen(options)
        files = write_for_programs(options.output, structures, options.format)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    written = files[0] if len(files) == 1 else options.output
    print(f"{len(structures)} structures, {sum(map(len, structures))} atoms: {written}")


def _chosen(options: argparse.Namespace) -> list[Atoms]:
    """Return the structures of the shipped library that the options of ``entromax library`` ask for."""
    d_nn, volume = options.d_nn, options.volume
    if options.element is None:
        return read_library(options.version, order=options.order).select(options.atoms, volume, options.number)
    if d_nn is None:
        folders = [ELEMENT_FILES, Path("config/elements")]
        element = load_element(options.element, origin="entromax library --element", element_dirs=folders)
        d_nn, volume = element.d_nn, volume or element.volume
    return library_structures(
        options.element,
        d_nn,
        volume=volume,
        atoms=options.atoms,
        number=options.number,
        version=options.version,
        order=options.order,
    )


def _compare(folders: Sequence[Path], output: Path) -> None:
    # The reports need the drawing library, which no other command does.
    from entromax.report.pages.compare import Campaign, names, ratio, show, write_comparison

    campaigns = Campaign.load(folders[0]), Campaign.load(folders[1])
    comparison = write_comparison(*campaigns, output)
    table = Table(box=None, pad_edge=False)
    for heading in ("", *names(*campaigns), "second over first"):
        table.add_column(escape(heading), justify="left" if not heading else "right", overflow="fold")
    for topic, rows in comparison.groupby("topic", sort=False):
        table.add_row(f"[bold]{topic}[/bold]")
        for row in rows.to_dict("records"):
            table.add_row(escape(row["what"]), escape(show(row["a"])), escape(show(row["b"])), ratio(row))
    Console().print(table)
    print(f"written to {output} and {output.with_suffix('.csv')}")


if __name__ == "__main__":
    sys.exit(main())
