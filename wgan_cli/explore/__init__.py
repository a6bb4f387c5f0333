"""A page on this machine to play with a trained generator; only page.py and server.py know gradio."""

from __future__ import annotations

import os

# Before gradio is imported: it would tell its makers of each page, and ask them for its newest version.
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
