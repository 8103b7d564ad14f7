"""owners and rotation of keys"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("owner", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("previous_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_keys_previous_sha256"), ["previous_sha256"], unique=False)
    # Until now every key owned what it had made.
    op.execute("UPDATE keys SET owner = id")
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.alter_column("owner", existing_type=sa.String(length=40), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_keys_previous_sha256"))
        batch_op.drop_column("previous_until")
        batch_op.drop_column("previous_sha256")
        batch_op.drop_column("owner")
