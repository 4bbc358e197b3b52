"""`python -m infra.grafana`: write every dashboard as JSON beside this file."""

import json
from pathlib import Path

from infra.grafana import administration, datacenter, exploitation, requests
from infra.grafana.board import Board

FOLDER = Path(__file__).parent / "dashboards"
BOARDS: tuple[Board, ...] = (datacenter.BOARD, administration.BOARD, requests.BOARD, exploitation.BOARD)


def text(board: Board) -> str:
    """A dashboard as it is checked in."""
    return json.dumps(board.as_json(), ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(text(board), encoding="utf-8")


if __name__ == "__main__":
    main()
