"""Which model type, template and agent template swift takes for a recipe."""

from swiftkit.recipe.arguments import listed_model, table
from swiftkit.recipe.model_files import model_config, saved_arguments
from swiftkit.recipe.recipe import Recipe


def agent_template_of(recipe: Recipe) -> str:
    """Return the agent template that swift takes, "" where it has none or is not known here."""
    saved = {} if recipe.trains else saved_arguments(recipe)
    chosen = recipe.get_str("agent_template") or saved.get("agent_template")
    if chosen:
        return str(chosen)
    template = template_of(recipe)
    if template == "gpt_oss":  # swift_plugins/harmony_template.py
        return "harmony"
    return table().agent_templates.get(template, "")


def template_of(recipe: Recipe) -> str:
    """Return the template that swift takes, "" where it is not known here."""
    chosen = recipe.get_str("template") or saved_arguments(recipe).get("template")
    if chosen:
        return str(chosen)
    listed, types = listed_model(recipe.get_str("model")), types_of(recipe)
    if len(types) != 1:
        return ""
    if listed and listed[0] == types[0]:
        return listed[1]
    model_type = table().model_types[types[0]]
    if model_type.default_template is None and len(model_type.templates) == 1:
        return model_type.templates[0]
    return model_type.default_template or ""


def types_of(recipe: Recipe) -> list[str]:
    """Return the model type that is set or listed, else those of the model's architecture."""
    listed = listed_model(recipe.get_str("model"))
    wanted = recipe.get_str("model_type") or str(saved_arguments(recipe).get("model_type") or "")
    wanted = wanted or (listed[0] if listed else "")
    return [wanted] if wanted in table().model_types else model_types_of(model_config(recipe))


def model_types_of(config: dict[str, object]) -> list[str]:
    """Return swift's model types for the architecture that a config.json names."""
    names = config.get("architectures")
    if not isinstance(names, list) or not names:
        return []
    types = table().model_types.items()
    return [name for name, model_type in types if names[0] in model_type.architectures]
