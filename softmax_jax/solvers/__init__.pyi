from .gradient_descent import SGD
from .lbfgs import LBFGS
from .newton import Newton
from .newton_cg import NewtonCG
from .proximal_newton import ProximalNewton

__all__ = ["LBFGS", "SGD", "Newton", "NewtonCG", "ProximalNewton"]
