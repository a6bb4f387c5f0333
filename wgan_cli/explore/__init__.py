"""Web page for exploring a trained generator. Only app_page, server and the *_tab modules import gradio."""

import os

# Set before gradio is imported, which otherwise reports usage and asks for its newest version.
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
