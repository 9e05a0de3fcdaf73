"""MedSeg as a transform of a MONAI pipeline: reads a scan by MONAI, segments it by MedSeg, saves by MONAI.

    python monai_transform.py spleen_model ct.nii.gz out
"""

import sys

import medseg
from monai.data import MetaTensor
from monai.transforms import Compose, LoadImage, MapTransform, SaveImage, Transform


class MedSegSegment(Transform):
    """From a MetaTensor (C, I, J, K) with its affine to the mask (1, I, J, K) on the same grid."""

    def __init__(self, folder, device="auto"):
        self.model = medseg.load(folder, device)

    def __call__(self, image):
        result = self.model.predict(image.numpy(), image.affine.numpy())
        return MetaTensor(result.mask[None], affine=result.affine, meta=image.meta)


class MedSegSegmentd(MapTransform):
    """The same for entries of a dictionary."""

    def __init__(self, keys, folder, device="auto"):
        super().__init__(keys)
        self.segment = MedSegSegment(folder, device)

    def __call__(self, data):
        return {**data, **{key: self.segment(data[key]) for key in self.key_iterator(data)}}


if __name__ == "__main__":
    folder, scan, out = sys.argv[1:]
    Compose([LoadImage(ensure_channel_first=True), MedSegSegment(folder),
             SaveImage(out, output_postfix="mask", separate_folder=False, output_dtype="uint8")])(scan)
