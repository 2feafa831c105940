"""Softmax regression in JAX: the exact optimum, with a proof, from the same pure functions everywhere.

The public names are listed in `__init__.pyi`. They are imported when first used, so that `import softmax_jax` costs
nothing and touches no device.
"""

from __future__ import annotations

import lazy_loader

from softmax_jax._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
