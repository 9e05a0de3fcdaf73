// `import MedSeg` imports the whole library except the web server: scans, models, training and measurements.
@_exported public import SegBackend
@_exported public import SegCore
@_exported public import SegDICOM
@_exported public import SegData
@_exported public import SegDevices
@_exported public import SegImaging
@_exported public import SegInference
@_exported public import SegMetrics
@_exported public import SegModels
@_exported public import SegNN
@_exported public import SegNNUNet
@_exported public import SegTensor
@_exported public import SegTrain
@_exported public import SegWeights
@_exported public import SegYAML
