"""The statements of download jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, insert, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.jobs import content, job, job_label

_CONTENT_COLUMNS = tuple(column for column in content.c if column.name not in {"files", "torrent"})


_JOB_COLUMNS = tuple(column for column in job.c if column.name != "magnet")


_BATCH = 1000


class JobStatements:
    """The statements of `SqlJobs`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.content_columns = [column.name for column in _CONTENT_COLUMNS]
        self.contents = compiled(_batch(content, _CONTENT_COLUMNS))
        self.jobs = compiled(_batch(job, _JOB_COLUMNS))
        self.add_content = compiled(insert(content).values(**new_row(content)).returning(content.c.id))
        self.add_job = compiled(insert(job).values(**new_row(job)).returning(job.c.id))
        self.update_content = compiled(_update_columns(content, self.content_columns))
        self.update_job = compiled(_update_columns(job, [column.name for column in _JOB_COLUMNS]))
        self.set_metadata = compiled(_update_columns(content, ["files", "torrent"]))
        self.set_content = compiled(_update_columns(job, ["content_id"]))
        held = select(job.c.account_id).where(job.c.content_id == bindparam("target"))
        of_source = job.c.content_id == bindparam("source")
        movable = update(job).where(of_source, job.c.account_id.not_in(held))
        self.merge = compiled(movable.values(content_id=bindparam("target")))
        self.delete_jobs_of_content = compiled(delete(job).where(of_source))
        self.delete_jobs = compiled(delete(job).where(dialect.in_list(job.c.id, "ids")))
        self.delete_content = compiled(delete(content).where(content.c.id == bindparam("row")))
        self.files = compiled(
            select(content.c.id, content.c.files).where(dialect.in_list(content.c.id, "ids"))
        )
        self.torrent = compiled(select(content.c.torrent).where(content.c.id == bindparam("row")))
        self.magnets = compiled(select(job.c.id, job.c.magnet).where(dialect.in_list(job.c.id, "ids")))
        of_account = (job_label.c.account_id == bindparam("account"), job_label.c.kind == bindparam("label"))
        named = job_label.c.name == bindparam("value")
        self.names = compiled(select(job_label.c.name).where(*of_account).order_by(job_label.c.name))
        self.name = compiled(select(job_label.c.name).where(*of_account, named))
        self.add_name = compiled(insert(job_label).values(**new_row(job_label)))
        self.delete_name = compiled(delete(job_label).where(*of_account, named))


def _batch(table: Table, columns: Sequence[Any]) -> Select[Any]:
    return select(*columns).where(table.c.id > bindparam("after")).order_by(table.c.id).limit(_BATCH)


def _update_columns(table: Table, names: Sequence[str]) -> Any:  # noqa: ANN401 - an Update, whatever its columns
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("new_id")).values(values)
