public import ArgumentParser
public import SegDICOM

extension DicomSegmentationForm: ExpressibleByArgument {}
