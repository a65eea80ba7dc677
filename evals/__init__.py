"""Evaluation: suites, tasks, scorers, reports, model cards. No Temporal; a model is only a `Generate`."""
