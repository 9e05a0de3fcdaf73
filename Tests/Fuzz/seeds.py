"""Writes the first inputs of every fuzz target into Tests/Fuzz/corpus: small, sound files of each kind.

They are committed; run this again when a target or a kind of file is added.
"""

import bz2
import gzip
import io
import json
import pathlib
import struct
import tarfile
import zipfile
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def seed(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content if isinstance(content, bytes) else content.encode())


# Scans: NIfTI's number types as code and bits.
TYPES = {
    "u8": (2, 8), "i16": (4, 16), "i32": (8, 32), "f32": (16, 32), "f64": (64, 64), "i8": (256, 8), "u16": (512, 16),
    "u32": (768, 32), "i64": (1024, 64), "u64": (1280, 64), "rgb": (128, 24), "c64": (32, 64),
}


def nifti1(code, bits, extents=(4, 3, 2), order="<", magic=b"n+1\0", units=2):
    """A header of NIfTI-1 with both forms, and voxels of rising bytes."""
    dim = [len(extents), *extents] + [1] * (7 - len(extents))
    header = bytearray(352)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, *dim)
    struct.pack_into(f"{order}2h", header, 70, code, bits)
    struct.pack_into(f"{order}8f", header, 76, -1, 1.5, 2, 2.5, 1, 1, 1, 1)
    struct.pack_into(f"{order}3f", header, 108, 352 if magic == b"n+1\0" else 0, 1, 0)
    header[123] = units
    struct.pack_into(f"{order}2h", header, 252, 1, 1)
    struct.pack_into(f"{order}6f", header, 256, 0, 0, 1, -10, 20, 30)
    struct.pack_into(f"{order}12f", header, 280, -1.5, 0, 0, 10, 0, 2, 0, 20, 0, 0.1, 2.5, 30)
    header[344:348] = magic
    return bytes(header) + voxels(bits, extents)


