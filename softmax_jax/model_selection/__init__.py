"""Many fits: paths of strengths, stacks of problems, protocols of probes.

path              `fit_path`
sweep             one strength after another, for several weightings of the same rows at once
sparse_path       the same along l1, from where all weights are zero
sweep_checkpoint  what a sweep keeps after each strength, and how it goes on
warm_starts       where to begin at one strength, from the optima at others
validation        scores of held-out rows along a path
choice            the best strength: highest score, of equals the least loss
pruning           which strengths cannot win
many              `fit_many`: a stack of small problems
stack             its problems, checked
tuning            `tune_l2`: gradient descent on log l2 through the optimum
protocols         how others probe: CLIP, DINOv2, SimCLR
sparse_search     probes of few features: along l1 until more than so many are used
"""
