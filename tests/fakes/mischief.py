"""What a provider does wrong when a test wants it: slow, held up, dead, cut off after the work, out of order.

Each rule holds for paths that begin with `path` (a `*` stands for anything) and is used up after `times` requests.
"""

import dataclasses
import fnmatch
import threading


class Gate:
    """Holds requests up at one point until opened, so that a test need not guess at times."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def wait_until_reached(self, seconds: float = 20.0) -> None:
        """Return when a request stands here. Raises TimeoutError when none comes."""
        if not self._reached.wait(seconds):
            raise TimeoutError("no request came to the gate")

    def open(self) -> None:
        """Let everything through."""
        self._opened.set()

    def pass_through(self) -> None:
        self._reached.set()
        self._opened.wait(60.0)


@dataclasses.dataclass(kw_only=True)
class Rule:
    """`kind` is slow, held, held_after, cut or broken."""

    kind: str
    path: str
    method: str
    left: int
    seconds: float = 0.0
    status: int = 500
    works: bool = False
    gate: Gate = dataclasses.field(default_factory=Gate)

    def fits(self, kind: str, method: str, path: str) -> bool:
        wanted = self.method in ("", method) and fnmatch.fnmatchcase(path, self.path + "*")
        return self.left > 0 and self.kind == kind and wanted


class Mischief:
    """The rules in force. Safe to use from any thread."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.is_dead = False

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Behave from now on."""
        self.is_dead = False
        with self._lock:
            for rule in self._rules:
                rule.gate.open()
            self._rules.clear()

    def stop(self) -> None:
        """Let go of every request that is being kept waiting."""
        self._stopped.set()
        with self._lock:
            for rule in self._rules:
                rule.gate.open()

    def wait_before_work(self, method: str, path: str) -> None:
        """Keep the request waiting, at most until the server stops."""
        slow, held = self._take("slow", method, path), self._take("held", method, path)
        if slow is not None:
            self._stopped.wait(slow.seconds)
        if held is not None:
            held.gate.pass_through()

    def wait_before_answering(self, method: str, path: str) -> None:
        """Keep the answer back, at most until the server stops."""
        held = self._take("held_after", method, path)
        if held is not None:
            held.gate.pass_through()

    def takes_cut(self, method: str, path: str) -> bool:
        """Is the line to be cut instead of answering this one?"""
        return self._take("cut", method, path) is not None

    def take_broken(self, method: str, path: str) -> Rule | None:
        """Return the rule by which this request gets an error of the server's."""
        return self._take("broken", method, path)

    def _take(self, kind: str, method: str, path: str) -> Rule | None:
        if not self._rules:
            return None
        with self._lock:
            rule = next((rule for rule in self._rules if rule.fits(kind, method, path)), None)
            if rule is not None:
                rule.left -= 1
            return rule


class Misbehaving:
    """The misbehaviours as methods of a fake. The fake sets `_mischief` and says how to `hang_up`."""

    _mischief: Mischief

    def hang_up(self) -> None:
        raise NotImplementedError

    def slow(self, seconds: float, *, path: str = "/", times: int = 1, method: str = "") -> None:
        """Begin the work only after `seconds`; it is done even if the client has gone by then."""
        self._mischief.add(Rule(kind="slow", path=path, method=method, left=times, seconds=seconds))

    def hold(self, *, path: str = "/", times: int = 1, method: str = "", after_work: bool = False) -> Gate:
        """Hold requests up before the work, or before they are answered (`after_work`), until the gate is opened."""
        kind = "held_after" if after_work else "held"
        rule = Rule(kind=kind, path=path, method=method, left=times)
        self._mischief.add(rule)
        return rule.gate

    def dead(self) -> None:
        """Close connections at once, the open ones too, and do nothing."""
        self._mischief.is_dead = True
        self.hang_up()

    def alive(self) -> None:
        """Answer again."""
        self._mischief.is_dead = False

    def cut_after_accepting(self, *, path: str = "/", times: int = 1, method: str = "") -> None:
        """Do the work, then close the line without an answer."""
        self._mischief.add(Rule(kind="cut", path=path, method=method, left=times))

    def answer_500(
        self, times: int = 1, path: str = "/", *, works: bool = False, status: int = 500, method: str = ""
    ) -> None:
        """Answer with an error of the server's, having done the work (`works`) or not."""
        self._mischief.add(Rule(kind="broken", path=path, method=method, left=times, status=status, works=works))

    def behave(self) -> None:
        """Forget every misbehaviour that is still waiting."""
        self._mischief.clear()
