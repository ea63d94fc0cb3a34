"""The demo's tools as functions, for rewards and rollouts that call them (SWIFTKIT_TOOLS).

Nothing here asks the network: the same call gives the same result. What a conversation of the data
is about (its orders, its restaurants) stands in the row's `state`, which make.py writes, so that a
tool answers as the recorded result does.
"""

import re
import zlib
from typing import Any

State = dict[str, Any]
RATES = {
    "USD": 1.0, "EUR": 0.92, "CNY": 7.2, "JPY": 150.0, "GBP": 0.79, "CHF": 0.88, "KRW": 1350.0,
    "INR": 83.0,
}  # fmt: skip
# What one unit is in meters, kilograms or liters.
UNITS = {
    "length": {
        "kilometers": 1000, "miles": 1609.344, "meters": 1, "feet": 0.3048,
        "公里": 1000, "英里": 1609.344, "米": 1, "英尺": 0.3048,
    },
    "mass": {
        "kilograms": 1, "pounds": 0.45359237, "grams": 0.001, "ounces": 0.028349523125,
        "公斤": 1, "磅": 0.45359237, "克": 0.001,
    },
    "volume": {"liters": 1, "gallons": 3.785411784, "升": 1, "加仑": 3.785411784},
}  # fmt: skip


def get_weather(city: str, date: str) -> dict[str, Any]:
    number = _number(city, date)
    return {"sky": ("sunny", "cloudy", "rain")[number % 3], "celsius": number % 35}


def convert_units(value: float, from_unit: str, to_unit: str) -> dict[str, Any]:
    if (from_unit, to_unit) == ("celsius", "fahrenheit"):
        return {"value": round(value * 9 / 5 + 32, 4)}
    if (from_unit, to_unit) == ("fahrenheit", "celsius"):
        return {"value": round((value - 32) * 5 / 9, 4)}
    for units in UNITS.values():
        if from_unit in units and to_unit in units:
            return {"value": round(value * units[from_unit] / units[to_unit], 4)}
    # the demo's questions ask for this too
    return {"value": None, "note": f"{from_unit} cannot become {to_unit}"}


def convert_currency(amount: float, from_currency: str, to_currency: str) -> dict[str, Any]:
    return {"amount": round(amount / RATES[from_currency] * RATES[to_currency], 2)}


def search_web(query: str) -> list[dict[str, str]]:
    results = []
    for place in "123":
        url = f"https://example.org/{_number(query, place)}"
        results.append({"title": f"{query} ({place})", "url": url})
    return results


def create_event(title: str, date: str, time: str, *, state: State) -> dict[str, Any]:
    events = state.setdefault("events", [])
    events.append({"title": title, "date": date, "time": _clock(time)})
    return {"id": len(events)}


def list_events(date: str, *, state: State) -> list[dict[str, str]]:
    return [event for event in state.get("events", []) if event["date"] == date]


def get_order(order_id: str, *, state: State) -> dict[str, Any]:
    order: dict[str, Any] = state.get("orders", {}).get(order_id, {"status": "shipped"})
    return order


def cancel_order(order_id: str, reason: str, *, state: State) -> dict[str, Any]:
    order = {"status": "cancelled", "reason": reason}
    state.setdefault("orders", {})[order_id] = order
    return order


def set_alarm(time: str) -> dict[str, str]:
    return {"alarm": _clock(time)}


def translate(text: str, language: str) -> dict[str, str]:
    return {"text": f"[{language}] {text}"}  # no dictionary here


def find_restaurant(city: str, cuisine: str, *, state: State) -> dict[str, str]:
    known: dict[str, str] = state.get("restaurants", {})
    return {"name": known.get(f"{city}: {cuisine}", f"{cuisine} {_number(city, cuisine) % 98 + 2}")}


def send_message(to: str, text: str, *, state: State) -> dict[str, Any]:
    state.setdefault("messages", []).append({"to": to, "text": text})
    return {"sent": True}


def _number(*words: str) -> int:
    return zlib.crc32(" ".join(words).encode())


def _clock(time: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time):
        raise ValueError(f"{time!r} is no time; write HH:MM")
    return time
