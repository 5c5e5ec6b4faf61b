import sys

from aigw_asgi.cli import main

sys.exit(main())
