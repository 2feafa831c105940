"""The scikit-learn face of the library.

base              fitted parameters as a classifier
regression        SoftmaxRegression
cross_validation  `cross_validate`: folds and strengths in one sweep
regression_cv     SoftmaxRegressionCV
scoring           scores of held-out rows: weights, metadata routing, all classes where a fold lacks one
"""
