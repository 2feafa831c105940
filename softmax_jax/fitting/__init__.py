"""One fit: check, place, choose a solver, run, certify.

single         `fit` and its result
sparse         fits with l1: the data placed once, solved at one strength after the other
returned       outcomes of transformed data as those of the data given
doors          solvers by their names; others' arguments answered with ours
arguments      what fits have in common, checked at their entry
starts         where a fit starts, classes without mass aside
sparse_solver  from names of solvers and l1 to records
messages       what a status means, and the next thing to do
data_warnings  what is odd about data whose fit is right
predicting     what a FitResult says of rows
spread         whether columns differ too much in spread for one penalty
warned         what functions warn of by themselves
implicit       the optimum as a differentiable function of X, T, l2 and sample weights
"""

from softmax_jax.fitting.single import FitResult, fit

__all__ = ["FitResult", "fit"]
