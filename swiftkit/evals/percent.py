"""Shares in [0, 1] as text for people."""


def percent(share: float) -> str:
    """Return 0.75 as `75.0 %`."""
    return f"{100 * share:.1f} %"


def percent_interval(interval: tuple[float, float]) -> str:
    """Return (0.299, 0.701) as `29.9 to 70.1 %`."""
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def points(difference: float) -> str:
    """Return a difference of 0.15 as `+15.0`, in percentage points."""
    return f"{100 * difference:+.1f}"


def p_value(p: float) -> str:
    """Return 0.0421 as `0.042`, and a smaller one than 0.001 as `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
