"""The checker of annotations: beartype, with an int where a float is asked.

That is what PEP 484 says and what mypy holds to; beartype asks for it to be
switched on.
"""

import beartype

checked = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
