"""Runs: from data to a fit and what it leaves on disk.

splitting          rows for training and for testing, standardised
stratified         which rows: those that scikit-learn would draw
scaling            mean and deviation of columns, as of scikit-learn
streaming          which rows are read by blocks
summary            what a run used and found, and how it is told
training           the main job: split, fit, evaluate, check the gradient
distributed        the same over processes: shards read, fitted, written by the first
artifacts          what a run leaves on disk
pictures           its pictures, from plain arrays
painter            the process that draws them
metrics            accuracy, F1, log loss, calibration of probabilities, by class
predict_table      predictions of a saved model as a table
benchmark          this library against scikit-learn on one data set, with one judge
load               what others took of the machine while something was timed, and whether a ratio may be given
blas_threads       rivals on one BLAS thread and on all
gradient_audit     `compare_gradients` on each device and in each dtype
product_precision  how exactly each device multiplies
progress           the live line of a fit
screens            where the line is shown
versions           what a bug report needs
"""
