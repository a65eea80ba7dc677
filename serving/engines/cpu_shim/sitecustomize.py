"""Lets the stock SGLang wheels run without a GPU. Loaded at interpreter start-up, so standard library only.

The launcher puts this folder first on PYTHONPATH, so that the server and the processes it spawns all pass here; nothing
happens unless SGLANG_USE_CPU_ENGINE=1. Two things in sglang 0.5.23 assume CUDA although the CPU path needs neither:

* `sgl_kernel` loads a library linked against libcuda at import. The CPU path calls none of its functions, so a stand-in
  takes its place that raises as soon as one is called.
* the LoRA layers ask for page-locked memory unconditionally, which torch refuses without a GPU. On the CPU there is no
  transfer that page-locking could speed up, so the request is dropped.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

_FACTORIES = ("arange", "empty", "empty_like", "full", "ones", "ones_like", "tensor", "zeros", "zeros_like")


class _PatchingLoader(importlib.abc.Loader):
    """Executes a module with its own loader, then hands it to the patch."""

    def __init__(self, loader: importlib.abc.Loader, patch: Callable[[ModuleType], None]) -> None:
        self._loader, self._patch = loader, patch

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._patch(module)


class _PatchFinder(importlib.abc.MetaPathFinder):
    """Stands before the path finder and wraps the loaders of the modules named in `patches`."""

    def __init__(self, patches: dict[str, Callable[[ModuleType], None]]) -> None:
        self._patches = patches

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = self._patches.get(fullname)
        if patch is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, patch)
        return spec


class _NoKernels(ModuleType):
    """In place of the CUDA library: importing it is harmless, calling it says what is wrong."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise NotImplementedError(f"sgl_kernel.{name} is a CUDA kernel and this server runs on the CPU")

        return refuse


def _without_cuda_kernels(load_utils: ModuleType) -> None:
    vars(load_utils).update(
        _load_architecture_specific_ops=lambda: _NoKernels("sgl_kernel.common_ops"),
        _preload_cuda_library=lambda: None,
    )


def _pageable(factory: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(factory)
    def build(*args: object, **options: object) -> object:
        options.pop("pin_memory", None)
        return factory(*args, **options)

    return build


def _without_pinned_memory(torch: ModuleType) -> None:
    for name in _FACTORIES:
        setattr(torch, name, _pageable(getattr(torch, name)))
    torch.Tensor.pin_memory = lambda tensor, *_args, **_options: tensor


def _with_batched_decode(backend: ModuleType) -> None:
    # Beside this file, which the launcher put on the path.
    importlib.import_module("batched_decode").install(backend)


if os.environ.get("SGLANG_USE_CPU_ENGINE") == "1":
    sys.meta_path.insert(
        0,
        _PatchFinder(
            {
                "sgl_kernel.load_utils": _without_cuda_kernels,
                "sglang.srt.layers.attention.torch_native_backend": _with_batched_decode,
                "torch": _without_pinned_memory,
            }
        ),
    )
