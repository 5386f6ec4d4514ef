"""`python -m wealist` is the `wealist` command."""

from wealist.cli import main

raise SystemExit(main())
