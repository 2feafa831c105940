"""`softmax-jax probe`: a linear probe by a published protocol, every fit of it certified."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softmax_jax.cli import options
from softmax_jax.cli.ctrl_c import CtrlC
from softmax_jax.cli.probe_options import ProbeOptions
from softmax_jax.cli.settings import write_settings
from softmax_jax.cli.terminal import INTERRUPTED_BUT_SAVED, Rows, print_facts, say, say_before, verdict

if TYPE_CHECKING:
    from softmax_jax.probing.run import ProbeRun
    from softmax_jax.probing.search import ProbeProgress
    from softmax_jax.probing.trials import Step

_WIDTHS = (6, 8, 8, 7, 15, 15, 8)  # 79 characters with what is between: a terminal has 80
_OF_STEPS = (16, 5, 5, 9, 10, 8)


@options.takes(ProbeOptions)
def probe(given: ProbeOptions) -> int:
    """Tune the penalty by a published protocol on validation rows, and fit the winner to all but the test.

    For example:

      softmax-jax probe features.npy --labels labels.npy

      softmax-jax probe digits --preset dinov2 --report report

      softmax-jax probe features.npy --labels labels.npy --sparse 10

      softmax-jax probe layer1.npy layer2.npy --labels labels.npy --seeds 5

      softmax-jax probe layer1.npy layer2.npy --labels labels.npy --shots 1,2,4,8,16 --seeds 5

      softmax-jax probe train.parquet --val val.parquet --test-file test.parquet --target label --l2-grid 1e-6:10:15

    Several DATA are features of the same rows: they are tested on the same rows, and their differences have intervals.

    Columns are standardised; the presets' sources take features as they are: --no-standardise follows them.

    Exit code 0: all converged, their gaps are proven. 1: ran, not all converged. 2: bad input. 130: interrupted;
    what was done is printed and written.
    """
    return _several(given) if given.is_several else _one(given)


def _one(given: ProbeOptions) -> int:
    """A probe of one set of features."""
    from softmax_jax.probing.run import train_probe, write_probe, write_winner  # JAX loads here: --help stays quick
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.progress import SearchLine
    from softmax_jax.storage.before import search_before

    settings, (data, val, test) = given.settings(), given.open_all()
    folder = options.folder_for(given.out, "--out")  # before the work, whose result must not be lost
    page = None if given.report is None else options.folder_for(given.report, "--report") / "report.html"
    rows = None if given.as_json else _Strengths(given.sparse)
    say_before(search_before(given.checkpoint))
    with SearchLine() as line:
        pressed = CtrlC(line)  # not entered: the search answers Ctrl-C by itself

        def tell(progress: ProbeProgress) -> None:
            line(progress)
            if rows is not None:
                rows(progress)

        keep = functools.partial(pressed.keep, lambda probe: write_winner(probe, data.feature_names, folder))
        settings |= {"test": given.test_share(), "seed": given.seed, "callback": tell, "fitted": keep}
        try:
            run = train_probe(data, val, test, **settings)
            written = [*write_probe(run, folder, model=pressed.model), write_settings(given, folder, "probe")]
            if page is not None:
                tested = (run.X_test, run.y_test) if len(run.y_test) else (None, None)
                written.append(run.probe.write_report(page, *tested, name=data.name))
        except KeyboardInterrupt:
            if pressed.model is None:
                raise
            say("interrupted", f"The model is written to {pressed.model}; numbers and pictures may be missing.")
            return INTERRUPTED_BUT_SAVED
    if given.as_json:
        print(to_json(run.summary))
    else:
        _print(run, written)
    return _verdict(run)


def _several(given: ProbeOptions) -> int:
    """Several features, seeds or shots."""
    from softmax_jax.probing.several import draw_several, probe_several, summary_of_several, write_several
    from softmax_jax.runs.artifacts import to_json
    from softmax_jax.runs.progress import StepLine
    from softmax_jax.storage.before import search_before

    settings = given.settings() | given.several()
    data, test = given.open_several()
    folder = options.folder_for(given.out, "--out")
    say_before(search_before(given.checkpoint))
    heads = ("features", "seed", "shots", "l1" if given.sparse else "l2", "validation", "test")
    rows = None if given.as_json else Rows(heads, _OF_STEPS)
    with StepLine() as line:

        def tell(step: Step) -> None:
            line(step)
            if rows is not None:
                scores = f"{step.l1 or step.l2:.3g}", f"{step.val_accuracy:.4f}", f"{step.accuracy:.4f}"
                rows.row([step.name, str(step.seed), str(step.shots or "all"), *scores])

        found = probe_several(data, test, callback=tell, **settings)
    written = [*write_several(found, folder), write_settings(given, folder, "probe")]
    try:
        written.append(draw_several(found, folder))
    except KeyboardInterrupt:
        say("interrupted", f"{' and '.join(map(str, written))} are written, the picture is not.")
        return INTERRUPTED_BUT_SAVED
    if given.as_json:
        print(to_json(summary_of_several(found)))
    else:
        print(f"\n{found}")
        print_facts({"written": written})
    if found.stopped:
        return verdict("interrupted", "The probes that are done are written.")
    words = f"In {found.n_unconverged} probes some fit did not converge; raise --max-iter or --tol."
    return verdict("not converged" if found.n_unconverged else "converged", words)


class _Strengths:
    """The table of the search, a row for each penalty as it is done."""

    def __init__(self, sparse: int | None) -> None:
        self._sparse, self._rows = sparse, None

    def __call__(self, p: ProbeProgress) -> None:
        from softmax_jax.probing.words import heads, row_cells

        if self._rows is None:
            names = ("so far", *heads(p.unit, self._sparse)[1:])
            self._rows = Rows(names, _WIDTHS[:2] + _WIDTHS[-len(names) + 2 :])
        mark = "best" if p.is_best else ""
        penalty = p.l2 if p.n_features is None else p.n_features
        self._rows.row(
            row_cells(mark, p.unit, p.strength, penalty, p.duality_gap, p.status, p.val_loss, p.val_accuracy)
        )


def _print(run: ProbeRun, written: list[Path]) -> None:
    from softmax_jax.probing import words
    from softmax_jax.runs import metrics

    s, probe = run.summary, run.probe
    told = words.facts(probe)
    rows = f"{s['data']}: {s['refit']['n_features']} features, {s['refit']['n_classes']} classes"
    rows += f", test {s['n_test']} rows" if s["n_test"] else ""
    facts: dict[str, Any] = {"protocol": words.title(probe), "data": rows, "read": s["notes"]}
    facts |= {"validation rows": s["validation"], **{name: told[name] for name in told if name != "note"}}
    facts["train accuracy"] = f"{s['refit']['accuracy_train']:.4f} of {s['refit']['n_train']} rows"
    if run.metrics is not None:
        facts |= {f"test {name}": value for name, value in metrics.told(run.metrics).items()}
    print_facts(facts | {"device, dtype": f"{s['refit']['device']}, {s['refit']['dtype']}", "written": written})
    if probe.note:
        say("note", probe.note)


def _verdict(run: ProbeRun) -> int:
    probe = run.probe
    if probe.status == "interrupted":
        done = f"{len(probe.strengths)} penalties are done; the best of them is written"
        return verdict("interrupted", f"{done}, as it was found on the training rows." if probe.stopped else f"{done}.")
    ended = [status for status in (*probe.path.status, probe.result.status) if status != "dropped"]
    short = [status for status in ended if status != "converged"]
    kinds = ", ".join(map(repr, sorted(set(short))))
    words = f"{len(short)} of {len(ended)} fits ({kinds}); raise --max-iter or --tol."
    return verdict("not converged" if short else "converged", words)
