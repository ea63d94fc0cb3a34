"""Names of parameters and keys whose text counts letter by letter, whatever a reader would
overlook: they say that it is a secret, a path, an address or code."""

import re
from functools import lru_cache

_LONGEST = 64  # a longer one is no name that somebody gave
_LITERAL_NAME = re.compile(
    r"""
    (?:^|_)(?:                          # a word of the name
        password | passwd | passphrase | passcode | pwd | pin | secret | credential | token
        | (?:api|access|private|public|secret|ssh)_?key | jwt | otp | session_id
        | path | (?:key|log|in|out)?file | filename | filepath | directory | dir | folder
        | url | uri | href | glob | regexp? | sql | cmd | shell | bash | command
        | (?:source|python|shell|html|js)_?code | code_?(?:snippet|block) | snippet | script
        | (?:date|time|datetime)_?format | expression
    )s?(?:_|$)
    | (?:^|_)(?:hash|formula|selector)(?:e?s)?$        # the last word
    | ^(?:code$ | (?:                                  # the whole name: others are prose
        pattern | (?:search|match|name|include|exclude)_pattern
        | branch | (?:git|base|source|target|default)_branch
        | cookie | (?:auth|session)_cookie
        | variable | (?:env|environment)_variable
    )(?:e?s)?$)
    """,
    re.VERBOSE,
)
# userName: user_name; SQLQuery: sql_query; but URLs: urls
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def is_literal_name(name: str) -> bool:
    """Tell if a parameter's name, or that of an object's key, says so."""
    return len(name) <= _LONGEST and _is_literal(name)


@lru_cache(maxsize=4096)  # a model's answers repeat the names of their tools
def _is_literal(name: str) -> bool:
    words = _CAMEL.sub("_", name).lower().replace("-", "_")
    return _LITERAL_NAME.search(words) is not None
