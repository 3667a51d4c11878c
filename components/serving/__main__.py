"""`python -m components.serving`, or `python server.pyz` in a bundle: serves a bundle, or what a deployment names."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from components.errors import FlowprintError
from components.serving import events, worker, workers
from components.serving.deployment import Deployment
from components.serving.pointer import Pointer
from components.serving.prediction_log import PredictionLog
from components.serving.settings import ServingSettings

_RUN_FOLDER, _SETTINGS = "SERVING_RUN_FOLDER", "settings.json"
_LIBRARIES_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it; 0 if it ended as it was told, 1 if nothing could be served."""
    options = _parser().parse_args(arguments)
    try:
        return _work(options) if options.worker else _watch_over(options, _settings(options))
    except FlowprintError as error:
        events.tell("error", "refused", why=str(error))
        return workers.REFUSED if options.worker else 1
    except Exception as error:  # one line, as of all else; the text of others may hold what a client sent
        why = {"why": str(error)} if isinstance(error, OSError | ImportError) else {}
        events.tell("error", "failed", **events.failed(error), **why)
        return 1


def _parser() -> argparse.ArgumentParser:
    inside = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(prog="serve", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--bundle", type=Path, help="a bundle's folder; the one around server.pyz by default")
    what.add_argument("--deployment", type=Path, help="a folder with deployment.json, which is watched")
    parser.add_argument("--settings", type=Path, help="a JSON file of settings, where a bundle is served")
    parser.add_argument(
        "--environment", default="", help="where a bundle is served; that of a rejected run in 'test' alone"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 is any free one")
    parser.add_argument("--log-folder", type=Path, default=Path("predictions"), help="of the prediction log")
    parser.add_argument(
        "--ready-file", type=Path, help="where the address and the processes are told, as JSON"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.set_defaults(inside=inside)
    return parser


def _settings(options: argparse.Namespace) -> ServingSettings:
    if options.deployment:
        return Pointer.read(options.deployment).settings
    if options.settings:
        return ServingSettings.from_json(json.loads(options.settings.read_text(encoding="utf-8")))
    return ServingSettings()


def _watch_over(options: argparse.Namespace, settings: ServingSettings) -> int:
    token = bool(worker.token())
    for name in _LIBRARIES_THREADS:
        os.environ.setdefault(name, str(settings.threads))
    with TemporaryDirectory(prefix="serving-") as run_folder:
        os.environ[_RUN_FOLDER] = run_folder
        # Those who take a dead one's place are given the settings of their siblings, whatever is written by then.
        Path(run_folder, _SETTINGS).write_bytes(settings.to_bytes())
        listener = workers.listening(options.host, options.port)
        return workers.Workers(
            listener,
            settings.workers,
            run_folder=Path(run_folder),
            drain_seconds=settings.drain_seconds,
            hang_seconds=settings.hang_seconds,
            ready_file=options.ready_file,
            token=token,
        ).run()


def _work(options: argparse.Namespace) -> int:
    number, listener, line = (int(word) for word in options.worker.split(":"))
    run_folder = Path(os.environ[_RUN_FOLDER])
    settings = ServingSettings.from_json(json.loads((run_folder / _SETTINGS).read_bytes()))
    if options.deployment:
        deployment = Deployment.watched(options.deployment, run_folder / "accepted.json", settings)
    else:
        bundle = options.bundle or options.inside
        deployment = Deployment.of_bundle(bundle, settings, options.environment)
    log = PredictionLog(
        options.log_folder,
        worker=f"{os.getpid():x}-{os.urandom(3).hex()}",
        mode=settings.log,
        window_seconds=settings.log_window_seconds,
        names=None if "*" in settings.log_columns else settings.log_columns,
        segment_bytes=settings.log_segment_bytes,
        buffer_bytes=settings.log_buffer_bytes,
    )
    return worker.run(
        socket.socket(fileno=listener),
        deployment,
        log=log,
        run_folder=run_folder,
        number=number,
        parent=socket.socket(fileno=line),
    )


if __name__ == "__main__":
    sys.exit(main())
