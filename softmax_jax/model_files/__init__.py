"""Models as files: `save` and `load`, and programs that predict without this library.

files    `save` and `load`
kinds    each kind of model as texts and tensors, and back: the table
fitted   parameters, FitResult and the estimators
plain    a fit as an estimator, without making one
steps    scikit-learn's steps that can be stored, and pipelines of them
parts    the record of texts and tensors, and what all kinds check
values   hyperparameters and labels
affine   a model as standardisation, product and sum: what is exported
export   `export_predict`, a program of JAX
torch_layer  `export_torch`, nn.Linear, and its state dict
onnx_graph   `export_onnx`
"""
