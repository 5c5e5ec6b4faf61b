"""The tasks that accompany a request, and a wait that others can end.

The task that a server gave a request reads and writes. Beside it run those that have
something to say in between: that a deadline has come, that the client has left. All of
them end with the request.

On asyncio, where the server calls when a client leaves, nearly every request stays alone:
:class:`LoopCompany` costs it nothing until somebody comes. anyio's task group and scope,
which do the same, take 30 µs (3.11, uvloop), a tenth of a small request. They serve
wherever a task has to wait for the client from the start: :class:`GroupCompany`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

Work = Callable[..., Coroutine[Any, Any, Any]]


class StartsTasks(Protocol):
    """What is started ends with its owner, at the latest."""

    def start_soon(self, work: Work, /, *args: Any) -> object: ...


class Wait(AbstractContextManager["Wait", bool | None], Protocol):
    """Around what the request's task waits for."""

    def cancel(self) -> None:
        """End it, by another task: what runs inside is cancelled, and the request goes on
        behind it."""


class Company(StartsTasks, Protocol):
    """Entered by the task of a request. What one of the others raises is raised at its end."""

    loop: asyncio.AbstractEventLoop | None
    """That of asyncio, where it is one."""

    def wait(self) -> Wait: ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...


class GroupCompany:
    """By anyio, on any event loop."""

    def __init__(self) -> None:
        self._group: TaskGroup
        self.loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self.loop = asyncio.get_running_loop()

    def start_soon(self, work: Work, /, *args: Any) -> None:
        self._group.start_soon(work, *args)

    def wait(self) -> Wait:
        return _ScopedWait()

    async def __aenter__(self) -> GroupCompany:
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._group.cancel_scope.cancel()
        return await self._group.__aexit__(kind, exc, trace)


class _ScopedWait(Wait):
    def __init__(self) -> None:
        self._scope = anyio.CancelScope()

    def cancel(self) -> None:
        self._scope.cancel()

    def __enter__(self) -> Wait:
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._scope.__exit__(kind, exc, trace)


class LoopCompany:
    """By asyncio's own means, for a task of asyncio."""

    __slots__ = ("_failure", "_host", "_tasks", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        # asyncio itself asks the system who we are, which is 3 us.
        self.loop: asyncio.AbstractEventLoop | None = loop or asyncio.get_running_loop()
        host = asyncio.current_task(self.loop)
        assert host is not None, "a request is served by a task"
        self._host = host
        self._tasks: set[asyncio.Task[Any]] | None = None
        self._failure: BaseException | None = None

    def start_soon(self, work: Work, /, *args: Any) -> None:
        if self._tasks is None:
            self._tasks = set()
        task = self._host.get_loop().create_task(work(*args))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def wait(self) -> Wait:
        return _LoopWait(self._host)

    async def __aenter__(self) -> LoopCompany:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if self._tasks is None:
            return None
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        failure, self._failure = self._failure, None
        if failure is None:
            return None
        if kind is asyncio.CancelledError:
            self._host.uncancel()
        raise failure

    def _ended(self, task: asyncio.Task[Any]) -> None:
        assert self._tasks is not None
        self._tasks.discard(task)
        if task.cancelled() or (failure := task.exception()) is None:
            return
        if self._failure is None:
            self._failure = failure
            self._host.cancel()


class _LoopWait(Wait):
    __slots__ = ("_before", "_cancelled", "_host")

    def __init__(self, host: asyncio.Task[Any]) -> None:
        self._host = host
        self._cancelled = False
        self._before = 0

    def cancel(self) -> None:
        # The request's task itself waits for nothing when it comes here.
        if not self._cancelled and asyncio.current_task(self._host.get_loop()) is not self._host:
            self._cancelled = True
            self._host.cancel()

    def __enter__(self) -> Wait:
        self._before = self._host.cancelling()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if not self._cancelled:
            return None
        # Whoever else cancels the task means all of it.
        alone = self._host.uncancel() <= self._before
        return alone and kind is asyncio.CancelledError
