"""Models as files: `save` and `load`, and a program that predicts with JAX alone.

files       `save` and `load`
kinds       each kind of model as texts and tensors, and back
values      hyperparameters and labels
parts       parameters and classes, which all kinds have
estimators  the fitted estimators
pipelines   estimators behind steps
steps       scikit-learn's steps that can be stored
export      `export_predict`
"""
