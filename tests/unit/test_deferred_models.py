"""Models are built when they are first needed (`Strict`): here all of them are, and one by many threads."""

from __future__ import annotations

import importlib
import pkgutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

import flowdrill
from flowdrill.model.strict import Strict


def test_every_model_can_be_built():
    for module in pkgutil.walk_packages(flowdrill.__path__, "flowdrill."):
        if module.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module.name)
    models = [one for one in heirs(Strict) if one.__module__.startswith("flowdrill.")]
    assert len(models) > 100
    for model in models:
        assert model.model_rebuild() is not False


def heirs(model: type[Strict]) -> list[type[Strict]]:
    return [heir for one in model.__subclasses__() for heir in (one, *heirs(one))]


class Slow:
    """A type whose schema takes its time, and which counts who makes it."""

    making, most = 0, 0
    lock = threading.Lock()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        with cls.lock:
            cls.making += 1
            cls.most = max(cls.most, cls.making)
        time.sleep(0.1)
        with cls.lock:
            cls.making -= 1
        return core_schema.int_schema()


class Needed(Strict):
    """What many threads need at once, for the first time."""

    number: Slow


def test_threads_that_need_a_model_first_build_it_once():
    begin = threading.Barrier(8)

    def parsed(number: int) -> Any:
        begin.wait()
        return Needed.model_validate_json(f'{{"number": {number}}}').number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(parsed, range(8))) == list(range(8))
    assert Slow.most == 1
