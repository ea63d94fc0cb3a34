"""One source format a file, and nothing else. A converter offers

    ORDER                          its place when a format is detected: the lowest that matches wins
    matches(record) -> bool        whether the record looks like this format; raises nothing
    convert(record) -> rows        the record's swift rows; raises DataError, whatever it holds
    READS                          the keys that it reads, by their paths (data/unread_fields.py)
    TARGETS                        optional: the targets for which it is detected; default: all
    LIST_COLUMN                    optional: the column that is a list of records where one object
                                   is a whole file; with
    holds_list(record) -> bool     whether it is such a file, and
    record_of(record, item)        one of its records, with what it needs of the rest
    COMPANION                      optional: a folder beside the input; its row of the same id, in
                                   the file of the same name, is merged into the record
    COMPANION_ID                   optional: the name of that id, where it is not "id"
    files_beside(record)           optional: columns, each with files beside the input whose
                                   objects, all together, become that column

`matches` and `convert` are pure functions of one decoded JSON object. The first line of a file's
docstring says what the format is: `swiftkit convert` shows it.

`matches` says only what its own format looks like, because the special formats come before the
general ones, and a test holds that no two have the same place:

    ORDER      a format is known by
    100-199    columns that judge an answer: chosen and rejected, a label
    200-299    columns that only one source has, without a chat
    300-399    what only one source has in a chat or beside it: blocks, a gold, channels, roles,
               tags in its texts
    400-499    a chat of a common form: OpenAI's messages, ShareGPT's conversations
"""
