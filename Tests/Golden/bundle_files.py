"""Writes bundle_files.json: what MONAI makes of a bundle's files, changes, relative ids and macros of other files, before
anything is built. Read by Tests/SegInferenceTests/BundleConfigurationTests.swift.

    python bundle_files.py          needs monai, torch
"""

import json
import os
import pathlib
import tempfile

from monai.bundle import ConfigParser
from monai.bundle.utils import merge_kv

OUT = pathlib.Path(__file__).with_name("bundle_files.json")
SHARED = {"net": {"_target_": "UNet", "channels": [4, 8], "out": "@classes"}, "list": [1, {"deep": "x"}], "number": 2.5}
CASES = {
    "later_files_replace": {
        "files": [{"a": 1, "b": {"c": [1, 2], "d": None}}, {"a": 2, "b::c::1": 7, "b#e": "new", "z": True}]},
    "plus_adds": {
        "files": [{"a": [1], "b": {"c": 1, "d": {"x": 1}}}, {"+a": [2, 3], "+b": {"d": 5, "e": 6}}]},
    "changes": {
        "files": [{"inferer": {"roi_size": [1, 2, 3], "overlap": 0.5}, "flag": True}],
        "changes": [["inferer::roi_size", [9, 9, 9]], ["inferer#roi_size#1", 4], ["flag", False], ["new", "@flag"],
                    ["+inferer", {"mode": "gaussian"}]]},
    "relative_ids": {
        "files": [{"A": 1, "B": {"key": "@##A", "value1": 2, "value2": "$@#value1 + @##A", "value3": [3, 4, "@#1"],
                                 "C": {"up": "$@###A if @##value1 else @#down", "down": "@::up", "far": "@::::key"}}}]},
    "macros_of_files": {
        "files": [{"classes": 3, "network": "%configs/shared.json::net", "two": "%configs/shared.json#list#1#deep",
                   "all": "%configs/shared.json", "inner": {"n": ["%configs/shared.json::number", "@##classes"]}}]},
}


def run(case, folder):
    paths = []
    for number, content in enumerate(case["files"]):
        paths.append(os.path.join(folder, f"{number}.json"))
        pathlib.Path(paths[-1]).write_text(json.dumps(content))
    parser = ConfigParser()
    parser.read_config(paths)
    for key, value in case.get("changes", []):
        merge_kv(parser, key, value)
    parser.resolve_macro_and_relative_ids()
    return {k: v for k, v in parser.get().items() if k != "_meta_"}


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + "/configs")
        pathlib.Path(folder + "/configs/shared.json").write_text(json.dumps(SHARED))
        os.chdir(folder)
        cases = {name: {**case, "made": run(case, folder)} for name, case in CASES.items()}
    OUT.write_text(json.dumps({"shared": SHARED, "cases": cases}, indent=1) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
