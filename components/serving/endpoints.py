"""What there is at each path: a name for the metrics, the methods, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from components.serving import inference_protocol, mlflow_protocol, openapi
from components.serving.answers import REQUEST_ID, Answer, RequestError, refused
from components.serving.metrics import Metrics
from components.serving.scoring import Admitted, Scored, Scorer

if TYPE_CHECKING:
    from components.serving.deployment import Deployment, Variant
    from components.serving.settings import ServingSettings

VERSION = "0.1.0"
"""Of the server."""

READS, POSTS = ("GET", "HEAD"), ("POST",)


class Request(msgspec.Struct, frozen=True):
    """A request that was read whole.

    Attributes:
        headers: the last of each name.
        body: all of it.
        request_id: names it in the log and in the answer.
    """

    headers: dict[bytes, bytes]
    body: bytes
    request_id: str


class Question(msgspec.Struct, frozen=True):
    """A request for predictions, and what makes an answer of them."""

    admitted: Admitted
    answer: Callable[[Scored], Answer]


@dataclass(frozen=True)
class Endpoint:
    """What answers at a path.

    Attributes:
        route: how the metrics call it.
        methods: that it knows.
        answer: what it answers, or the question whose predictions make the answer.
        probe: whether those who watch ask it, without a token.
        slow: whether it takes so long that other requests are answered meanwhile.
    """

    route: str
    methods: tuple[str, ...]
    answer: Callable[[Request], Answer | Question]
    probe: bool = False
    slow: bool = False


class Endpoints:
    """The paths of a server.

    Args:
        deployment: the models in service.
        scorer: answers rows.
        settings: of the server.
        metrics: what `/metrics` tells.
        ready: whether new requests are wanted.
        token: whether clients must bear one.
    """

    def __init__(
        self,
        deployment: Deployment,
        scorer: Scorer,
        settings: ServingSettings,
        metrics: Metrics,
        ready: Callable[[], bool],
        *,
        token: bool,
    ) -> None:
        self._deployment, self._scorer, self._settings = deployment, scorer, settings
        self._metrics, self._ready, self._token = metrics, ready, token
        self._max_rows = settings.max_rows
        alive = Answer(200, b"\n")
        fixed = [
            Endpoint("/invocations", POSTS, self._invocations),
            Endpoint("/explain", POSTS, self._explain, slow=True),
            Endpoint("/ping", READS, lambda _: alive, probe=True),
            Endpoint("/health", READS, lambda _: alive, probe=True),
            Endpoint(
                "/version", READS, lambda _: Answer(200, VERSION.encode(), b"text/plain; charset=utf-8")
            ),
            Endpoint("/metrics", READS, self._tell_metrics),
            Endpoint("/openapi.json", READS, self._description),
            Endpoint("/v2", READS, self._server_metadata),
            Endpoint("/v2/health/live", READS, lambda _: _json({"live": True}), probe=True),
            Endpoint("/v2/health/ready", READS, self._readiness, probe=True),
        ]
        self._fixed = {endpoint.route: endpoint for endpoint in fixed}

    def known(self, path: str) -> Endpoint | None:
        """What is at the path; None if nothing is."""
        return self._fixed.get(path) or self._of_model(path)

    def find(self, path: str) -> Endpoint:
        """What is at the path.

        Raises:
            RequestError: nothing is.
        """
        found = self.known(path)
        if found is None:
            raise RequestError(404, f"There is nothing at {path[:200]!r}; /openapi.json names what there is.")
        return found

    def _of_model(self, path: str) -> Endpoint | None:
        """`/v2/models/NAME[/versions/VERSION][/ready or /infer]`."""
        parts = path.split("/")
        if parts[:3] != ["", "v2", "models"] or len(parts) < 4:
            return None
        name, rest = parts[3], parts[4:]
        version = ""
        if rest[:1] == ["versions"] and len(rest) > 1:
            version, rest = rest[1], rest[2:]
        if rest == []:
            return Endpoint("/v2/models", READS, partial(self._model_metadata, name, version))
        if rest == ["ready"]:
            return Endpoint(
                "/v2/models/ready", READS, partial(self._model_readiness, name, version), probe=True
            )
        if rest == ["infer"]:
            return Endpoint("/v2/models/infer", POSTS, partial(self._infer, name, version))
        return None

    def _variant(self, name: str, version: str) -> Variant:
        """Who is meant; without a version the champion.

        Raises:
            RequestError: nobody in service is.
        """
        deployment = self._deployment
        # A shadow answers nobody, whoever asks for it by name.
        challenger = deployment.challenger if deployment.splits else None
        serving = [each for each in (deployment.champion, challenger) if each is not None]
        for variant in serving:
            if variant.model.name == name and version in ("", variant.model.version):
                return variant
        told = ", ".join(f"{each.model.name} {each.model.version}" for each in serving)
        raise RequestError(404, f"Model {name[:100]!r} {version[:100]} is not served; {told} is.")

    def _invocations(self, request: Request) -> Question:
        content_type = request.headers.get(b"content-type", b"")
        if content_type == b"application/json":
            plain = self._scorer.plainly(request.body, request.request_id, self._max_rows)
            if plain is not None:
                return Question(plain, mlflow_protocol.answered)
        columns = self._deployment.champion.model.rules.width
        table = mlflow_protocol.table(content_type.decode("latin-1"), request.body, self._max_rows, columns)
        return Question(self._scorer.admitted(table, request.request_id), mlflow_protocol.answered)

    def _explain(self, request: Request) -> Answer:
        from components.serving import explanation  # few ask for it, and then it is time enough

        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        model = self._deployment.champion.model
        most = min(self._max_rows, explanation.MOST_ROWS)
        table = mlflow_protocol.table(content_type, request.body, most, model.rules.width)
        checked = model.rules.check(table.columns, table.rows)
        if checked.problems:
            raise refused(checked.problems)
        return _json({"explanations": explanation.explained(model, checked, table.rows)})

    def _infer(self, name: str, version: str, request: Request) -> Question:
        meant = self._variant(name, version)
        asked = inference_protocol.asked(
            request.headers, request.body, self._max_rows, meant.model.rules.width
        )
        inference_protocol.require_outputs(asked.outputs or {}, meant.model.recorded["predictions"])
        named = asked.id if REQUEST_ID.fullmatch(asked.id.encode()) else request.request_id
        admitted = self._scorer.admitted(asked.table, named, meant if version else None)
        return Question(admitted, partial(inference_protocol.answered, asked, request.request_id))

    def _server_metadata(self, _: Request) -> Answer:
        name = self._deployment.champion.model.name
        return _json({"name": name, "version": VERSION, "extensions": ["binary_tensor_data"]})

    def _model_metadata(self, name: str, version: str, _: Request) -> Answer:
        variant = self._variant(name, version)
        return _json(inference_protocol.metadata(variant.model, variant.model.recorded["predictions"]))

    def _model_readiness(self, name: str, version: str, _: Request) -> Answer:
        try:
            variant = self._variant(name, version)
        except RequestError:
            if self._token:  # who asks for this bears none, and is told nothing of what is served
                raise RequestError(404, "There is no such model.") from None
            raise
        return _json({"name": variant.model.name, "ready": self._ready()}, 200 if self._ready() else 503)

    def _readiness(self, _: Request) -> Answer:
        return _json({"ready": self._ready()}, 200 if self._ready() else 503)

    def _description(self, _: Request) -> Answer:
        champion = self._deployment.champion
        outputs = champion.model.recorded["predictions"]
        return _json(openapi.document(champion.model, self._settings, outputs, VERSION, token=self._token))

    def _tell_metrics(self, _: Request) -> Answer:
        text = self._metrics.text().encode()
        return Answer(200, text, b"text/plain; version=0.0.4; charset=utf-8")


def _json(content: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(content))
