"""The scikit-learn face of the library.

base              fitted parameters as a classifier
fitting           what the fits of the estimators share: the input is checked once, all is set or nothing
regression        SoftmaxRegression
folds             rows trained on and held out
cross_validation  `cross_validate`: folds and strengths in one sweep
sparse_folds      the same along l1: a path of warm starts in each fold
regression_cv     SoftmaxRegressionCV
scoring           scores of held-out rows: weights, metadata routing, all classes where a fold lacks one
"""
