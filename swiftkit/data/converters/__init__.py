"""One source format per file, and nothing else: `matches(record) -> bool` and `convert(record) ->
Iterable[Row]`.

Both are pure functions of one decoded JSON object; `convert` raises DataError, whatever the object
holds. The first line of a file's docstring says what the format is: `swiftkit convert` shows it. A
file that needs a second file beside the input names that file's folder as COMPANION; its row of the
same id is then merged into the record. `files_beside(record)` names files beside the input whose
objects, all together, become a column.
"""
