"""Side effects: one folder per concern, each activity a thin shell over plain functions beside it."""
