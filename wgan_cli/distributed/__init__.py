"""Several processes that train one run: who has which images, what they agree on, and what they tell each other.

torchrun starts the processes. Every one holds all weights and computes its share of each batch; after each backward
pass the gradients are averaged (`gradients`), so that all weights stay the same. Everywhere random numbers are drawn
for the whole batch (`draws`), and what looks at a whole batch looks at all shares of it (`whole_batch`), so that the
result does not depend on the number of processes. Process 0 leads: it alone writes and speaks (`company`).

Whoever runs alone has the whole batch, and nothing here costs anything then.
"""