def nifti2(code, bits, extents=(4, 3, 2)):
    """A header of NIfTI-2, placed by its sform."""
    dim = [len(extents), *extents] + [1] * (7 - len(extents))
    header = bytearray(544)
    struct.pack_into("<i8s2h", header, 0, 540, b"n+2\0\r\n\x1a\n", code, bits)
    struct.pack_into("<8q", header, 16, *dim)
    struct.pack_into("<8d", header, 104, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<q2d", header, 168, 544, 2, -1024)
    struct.pack_into("<2i", header, 344, 0, 1)
    struct.pack_into("<12d", header, 400, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    struct.pack_into("<i", header, 500, 2)
    return bytes(header) + voxels(bits, extents)


def voxels(bits, extents):
    count = bits // 8
    for extent in extents:
        count *= extent
    return bytes(index * 7 % 120 for index in range(count))


def scans():
    for name, (code, bits) in TYPES.items():
        seed("nifti", name, nifti1(code, bits))
        seed("nifti-pair", name, nifti1(code, bits, magic=b"ni1\0"))
    seed("nifti", "big-endian", nifti1(4, 16, order=">"))
    seed("nifti", "micrometres", nifti1(4, 16, units=3))
    seed("nifti", "two-axes", nifti1(4, 16, extents=(5, 4)))
    seed("nifti", "one-volume", nifti1(2, 8, extents=(3, 3, 3, 1)))
    seed("nifti", "series", nifti1(2, 8, extents=(2, 2, 2, 3)))
    seed("nifti", "second", nifti2(4, 16))
    whole = nifti1(4, 16)
    seed("nifti-gzip", "one", gzip.compress(whole, mtime=0))
    seed("nifti-gzip", "stored", gzip.compress(whole, 0, mtime=0))
    seed("nifti-gzip", "members", gzip.compress(whole[:200], mtime=0) + gzip.compress(whole[200:], mtime=0))


def nrrd(kind="int16", sizes=(4, 3, 2), encoding="raw", more="", body=None):
    """An NRRD as 3D Slicer writes one, of rising bytes."""
    bits = {"uint8": 8, "int16": 16, "float": 32, "double": 64, "int64": 64}[kind]
    data = voxels(bits, sizes) if body is None else body
    packed = {"raw": bytes, "gzip": lambda data: gzip.compress(data, mtime=0), "bzip2": bz2.compress}[encoding](data)
    lines = ["NRRD0004", "# a comment", f"type: {kind}", f"dimension: {len(sizes)}", "space: left-posterior-superior",
             f"sizes: {' '.join(map(str, sizes))}", "space directions: (0,1.5,0) (-2,0,0) (0,0,2.5)",
             "kinds: domain domain domain", "endian: little", f"encoding: {encoding}", "space origin: (-10,20,30)"]
    return ("\n".join(lines) + "\n" + more + "\n").encode() + packed


def metaimage(kind="MET_SHORT", bits=16, more="", compressed=False):
    """A MetaImage as ITK writes one, of rising bytes."""
    data = voxels(bits, (4, 3, 2))
    lines = ["ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False",
             f"CompressedData = {compressed}", "TransformMatrix = 0 1 0 -1 0 0 0 0 1", "Offset = -10 20 30",
             "CenterOfRotation = 0 0 0", "AnatomicalOrientation = RAI", "ElementSpacing = 1.5 2 2.5", "DimSize = 4 3 2"]
    text = "\n".join(lines) + f"\n{more}ElementType = {kind}\nElementDataFile = LOCAL\n"
    return text.encode() + (zlib.compress(data) if compressed else data)


def text_scans():
    for kind in ["uint8", "int16", "float", "double", "int64"]:
        seed("nrrd", kind, nrrd(kind))
    seed("nrrd", "gzip", nrrd(encoding="gzip"))
    seed("nrrd", "bzip2", nrrd(encoding="bzip2"))
    seed("nrrd", "segments", nrrd("uint8", more="Segment0_ID:=Segment_1\nSegment0_Name:=spleen\nSegment0_LabelValue:=1\n"))
    seed("nrrd", "units", nrrd(more='space units: "um" "um" "um"\n'))
    seed("nrrd", "skip", nrrd(more="byte skip: -1\n"))
    seed("nrrd", "detached", nrrd(more="data file: voxels.raw\nbyte skip: 5\n"))
    plain = b"NRRD0001\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nspacings: 1 2 3\naxis mins: 4 5 6\nencoding: raw\n\n"
    seed("nrrd", "spacings", plain + voxels(8, (4, 3, 2)))
    layers = (b"NRRD0004\ntype: uint8\ndimension: 4\nspace: RAS\nsizes: 1 4 3 2\nspace directions: none (1,0,0) (0,2,0) "
              b"(0,0,3)\nkinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n\n")
    seed("nrrd", "list", layers + voxels(8, (4, 3, 2)))
    for kind, bits in [("MET_UCHAR", 8), ("MET_SHORT", 16), ("MET_FLOAT", 32), ("MET_DOUBLE", 64), ("MET_LONG", 32)]:
        seed("metaimage", kind[4:].lower(), metaimage(kind, bits))
    seed("metaimage", "zlib", metaimage(compressed=True))
    seed("metaimage", "header-size", metaimage(more="HeaderSize = -1\n"))
    seed("metaimage", "units", metaimage(more="DistanceUnits = um\n"))


# DICOM: explicit little endian, with sequences of known length.
def dicom_element(tag, vr, value):
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "OW") else b" "
    head = struct.pack("<2H", tag >> 16, tag & 0xffff) + vr.encode()
    return head + (struct.pack("<2xI", len(value)) if vr in ("OB", "OW", "SQ") else struct.pack("<H", len(value))) + value


def dicom_sequence(tag, *items):
    return dicom_element(tag, "SQ", b"".join(struct.pack("<2HI", 0xfffe, 0xe000, len(item)) + item for item in items))


def dicom_file(sop_class, body, syntax="1.2.840.10008.1.2.1"):
    meta = (dicom_element(0x00020002, "UI", sop_class) + dicom_element(0x00020003, "UI", "2.25.1")
            + dicom_element(0x00020010, "UI", syntax))
    return bytes(128) + b"DICM" + dicom_element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + body


def dicom(pixels, frames=0, bits=16, more=b"", syntax="1.2.840.10008.1.2.1", orientation="1\\0\\0\\0\\1\\0"):
    """A CT slice of 4 × 3 pixels, or an Enhanced CT whose frames lie 2 mm apart in falling order."""
    sop_class = "1.2.840.10008.5.1.4.1.1.2" + (".1" if frames else "")
    words = {0x00280002: 1, 0x00280010: 3, 0x00280011: 4, 0x00280100: bits, 0x00280101: bits, 0x00280102: bits - 1,
             0x00280103: 0}
    elements = {tag: dicom_element(tag, "US", struct.pack("<H", word)) for tag, word in words.items()}
    texts = {0x00080008: ("CS", "ORIGINAL\\PRIMARY"), 0x00080016: ("UI", sop_class), 0x00080018: ("UI", "2.25.1"),
             0x00080060: ("CS", "CT"), 0x0020000e: ("UI", "2.25.2"), 0x00200011: ("IS", "3"), 0x00200013: ("IS", "4"),
             0x00280004: ("CS", "MONOCHROME2")}
    if frames:
        texts[0x00280008] = ("IS", str(frames))
    else:
        texts |= {0x00200032: ("DS", "-10\\20\\30.5"), 0x00200037: ("DS", orientation), 0x00280030: ("DS", "2\\1.5"),
                  0x00281052: ("DS", "-1024"), 0x00281053: ("DS", "2")}
    elements |= {tag: dicom_element(tag, vr, text) for tag, (vr, text) in texts.items()}
    body = b"".join(element for _, element in sorted(elements.items())) + more
    if frames:
        shared = (dicom_sequence(0x00209116, dicom_element(0x00200037, "DS", orientation))
                  + dicom_sequence(0x00289110, dicom_element(0x00280030, "DS", "2\\1.5")))
        groups = [dicom_sequence(0x00209113, dicom_element(0x00200032, "DS", f"-10\\20\\{50 - 2 * frame}"))
                  + dicom_sequence(0x00289145, dicom_element(0x00281052, "DS", "-10"),)
                  for frame in range(frames)]
        body += dicom_sequence(0x52009229, shared) + dicom_sequence(0x52009230, *groups)
    return dicom_file(sop_class, body + pixels, syntax)


def dicom_segmentation(form, bits):
    """A segmentation of two segments on the slices of the Enhanced CT."""
    sop_class = "1.2.840.10008.5.1.4.1.1.66." + ("7" if form == "LABELMAP" else "4")
    word = lambda tag, number: dicom_element(tag, "US", struct.pack("<H", number))
    shared = (dicom_sequence(0x00209116, dicom_element(0x00200037, "DS", "1\\0\\0\\0\\1\\0"))
              + dicom_sequence(0x00289110, dicom_element(0x00280030, "DS", "2\\1.5")))
    frames = [dicom_sequence(0x00209113, dicom_element(0x00200032, "DS", f"-10\\20\\{46 + 2 * frame}"))
              + dicom_sequence(0x0062000a, word(0x0062000b, 1 + frame % 2)) for frame in range(3)]
    segments = [word(0x00620004, number) + dicom_element(0x00620005, "LO", f"part {number}") for number in (1, 2)]
    pixels = bytes([0x5a, 0x0f, 0x33, 0x10, 0x01, 0]) if bits == 1 else bytes([0, 1, 2, 0] * 9)
    return dicom_file(sop_class, dicom_element(0x00080016, "UI", sop_class) + dicom_element(0x00080018, "UI", "2.25.1")
        + word(0x00280002, 1) + dicom_element(0x00280004, "CS", "MONOCHROME2") + dicom_element(0x00280008, "IS", "3")
        + word(0x00280010, 3) + word(0x00280011, 4) + word(0x00280100, bits) + word(0x00280101, bits)
        + word(0x00280102, bits - 1) + word(0x00280103, 0) + dicom_element(0x00620001, "CS", form)
        + dicom_sequence(0x00620002, *segments) + word(0x0062000e, 2) + dicom_sequence(0x52009229, shared)
        + dicom_sequence(0x52009230, *frames) + dicom_element(0x7fe00010, "OB", pixels))


def dicom_structures():
    """A structure with a square in each of two slices."""
    sop_class = "1.2.840.10008.5.1.4.1.1.481.3"
    contours = [dicom_element(0x30060042, "CS", "CLOSED_PLANAR") + dicom_element(0x30060046, "IS", "4")
                + dicom_element(0x30060050, "DS", f"-11\\19\\{z}\\-7\\19\\{z}\\-7\\23\\{z}\\-11\\23\\{z}") for z in (46, 48)]
    return dicom_file(sop_class, dicom_element(0x00080016, "UI", sop_class) + dicom_element(0x00080018, "UI", "2.25.1")
        + dicom_sequence(0x30060020, dicom_element(0x30060022, "IS", "1") + dicom_element(0x30060026, "LO", "part"))
        + dicom_sequence(0x30060039, dicom_sequence(0x30060040, *contours) + dicom_element(0x30060084, "IS", "1")))


def dicom_scans():
    def native(bits, frames=1):
        return dicom_element(0x7fe00010, "OW", voxels(bits, (4, 3, frames)))
    seed("dicom", "slice", dicom(native(16)))
    seed("dicom", "no-meta", dicom(native(16))[132:])
    for bits in (8, 16, 32):
        seed("dicom", f"enhanced-{bits}", dicom(native(bits, 3), frames=3, bits=bits))
    seed("dicom", "tilted", dicom(native(16, 2), frames=2, orientation="1\\0\\0\\0\\0.9659258\\0.2588190"))
    for form, bits in (("BINARY", 1), ("LABELMAP", 8), ("FRACTIONAL", 8)):
        seed("dicom", f"segmentation-{form.lower()}", dicom_segmentation(form, bits))
    seed("dicom", "structures", dicom_structures())
    seed("dicom", "too-few-pixels", dicom(native(16, 2), frames=3))
    # RLE: two segments, of the high bytes and of the low ones, each of one run.
    run = struct.pack("<16I", 2, 64, 66, *[0] * 13) + bytes([0xf5, 1, 0xf5, 7])
    items = [b""] + [run] * 3
    fragments = b"".join(struct.pack("<2HI", 0xfffe, 0xe000, len(item)) + item for item in items)
    pixels = struct.pack("<2H2s2xI", 0x7fe0, 0x0010, b"OB", 0xffffffff) + fragments + struct.pack("<2HI", 0xfffe, 0xe0dd, 0)
    seed("dicom", "rle", dicom(pixels, frames=3, syntax="1.2.840.10008.1.2.5"))


# Weights.
def safetensors(entries, data):
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + data


def pickled_text(text):
    return b"X" + struct.pack("<I", len(text)) + text


def pickled_tensor(key, shape, strides, kind=b"FloatStorage"):
    """What torch.save writes of one tensor."""
    storage = (
        b"(" + pickled_text(b"storage") + b"ctorch\n" + kind + b"\n" + pickled_text(key) + pickled_text(b"cpu") + b"K\x10tQ"
    )
    numbers = [b"(" + b"".join(b"K" + bytes([number]) for number in values) + b"t" for values in (shape, strides)]
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + b"".join(numbers)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def pickled_state(names):
    body = b"".join(pickled_text(name) + pickled_tensor(b"%d" % (index % 2), (2, 3), (3, 1)) for index, name in enumerate(names))
    return b"ccollections\nOrderedDict\n)R(" + body + b"u"


def zipped(files, compression=zipfile.ZIP_STORED, force_zip64=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            with archive.open(entry, "w", force_zip64=force_zip64) as file:
                file.write(content)
    return buffer.getvalue()


def weights():
    entries = {
        "__metadata__": {"format": "pt"}, "conv.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "module.step": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]},
    }
    seed("safetensors", "two", safetensors(entries, bytes(24)))
    for kind, size in {"F64": 8, "F16": 2, "BF16": 2, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}.items():
        entries = {
            "empty": {"dtype": kind, "shape": [3, 0, 2], "data_offsets": [0, 0]},
            "full": {"dtype": kind, "shape": [3], "data_offsets": [0, 3 * size]},
        }
        seed("safetensors", kind.lower(), safetensors(entries, bytes([1]) * 3 * size))
    plain = b"\x80\x02" + pickled_state([b"conv.weight", b"conv.bias"]) + b"."
    nested = (
        b"\x80\x02}(" + pickled_text(b"epoch") + b"K\x05" + pickled_text(b"loss") + b"G?\xf0\0\0\0\0\0\0"
        + pickled_text(b"state_dict") + pickled_state([b"module.conv.weight"]) + b"u."
    )
    seed("pickle", "state", plain)
    seed("pickle", "nested", nested)
    files = {"a/data.pkl": plain, "a/byteorder": b"little", "a/data/0": bytes(24), "a/data/1": bytes(24), "a/version": b"3\n"}
    seed("checkpoint", "stored", zipped(files))
    seed("checkpoint", "zip64", zipped(files, force_zip64=True))
    seed("checkpoint", "deflated", zipped(files, zipfile.ZIP_DEFLATED))


# Documents.
UNET = {
    "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
    "channels": [8, 16], "strides": [2], "num_res_units": 1, "norm": "instance", "dropout": 0.1,
}


def documents():
    model = {
        "network_def": UNET, "roi_size": [32, 32, 32], "overlap": 0.5, "mode": "gaussian", "labels": {"1": "spleen"},
        "preprocessing": {
            "orientation": "RAS", "pixdim": [1.5, 1.5, 2], "crop_foreground": True,
            "intensity": {"a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1, "clip": True},
        },
        "postprocessing": {"largest_component": True, "min_volume_ml": 1.5},
    }
    seed("model", "unet", json.dumps(model))
    seed("model", "dynunet", json.dumps(model | {"network_def": {
        "_target_": "monai.networks.nets.DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
        "kernel_size": [3, 3], "strides": [1, 2], "upsample_kernel_size": [2],
    }}))
    seed("bundle", "plain", json.dumps({
        "bundle_root": "/b", "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')", "out": 2,
        "network_def": UNET | {"out_channels": "@out"}, "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": [
            {"_target_": "LoadImaged", "keys": "image"}, {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"},
            {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1,
             "clip": True},
            {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"},
        ]},
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [96, 96, 96], "sw_batch_size": 4, "overlap": 0.25},
        "postprocessing": {"_target_": "Compose", "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image"},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ]},
        "checkpointloader": {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'",
                             "load_dict": {"model": "@network"}},
        "evaluator": {"_target_": "SupervisedEvaluator", "network": "@network", "inferer": "@inferer",
                      "postprocessing": "@postprocessing"},
        "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen"}}}},
    }))
    decathlon = {
        "name": "Spleen", "tensorImageSize": "3D", "modality": {"0": "CT"}, "numTraining": 2, "numTest": 1,
        "labels": {"0": "background", "1": "spleen"},
        "training": [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in "ab"],
        "test": ["./imagesTs/c.nii.gz"],
    }
    seed("dataset", "decathlon", json.dumps(decathlon))
    seed("dataset", "lists", json.dumps(decathlon | {
        "validation": [{"image": "d.nii", "label": "e.nii", "fold": 1}], "test": [{"image": "f.nii"}]}))
    seed("dataset", "nnunet", json.dumps({
        "channel_names": {"0": "CT"}, "labels": {"background": 0, "spleen": 1}, "numTraining": 3, "file_ending": ".nii.gz"}))
    seed("dataset", "split", json.dumps({"training": ["a", "b"], "validation": ["c"], "test": []}))
    seed("yaml", "training", (CORPUS.parents[2] / "examples/spleen_small.yaml").read_bytes())
    seed("yaml", "anchors", "a: &x {b: 1, c: [1.5, .nan, .inf, 0x1F, 0o7, ~, yes, \"q\\u0041\"]}\nd: *x\ne: {<<: *x, f: |\n  text\n  }\n")
    seed("yaml", "kinds", "? [k]\n: v\n--- \n- !!int \"3\"\n- 2001-01-01\n- 1_000\n- !!str 1\n# end\n")
    seed("json", "all", '{"a": [1, -0, 2.5e-3, true, false, null, "\\u00e9\\ud83d\\ude00\\n/"], "b": {}, "c": []}')
    seed("json", "numbers", "[0, -1, 1e308, 1E+2, 123456789012345678901234567890, 0.1, -0.0]")
    seed("json", "words", "[true, false, null]\n")


