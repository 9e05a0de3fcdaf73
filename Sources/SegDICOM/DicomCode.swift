/// A coded term, such as SNOMED's of the spleen.
public struct DicomCode: Hashable, Sendable {
    /// Its code in the scheme, such as `78961009`; at most 16 characters.
    public var value: String
    /// The scheme: `SCT` is SNOMED CT, `DCM` DICOM's own.
    public var scheme: String
    /// The term for people; at most 64 characters.
    public var meaning: String

    /// A term of a scheme, by default of SNOMED CT.
    public init(_ value: String, _ meaning: String, scheme: String = "SCT") {
        (self.value, self.scheme, self.meaning) = (value, scheme, meaning)
    }
}

/// What a class of a model is, in coded terms.
public struct SegmentMeaning: Hashable, Sendable {
    /// What kind of thing it is: an anatomical structure, an abnormal one, a tissue.
    public var category: DicomCode
    /// What it is.
    public var type: DicomCode
    /// Which of several it is, such as the left one; nil where there is one.
    public var modifier: DicomCode?

    /// A class that nothing is known of.
    static let unknown = SegmentMeaning(category: .tissue, type: .tissue)
}

extension DicomCode {
    static let anatomicalStructure = DicomCode("123037004", "Anatomical Structure")
    static let abnormalStructure = DicomCode("49755003", "Morphologically Abnormal Structure")
    static let tissue = DicomCode("85756007", "Tissue")
    static let left = DicomCode("7771000", "Left")
    static let right = DicomCode("24028007", "Right")
    static let artificialIntelligence = DicomCode("123110", "Artificial Intelligence", scheme: "DCM")
    static let segmentation = DicomCode("113076", "Segmentation", scheme: "DCM")
    static let sourceImage = DicomCode(
        "121322", "Source image for image processing operation", scheme: "DCM")
}
