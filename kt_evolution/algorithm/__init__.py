"""History in, proposal out: the search itself, with NumPy and SciPy only.

Glossary:

- gene: one hyperparameter of the search space, known by its name and the
  conditions under which it is active.
- genome: one code in [0, 1) for each gene of the space, inactive genes
  included, so that children inherit the values of those as well.
- active: a gene is active if its conditions hold for the values of the genome.
- expressed: a gene is expressed if it is active and the hypermodel asks for it
  when it is built with the values of the genome.
- phenotype: the values of the expressed genes; genomes with equal phenotypes
  are the same model.
- offspring: new genomes, made from parents by selection, crossover and
  mutation.
- survival: the rule that derives the population, whose members become parents,
  from all evaluated individuals.
- surrogate: a model that is fitted to the history and predicts the scores of
  models that are not trained yet.
- calibration: how far results were from earlier predictions, and so how far
  they may be from the next one. It concerns what is reported only.
- acquisition: the number that says how much is gained by training a model,
  given the surrogate's predictions; the proposal is the offspring that has
  the largest one.
- re-evaluation: one more training of a model that was trained before, because
  scores are noisy and the best score may be due to luck.
- fidelity: for how many epochs an individual was trained.
- rung: a fidelity at which individuals are compared.
- paused: trained to a rung below the last one. A paused individual that is
  trained on, from its own state, is promoted.
"""
