"""One evaluation task per file. None imports another."""
