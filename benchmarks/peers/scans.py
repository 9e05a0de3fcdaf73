"""Compares files of scans with SimpleITK, in both directions: benchmarks/peers/scans.py MEDSEG FOLDER

The scans have every number type, axes in three orders, oblique and left-handed directions, raw and compressed voxels, and
header and voxels in one file and in two. `medseg data convert` reads the files that SimpleITK writes, and SimpleITK reads the
results. Voxels must be equal; directions, spacings and origins must be equal to 1e-6.
"""

import itertools
import pathlib
import subprocess
import sys

import numpy
import SimpleITK

MEDSEG, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
# Rows are world axes in ITK's LPS, columns are the scan's axes.
OBLIQUE = numpy.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) @ numpy.array([[1, 0, 0], [0, 0.28, -0.96], [0, 0.96, 0.28]])
PLACES = {
    "lps": numpy.eye(3),
    "lai": numpy.diag([1.0, -1, -1]),
    "psr": numpy.array([[0, 0, -1], [1, 0, 0], [0, 1, 0]], float),
    "oblique": OBLIQUE,
    "left-handed": OBLIQUE @ numpy.diag([1.0, 1, -1]),
}
ENDINGS = ["nrrd", "nhdr", "mha", "mhd", "nii", "nii.gz"]
faults = []
checked = 0


def image(kind, direction):
    """A scan of 3 x 4 x 5 voxels with increasing and extreme numbers."""
    random = numpy.random.default_rng(5)
    if kind.startswith("float"):
        voxels = random.normal(size=(5, 4, 3)).astype(kind) * 1000
    else:
        limits = numpy.iinfo(kind)
        voxels = random.integers(limits.min, limits.max, size=(5, 4, 3), dtype=kind, endpoint=True)
    made = SimpleITK.GetImageFromArray(voxels)
    made.SetSpacing([0.7, 1.25, 3.1])
    made.SetOrigin([-12.5, 33.25, 101.125])
    made.SetDirection(direction.flatten().tolist())
    return made


def check(name, expected, path):
    """Compares a file, as SimpleITK reads it, with the expected image."""
    global checked
    checked += 1
    found = SimpleITK.ReadImage(str(path))
    if found.GetPixelIDTypeAsString() != expected.GetPixelIDTypeAsString():
        faults.append(f"{name}: {found.GetPixelIDTypeAsString()}, not {expected.GetPixelIDTypeAsString()}")
    elif not numpy.array_equal(SimpleITK.GetArrayFromImage(found), SimpleITK.GetArrayFromImage(expected)):
        faults.append(f"{name}: other voxels")
    for what in ["GetSpacing", "GetOrigin", "GetDirection"]:
        ours, theirs = numpy.array(getattr(found, what)()), numpy.array(getattr(expected, what)())
        # A NIfTI-1 header contains 32-bit floats.
        if not numpy.allclose(ours, theirs, rtol=0, atol=1e-6 * max(1, abs(theirs).max())):
            faults.append(f"{name}: {what} {ours} instead of {theirs}")


def convert(source, target):
    """Converts a file with MedSeg."""
    result = subprocess.run([MEDSEG, "data", "convert", str(source), str(target), "--force"], capture_output=True, text=True)
    if result.returncode:
        faults.append(f"{source.name} to {target.name}: {result.stderr.strip()}")
    return result.returncode == 0


def scans():
    """The scans, each with its name."""
    for kind in TYPES:
        yield kind, image(kind, PLACES["oblique"])
    for place, direction in PLACES.items():
        yield place, image("int16", direction)


FOLDER.mkdir(parents=True, exist_ok=True)
for (name, expected), ending, compressed in itertools.product(scans(), ENDINGS, [True, False]):
    if ending.startswith("nii") and compressed:
        continue
    source = FOLDER / f"{name}-{compressed}.{ending}"
    try:
        SimpleITK.WriteImage(expected, str(source), useCompression=compressed)
        # The expected image is read back by SimpleITK, because it writes some types of NIfTI as others.
        stored = SimpleITK.ReadImage(str(source))
    except RuntimeError as error:
        print(f"scans: SimpleITK cannot write {source.name}: {str(error).splitlines()[-1]}")
        continue
    for other in ["nrrd", "nhdr", "mha", "mhd", "nii.gz"]:
        target = FOLDER / f"{name}-{compressed}-{ending}-as.{other}"
        if convert(source, target):
            check(f"{source.name} to {target.name}", stored, target)

