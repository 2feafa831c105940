"""Linear probes: a published protocol carried out on frozen features, every fit of it certified.

linear        `linear_probe`
result        what it returns: predicts, prints, draws, is saved
rows          rows trained on and held out, checked and split
streamed_rows the same where they are read by blocks
preparation   what is done to features before they are fitted
search        strengths tried, all at once or around a peak
along_l2      the search of a protocol, and its winner fitted again
few_features  the same along l1, with at most so many features
folds         strengths scored on folds in place of validation rows
uncertainty   standard error of a share, ties and peaks beyond it
words         a probe in words: cells, facts, notes
stored        a probe as texts and tensors, and as a scikit-learn model
files         `save` and `load` for every kind of model
comparison    `compare_probes`: several features, the same test rows, seeds
paired        the difference of two models on the same rows, with an interval
shots         `few_shot_curve`: accuracy against labelled rows a class
trials        what several probes have in common
several       the same of data sets as files
page          a probe as one HTML page
run           a probe of data sets as files
"""
