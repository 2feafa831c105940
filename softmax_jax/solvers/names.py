"""The solvers by their names: where each record is. Nothing is imported, so that the command line can list them."""

SOLVERS = {
    "auto": None,  # by size, see `selection`
    "lbfgs": "lbfgs.LBFGS",
    "newton-cg": "newton_cg.NewtonCG",
    "newton": "newton.Newton",
    "proximal-newton": "proximal_newton.ProximalNewton",
    "sgd": "gradient_descent.SGD",
}
