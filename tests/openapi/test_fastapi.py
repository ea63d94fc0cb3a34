"""The document that FastAPI writes of an application, as ms-swift's and vLLM's servers have one."""

import enum
import json
from pathlib import Path
from typing import Annotated

import pytest
from helpers.openapi_documents import TEXT, tools

fastapi = pytest.importorskip("fastapi", reason="FastAPI comes with ms-swift")


class Unit(enum.StrEnum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


def test_document_of_an_application(tmp_path: Path) -> None:
    """OpenAPI 3.1, with what pydantic makes of enums, optional values and models in a list."""
    import pydantic

    class Place(pydantic.BaseModel):
        city: str
        country: str | None = None

    application = fastapi.FastAPI()

    @application.get("/weather/{day}")
    def get_weather(
        day: int, unit: Unit = Unit.KELVIN, trace: Annotated[str | None, fastapi.Header()] = None
    ) -> str:
        """The weather of a day."""
        return f"{day} {unit} {trace}"

    @application.post("/places")
    def add_places(places: list[Place]) -> None: ...

    made, report = tools(tmp_path, json.dumps(application.openapi()))
    weather = made["get_weather_weather__day__get"]
    assert weather["description"] == "Get Weather\n\nThe weather of a day."
    properties = weather["parameters"]["properties"]
    assert properties["unit"]["enum"] == ["celsius", "kelvin"]
    assert properties["trace"]["anyOf"] == [TEXT, {"type": "null"}]
    assert report["made"][0]["parameters"]["trace"] == "header:trace"
    place = made["add_places_places_post"]["parameters"]["properties"]["body"]["items"]
    assert place["required"] == ["city"]
