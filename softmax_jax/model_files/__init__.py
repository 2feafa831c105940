"""Models as files: `save` and `load`, and a program that predicts with JAX alone.

files    `save` and `load`
kinds    each kind of model as texts and tensors, and back: the table
fitted   parameters, FitResult and the estimators
plain    a fit as an estimator, without making one
steps    scikit-learn's steps that can be stored, and pipelines of them
parts    the record of texts and tensors, and what all kinds check
values   hyperparameters and labels
export   `export_predict`
"""
