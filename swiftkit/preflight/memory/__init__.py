"""An estimate of the GPU memory that a training needs."""
