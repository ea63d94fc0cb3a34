"""YAML of a dozen lines that stands for billions of values."""

ALIAS_BOMB = "a0: &a0 [x, x]\n"
MERGE_BOMB = "m0: &m0 {x: 1}\n"
for _number in range(1, 12):
    _aliases = ", ".join([f"*a{_number - 1}"] * 9)
    ALIAS_BOMB += f"a{_number}: &a{_number} [{_aliases}]\n"
    _merges = ", ".join([f"*m{_number - 1}"] * 9)
    MERGE_BOMB += f"m{_number}: &m{_number} {{<<: [{_merges}]}}\n"
