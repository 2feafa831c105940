"""The command line: `softmax-jax fit iris`.

app           the program: its verbs, errors, warnings and Ctrl-C
options       what several verbs take, as records that typer reads; the one place where they open DATA
ctrl_c        what Ctrl-C leaves: a model that is written before its pictures
words         the library's arguments as options, in every message
terminal      tables on stdout, lines on stderr, exit codes
verb_fit      the main job
settings      options as TOML: written by a run, read by --from-config
fit_options   what fit takes
programs      compiled programs that are kept from one run to the next
distributed   fit over several processes
verb_predict  what a saved model says of the rows of a file
verb_evaluate how well a saved model predicts labels
models        saved models as the verbs take them
verb_export   a saved model for other programs
verb_probe    a linear probe by a published protocol
probe_options what probe takes
verb_check    is the gradient right on these data and devices?
verb_bench    this library against scikit-learn
"""

from softmax_jax.cli.app import run

__all__ = ["run"]