# What the server and a run keep.
def records():
    form = (
        b"multipart/form-data; boundary=\"XX\"\nbefore\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; "
        b"filename=\"a;b.nii\"\r\n\r\nvoxels\r\n--XX\r\ncontent-disposition: form-data; name=params\r\n\r\n{}\r\n--XX--\r\n"
    )
    seed("form", "two", b"\x05" + form)
    seed("form", "query", b"\x01text/plain\na=b&name=%20%zz+d&=&flag=true")
    seed("datastore", "index", json.dumps({"patient": {
        "file": "patient.nii.gz", "key": "0f", "info": {"ts": 5, "nested": {"a": [1.5, None]}},
        "labels": {"final": {"file": "labels/final/patient.nii.gz", "info": {"strategy": "random"}}},
    }, "bare": {"file": "bare.nii", "key": "1a", "info": {}, "labels": {}}}))
    lines = [
        {"event": "begin", "key": "k", "name": "run", "time": 1}, {"event": "parameters", "values": {"lr": "0.1"}},
        {"event": "metrics", "step": 1, "time": 2, "values": {"loss": 0.5, "odd": "NaN"}},
        {"event": "tags", "values": {"a": "b"}}, {"event": "artifact", "path": "model"},
        {"event": "status", "status": "FINISHED", "time": 3},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    seed("journal", "whole", text)
    seed("journal", "torn", text[:-20])
    seed("journal", "hole", text.encode()[:60] + bytes(40) + text.encode()[60:])


def archives():
    index = json.dumps({
        "labels": {"0": "background", "1": "spleen"}, "training": [{"image": "./a.nii", "label": "./b.nii"}]}).encode()
    files = {"d/dataset.json": index, "d/a.nii": nifti1(4, 16), "d/b.nii": nifti1(2, 8)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    seed("archive", "tar", buffer.getvalue())
    seed("archive", "gzip", gzip.compress(buffer.getvalue(), mtime=0))
    seed("archive", "zip", zipped({"imagesTr/a.nii.gz": b"x", "labelsTr/a.nii.gz": b"y"}, zipfile.ZIP_DEFLATED))
    seed("archive", "zip-index", zipped(files))


if __name__ == "__main__":
    for write in (scans, text_scans, dicom_scans, weights, documents, records, archives):
        write()
