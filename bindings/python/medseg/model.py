"""Models and what they find: `load` and `Model.predict`."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
from typing import Any, Callable, Iterable, Mapping

import numpy as np

from .library import LabelRow, Options, Progress, Request, Scan, Text, call, function, taken

QUANTITIES = ("mean", "variance", "entropy", "mutual_information", "validity")


def devices() -> dict[str, str]:
    """What can compute, by the name that `load` takes; the first is what "auto" takes."""
    text = Text()
    call("devices", ctypes.byref(text))
    return dict(line.split("\t", 1) for line in taken(text).splitlines())


def load(folder: str | os.PathLike[str], device: str = "auto", *, precision: str = "fp32", threads: int = 0,
         memory_limit: int = 0) -> Model:
    """Opens a model folder, a MONAI bundle, or a folder of nnU-Net v2 or its ZIP. Nothing in it is run.

    threads: of the CPU; 0 for MEDSEG_THREADS or every core. memory_limit: bytes that tensors may take; 0 for no limit.
    """
    return Model(folder, device, precision, threads, memory_limit)


@dataclasses.dataclass(frozen=True)
class Label:
    """A foreground class of a mask, or a region that may overlap others."""

    number: int
    """The class's number in the mask; of a region its map."""
    name: str
    voxels: int
    volume_ml: float
    mean_intensity: float
    """Of the scan's first channel inside; NaN where there is no voxel."""


def _whole(name: str, value: int, least: int, most: int) -> int:
    """A whole number that fits: ctypes would cut off what does not."""
    if not least <= int(value) <= most or int(value) != value:
        raise ValueError(f"{name} should be a whole number from {least} to {most}, not {value}")
    return int(value)


class Model:
    """A model on a device. It may be shared by threads, whose predictions wait for each other."""

    def __init__(self, folder: str | os.PathLike[str], device: str, precision: str, threads: int,
                 memory_limit: int) -> None:
        self._pointer = ctypes.c_void_p()
        self._process = os.getpid()
        options = Options(ctypes.sizeof(Options), device.encode(), precision.encode(),
                          _whole("threads", threads, 0, 1024), _whole("memory_limit", memory_limit, 0, 2**63 - 1))
        call("open", os.fsencode(folder), ctypes.byref(options), ctypes.byref(self._pointer))

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            function("close")(self._pointer)

    def __reduce__(self) -> Any:
        raise TypeError("a model cannot be copied or pickled; call medseg.load in each process")

    @property
    def channels(self) -> int:
        """Channels that a scan has to have."""
        return function("model_channels")(self._pointer)

    @property
    def description(self) -> dict[str, Any]:
        """Network, preprocessing, windows, classes and notes, as in a model.json."""
        text = Text()
        call("model_description", self._pointer, ctypes.byref(text))
        return json.loads(taken(text))

    def predict(self, array: np.ndarray, affine: np.ndarray | None = None, *, passes: int = 0, seed: int = 0,
                mirrored_axes: Iterable[int] = (), largest_component: bool = False, fill_holes: bool = False,
                minimum_volume_ml: float = 0, progress: Callable[[int, int], Any] | None = None,
                name: str = "the scan") -> Result:
        """Segments a scan.

        array: intensities of any number type, shape (I, J, K), or (C, I, J, K) for several channels.
        affine: 4×4, voxel index to RAS+ millimetres, as NiBabel's; None for voxels of 1 mm.
        passes: of Monte-Carlo dropout, at least 2, for maps of uncertainty. mirrored_axes: 0 to 2, mirrored in every
        combination. progress: called with the windows done and their number; something true ends the prediction with
        Cancelled, and what it raises is raised here. It may not predict with the same model.
        """
        if os.getpid() != self._process:
            raise RuntimeError("the model was opened before this process was forked off; call medseg.load in each process")
        voxels = np.ascontiguousarray(array, dtype=np.float32)
        if voxels.ndim not in (3, 4):
            raise ValueError(f"array should have the shape (I, J, K) or (C, I, J, K), not {voxels.shape}")
        matrix = np.eye(4) if affine is None else np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise ValueError(f"affine should be a 4×4 matrix, not of the shape {matrix.shape}")
        scan = Scan(ctypes.sizeof(Scan), voxels.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                    1 if voxels.ndim == 3 else voxels.shape[0], voxels.shape[-3:], tuple(matrix.ravel()),
                    name.encode())
        raised: list[BaseException] = []

        def report(done: int, count: int, _: Any) -> int:
            try:
                return 1 if progress is not None and progress(done, count) else 0
            except BaseException as error:  # noqa: BLE001  it is raised again below
                raised.append(error)
                return 1

        axes = sum({1 << _whole("mirrored_axes", axis, 0, 2) for axis in mirrored_axes})
        request = Request(ctypes.sizeof(Request), _whole("passes", passes, 0, 100_000),
                          _whole("seed", seed, 0, 2**64 - 1), axes, largest_component, fill_holes, minimum_volume_ml, Progress(report), None)
        pointer = ctypes.c_void_p()
        try:
            call("predict", self._pointer, ctypes.byref(scan), ctypes.byref(request), ctypes.byref(pointer))
        except Exception:
            if raised:
                raise raised[0] from None
            raise
        return Result(pointer, voxels.shape[-3:])


