"""The pictures of README: the page of the example product, in light and in dark. `python docs/pictures.py` takes them.

Needs Chromium with its driver, and the extra `dev`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from llm_persona import PersonaRegistry
from llm_persona.page.page import preview

DOCS = Path(__file__).parent
WIDTH, HEIGHT = 1240, 820


def main() -> None:
    registry = PersonaRegistry.from_file(DOCS.parent / "examples/acme/personas.yaml")
    (DOCS / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chrome:
        page = Path(folder, "personas.html")
        page.write_text(preview(registry, {"user_name": "Jo", "plan": "pro"}), encoding="utf-8")
        for scheme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            chrome.get(page.as_uri())
            chrome.save_screenshot(str(DOCS / "images" / f"page-{scheme}.png"))


def browser() -> Chrome:
    options = ChromeOptions()
    for word in ("headless=new", "no-sandbox", "hide-scrollbars", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{word}")
    return Chrome(options=options, service=Service(shutil.which("chromedriver")))


if __name__ == "__main__":
    main()
