"""swiftkit: from raw tool-call data to a fine-tuned, served and measured model, on ms-swift."""

__version__ = "0.1.0"
