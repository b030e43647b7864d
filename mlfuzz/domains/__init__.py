"""What a model input is: its arrays, their grid, its files and what every value must satisfy."""
