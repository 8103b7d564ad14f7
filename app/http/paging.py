"""How clients go through a list: so many entries, then those after the last one that they know."""

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=100, description="Most entries to return.")]
After = Annotated[str | None, Query(max_length=60, description="The last id of the page before.")]
