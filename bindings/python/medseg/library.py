"""libmedseg through ctypes: the structs and functions of medseg.h, as they are there."""

from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

from .errors import Cancelled, MedSegError
from .version import __version__

CANCELLED = 130
Progress = ctypes.CFUNCTYPE(c_int, c_size_t, c_size_t, c_void_p)
Text = POINTER(ctypes.c_char)


class Options(ctypes.Structure):
    """medseg_options."""

    _fields_ = [("struct_size", c_size_t), ("device", c_char_p), ("precision", c_char_p), ("threads", c_uint32),
                ("memory_limit", c_uint64)]


class Scan(ctypes.Structure):
    """medseg_scan."""

    _fields_ = [("struct_size", c_size_t), ("voxels", POINTER(c_float)), ("channels", c_size_t),
                ("extents", c_size_t * 3), ("affine", c_double * 16), ("name", c_char_p)]


class Request(ctypes.Structure):
    """medseg_request."""

    _fields_ = [("struct_size", c_size_t), ("passes", c_uint32), ("seed", c_uint64), ("mirrored_axes", c_uint32),
                ("largest_component", c_int), ("fill_holes", c_int), ("minimum_volume_ml", c_double),
                ("progress", Progress), ("user", c_void_p)]


class LabelRow(ctypes.Structure):
    """medseg_label."""

    _fields_ = [("struct_size", c_size_t), ("number", c_int), ("name", c_char_p), ("voxels", c_uint64),
                ("volume_ml", c_double), ("mean_intensity", c_double)]


FUNCTIONS = {
    "version": (c_char_p, []),
    "free": (None, [Text]),
    "devices": (c_int, [POINTER(Text), POINTER(Text)]),
    "open": (c_int, [c_char_p, POINTER(Options), POINTER(c_void_p), POINTER(Text)]),
    "close": (None, [c_void_p]),
    "model_channels": (c_size_t, [c_void_p]),
    "model_description": (c_int, [c_void_p, POINTER(Text), POINTER(Text)]),
    "predict": (c_int, [c_void_p, POINTER(Scan), POINTER(Request), POINTER(c_void_p), POINTER(Text)]),
    "result_free": (None, [c_void_p]),
    "result_grid": (None, [c_void_p, c_size_t * 3, c_double * 16]),
    "result_map_count": (c_size_t, [c_void_p]),
    "result_map": (POINTER(c_uint8), [c_void_p, c_size_t]),
    "result_label_count": (c_size_t, [c_void_p]),
    "result_label": (c_int, [c_void_p, c_size_t, POINTER(LabelRow), POINTER(Text)]),
    "result_probability": (c_int, [c_void_p, c_int, POINTER(c_float), POINTER(Text)]),
    "result_uncertainty": (c_int, [c_void_p, c_int, POINTER(c_float), POINTER(Text)]),
    "result_report": (c_char_p, [c_void_p]),
}


def _opened() -> ctypes.CDLL:
    """The library of MEDSEG_LIBRARY, else that of the wheel, else what the system finds."""
    own = pathlib.Path(__file__).parent / "lib" / "libmedseg.so.0"
    name = os.environ.get("MEDSEG_LIBRARY") or (str(own) if own.exists() else "libmedseg.so.0")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(f"libmedseg cannot be opened: {error}. Install the wheel that `make wheel` builds, or name the "
                          "library with MEDSEG_LIBRARY") from None
    for function, (result, arguments) in FUNCTIONS.items():
        entry = getattr(library, "medseg_" + function)
        entry.restype, entry.argtypes = result, arguments
    version = library.medseg_version().decode()
    if version != __version__:
        raise ImportError(f"{name} is of MedSeg {version}, and this package of {__version__}; take those of one version")
    return library


_library = _opened()


def function(name: str):
    """A function of medseg.h without its prefix."""
    return getattr(_library, "medseg_" + name)


def call(name: str, *arguments) -> None:
    """Calls a function that can fail and raises what it says."""
    error = Text()
    status = function(name)(*arguments, ctypes.byref(error))
    if status:
        text = taken(error)
        raise (Cancelled if status == CANCELLED else MedSegError)(text, status)


def taken(text) -> str:
    """A text that the library made, which is freed."""
    copy = ctypes.cast(text, c_char_p).value or b""
    function("free")(text)
    return copy.decode()
