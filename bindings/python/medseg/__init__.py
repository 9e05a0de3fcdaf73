"""Segments 3-D medical scans without PyTorch.

>>> import medseg, nibabel
>>> model = medseg.load("spleen_model")          # a model folder, a MONAI bundle, or a folder or ZIP of nnU-Net v2
>>> scan = nibabel.load("ct.nii.gz")
>>> result = model.predict(scan.get_fdata(dtype="float32"), scan.affine)
>>> result.mask.shape == scan.shape, result.volumes
(True, {'spleen': 210.4})
"""

from .errors import Cancelled, MedSegError
from .model import Label, Model, Result, devices, load
from .version import __version__

__all__ = ["Cancelled", "Label", "MedSegError", "Model", "Result", "__version__", "devices", "load"]
