"""Pictures of data, fits and paths; a file per idea, a function per picture.

Every function takes plain arrays, returns a matplotlib Axes and draws on `ax` where one is given. Without one it makes
a Figure of its own, outside pyplot: nothing is left open, and no window or backend is needed. Save it by
`ax.figure.savefig(path)`; in a notebook pass an `ax` of `plt.subplots()`. The Display classes draw what scikit-learn's
own displays do not know (certificate, path, weights, confidence of several classes) from results and estimators; for
confusion matrices and decision boundaries of an estimator scikit-learn's ConfusionMatrixDisplay and
DecisionBoundaryDisplay do as well.

loss, confusion, confused_pairs, convergence, regularisation, sparse_path, validation, weights, feature_weights,
regions, reliability, race, probe, comparison: each of a picture or two
displays  the same from results and estimators
style     colours, names and axes that they share, and how they are saved

They are imported when first used: a run that draws two pictures need not wait for the others.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
