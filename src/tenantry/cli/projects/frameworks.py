"""The frameworks that `tenantry init` supports, with the commands that install and start each."""

from __future__ import annotations

from dataclasses import dataclass

_PYTHON = ("python3 -m venv .venv", ".venv/bin/pip install --requirement requirements.txt")
_PYTHON_FILES = (".venv/", "__pycache__/")
_NODE_FILES = ("node_modules/",)


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework and its quickstart, `examples/quickstart-{name}`."""

    name: str
    title: str
    program: str  # which has to be installed
    requires: str  # its name and version
    install: tuple[str, ...]
    start: str
    ignored: tuple[str, ...]  # files that are created and not committed

    @property
    def example(self) -> str:
        """The folder below `examples/`, and the default name of the project's folder."""
        return f"quickstart-{self.name}"

    def commands(self, port: int) -> list[str]:
        """Return the commands that install and start the project, to run in its folder."""
        return [*self.install, "set -a; . ./.env; set +a", self.start.format(port=port)]


FRAMEWORKS = {
    framework.name: framework
    for framework in (
        Framework(
            "fastapi",
            "FastAPI",
            "python3",
            "Python 3.11",
            _PYTHON,
            ".venv/bin/uvicorn app:app --port {port}",
            _PYTHON_FILES,
        ),
        Framework(
            "express",
            "Express",
            "npm",
            "Node.js 20.11",
            ("npm install",),
            "npm start",
            _NODE_FILES,
        ),
        Framework(
            "nextjs",
            "Next.js",
            "npm",
            "Node.js 20.11",
            ("npm install",),
            "npm run dev",
            (*_NODE_FILES, ".next/", "next-env.d.ts", "*.tsbuildinfo"),
        ),
        Framework(
            "django",
            "Django",
            "python3",
            "Python 3.11",
            _PYTHON,
            ".venv/bin/python manage.py runserver {port}",
            _PYTHON_FILES,
        ),
        Framework(
            "flask",
            "Flask",
            "python3",
            "Python 3.11",
            _PYTHON,
            ".venv/bin/flask run --port {port}",
            _PYTHON_FILES,
        ),
        Framework(
            "go",
            "Go",
            "go",
            "Go 1.25",
            ("go mod download",),
            "go run .",
            (),
        ),
    )
}
