"""What is trained beside what is served: rows, the model's folder, swift's template, a server."""
