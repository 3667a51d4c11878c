"""Deaths that a step dies once, by SIGKILL: no handler runs, nothing is flushed, nothing is put away."""

from pathlib import Path

from tests.flows.project import Project

MOMENTS = {
    "start": ("components/data/snapshot.py", "_sealed"),
    "divide": ("components/data/split.py", "overlaps"),
    "search": ("flows/presentation.py", "Progress.__call__"),
    "choose": ("components/training/fitting.py", "baselines"),
    "evaluate": ("components/validation/evaluation.py", "evaluate"),
    "audit": ("components/validation/audit.py", "audit"),
    "explain": ("components/validation/explanation.py", "explain"),
    "export": ("components/release/export.py", "program"),
    "judge": ("components/release/bundle.py", "contents"),
    "register in the ledger": ("components/release/ledger.py", "Ledger.append"),
    "register in MLflow": ("components/release/registry.py", "Registry._log_trials"),
    "end": ("components/reporting/cards.py", "terminal_table"),
}
"""The moment before which a step's process dies: the file and the function that is then called."""

OFTEN = ("search", "register in the ledger", "register in MLflow")
"""The moments that the fast tests try."""

DEPLOYING = {
    "choice": ("flows/deployments.py", "chosen"),
    "trial": ("components/release/smoke.py", "smoke"),
    "comparison": ("flows/deployments.py", "compared"),
    "ledger": ("components/release/ledger.py", "Ledger.append"),
    "folder": ("components/release/deployment.py", "write"),
    "bundles": ("components/release/deployment.py", "_place"),
    "files": ("components/release/deployment.py", "_replace"),
    "alias": ("components/release/registry.py", "Registry.set_champion"),
    "head": ("components/release/registry.py", "Registry.keep_head"),
    "last word": ("flows/presentation.py", "deployed"),
}
"""The same of a deployment, in the order in which they come."""

MONITORING = {
    "windows": ("flows/spans.py", "due"),
    "log": ("components/monitoring/scored.py", "scored"),
    "account": ("components/monitoring/accounts.py", "keep"),
    "labels": ("components/monitoring/labels.py", "joined"),
    "truth": ("components/monitoring/looking.py", "labelled"),
    "alert": ("components/release/ledger.py", "Ledger.append"),
    "request": ("flows/telling.py", "ask"),
    "webhook": ("components/monitoring/webhook.py", "deliver"),
    "report": ("components/reporting/monitoring_report.py", "html"),
    "metrics": ("components/monitoring/exposition.py", "exposition"),
    "farewell": ("flows/presentation.py", "last_monitored"),
}
"""The same of a monitor, in the order in which they come."""

RETRAINING = {
    "training": ("flows/retrain.py", "Retraining._trained"),
    "deploying": ("flows/retrain.py", "Retraining._same_rows"),
}
"""The same of `make retrain`."""

SCORING = {
    "taking in": ("components/scoring/shards.py", "keep"),
    "digest": ("components/scoring/scores.py", "score_id"),
    "shard": ("components/scoring/scores.py", "_table"),
    "part": ("components/store.py", "Store.keep_if_absent"),
    "manifest": ("components/scoring/scores.py", "publish"),
    "done": ("components/store.py", "Store.remove"),
    "words": ("flows/presentation.py", "last_scored"),
}
"""The same of a scoring, in the order in which they come."""

CODE = """

def _dying_once(function):
    import os, pathlib, signal

    def dying(*arguments, **options):
        try:
            pathlib.Path({grave!r}).touch(exist_ok=False)
        except FileExistsError:
            return function(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return dying


{function} = _dying_once({function})
"""


def arm(project: Project, *moments: str) -> None:
    """Let the project's steps die once at each of these moments."""
    (project.root / "graves").mkdir(exist_ok=True)
    for moment in moments:
        file, function = (MOMENTS | DEPLOYING | SCORING | MONITORING | RETRAINING)[moment]
        with (project.root / file).open("a", encoding="utf-8") as code:
            code.write(CODE.format(grave=str(grave(project, moment)), function=function))


def grave(project: Project, moment: str) -> Path:
    """The file that says that the step died at this moment."""
    return project.root / "graves" / moment.replace(" ", "_")


def outlive(project: Project, *moments: str, last_from_first: bool = False) -> str:
    """Run the flow and resume it after each death; the output of all attempts.

    Args:
        project: Its steps were armed.
        moments: The moments at which they die.
        last_from_first: Whether the last attempt resumes the first one, as Metaflow does if it is told of none;
            else each attempt resumes the one before it.
    """
    attempts = [project.train("run")]
    while attempts[-1].code and len(attempts) <= len(moments):
        died = all(grave(project, moment).exists() for moment in moments)
        origin = [] if died and last_from_first else ["--origin-run-id", project.run().id]
        attempts.append(project.train("resume", *origin))
    return "\n".join(attempt.output for attempt in attempts)
