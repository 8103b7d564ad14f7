"""The `likeness` command. Each module holds one subcommand, or a family of them."""
