"""A scripted module for 3D Slicer that segments a volume with MedSeg.

In Slicer's Python console: `pip_install("medseg-….whl")`. Then add this file's folder under Edit > Application Settings
> Modules, and restart. It was written against the API of Slicer 5 and has not been run in Slicer here.
"""

import numpy as np
import qt
import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget


class SlicerMedSeg(ScriptedLoadableModule):
    """What Slicer lists."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "MedSeg"
        parent.categories = ["Segmentation"]
        parent.helpText = "Segments a volume with a model folder, a MONAI bundle or a folder of nnU-Net. Research only."


class SlicerMedSegWidget(ScriptedLoadableModuleWidget):
    """A volume, a folder and a button."""

    def setup(self):
        super().setup()
        self.volume = slicer.qMRMLNodeComboBox()
        self.volume.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.volume.setMRMLScene(slicer.mrmlScene)
        self.folder = qt.QLineEdit()
        button = qt.QPushButton("Segment")
        button.connect("clicked()", self.segment)
        form = qt.QFormLayout()
        form.addRow("Volume", self.volume)
        form.addRow("Model folder", self.folder)
        form.addRow(button)
        self.layout.addLayout(form)
        self.layout.addStretch(1)

    def segment(self):
        """Predicts on the volume's grid and shows a segment for each label."""
        import medseg

        volume = self.volume.currentNode()
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        affine = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        # Slicer's arrays are (K, J, I).
        voxels = slicer.util.arrayFromVolume(volume).transpose(2, 1, 0)
        with slicer.util.WaitCursor():
            result = medseg.load(self.folder.text).predict(voxels, affine, name=volume.GetName())
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", volume.GetName() + " MedSeg")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        for label in result.labels:
            inside = result.maps[label.number] if result.has_regions else result.mask == label.number
            identifier = node.GetSegmentation().AddEmptySegment(label.name, label.name)
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                inside.astype(np.uint8).transpose(2, 1, 0), node, identifier, volume)
