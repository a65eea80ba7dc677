"""Training: a subprocess that trains, and the activity that watches over it."""