# Headers in the form of other programs.
expected = image("int16", PLACES["oblique"])
raw = SimpleITK.GetArrayFromImage(expected)
hand = {
    "big-endian.nrrd": ("NRRD0005\n# a comment\ntype: short\ndimension: 3\nspace: LPS\nsizes: 3 4 5\nspace directions: "
                        "(1,0,0) (0,2,0) (0,0,3)\nendian: big\nencoding: raw\nspace origin: (4,5,6)\n\n", raw.astype(">i2")),
    "ras.nrrd": ("NRRD0004\ntype: int16\ndimension: 3\nspace: right-anterior-superior\nsizes: 3 4 5\nspace directions: "
                 "(0,1,0) (-2,0,0) (0,0,3)\nendian: little\nencoding: raw\nspace origin: (4,5,6)\nkey:=value: x\n\n", raw),
    "list-axis.nrrd": ("NRRD0004\ntype: int16\ndimension: 4\nspace: LPS\nsizes: 1 3 4 5\nspace directions: none "
                       "(1,0,0) (0,2,0) (0,0,3)\nkinds: list domain domain domain\nendian: little\nencoding: raw\n\n", raw),
    "spacings.nrrd": ("NRRD0001\ntype: short\ndimension: 3\nsizes: 3 4 5\nspacings: 0.5 2 3\naxis mins: 1 2 3\nendian: little\n"
                      "encoding: raw\n\n", raw),
    "nodes.nrrd": ("NRRD0002\ntype: short\ndimension: 3\nsizes: 3 4 5\nspacings: 0.5 2 3\naxis mins: 1 2 3\ncenters: node node "
                   "node\nendian: little\nencoding: raw\n\n", raw),
    "scanner.nrrd": ("NRRD0004\ntype: short\ndimension: 3\nspace: scanner-xyz\nsizes: 3 4 5\nspace directions: (1,0,0) (0,2,0) "
                     "(0,0,3)\nspace origin: (4,5,6)\nendian: little\nencoding: raw\n\n", raw),
    "long.mha": ("ObjectType = Image\nNDims = 3\nDimSize = 3 4 5\nElementSize = 1 2 3\nPosition = 4 5 6\nElementType = MET_SHORT\n"
                 "ElementByteOrderMSB = True\nElementDataFile = LOCAL\n", raw.astype(">i2")),
    "rotated.mha": ("NDims = 3\nBinaryData = True\nDimSize = 3 4 5\nTransformMatrix = 0 1 0 -1 0 0 0 0 1\nOffset = 4 5 6\n"
                    "ElementSpacing = 1 2 3\nElementType = MET_SHORT\nHeaderSize = -1\nElementDataFile = LOCAL\n", raw),
}
for name, (header, voxels) in hand.items():
    source = FOLDER / name
    source.write_bytes(header.encode() + voxels.tobytes())
    try:
        stored = SimpleITK.ReadImage(str(source))
    except RuntimeError as error:
        faults.append(f"{name}: SimpleITK cannot read it: {error}")
        continue
    if "vector" in stored.GetPixelIDTypeAsString():
        stored = SimpleITK.VectorIndexSelectionCast(stored, 0)
    for other in ["nrrd", "mha", "nii.gz"]:
        target = FOLDER / f"{name}-as.{other}"
        if convert(source, target):
            check(f"{name} to {target.name}", stored, target)
print(f"scans: {checked} files compared with SimpleITK {SimpleITK.Version().VersionString()}, {len(faults)} faults")
for fault in faults[:40]:
    print(f"scans: {fault}")
sys.exit(bool(faults))
