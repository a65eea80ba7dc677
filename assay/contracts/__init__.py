"""Names, frozen messages and activity stubs: all that crosses a process border, and nothing that does work.

base        Message, Digest, Reference, Rate: the alphabet
errors      the error tree, with codes and remedies
names       workflow ids, task queues, update names, search attributes
policy      gates and their decisions
data        sources, intake, datasets
training    recipes, run specs, checkpoints
evaluation  suites, arms, scores
promotion   cards, approvals, signed versions
rollout     route tables, canaries, analysis, incidents
lifecycle   the whole way, as one request
"""