class Result:
    """What a model found in a scan. Arrays are copies, so that they outlive it."""

    def __init__(self, pointer: ctypes.c_void_p, scan_shape: tuple[int, ...]) -> None:
        self._pointer = pointer
        self._scan_shape = scan_shape

    def __del__(self) -> None:
        function("result_free")(self._pointer)

    def __reduce__(self) -> Any:
        raise TypeError("a result cannot be copied or pickled; take its mask and its labels")

    def _grid(self) -> tuple[tuple[int, ...], np.ndarray]:
        extents, affine = (ctypes.c_size_t * 3)(), (ctypes.c_double * 16)()
        function("result_grid")(self._pointer, extents, affine)
        return tuple(extents), np.array(affine).reshape(4, 4)

    @property
    def affine(self) -> np.ndarray:
        """The mask's 4×4 matrix, voxel index to RAS+ millimetres: the scan's."""
        return self._grid()[1]

    @property
    def maps(self) -> np.ndarray:
        """uint8, (maps, I, J, K): the class of each voxel, or for each region 1 inside.

        If the model has keep_numbers, the numbers of its label maps stand in place of classes."""
        shape, count = self._grid()[0], function("result_map_count")(self._pointer)
        maps = [np.ctypeslib.as_array(function("result_map")(self._pointer, index), shape) for index in range(count)]
        return np.stack(maps)

    @property
    def mask(self) -> np.ndarray:
        """uint8, (I, J, K): the class of each voxel. Regions that may overlap are in `maps`."""
        maps = self.maps
        if len(maps) != 1 or self.has_regions:
            raise ValueError(f"the model makes {len(maps)} regions that may overlap; take maps")
        return maps[0]

    @property
    def has_regions(self) -> bool:
        """Whether the maps are regions that may overlap, and no classes."""
        return bool(self.report.get("regions"))

    @property
    def labels(self) -> list[Label]:
        """The foreground classes, or regions, with their volumes."""
        rows = []
        for index in range(function("result_label_count")(self._pointer)):
            row = LabelRow(ctypes.sizeof(LabelRow))
            call("result_label", self._pointer, index, ctypes.byref(row))
            rows.append(Label(row.number, row.name.decode(), row.voxels, row.volume_ml, row.mean_intensity))
        return rows

    @property
    def volumes(self) -> Mapping[str, float]:
        """Volume of each label in ml, by name."""
        return {label.name: label.volume_ml for label in self.labels}

    @property
    def report(self) -> dict[str, Any]:
        """What `medseg predict --report` writes."""
        return json.loads(function("result_report")(self._pointer).decode())

    def probability(self, number: int) -> np.ndarray:
        """float32, the scan's shape: the probability of a class by its number in the mask, or of a region by its map."""
        return self._map("result_probability", number)

    def uncertainty(self, quantity: str) -> np.ndarray:
        """float32, the scan's shape: mean, variance, entropy, mutual_information or validity of several samples."""
        if quantity not in QUANTITIES:
            raise ValueError(f"quantity should be one of {', '.join(QUANTITIES)}, not {quantity!r}")
        return self._map("result_uncertainty", QUANTITIES.index(quantity))

    def _map(self, name: str, number: int) -> np.ndarray:
        values = np.empty(self._scan_shape, dtype=np.float32)
        call(name, self._pointer, number, values.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
        return values
