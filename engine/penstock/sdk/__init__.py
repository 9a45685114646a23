"""What users program against: tasks, workflows, workers and clients. Needs no server extra."""
