"""Solvers: one algorithm per file, each a frozen record with pure `init` and `step`; and the one loop that runs them.

protocol          what is asked of a solver
lbfgs             L-BFGS
newton_cg         Newton's method with conjugate gradients
newton            Newton's method with the dense Hessian
proximal_newton   proximal Newton, for penalties with l1
proximal_model, proximal_search: the minimum of its model, and its step length
working_sets      fits with l1, on few features at a time and proven on all
gradient_descent  gradient descent by minibatches, with any optax optimiser
line_search       the step along a direction
preconditioner    the second moment of the features, factorised
conjugate_gradients, vectors: what algorithms share
steps             what is dispatched: a chunk of steps of any solver
stopping          when a fit has ended, and as what
driver            the loop over chunks: certificate, callback, checkpoint, float64, next solver
batched, batched_passes: the same for many problems in one program
solutions         what is found, for one problem and for many
unpenalised       l2 = 0: what a gradient is measured in
separability      are the data separated, so that l2 = 0 has no optimum
selection         which solver suits a problem
one_thread        LAPACK on one thread while a compiled program calls it
names             the solvers by their names, without importing them
hyperparameters   from the words of a user to a record
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
