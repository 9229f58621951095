"""What is written the same in every language: patterns of addresses, code, numbers and emoji.

No pattern can begin in the middle of what another search has just passed over, so that
each takes time linear in the length of the text, a megabyte without a space included.
"""

import re

SPACE = "[ \u00a0\u202f]"
"""A space within a number: ordinary, non-breaking or narrow."""

# The end of a sentence is not the end of an address; round brackets belong to it in pairs.
_REST = r"(?:[^\s<>\"«»“”„`()]|\([^\s<>\"`()]*\))*(?<![.,;:!?…'’*\]])"
# Last parts of names of sites and files; short lists, so that "end.then" is no name.
_ENDINGS = (
    "com|org|net|edu|gov|io|info|app|dev|eu|uk|de|at|ch|fr|be|ca|cz|sk|pl|"
    "py|md|txt|pdf|docx?|xlsx?|pptx?|csv|tsv|jsonl?|xml|html?|css|js|ts|java|rs|cpp|sh|ya?ml|toml|ini|"
    "png|jpe?g|gif|svg|mp[34]|wav|zip|gz|exe"
)
LITERAL = "|".join(
    (
        r"(?<!\w)`[^`]+`(?!\w)",
        rf"(?<!\w)(?:https?://|ftp://|www\.){_REST}",
        r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"(?<![\w@#])@\w+(?:[.@-]\w+)*",
        r"(?<![\w@#])#\w+",
        rf"(?<![\w.@/-])(?:[\w-]+\.)+(?:{_ENDINGS})(?![\w-])(?:/{_REST})?",
        r"(?<![\w./~\\-])(?:~|\.\.?)?/[\w.+~@%-]+(?:/[\w.+~@%-]*)*(?<!\.)",
        r"(?<![\w./~\\-])(?:[\w.-]+/)+[\w.-]*\.[a-z]\w{0,4}(?!\w)",
        r"(?<!\w)[A-Za-z]:\\[^\s<>\"|?*]*(?<![.,;:!?])",
        r"(?<!\w)[A-ZÀ-Ž]+-\d+\w*",
        r"(?<!\w)[^\W_]+(?:_+[^\W_]+)+(?:\(\))?(?!\w)",
    )
)
"""Code in backticks, URLs, e-mail addresses, @handles, #hashtags, files, UTF-8, snake_case."""

TAG = r"</?[A-Za-z!][^<>]{0,300}>"
"""A tag of HTML or XML."""

_BLOCKS = "article|blockquote|br|dd|div|dt|h[1-6]|hr|li|ol|p|pre|section|t[dhr]|table|title|ul"
BLOCK = rf"</?(?:{_BLOCKS})\b[^<>]{{0,300}}>"
"""A tag that stands between sentences."""

_INLINE = "|".join(
    (
        r"<(?:code|script|style)\b[^<>]{0,300}>[^<]{0,2000}</(?:code|script|style)>",
        TAG,
        r"(?<![\w*])\*{1,3}(?=[\w\"'(])|(?<=[\w.,;:!?\"')])\*{1,3}(?![\w*])",
        r"(?<![\w_~])(?:_{1,2}|~~)(?=[^\W_]|[\"'(])|(?<=[^\W_])(?:_{1,2}|~~)(?![\w~])",
        r"!?\[(?=[^\[\]]{1,200}\]\()",
        r"\]\((?:[^\s()]|\([^\s()]{0,100}\)){1,500}\)",
    )
)
# What comes first is quick to tell apart from most of a text.
INLINE = rf"(?=[<*_~!\[\]])(?:{_INLINE})"
"""Tags, code with its tags, and Markdown's ``**``, ``_``, ``~~`` and ``[text](address)``."""

_MARKUP = "|".join(
    (
        _INLINE,
        r"&(?:[A-Za-z]{2,8}|#\d{1,7}|#[xX][\da-fA-F]{1,6});",
        r"(?<!\{)\$?(?:\{\{ ?[\w.|:$-]{1,60} ?\}\}|\{[\w.:$-]{0,60}\})(?!\})",
        r"(?<![\w%])%(?:\d\$|\(\w{1,40}\))?[sdif@](?!\w)",
        r"\\[nrt]",
        r"<?[-=]{1,9}>|<[-=]{1,9}",
    )
)
MARKUP = rf"(?=[<*_~!\[\]&${{%\\=-])(?:{_MARKUP})"
"""These, HTML's entities, arrows, and what programs replace: ``{name}``, ``{{name}}``, ``%s``, ``\\n``."""

_UNIT = r"(?:km/h|m/s|k?m[²³]|[km]?g|[kcm]?m|[cm]?l|k?Wh?|V|[kMG]?Hz|[kKMGT]B)(?![\w'’])"
_PLAIN_NUMBER = r"\+?\d+(?:[.,:/'’–×-]\d+)*"
NUMBER = (
    rf"(?!\d(?!{_UNIT})[^\W\d_])(?:(?<![\w)])[-−±])?(?:[$€£¥]{SPACE}?)?(?:"
    # Telephone numbers: +49 (0)30 123456, 06 12 34 56 78, (555) 123-4567.
    rf"\(?[+0]\d*\)?(?:[-/.() \u00a0\u202f]{{1,3}}\d+)+|\(\d{{3,5}}\){SPACE}?\d{{3,}}(?:[- ]\d+)*|"
    # 12. 5. 2026; 1 000 000,50.
    rf"\d{{1,2}}\.{SPACE}\d{{1,2}}\.{SPACE}?\d{{4}}(?!\d)|\d{{1,3}}(?:{SPACE}\d{{3}})+(?!\d)(?:,\d+)?|"
    rf"[vV]\d+(?:\.\d+)+|{_PLAIN_NUMBER})(?:{SPACE}?(?:[%‰€£]|°[CF]?|{_UNIT})|\$)?"
)
"""Numbers, dates, times, amounts, measures and telephone numbers; not the digit of "4K" or "1st"."""

_PICTURE = (
    "[©®‼⁉™ℹ\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff〰〽㊗㊙\U0001f000-\U0001faff]"
)
_MODIFIER = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
EMOJI = rf"(?:[#*0-9]\ufe0f?\u20e3|{_PICTURE}{_MODIFIER}*(?:\u200d{_PICTURE}{_MODIFIER}*)*)"
"""One emoji or pictogram with its skin tone, its joined parts and its flag's other half or letters.

Source: the grammar of Unicode Technical Standard 51, section 1.4.9, with whole blocks for pictures.
"""

_ORDINARY = re.compile(r"(?:[A-Za-zÀ-ÖØ-öø-ɏ ,;?!'’\"„“”«»-]|\.(?!\S))*")


def is_ordinary(text: str) -> bool:
    """Whether a text has nothing but letters, spaces and punctuation, in which no pattern above can match.

    Most sentences are so, and to know it takes a tenth of the time of searching them.
    """
    return _ORDINARY.fullmatch(text) is not None
